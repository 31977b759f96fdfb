"""Slices, masks and strokes over HTTP, beside Streamlit in the same process: validation, no logic.

    GET  /underpaint/static/<version>/<file>                       the editor's modules
    GET  /underpaint/api/<project>/<volume>/<z>/slice              facts and mask, as runs
    GET  /underpaint/api/<project>/<volume>/<z>/grey               rows of one channel, 8 bit
    GET  /underpaint/api/<project>/<volume>/<z>/heat               how unsure the model is
    GET  /underpaint/api/<project>/<volume>/<z>/thumbnail.png
    POST /underpaint/api/<project>/<volume>/<z>/patch/<sequence>   one action: runs (start, length, value)
    POST /underpaint/api/<project>/<volume>/<z>/claim              strokes, region or slice: what is true now
    GET  /underpaint/api/<project>/results/<file>                  a finished result

An error is ``{"error": sentence}`` and changes nothing. The calls into the project run in a thread, never on the
event loop.
"""

from __future__ import annotations

import hashlib
import logging
import threading
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
from numpy.typing import NDArray
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route

from app.guard import Refusal, check_host, check_origin, check_token, issue_token, read_body
from app.pictures import ByteCache, framed, heat_map, mask_runs, thumbnail_png
from app.wire import DAY_MS, number, read_runs, read_wish, window
from core.errors import JobError, LabelError, StorageError, UnderpaintError, VolumeError
from core.project import UNLABELLED, Patch, Project, list_projects, workspace_folder
from core.volumes.display import display_window, thumbnail, to_grey

__all__ = ["issue_token", "module_url", "result_url", "routes", "thumbnail_url"]

_EDITOR = Path(__file__).parent / "editor"
_TYPES = {".js": "text/javascript", ".css": "text/css"}
_HEADERS = {"X-Content-Type-Options": "nosniff", "Cross-Origin-Resource-Policy": "same-origin"}

_log = logging.getLogger(__name__)
_greys = ByteCache(160 * 1024 * 1024)
_thumbnails = ByteCache(16 * 1024 * 1024)
_projects: dict[tuple[Path, str], Project] = {}
_claims: OrderedDict[Hashable, dict[str, Any]] = OrderedDict()
_lock = threading.Lock()

Place = tuple[Project, int, int]
Endpoint = Callable[[Request], Awaitable[Response]]


def routes() -> list[Route]:
    """Everything the app serves besides Streamlit's own pages."""
    place = "/underpaint/api/{project}/{volume:int}/{z:int}"
    return [
        Route("/underpaint/static/{version}/{name}", _reading(_static)),
        Route("/underpaint/api/{project}/results/{name}", _reading(_result)),
        Route(f"{place}/slice", _reading(_slice)),
        Route(f"{place}/grey", _reading(_grey)),
        Route(f"{place}/heat", _reading(_heat)),
        Route(f"{place}/thumbnail.png", _reading(_thumbnail)),
        Route(f"{place}/patch/{{sequence:int}}", _changing(_patch), methods=["POST"]),
        Route(f"{place}/claim", _changing(_claim), methods=["POST"]),
    ]


def module_url() -> str:
    """Address of the editor's entry module; it changes whenever a module changes."""
    return f"/underpaint/static/{_version()}/editor.js"


def thumbnail_url(project: str, volume: int, z: int, *, side: int = 160, overlay: bool = False) -> str:
    """Address of a slice's thumbnail; ``overlay`` tints it with the stored label over the stored prediction."""
    return f"/underpaint/api/{quote(project)}/{volume}/{z}/thumbnail.png?side={side}&overlay={int(overlay)}"


def result_url(project: str, name: str) -> str:
    """Address of a finished result file."""
    return f"/underpaint/api/{quote(project)}/results/{quote(name)}"


def open_project(name: str) -> Project:
    """The project called ``name``, opened once in this process; only names in the workspace are known."""
    workspace = workspace_folder()
    with _lock:
        if name not in list_projects(workspace):
            raise Refusal(404, "There is no project of that name in this workspace.")
        if (workspace, name) not in _projects:
            _projects[workspace, name] = Project.open(workspace, name)
        return _projects[workspace, name]


