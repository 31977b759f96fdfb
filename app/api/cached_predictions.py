"""Cached predictions for pages and pictures: their time stamps and their rasters, each read once."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from app.api.pictures import ByteCache
from core.geometry import SliceId
from core.project import Project
from core.storage.prediction_cache import Predicted

__all__ = ["Predicted", "predicted", "stamp"]

_rasters = ByteCache(160 * 1024 * 1024)


class _Absent(Exception):
    """Raised where there is no prediction to keep in memory."""


def stamp(project: Project, slice_id: SliceId) -> int | None:
    """Return the time when the newest model's prediction of a slice was cached, in ns, or None. No raster is read."""
    return project.store.predictions.stamp(_newest(project), slice_id)


def predicted(project: Project, slice_id: SliceId) -> Predicted | None:
    """Return the newest model's cached prediction of a slice, or None; the last few stay in memory.

    Their rasters are shared: do not write to them.
    """
    round_, written = _newest(project), stamp(project, slice_id)
    if written is None:
        return None

    def make() -> NDArray[np.uint8]:
        found = project.models.cached_prediction(*slice_id)
        if found is None or found.round != round_:
            raise _Absent
        return np.stack((found.mask, found.confidence))

    try:
        mask, confidence = _rasters.get((project.folder, slice_id, round_, written), make)
    except _Absent:
        return None
    return Predicted(mask, confidence, round_)


def _newest(project: Project) -> int:
    rounds = project.models.rounds()
    return rounds[-1].round if rounds else 0
