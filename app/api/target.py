"""What a request is about: the project, volume and slice that its path names; and the answer in bytes."""

from __future__ import annotations

import hashlib
import threading
import zlib
from collections.abc import Hashable, Sequence
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response

from app.guard import Refusal
from core.geometry import SliceId
from core.project import Project, list_projects, workspace_folder

_LARGE = 1_000_000
"""Bytes that take longer to travel to a browser, even on the same machine, than to squeeze."""

_projects: dict[tuple[Path, str], Project] = {}
_lock = threading.Lock()

Target = tuple[Project, SliceId]


def open_project(name: str) -> Project:
    """The project called ``name``, opened once in this process; only names in the workspace are known.

    One that was deleted meanwhile is let go of, and opened again if it was made anew.
    """
    workspace = workspace_folder()
    with _lock:
        project = _projects.get((workspace, name))
        if project is not None and not project.store.records.in_place():
            del _projects[workspace, name]
            project.store.records.close()  # those of other threads close when it is collected
        if name not in list_projects(workspace):
            raise Refusal(404, "There is no project of that name in this workspace.")
        if (workspace, name) not in _projects:
            _projects[workspace, name] = Project.open(workspace, name)
        return _projects[workspace, name]


def target(request: Request) -> Target:
    """The project, volume and slice that a path names, all of them known ones."""
    project = open_project(request.path_params["project"])
    volume, z = request.path_params["volume"], request.path_params["z"]
    if not 0 <= volume < len(project.volumes):
        raise Refusal(404, f"There is no volume {volume}; the project has {len(project.volumes)}, counted from 0.")
    depth = project.volumes[volume].shape[0]
    if not 0 <= z < depth:
        raise Refusal(404, f"There is no slice {z}; the volume has {depth}, counted from 0.")
    return project, SliceId(volume, z)


def stamped(facts: Sequence[object]) -> str:
    """A short text that changes with the facts, for an address under which a browser may keep what it got."""
    return hashlib.sha256(repr(list(facts)).encode()).hexdigest()[:16]


def picture(request: Request, body: bytes, version: str) -> Response:
    """A PNG, which the browser keeps if the version in its address stands."""
    current = request.query_params.get("v") == version
    cache = "private, max-age=31536000, immutable" if current else "private, no-cache"
    headers = {"Cache-Control": cache, "Content-Encoding": "identity"}  # else Streamlit's gzip squeezes it again
    return Response(body, media_type="image/png", headers=headers)


def source(project: Project, volume: int) -> tuple[Hashable, ...]:
    """What a cached picture was made from: the file, its state, and how its axes were read."""
    row = project.volumes[volume]
    return row.path, row.fingerprint, row.axes


def binary(body: bytes, *, squeeze: bool = False) -> Response:
    """Bytes as they are, or squeezed if asked for and large: Streamlit's own gzip would squeeze megabytes at level 9."""
    squeezed = squeeze and len(body) > _LARGE
    headers = {"Cache-Control": "no-store", "Content-Encoding": "deflate" if squeezed else "identity"}
    return Response(zlib.compress(body, 1) if squeezed else body, media_type="application/octet-stream", headers=headers)