def _reading(work: Callable[[Request], Response]) -> Endpoint:
    """An endpoint that only reads; ``work`` runs in a thread."""

    async def endpoint(request: Request) -> Response:
        return await _answer(request, lambda: run_in_threadpool(work, request))

    return endpoint


def _changing(work: Callable[[Request, bytes], Response]) -> Endpoint:
    """An endpoint that changes data: this app's own page and a session's token only."""

    async def checked(request: Request) -> Response:
        check_origin(request)
        check_token(request)
        return await run_in_threadpool(work, request, await read_body(request))

    async def endpoint(request: Request) -> Response:
        return await _answer(request, lambda: checked(request))

    return endpoint


async def _answer(request: Request, work: Callable[[], Awaitable[Response]]) -> Response:
    try:
        check_host(request)
        response = await work()
    except Refusal as refusal:
        response = JSONResponse({"error": str(refusal)}, status_code=refusal.status)
    except UnderpaintError as error:
        response = JSONResponse({"error": str(error)}, status_code=_status(error))
    except Exception:
        _log.exception("A request to %s failed", request.url.path)
        sentence = "The app could not do this because of a fault of its own; its terminal says more."
        response = JSONResponse({"error": sentence}, status_code=500)
    response.headers.update(_HEADERS)
    return response


def _status(error: UnderpaintError) -> int:
    """503 for what may pass (a full or locked disk, a volume out of reach), so that the editor keeps its strokes."""
    if isinstance(error, StorageError | VolumeError):
        return 503
    return 409 if isinstance(error, LabelError | JobError) else 400


def _place(request: Request) -> Place:
    """The project, volume and slice that a path names, all of them known ones."""
    project = open_project(request.path_params["project"])
    volume, z = request.path_params["volume"], request.path_params["z"]
    if not 0 <= volume < len(project.volumes):
        raise Refusal(404, f"There is no volume {volume}; the project has {len(project.volumes)}, counted from 0.")
    depth = project.volumes[volume].shape[0]
    if not 0 <= z < depth:
        raise Refusal(404, f"There is no slice {z}; the volume has {depth}, counted from 0.")
    return project, volume, z


def _static(request: Request) -> Response:
    """A module of the editor, by name; kept by the browser as long as its version stands."""
    path = _modules().get(request.path_params["name"])
    if path is None:
        raise Refusal(404, "The editor has no file of that name.")
    current = request.path_params["version"] == _version()
    cache = "public, max-age=31536000, immutable" if current else "no-cache"
    return Response(path.read_bytes(), media_type=_TYPES[path.suffix], headers={"Cache-Control": cache})


def _modules() -> dict[str, Path]:
    return {path.name: path for path in sorted(_EDITOR.iterdir()) if path.suffix in _TYPES}


def _version() -> str:
    digest = hashlib.sha256()
    for path in _modules().values():
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def _slice(request: Request) -> Response:
    project, volume, z = _place(request)
    row, editing = project.volumes[volume], project.editing(volume, z)
    depth, channels, height, width = row.shape
    facts = {
        "height": height,
        "width": width,
        "depth": depth,
        "channels": _channel_names(project, volume, channels),
        "dtype": np.dtype(row.dtype).name,
        "classes": [{"id": c.id, "name": c.name, "color": c.color} for c in project.classes],
        "sequence": editing.sequence,
        "origin": editing.origin,
        "round": editing.round,
    }
    return _binary(framed(facts, mask_runs(editing.mask, editing.touched).tobytes()))


def _grey(request: Request) -> Response:
    """Rows ``y0`` to ``y1`` of one channel in 8 bit; the window is the slice's own percentiles unless given."""
    project, volume, z = _place(request)
    _, channels, height, _ = project.volumes[volume].shape
    channel = number(request, "channel", 0, 0, channels - 1)
    y0 = number(request, "y0", 0, 0, height - 1)
    y1 = number(request, "y1", height, y0 + 1, height)
    grey = _grey_slice(project, volume, z, channel, window(request))
    return _binary(grey[y0:y1].tobytes())


