"""Run-length encoding of masks and strokes, for the records and for the browser.

The value of a run is ``class id | touched << 8 | saved << 9``; slices are flattened row by row. A speckled mask, whose
runs take more space than its pixels, is sent unencoded.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from core.config import UNLABELLED
from core.errors import LabelError

MAX_RUNS = 1_000_000
_TOUCHED_BIT, _SAVED_BIT = 8, 9
_BYTES_OF_A_RUN = 8


def slice_numbers(
    mask: NDArray[np.uint8], touched: NDArray[np.uint8] | None = None, saved: NDArray[np.bool_] | None = None
) -> NDArray[np.uint32]:
    """Encode a whole slice for the browser: as runs, or as bytes if runs take more space.

    Parameters
    ----------
    mask, touched, saved
        As in `slice_runs`.

    Returns
    -------
    ndarray
        Little-endian uint32 ``(N,)``. Runs are pairs of length and value. Bytes begin with 0, never a length, and the number
        of rasters. The rasters follow, each padded to whole numbers: the class ids and, if any pixel is marked,
        ``touched | saved << 1``.
    """
    marks = [raster for raster in (touched, saved) if raster is not None and raster.any()]
    changes = max(np.count_nonzero(np.diff(raster.reshape(-1))) for raster in (mask, *marks))
    if _BYTES_OF_A_RUN * changes <= mask.size * (2 if marks else 1):
        return slice_runs(mask, touched, saved).reshape(-1)
    rasters = [mask]
    if marks:
        rasters.append(np.zeros_like(mask))
        for raster, bit in ((touched, 0), (saved, 1)):
            if raster is not None:
                rasters[1] |= raster.astype(np.uint8) << np.uint8(bit)
    return np.concatenate([np.array([0, len(rasters)], "<u4"), *map(_as_numbers, rasters)])


def _as_numbers(raster: NDArray[np.uint8]) -> NDArray[np.uint32]:
    """Return the bytes of a raster as little-endian uint32, the last number padded with 0."""
    pixels = raster.reshape(-1)
    return np.concatenate((pixels, np.zeros(-pixels.size % 4, np.uint8))).view("<u4")


def slice_runs(
    mask: NDArray[np.uint8], touched: NDArray[np.uint8] | None = None, saved: NDArray[np.bool_] | None = None
) -> NDArray[np.uint32]:
    """Encode a whole slice as consecutive runs.

    Parameters
    ----------
    mask
        uint8 ``(H, W)``: class ids.
    touched, saved
        ``(H, W)`` of 0 or 1: painted since the last save, and with a stored label. None stands for all 0.

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
    """Encode the pixels of a slice under ``where``, bool ``(H, W)``, as runs to paint: uint32 ``(N, 3)``."""
    classes, marks, chosen = mask.reshape(-1), touched.reshape(-1), where.reshape(-1)
    starts = _starts(classes, marks, chosen)
    lengths = np.diff(starts, append=classes.size)
    kept = chosen[starts]
    starts, lengths = starts[kept], lengths[kept]
    values = classes[starts] | marks[starts].astype(np.uint32) << np.uint32(_TOUCHED_BIT)
    return np.stack((starts, lengths, values), axis=1).astype(np.uint32)


def _starts(*rasters: NDArray[np.uint8] | NDArray[np.bool_]) -> NDArray[np.intp]:
    """Return the first pixel of every run: pixel 0, and each pixel where a raster differs from the pixel before."""
    first, *others = rasters
    changes = first[1:] != first[:-1]
    for raster in others:
        if raster.any():
            changes |= raster[1:] != raster[:-1]
    return np.concatenate(([0], np.flatnonzero(changes) + 1))


def check_runs(runs: NDArray[np.uint32], pixels: int, class_ids: frozenset[int]) -> None:
    """Raise unless runs to paint fit the slice: ``(N, 3)`` of start, length and value.

    Raises
    ------
    LabelError
        If a run leaves the slice or names an unknown class, or the array has another shape.
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


def inverse_runs(runs: NDArray[np.uint32], mask: NDArray[np.uint8], touched: NDArray[np.uint8]) -> NDArray[np.uint32]:
    """Return the runs to undo ``runs``, uint32 ``(M, 3)``; call this before painting them.

    Adjacent pixels of one value form one run.

    Parameters
    ----------
    runs
        ``(N, 3)``, sorted by start, without overlap.
    mask, touched
        The two rasters of the slice before painting.
    """
    if len(runs) == 0:
        return np.zeros((0, 3), np.uint32)
    start, length = runs[:, 0].astype(np.int64), runs[:, 1].astype(np.int64)
    first = np.cumsum(length) - length
    at = np.arange(length.sum()) + np.repeat(start - first, length)
    values = mask.reshape(-1)[at] | touched.reshape(-1)[at].astype(np.uint32) << np.uint32(_TOUCHED_BIT)
    begins = np.concatenate(([0], np.flatnonzero((np.diff(at) != 1) | (np.diff(values.astype(np.int64)) != 0)) + 1))
    return np.stack((at[begins], np.diff(begins, append=at.size), values[begins]), axis=1).astype(np.uint32)


def apply_runs(runs: NDArray[np.uint32], mask: NDArray[np.uint8], touched: NDArray[np.uint8]) -> None:
    """Paint runs ``(N, 3)`` into the two rasters of a slice, in place."""
    flat_mask, flat_touched = mask.reshape(-1), touched.reshape(-1)
    for start, length, value in runs.tolist():
        flat_mask[start : start + length] = value & 0xFF
        flat_touched[start : start + length] = value >> _TOUCHED_BIT
