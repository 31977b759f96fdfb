"""Serve slices, masks and strokes over HTTP, beside Streamlit in the same process: validation, no logic.

    GET  /underpaint/static/<version>/<path>                       the editor's modules
    GET  /underpaint/api/<project>/<volume>/<z>/slice              facts and mask, as runs
    GET  /underpaint/api/<project>/<volume>/<z>/steps              undo steps of the strokes not saved yet
    GET  /underpaint/api/<project>/<volume>/<z>/grey               rows of a resolution level, 8 bit
    GET  /underpaint/api/<project>/<volume>/<z>/histogram          counts of each grey value
    GET  /underpaint/api/<project>/<volume>/<z>/pixel              stored values of a pixel
    GET  /underpaint/api/<project>/<volume>/<z>/heat               the model's uncertainty
    GET  /underpaint/api/<project>/<volume>/<z>/thumbnail.png      a layer as a small picture
    POST /underpaint/api/<project>/<volume>/<z>/patch/<sequence>   one action: runs (start, length, value)
    POST /underpaint/api/<project>/<volume>/<z>/claim              save strokes, a region or the whole slice
    POST /underpaint/api/<project>/<volume>/<z>/undo               take back the newest saved label
    POST /underpaint/api/<project>/<volume>/<z>/put_off            put off the slice or one of its boxes
    POST /underpaint/api/<project>/<volume>/<z>/rebase             put another round's prediction under the strokes
    GET  /underpaint/api/<project>/<volume>/<z>/news               changes since, and other windows on it
    GET  /underpaint/api/<project>/<volume>/<z>/suggestion         a mask from other slices, as runs
    GET  /underpaint/api/<project>/<volume>/<z>/superpixels        a tile of superpixels
    GET  /underpaint/api/<project>/<volume>/<z>/preview            a box as a quick first model predicts it
    GET  /underpaint/api/<project>/moments/<round>/<step>.png      a training snapshot's prediction
    GET  /underpaint/api/<project>/results/<file>                  a finished result
    GET  /underpaint/api/<project>/results/<folder>.zip            a finished result folder, as one file

An error is ``{"error": sentence}`` and changes nothing. Calls into the project run in a thread, never on the event loop.
A change (POST) carries a token (``app.guard``) and the ``created`` of the slice's facts (``app.api.target``), so that nothing
meant for a deleted project reaches another of its name.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from urllib.parse import quote, urlencode

from starlette.concurrency import run_in_threadpool
from starlette.convertors import register_url_convertor
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from app.api import archive, edit, files, preview, snapshots, suggest, thumbnails, view
from app.api.target import open_project
from app.api.thumbnails import Layer, version
from app.api.wire import Number
from app.guard import Refusal, check_token, issue_token, read_body
from core.errors import (
    CheckpointError,
    JobError,
    LabelError,
    NetworkError,
    NoRoundError,
    ProjectError,
    StorageError,
    UnderpaintError,
    VolumeError,
)
from core.geometry import Box, SliceId
from core.project import Project
from core.storage.snapshots import Snapshot

__all__ = ["issue_token", "module_url", "open_project", "picture_url", "result_url", "routes", "snapshot_url"]

_HEADERS = {"X-Content-Type-Options": "nosniff", "Cross-Origin-Resource-Policy": "same-origin"}

_log = logging.getLogger(__name__)

register_url_convertor("number", Number())

Endpoint = Callable[[Request], Awaitable[Response]]


def routes() -> list[Route]:
    """Return all routes of the app besides Streamlit's own pages."""
    place = "/underpaint/api/{project}/{volume:number}/{z:number}"
    return [
        Route("/underpaint/static/{version}/{name:path}", _reading(files.static)),
        Route("/underpaint/api/{project}/results/{name}.zip", _reading(archive.result)),
        Route("/underpaint/api/{project}/results/{name}", _reading(files.result)),
        Route("/underpaint/api/{project}/moments/{round:number}/{step:number}.png", _reading(snapshots.prediction)),
        Route(f"{place}/slice", _reading(edit.slice_)),
        Route(f"{place}/steps", _reading(edit.steps)),
        Route(f"{place}/grey", _reading(view.grey)),
        Route(f"{place}/histogram", _reading(view.histogram)),
        Route(f"{place}/pixel", _reading(view.pixel)),
        Route(f"{place}/heat", _reading(view.heat)),
        Route(f"{place}/thumbnail.png", _reading(thumbnails.thumbnail)),
        Route(f"{place}/patch/{{sequence:number}}", _changing(edit.patch), methods=["POST"]),
        Route(f"{place}/claim", _changing(edit.claim), methods=["POST"]),
        Route(f"{place}/undo", _changing(edit.undo), methods=["POST"]),
        Route(f"{place}/put_off", _changing(edit.put_off), methods=["POST"]),
        Route(f"{place}/rebase", _changing(edit.rebase), methods=["POST"]),
        Route(f"{place}/news", _reading(edit.sync)),
        Route(f"{place}/suggestion", _reading(suggest.suggestion)),
        Route(f"{place}/superpixels", _reading(suggest.superpixels)),
        Route(f"{place}/preview", _reading(preview.preview)),
    ]


