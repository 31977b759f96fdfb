"""Small pictures of slices or parts of them: grey, tinted by class, or the model's confidence."""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray
from starlette.requests import Request
from starlette.responses import Response

from app.api import cached_predictions
from app.api.pictures import ByteCache, confidence_colors, overlay, png, resized
from app.api.target import picture, source, stamped, target
from app.api.wire import number
from app.guard import Refusal
from core.geometry import Box, SliceId
from core.project import UNLABELLED, Project
from core.volumes.display import display_window, to_grey
from core.volumes.display import thumbnail as shrunk

Layer = Literal["grey", "overlay", "prediction", "confidence"]
"""Grey values; grey under the saved label and the cached prediction; grey under the prediction; confidence in colours."""

LARGEST_SIDE = 1024

_greys = ByteCache(32 * 1024 * 1024)


def thumbnail(request: Request) -> Response:
    """Return a slice as PNG, at most ``side`` pixels long; browsers cache it until its version changes."""
    project, slice_id = target(request)
    layer, box = _layer(request), _box(request, project.volumes[slice_id.volume].slice_shape)
    made = png(_picture(project, slice_id, layer, box, number(request, "side", 160, 16, LARGEST_SIDE)))
    # Read the version after making the picture, so that the picture is at least as new as its address.
    return picture(request, made, version(project, slice_id, layer))


def version(project: Project, slice_id: SliceId, layer: Layer) -> str:
    """Return a text that changes with the slice's picture; read no raster."""
    facts: list[object] = [source(project, slice_id.volume)]
    if layer != "grey":
        facts += [cached_predictions.stamp(project, slice_id), [c.color for c in project.classes]]
    if layer == "overlay":
        facts += [(r.id, r.created) for r in project.labels.slices() if r.slice_id == slice_id]
    return stamped(facts)


def _picture(project: Project, slice_id: SliceId, layer: Layer, box: Box, side: int) -> NDArray[np.uint8]:
    if layer == "confidence":
        return confidence_colors(shrunk(_predicted(project, slice_id).confidence[box.slices], side), len(project.classes))
    grey = _greys.get((*source(project, slice_id.volume), slice_id.z, box, side), lambda: _grey(project, slice_id, box, side))
    if layer == "grey":
        return grey
    mask = _known_mask(project, slice_id) if layer == "overlay" else _predicted(project, slice_id).mask
    return overlay(grey, resized(mask[box.slices], grey.shape), {c.id: c.color for c in project.classes})


def _grey(project: Project, slice_id: SliceId, box: Box, side: int) -> NDArray[np.uint8]:
    """Return the first channel in the brightness window of the whole slice."""
    image = project.image(*slice_id)[0]
    return shrunk(to_grey(image[box.slices], display_window(image)), side)


def _predicted(project: Project, slice_id: SliceId) -> cached_predictions.Predicted:
    found = cached_predictions.predicted(project, slice_id)
    if found is None:
        raise Refusal(404, "This slice has not been predicted by the newest round yet; predict it on the Review page.")
    return found


def _known_mask(project: Project, slice_id: SliceId) -> NDArray[np.uint8]:
    """Return the saved label over the cached prediction; compute nothing."""
    label = project.labels.of(*slice_id)
    found = cached_predictions.predicted(project, slice_id)
    return label if found is None else np.where(label == UNLABELLED, found.mask, label)


def _layer(request: Request) -> Layer:
    asked = request.query_params.get("layer", "grey")
    for layer in get_args(Layer):
        if asked == layer:
            return layer
    raise Refusal(400, f"layer must be one of {', '.join(get_args(Layer))}.")


def _box(request: Request, shape: tuple[int, int]) -> Box:
    """Return the requested part of the slice, ``box=y0,x0,y1,x1`` in its pixels; the whole slice by default."""
    text = request.query_params.get("box")
    if text is None:
        return Box(0, 0, *shape)
    try:
        y0, x0, y1, x1 = (int(corner) for corner in text.split(","))
        box = Box(y0, x0, y1, x1)
    except ValueError:
        box = None
    if box is None or not box.within(shape):
        raise Refusal(400, f"box must be four whole numbers y0,x0,y1,x1 inside the slice of {shape[0]} x {shape[1]} pixels.")
    return box
