"""Resolve a request's path to its project, volume and slice; build the answers in bytes."""

from __future__ import annotations

import hashlib
import threading
import zlib
from collections.abc import Hashable, Sequence
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response

from app.guard import Refusal
from core.errors import StorageError
from core.geometry import SliceId
from core.project import Project, list_projects, workspace_folder

_LARGE = 1_000_000
"""Bytes from which compression saves time, even for a browser on the same machine."""

CREATED = "X-Underpaint-Created"
"""The header of a change with the facts' ``created``: when the project was made that the browser shows."""

_projects: dict[tuple[Path, str], Project | None] = {}
"""Projects opened here, by workspace and name; None once one is out of reach."""
_opening: dict[tuple[Path, str], threading.Lock] = {}
"""A lock for each project that was seen here, so that none waits for another that is slow to open."""
_lock = threading.Lock()

Target = tuple[Project, SliceId]


def open_project(name: str) -> Project:
    """Return the project called ``name``, opened once in this process; it must lie in the workspace.

    A deleted project is closed, and a new one of the same name is opened afresh.

    Raises
    ------
    Refusal
        If the name was never seen here.
    StorageError
        If the project was here and is out of reach.
    """
    workspace = workspace_folder()
    if (workspace, name) not in _projects and name not in list_projects(workspace):
        raise Refusal(404, "There is no project of that name in this workspace.")
    with _lock:
        opening = _opening.setdefault((workspace, name), threading.Lock())
    with opening:
        project = _projects.get((workspace, name))
        if project is not None and not project.store.records.in_place():
            _projects[workspace, name] = None
            project.store.records.close()  # connections of other threads close with garbage collection
        if name not in list_projects(workspace):
            raise StorageError(f"Project {name} is out of reach: it was deleted or renamed, or its disk is away.")
        opened = _projects.get((workspace, name))
        if opened is None:
            opened = _projects[workspace, name] = Project.open(workspace, name)
        return opened


def created(project: Project) -> str:
    """Return when a project was made, as text, to tell it from another of its name; "" if its records do not say."""
    return project.store.records.meta("created") or ""


def target(request: Request) -> Target:
    """Return the project and slice of a path; refuse unknown ones, and a change made in another project of that name."""
    project = open_project(request.path_params["project"])
    if request.method == "POST":
        _check_created(request, project)  # first, since the other one may have had more slices
    volume, z = request.path_params["volume"], request.path_params["z"]
    if not 0 <= volume < len(project.volumes):
        raise Refusal(404, f"There is no volume {volume}; the project has {len(project.volumes)}, counted from 0.")
    depth = project.volumes[volume].shape[0]
    if not 0 <= z < depth:
        raise Refusal(404, f"There is no slice {z}; the volume has {depth}, counted from 0.")
    return project, SliceId(volume, z)


def _check_created(request: Request, project: Project) -> None:
    said = request.headers.get(CREATED)
    if said is None:
        raise Refusal(400, f"A change says in {CREATED} when its project was made; reload the page.")
    if said != created(project):
        raise Refusal(
            409,
            f"Project {project.name} was deleted and made anew after this page had opened it; reload the page. "
            "Nothing from the deleted project is stored in the new one.",
        )


def stamped(facts: Sequence[object]) -> str:
    """Return a short digest of the facts, to put into the address of a cacheable answer."""
    return hashlib.sha256(repr(list(facts)).encode()).hexdigest()[:16]


def picture(request: Request, body: bytes, version: str) -> Response:
    """Return a PNG for the browser to cache if the address carries the current version."""
    current = request.query_params.get("v") == version
    cache = "private, max-age=31536000, immutable" if current else "private, no-cache"
    headers = {"Cache-Control": cache, "Content-Encoding": "identity"}  # stops Streamlit's gzip from compressing it again
    return Response(body, media_type="image/png", headers=headers)


def source(project: Project, volume: int) -> tuple[Hashable, ...]:
    """Return the facts a cached picture depends on: the file, its state and its axes."""
    row = project.volumes[volume]
    return row.path, row.fingerprint, row.axes


def binary(body: bytes, *, squeeze: bool = False) -> Response:
    """Return bytes, compressed here if asked for and large: Streamlit's gzip would compress megabytes at level 9."""
    squeezed = squeeze and len(body) > _LARGE
    headers = {"Cache-Control": "no-store", "Content-Encoding": "deflate" if squeezed else "identity"}
    return Response(zlib.compress(body, 1) if squeezed else body, media_type="application/octet-stream", headers=headers)