def module_url() -> str:
    """Return the address of the editor's entry module; it changes with every module."""
    return f"/underpaint/static/{files.version()}/editor.js"


def picture_url(project: Project, slice_id: SliceId, *, layer: Layer, side: int, box: Box | None = None) -> str:
    """Return the address of a picture of a slice or a box, at most ``side`` pixels long; it changes with the content."""
    asked = {"layer": layer, "side": side, "v": version(project, slice_id, layer)}
    if box is not None:
        asked["box"] = f"{box.y0},{box.x0},{box.y1},{box.x1}"
    return f"{_slice(project.name, slice_id)}/thumbnail.png?{urlencode(asked, safe=',')}"


def snapshot_url(project: Project, snapshot: Snapshot, *, side: int) -> str:
    """Return the address of a snapshot's prediction in transparent colours, at most ``side`` pixels long."""
    asked = urlencode({"side": side, "v": snapshots.version(project, snapshot)})
    return f"/underpaint/api/{quote(project.name)}/moments/{snapshot.round}/{snapshot.step}.png?{asked}"


def _slice(project: str, slice_id: SliceId) -> str:
    return f"/underpaint/api/{quote(project)}/{slice_id.volume}/{slice_id.z}"


def result_url(project: str, name: str) -> str:
    """Return the address of a finished result file."""
    return f"/underpaint/api/{quote(project)}/results/{quote(name)}"


def _reading(work: Callable[[Request], Response]) -> Endpoint:
    """Wrap ``work``, run in a thread, as a read-only endpoint."""

    async def endpoint(request: Request) -> Response:
        return await _answer(request, lambda: run_in_threadpool(work, request))

    return endpoint


def _changing(work: Callable[[Request, bytes], Response]) -> Endpoint:
    """Wrap ``work`` as an endpoint for changes, open only to a page with a session's token."""

    async def checked(request: Request) -> Response:
        check_token(request)
        return await run_in_threadpool(work, request, await read_body(request))

    async def endpoint(request: Request) -> Response:
        return await _answer(request, lambda: checked(request))

    return endpoint


async def _answer(request: Request, work: Callable[[], Awaitable[Response]]) -> Response:
    try:
        response = await work()
    except Refusal as refusal:
        response = JSONResponse({"error": str(refusal)}, status_code=refusal.status)
    except UnderpaintError as error:
        response = JSONResponse({"error": str(error)}, status_code=_status(error, changing=request.method == "POST"))
    except Exception:
        _log.exception("A request to %s failed", request.url.path)
        sentence = "The app could not do this because of a fault of its own; its terminal says more."
        response = JSONResponse({"error": sentence}, status_code=500)
    response.headers.update(_HEADERS)
    return response


def _status(error: UnderpaintError, *, changing: bool) -> int:
    """Return 503 for causes that may pass (a full or missing disk, damaged records, a model that cannot be loaded).

    The editor keeps strokes so answered, and sends them again. A stroke on a round that does not exist will never fit: 409.
    """
    if isinstance(error, StorageError | VolumeError | ProjectError | NetworkError):
        return 503
    if isinstance(error, NoRoundError):
        return 409 if changing else 404
    if isinstance(error, CheckpointError):
        return 503 if changing else 404
    return 409 if isinstance(error, LabelError | JobError) else 400
