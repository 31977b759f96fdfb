"""Suggest masks from other slices, and superpixels to paint with."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from starlette.requests import Request
from starlette.responses import Response

from app.api.pictures import ByteCache, framed
from app.api.target import binary, source, target
from app.api.view import raw
from app.api.wire import number
from app.guard import Refusal
from core.editing.superpixels import TILE
from core.editing.superpixels import superpixels as cut
from core.geometry import Box
from core.project import UNLABELLED
from core.storage.rle import slice_runs
from core.volumes.display import display_window

_tiles = ByteCache(32 * 1024 * 1024)


def suggestion(request: Request) -> Response:
    """Return a mask made from the slice ``from`` or from the painted neighbours, as runs; 255 means no suggestion."""
    project, slice_id = target(request)
    kind = request.query_params.get("kind")
    if kind == "neighbour":
        neighbour = number(request, "from", -1, 0, project.volumes[slice_id.volume].depth - 1)
        suggested = project.labels.suggest_from(*slice_id, neighbour)
    elif kind == "interpolation":
        suggested = project.labels.suggest_between(*slice_id)
    else:
        raise Refusal(400, "kind must be neighbour or interpolation.")
    facts = {"from": list(suggested.slices), "pixels": int(np.count_nonzero(suggested.mask != UNLABELLED))}
    return binary(framed(facts, slice_runs(suggested.mask).tobytes()))


def superpixels(request: Request) -> Response:
    """Return the superpixels of tile ``ty``, ``tx`` in the first channel: its position and an id per pixel."""
    project, slice_id = target(request)
    height, width = project.volumes[slice_id.volume].slice_shape
    y0 = number(request, "ty", -1, 0, (height - 1) // TILE) * TILE
    x0 = number(request, "tx", -1, 0, (width - 1) // TILE) * TILE
    box = Box(y0, x0, min(y0 + TILE, height), min(x0 + TILE, width))

    def make() -> NDArray[np.uint16]:
        image = raw(project, slice_id)[0]
        return cut(image[box.slices], display_window(image))

    ids = _tiles.get((*source(project, slice_id.volume), slice_id.z, box), make)
    facts = {"y0": y0, "x0": x0, "height": box.shape[0], "width": box.shape[1], "count": int(ids.max()) + 1}
    return binary(framed(facts, ids.astype("<u2").tobytes()))
