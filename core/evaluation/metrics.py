"""Score a mask against the truth: count pixels first, then compute scores from the counts.

Counts of many slices are added before scoring, so every scored pixel weighs the same. A class absent from both truth and
prediction is *not measured* (``None``), never 1 or 0.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from core.config import UNLABELLED

_CHUNK = 1 << 20  # pixels counted at a time: counting needs 16 bytes per pixel


def confusion(prediction: NDArray[np.uint8], truth: NDArray[np.uint8], classes: int) -> NDArray[np.int64]:
    """Count the pixels of every pair of true and predicted class.

    Parameters
    ----------
    prediction
        Class ids, ``(H, W)``, uint8, ``0 .. classes - 1`` wherever the truth is labelled.
    truth
        Class ids, ``(H, W)``, uint8; 255 is not labelled and not counted.
    classes
        Number of classes ``K``.

    Returns
    -------
    NDArray[np.int64]
        ``(K, K)``, rows the truth, columns the prediction. Add the results of several slices to pool them.

    Raises
    ------
    ValueError
        If the shapes differ or a counted pixel has a class outside ``0 .. classes - 1``.
    """
    if prediction.shape != truth.shape:
        raise ValueError(f"prediction and truth need one shape, got {prediction.shape} and {truth.shape}")
    counts = np.zeros((classes, classes), dtype=np.int64)
    for start in range(0, truth.size, _CHUNK):
        part = slice(start, start + _CHUNK)
        counts += _count(prediction.reshape(-1)[part], truth.reshape(-1)[part], classes)
    return counts


def _count(prediction: NDArray[np.uint8], truth: NDArray[np.uint8], classes: int) -> NDArray[np.int64]:
    counted = truth != UNLABELLED
    rows, columns = truth[counted].astype(np.int64), prediction[counted].astype(np.int64)
    highest = max(rows.max(initial=0), columns.max(initial=0))
    if highest >= classes:
        raise ValueError(f"classes are 0 to {classes - 1}, got {highest}")
    return np.bincount(rows * classes + columns, minlength=classes**2).reshape(classes, classes).astype(np.int64)


def dice(counts: NDArray[np.int64]) -> tuple[float | None, ...]:
    """Compute the Dice of every class, ``2 TP / (2 TP + FP + FN)``, from a ``(K, K)`` confusion.

    Returns
    -------
    tuple of float or None
        0 to 1 per class; ``None`` where the class is absent from both truth and prediction.
    """
    hits = np.diag(counts)
    sizes = counts.sum(axis=0) + counts.sum(axis=1)  # prediction + truth = 2 TP + FP + FN
    return tuple(float(2 * hit / size) if size else None for hit, size in zip(hits, sizes, strict=True))


def iou(counts: NDArray[np.int64]) -> tuple[float | None, ...]:
    """Compute the intersection over union of every class, ``TP / (TP + FP + FN)``; arguments and results as in :func:`dice`."""
    hits = np.diag(counts)
    return _shares(hits, counts.sum(axis=0) + counts.sum(axis=1) - hits)


def precision(counts: NDArray[np.int64]) -> tuple[float | None, ...]:
    """Compute the precision of every class, ``TP / (TP + FP)``; None for a class without predicted pixels."""
    return _shares(np.diag(counts), counts.sum(axis=0))


def recall(counts: NDArray[np.int64]) -> tuple[float | None, ...]:
    """Compute the recall of every class, ``TP / (TP + FN)``; None for a class without true pixels."""
    return _shares(np.diag(counts), counts.sum(axis=1))


def _shares(hits: NDArray[np.int64], of: NDArray[np.int64]) -> tuple[float | None, ...]:
    return tuple(float(hit / size) if size else None for hit, size in zip(hits, of, strict=True))


def mean_dice(scores: Sequence[float | None]) -> float | None:
    """Average over the measured classes except the first (the background); ``None`` if none is measured."""
    measured = [score for score in scores[1:] if score is not None]
    return sum(measured) / len(measured) if measured else None
