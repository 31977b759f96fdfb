"""Masks as runs of equal pixels, and runs painted into masks: how a slice and its changes travel and are stored.

A run's value is ``class id | touched << 8 | saved << 9``; slices are flattened row after row.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from core.config import UNLABELLED
from core.errors import LabelError

MAX_RUNS = 1_000_000
_TOUCHED_BIT, _SAVED_BIT = 8, 9


def slice_runs(
    mask: NDArray[np.uint8], touched: NDArray[np.uint8] | None = None, saved: NDArray[np.bool_] | None = None
) -> NDArray[np.uint32]:
    """A whole slice as runs that follow one another.

    Parameters
    ----------
    mask
        uint8 ``(H, W)``: class ids.
    touched, saved
        ``(H, W)`` of 0 or 1: painted since the last save, and carrying a stored label; none of it if None.

    Returns
    -------
    ndarray
        Little-endian uint32 ``(N, 2)``: length and value.
    """
    marks = [(raster.reshape(-1), bit) for raster, bit in ((touched, _TOUCHED_BIT), (saved, _SAVED_BIT)) if raster is not None]
    classes = mask.reshape(-1)
    starts = _starts(classes, *(raster for raster, _ in marks))
    values = classes[starts].astype(np.uint32)
    for raster, bit in marks:
        values |= raster[starts].astype(np.uint32) << np.uint32(bit)
    return np.stack((np.diff(starts, append=classes.size), values), axis=1).astype("<u4")


def stroke_runs(mask: NDArray[np.uint8], touched: NDArray[np.uint8], where: NDArray[np.bool_]) -> NDArray[np.uint32]:
    """The pixels of a slice chosen by ``where``, bool ``(H, W)``, as runs to paint: uint32 ``(N, 3)``."""
    classes, marks, chosen = mask.reshape(-1), touched.reshape(-1), where.reshape(-1)
    starts = _starts(classes, marks, chosen)
    lengths = np.diff(starts, append=classes.size)
    kept = chosen[starts]
    starts, lengths = starts[kept], lengths[kept]
    values = classes[starts] | marks[starts].astype(np.uint32) << np.uint32(_TOUCHED_BIT)
    return np.stack((starts, lengths, values), axis=1).astype(np.uint32)


def _starts(*rasters: NDArray[np.uint8] | NDArray[np.bool_]) -> NDArray[np.intp]:
    """Where a run begins: at pixel 0, and wherever a raster differs from the pixel before."""
    first, *others = rasters
    changes = first[1:] != first[:-1]
    for raster in others:
        if raster.any():
            changes |= raster[1:] != raster[:-1]
    return np.concatenate(([0], np.flatnonzero(changes) + 1))


def check_runs(runs: NDArray[np.uint32], pixels: int, class_ids: frozenset[int]) -> None:
    """Refuse runs to paint, ``(N, 3)`` of start, length and value, that leave the slice or name an unknown class.

    Raises
    ------
    LabelError
        In one sentence, with what was found and what is allowed.
    """
    if runs.ndim != 2 or runs.shape[1] != 3 or not 0 < len(runs) <= MAX_RUNS:
        raise LabelError(f"A patch holds 1 to {MAX_RUNS} runs of three numbers, got an array of shape {runs.shape}.")
    start, length, value = runs.astype(np.int64).T
    if (length < 1).any() or (start + length > pixels).any():
        raise LabelError(f"A run of the patch leaves the slice, which has {pixels} pixels.")
    classes, touched = value & 0xFF, value >> _TOUCHED_BIT
    unknown = set(np.unique(classes).tolist()) - class_ids - {UNLABELLED}
    if unknown or (touched > 1).any():
        raise LabelError(
            f"The patch paints class {sorted(unknown)}; allowed are {sorted(class_ids)} and {UNLABELLED} (unlabelled), "
            "with touched 0 or 1."
        )


def apply_runs(runs: NDArray[np.uint32], mask: NDArray[np.uint8], touched: NDArray[np.uint8]) -> None:
    """Paint runs ``(N, 3)`` into the two rasters of a slice, in place."""
    flat_mask, flat_touched = mask.reshape(-1), touched.reshape(-1)
    for start, length, value in runs.tolist():
        flat_mask[start : start + length] = value & 0xFF
        flat_touched[start : start + length] = value >> _TOUCHED_BIT
