"""Predictions kept on disk, as pages and pictures need them: whether there is one, and its rasters, read once."""

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
    """There is no prediction to keep in the cache."""


def stamp(project: Project, slice_id: SliceId) -> int | None:
    """When the newest model's prediction of a slice was kept, in ns; None where there is none. Nothing is read."""
    return project.store.predictions.stamp(_newest(project), slice_id)


def predicted(project: Project, slice_id: SliceId) -> Predicted | None:
    """The newest model's prediction of a slice if it is kept on disk; the last few stay in memory.

    Their rasters are shared, so they are not to be written to.
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
