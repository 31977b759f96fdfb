"""Serve whole files: the editor's modules and finished results."""

from __future__ import annotations

import hashlib
from pathlib import Path

from starlette.requests import Request
from starlette.responses import FileResponse, Response

from app.api.target import open_project
from app.guard import Refusal

_EDITOR = Path(__file__).parents[1] / "editor"
_TYPES = {".js": "text/javascript", ".css": "text/css"}


def static(request: Request) -> Response:
    """Return a module of the editor by its path below ``app/editor``; a browser may cache it until the version changes."""
    path = _modules().get(request.path_params["name"])
    if path is None:
        raise Refusal(404, "The editor has no file of that name.")
    current = request.path_params["version"] == version()
    cache = "public, max-age=31536000, immutable" if current else "no-cache"
    return Response(path.read_bytes(), media_type=_TYPES[path.suffix], headers={"Cache-Control": cache})


def _modules() -> dict[str, Path]:
    """Return every file to serve by its path; the request never reaches the file system."""
    return {path.relative_to(_EDITOR).as_posix(): path for path in sorted(_EDITOR.rglob("*")) if path.suffix in _TYPES}


def version() -> str:
    """Return a text that depends on the content and path of every module of the editor."""
    digest = hashlib.sha256()
    for name, path in _modules().items():
        digest.update(name.encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def result(request: Request) -> Response:
    """Return a finished file; refuse with 404 unless the project lists it."""
    project = open_project(request.path_params["project"])
    name = request.path_params["name"]
    for path in (result.path for result in project.results()):
        if path.name == name and path.is_file():
            headers = {"Cache-Control": "private, no-cache", "Content-Encoding": "identity"}
            return FileResponse(path, filename=name, headers=headers)
    raise Refusal(404, "There is no result of that name; segment the volume first.")