def _grey_slice(project: Project, volume: int, z: int, channel: int, limits: tuple[float, float] | None) -> NDArray[np.uint8]:
    def make() -> NDArray[np.uint8]:
        image = project.image(volume, z)[channel]
        return np.ascontiguousarray(to_grey(image, limits or display_window(image)))

    return _greys.get((*_source(project, volume), z, channel, limits), make)


def _source(project: Project, volume: int) -> tuple[Hashable, ...]:
    """What a cached picture was made from: the file, its state, and how its axes were read."""
    row = project.volumes[volume]
    return row.path, row.fingerprint, row.axes


def _heat(request: Request) -> Response:
    project, volume, z = _place(request)
    predicted = project.predict_slice(volume, z)
    if predicted is None:
        raise Refusal(404, "No model yet: paint, save strokes and train a round to see where it is unsure.")
    heat = heat_map(predicted.confidence)
    facts = {"height": heat.shape[0], "width": heat.shape[1], "round": predicted.round}
    return _binary(framed(facts, heat.tobytes()))


def _thumbnail(request: Request) -> Response:
    project, volume, z = _place(request)
    side = number(request, "side", 160, 16, 1024)

    def make() -> NDArray[np.uint8]:
        image = project.image(volume, z)[0]
        return thumbnail(to_grey(image, display_window(image)), side)

    grey = _thumbnails.get((*_source(project, volume), z, side), make)
    mask = _known_mask(project, volume, z) if request.query_params.get("overlay") == "1" else None
    png = thumbnail_png(grey, mask, {c.id: c.color for c in project.classes})
    return Response(png, media_type="image/png", headers={"Cache-Control": "private, no-cache"})


def _known_mask(project: Project, volume: int, z: int) -> NDArray[np.uint8]:
    """Stored label over stored prediction; nothing is computed here."""
    label = project.label(volume, z)
    predicted = project.cached_prediction(volume, z)
    return label if predicted is None else np.where(label == UNLABELLED, predicted.mask, label)


def _patch(request: Request, body: bytes) -> Response:
    project, volume, z = _place(request)
    _, _, height, width = project.volumes[volume].shape
    runs = read_runs(body, height * width, [c.id for c in project.classes])
    active_ms = number(request, "active_ms", 0, 0, DAY_MS)
    patch = Patch(sequence=request.path_params["sequence"], runs=runs, active_ms=active_ms)
    return JSONResponse({"sequence": project.apply(volume, z, patch)})


def _claim(request: Request, body: bytes) -> Response:
    """Turn the draft into a revision; the same claim sent twice is answered twice and stored once."""
    project, volume, z = _place(request)
    wish = read_wish(body, project.volumes[volume].slice_shape)
    key = (project.workspace, project.name, volume, z, wish.id)
    with _lock:
        if key in _claims:
            return JSONResponse(_claims[key])
    if wish.sequence != project.editing(volume, z).sequence:
        raise Refusal(409, "This slice was changed in another window; it is shown as it is stored now.")
    revision = project.submit(volume, z, wish.claim, more_seconds=wish.active_ms / 1000)
    answer = {"claim": wish.claim.kind, "revision": revision.id, "pixels": revision.pixels}
    with _lock:
        _claims[key] = answer
        while len(_claims) > 256:
            _claims.popitem(last=False)
    return JSONResponse(answer)


def _result(request: Request) -> Response:
    """A finished file, only if the project lists it."""
    project = open_project(request.path_params["project"])
    name = request.path_params["name"]
    for path in (result.path for result in project.results()):
        if path.name == name and path.is_file():
            headers = {"Cache-Control": "private, no-cache", "Content-Encoding": "identity"}
            return FileResponse(path, filename=name, headers=headers)
    raise Refusal(404, "There is no result of that name; segment the volume first.")


def _channel_names(project: Project, volume: int, channels: int) -> list[str]:
    names = list(project.volume(volume).info.channel_names)
    return [names[i] if i < len(names) and names[i] else f"channel {i}" for i in range(channels)]


def _binary(body: bytes) -> Response:
    """Bytes as they are: an encoding of its own keeps Streamlit's gzip from squeezing megabytes at level 9."""
    headers = {"Cache-Control": "no-store", "Content-Encoding": "identity"}
    return Response(body, media_type="application/octet-stream", headers=headers)
