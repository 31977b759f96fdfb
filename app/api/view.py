"""Serve the grey values of a slice, exact or for display, and the model's uncertainty."""

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
    """Return rows ``y0`` to ``y1`` of a level of the slice, in 8 bit; the window defaults to the slice's own percentiles.

    A slice of 8 bit comes unchanged, unless the query gives a window or blends in a second channel.
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
    """Return the histogram of a channel and the display windows it suggests."""
    project, slice_id = target(request)
    channel = number(request, "channel", 0, 0, project.volumes[slice_id.volume].shape[1] - 1)
    image = raw(project, slice_id)[channel]
    found = counted(image)
    windows = {f"{cut:g}": list(window) for cut, window in found.windows.items()}
    facts = {"channel": channel, "dtype": image.dtype.name, "low": found.low, "high": found.high, "windows": windows}
    return JSONResponse({**facts, "counts": found.counts.tolist()})


def pixel(request: Request) -> Response:
    """Return the stored value of every channel at pixel ``y``, ``x``; null for NaN or infinity."""
    project, slice_id = target(request)
    height, width = project.volumes[slice_id.volume].slice_shape
    y, x = number(request, "y", -1, 0, height - 1), number(request, "x", -1, 0, width - 1)
    values = raw(project, slice_id)[:, y, x].tolist()
    return JSONResponse({"y": y, "x": x, "values": [value if math.isfinite(value) else None for value in values]})


def heat(request: Request) -> Response:
    """Return the newest model's uncertainty as a small map; predict the slice if it is not cached."""
    project, slice_id = target(request)
    predicted = project.models.predict_slice(*slice_id)
    if predicted is None:
        raise Refusal(404, "No model yet: paint, save strokes and train a round to see where it is unsure.")
    heat = heat_map(predicted.confidence)
    facts = {"height": heat.shape[0], "width": heat.shape[1], "round": predicted.round}
    return binary(framed(facts, heat.tobytes()))


def raw(project: Project, slice_id: SliceId) -> NDArray[Any]:
    """Return the slice ``(C, H, W)`` in its stored dtype."""
    return _raws.get((*source(project, slice_id.volume), slice_id.z), lambda: project.image(*slice_id))


def _levels(project: Project, slice_id: SliceId, wanted: Picture) -> NDArray[np.uint8]:
    """Return all resolution levels of the slice, ready for display."""
    key = (*source(project, slice_id.volume), slice_id.z, wanted)
    return _greys.get(key, lambda: build_levels(_shown(raw(project, slice_id), wanted)))


def _shown(image: NDArray[Any], wanted: Picture) -> NDArray[np.uint8]:
    """Convert a slice ``(C, H, W)`` to 8 bit, uint8 ``(H, W)``; the second channel always uses its own window."""
    first = image[wanted.channel]
    if wanted.second is None:
        return to_grey(first, wanted.limits or _own_window(first, wanted.cut), smooth=wanted.smooth)
    second = image[wanted.second]
    upper = to_grey(first, wanted.limits or _percentiles(first, wanted.cut), smooth=wanted.smooth)
    return blended(upper, to_grey(second, _percentiles(second, wanted.cut), smooth=wanted.smooth), wanted.mix)


def _own_window(image: NDArray[Any], cut: float) -> tuple[float, float]:
    """Return the default window: all values for 8 bit, where the browser applies windows, else percentiles."""
    return (0.0, 255.0) if image.dtype == np.uint8 else _percentiles(image, cut)


def _percentiles(image: NDArray[Any], cut: float) -> tuple[float, float]:
    return display_window(image, cut, 100 - cut)
