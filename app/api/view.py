"""How a slice looks: its grey values, and where the model is unsure."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from starlette.requests import Request
from starlette.responses import Response

from app.api.place import binary, place, source
from app.guard import Refusal
from app.pictures import ByteCache, framed, heat_map
from app.wire import number, window
from core.project import Project
from core.volumes.display import display_window, to_grey

_greys = ByteCache(160 * 1024 * 1024)


def grey(request: Request) -> Response:
    """Rows ``y0`` to ``y1`` of one channel in 8 bit; the window is the slice's own percentiles unless given."""
    project, volume, z = place(request)
    _, channels, height, _ = project.volumes[volume].shape
    channel = number(request, "channel", 0, 0, channels - 1)
    y0 = number(request, "y0", 0, 0, height - 1)
    y1 = number(request, "y1", height, y0 + 1, height)
    rows = _grey_slice(project, volume, z, channel, window(request))[y0:y1]
    return binary(rows.tobytes())


def _grey_slice(project: Project, volume: int, z: int, channel: int, limits: tuple[float, float] | None) -> NDArray[np.uint8]:
    def make() -> NDArray[np.uint8]:
        image = project.image(volume, z)[channel]
        return np.ascontiguousarray(to_grey(image, limits or display_window(image)))

    return _greys.get((*source(project, volume), z, channel, limits), make)


def heat(request: Request) -> Response:
    """How unsure the newest model is, as a small map; predicts the slice where that is not done yet."""
    project, volume, z = place(request)
    predicted = project.predict_slice(volume, z)
    if predicted is None:
        raise Refusal(404, "No model yet: paint, save strokes and train a round to see where it is unsure.")
    doubt = heat_map(predicted.confidence)
    facts = {"height": doubt.shape[0], "width": doubt.shape[1], "round": predicted.round}
    return binary(framed(facts, doubt.tobytes()))
