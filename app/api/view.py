"""How a slice looks: its grey values, what they are exactly, and where the model is unsure."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from app.api.pictures import ByteCache, framed, heat_map
from app.api.target import binary, source, target
from app.api.wire import Picture, number, picture
from app.guard import Refusal
from core.geometry import SliceId
from core.project import Project
from core.volumes.display import blended, display_window, to_grey
from core.volumes.histogram import histogram as counted
from core.volumes.levels import build_levels, level_shapes, take_level

_raws = ByteCache(256 * 1024 * 1024)
_greys = ByteCache(256 * 1024 * 1024)


def grey(request: Request) -> Response:
    """Rows ``y0`` to ``y1`` of a level of the slice, in 8 bit; the window is the slice's own percentiles unless given.

    A slice of 8 bit comes as it is, unless a window is asked for or a second channel is blended in.
    """
    project, slice_id = target(request)
    _, channels, *shape = project.volumes[slice_id.volume].shape
    wanted = picture(request, channels)
    heights = [height for height, _ in level_shapes(*shape)]
    level = number(request, "level", 0, 0, len(heights) - 1)
    y0 = number(request, "y0", 0, 0, heights[level] - 1)
    y1 = number(request, "y1", heights[level], y0 + 1, heights[level])
    rows = take_level(_levels(project, slice_id, wanted), (shape[0], shape[1]), level)[y0:y1]
    return binary(rows.tobytes())


def histogram(request: Request) -> Response:
    """How often each grey value of a channel occurs, and the windows that suggests."""
    project, slice_id = target(request)
    channel = number(request, "channel", 0, 0, project.volumes[slice_id.volume].shape[1] - 1)
    image = raw(project, slice_id)[channel]
    found = counted(image)
    windows = {f"{cut:g}": list(window) for cut, window in found.windows.items()}
    facts = {"channel": channel, "dtype": image.dtype.name, "low": found.low, "high": found.high, "windows": windows}
    return JSONResponse({**facts, "counts": found.counts.tolist()})


def pixel(request: Request) -> Response:
    """What the file says at a pixel ``y``, ``x``: the raw value of every channel, null where it is NaN or infinite."""
    project, slice_id = target(request)
    height, width = project.volumes[slice_id.volume].slice_shape
    y, x = number(request, "y", -1, 0, height - 1), number(request, "x", -1, 0, width - 1)
    values = raw(project, slice_id)[:, y, x].tolist()
    return JSONResponse({"y": y, "x": x, "values": [value if math.isfinite(value) else None for value in values]})


def heat(request: Request) -> Response:
    """How unsure the newest model is, as a small map; predicts the slice where that is not done yet."""
    project, slice_id = target(request)
    predicted = project.models.predict_slice(*slice_id)
    if predicted is None:
        raise Refusal(404, "No model yet: paint, save strokes and train a round to see where it is unsure.")
    heat = heat_map(predicted.confidence)
    facts = {"height": heat.shape[0], "width": heat.shape[1], "round": predicted.round}
    return binary(framed(facts, heat.tobytes()))


def raw(project: Project, slice_id: SliceId) -> NDArray[Any]:
    """The slice ``(C, H, W)`` as it is stored."""
    return _raws.get((*source(project, slice_id.volume), slice_id.z), lambda: project.image(*slice_id))


def _levels(project: Project, slice_id: SliceId, wanted: Picture) -> NDArray[np.uint8]:
    """All levels of the slice as it is to be shown."""
    key = (*source(project, slice_id.volume), slice_id.z, wanted)
    return _greys.get(key, lambda: build_levels(_shown(raw(project, slice_id), wanted)))


def _shown(image: NDArray[Any], wanted: Picture) -> NDArray[np.uint8]:
    """A slice ``(C, H, W)`` in 8 bit, uint8 ``(H, W)``; the second channel always comes through its own window."""
    first = image[wanted.channel]
    if wanted.second is None:
        return to_grey(first, wanted.limits or _own_window(first, wanted.cut), smooth=wanted.smooth)
    second = image[wanted.second]
    upper = to_grey(first, wanted.limits or _percentiles(first, wanted.cut), smooth=wanted.smooth)
    return blended(upper, to_grey(second, _percentiles(second, wanted.cut), smooth=wanted.smooth), wanted.mix)


def _own_window(image: NDArray[Any], cut: float) -> tuple[float, float]:
    """What is shown black and white unless somebody says: all of 8 bit, since there a window is a table in the browser."""
    return (0.0, 255.0) if image.dtype == np.uint8 else _percentiles(image, cut)


def _percentiles(image: NDArray[Any], cut: float) -> tuple[float, float]:
    return display_window(image, cut, 100 - cut)
