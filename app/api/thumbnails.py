"""Small pictures of slices."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from starlette.requests import Request
from starlette.responses import Response

from app.api.place import place, source
from app.pictures import ByteCache, thumbnail_png
from app.wire import number
from core.project import UNLABELLED, Project
from core.volumes.display import display_window, to_grey
from core.volumes.display import thumbnail as shrunk

_thumbnails = ByteCache(16 * 1024 * 1024)


def thumbnail(request: Request) -> Response:
    """A slice as a small PNG, with what is known of its classes if that is asked for."""
    project, volume, z = place(request)
    side = number(request, "side", 160, 16, 1024)

    def make() -> NDArray[np.uint8]:
        image = project.image(volume, z)[0]
        return shrunk(to_grey(image, display_window(image)), side)

    grey = _thumbnails.get((*source(project, volume), z, side), make)
    mask = _known_mask(project, volume, z) if request.query_params.get("overlay") == "1" else None
    png = thumbnail_png(grey, mask, {c.id: c.color for c in project.classes})
    return Response(png, media_type="image/png", headers={"Cache-Control": "private, no-cache"})


def _known_mask(project: Project, volume: int, z: int) -> NDArray[np.uint8]:
    """Stored label over stored prediction; nothing is computed here."""
    label = project.label(volume, z)
    predicted = project.cached_prediction(volume, z)
    return label if predicted is None else np.where(label == UNLABELLED, predicted.mask, label)
