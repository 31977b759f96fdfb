"""A slice in the editor: its mask, the strokes as they are painted, and what they become."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Hashable
from typing import Any

import numpy as np
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from app.api.place import binary, place
from app.guard import Refusal
from app.pictures import framed, mask_runs
from app.wire import DAY_MS, number, read_runs, read_wish
from core.project import Patch, Project

_claims: OrderedDict[Hashable, dict[str, Any]] = OrderedDict()
_lock = threading.Lock()


def slice_(request: Request) -> Response:
    """Facts of a slice and its mask, as runs."""
    project, volume, z = place(request)
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
    return binary(framed(facts, mask_runs(editing.mask, editing.touched).tobytes()))


def _channel_names(project: Project, volume: int, channels: int) -> list[str]:
    names = list(project.volume(volume).info.channel_names)
    return [names[i] if i < len(names) and names[i] else f"channel {i}" for i in range(channels)]


def patch(request: Request, body: bytes) -> Response:
    """Store one action."""
    project, volume, z = place(request)
    _, _, height, width = project.volumes[volume].shape
    runs = read_runs(body, height * width, [c.id for c in project.classes])
    active_ms = number(request, "active_ms", 0, 0, DAY_MS)
    action = Patch(sequence=request.path_params["sequence"], runs=runs, active_ms=active_ms)
    return JSONResponse({"sequence": project.apply(volume, z, action)})


def claim(request: Request, body: bytes) -> Response:
    """Turn the draft into a revision; the same claim sent twice is answered twice and stored once."""
    project, volume, z = place(request)
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
