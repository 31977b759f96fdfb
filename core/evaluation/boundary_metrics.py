"""Boundary F-score and 95 % Hausdorff distance of a mask against the truth.

torchmetrics handles no unlabelled pixels, has no 95 % Hausdorff distance and no boundary F-score. Distances are SciPy's.

Unlabelled pixels are never guessed. A boundary lies between two labelled pixels, one of the class and one of another. The
edge of the labelled area and the border of the slice are no boundaries. A boundary pixel counts for the F-score only
without an unlabelled pixel within the tolerance. It counts for the Hausdorff distance only if the other boundary is no
farther away than the nearest unlabelled pixel: otherwise the other boundary might lie closer, among unlabelled pixels.

References
----------
Boundary F-score: Csurka et al. 2013, BMVC, 10.5244/C.27.32. The 95 % instead of the largest distance: Menze et al. 2015,
10.1109/TMI.2014.2377694.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt

from core.config import TOLERANCE, UNLABELLED
from core.geometry import bounds

_SHARE = 0.95


@dataclass(frozen=True)
class BoundaryScore:
    """Agreement of the boundaries of one class; both scores are None where nothing can be measured.

    Attributes
    ----------
    f_score
        0 to 1: harmonic mean of boundary precision and recall. Precision is the share of predicted boundary pixels within
        the tolerance of a true one; recall is the reverse.
    hd95
        95th percentile of the distances to the other boundary, in pixels: the larger of both directions. Infinite where
        more than 5 % of the pixels have no other boundary on their slice.
    pixels
        True and predicted boundary pixels counted for the F-score.
    """

    f_score: float | None
    hd95: float | None
    pixels: int


class Boundaries:
    """Boundary distances of many slices, gathered per class with the same weight for every boundary pixel.

    Parameters
    ----------
    classes
        Number of classes ``K``.
    tolerance
        Largest distance in pixels between two boundaries in agreement, 0 or more.
    """

    def __init__(self, classes: int, tolerance: float = TOLERANCE) -> None:
        self.tolerance = tolerance
        self._classes = [_Class(tolerance) for _ in range(classes)]

    def add(self, prediction: NDArray[np.uint8], truth: NDArray[np.uint8]) -> None:
        """Add one slice.

        Parameters
        ----------
        prediction, truth
            Class ids, uint8 ``(H, W)``; the truth is 255 where unlabelled.

        Raises
        ------
        ValueError
            If the shapes differ.
        """
        if prediction.shape != truth.shape:
            raise ValueError(f"prediction and truth need one shape, got {prediction.shape} and {truth.shape}")
        known = truth != UNLABELLED
        to_unknown = np.full(truth.shape, np.inf) if known.all() else distance_transform_edt(known)
        for number, gathered in enumerate(self._classes):
            true, predicted = (boundary(mask == number, known) for mask in (truth, prediction))
            gathered.add(true, predicted, to_unknown)

    def scores(self) -> tuple[BoundaryScore, ...]:
        """Return the scores of all slices so far, per class."""
        return tuple(gathered.score() for gathered in self._classes)


def boundary(mask: NDArray[np.bool_], known: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the boundary of a mask: its known pixels next to a known pixel outside it.

    All arrays are bool ``(H, W)``; pixels have four neighbours: above, below, left and right.
    """
    inside, outside = mask & known, ~mask & known
    found = np.zeros_like(mask)
    found[1:] |= outside[:-1]
    found[:-1] |= outside[1:]
    found[:, 1:] |= outside[:, :-1]
    found[:, :-1] |= outside[:, 1:]
    return found & inside


class _Class:
    """Boundary distances of one class: from true to predicted, and from predicted to true."""

    def __init__(self, tolerance: float) -> None:
        self._from_true, self._from_predicted = _Distances(tolerance), _Distances(tolerance)

    def add(self, true: NDArray[np.bool_], predicted: NDArray[np.bool_], to_unknown: NDArray[np.float64]) -> None:
        box = bounds(true | predicted)
        if box is not None:
            self._from_true.add(true[box.slices], predicted[box.slices], to_unknown[box.slices])
            self._from_predicted.add(predicted[box.slices], true[box.slices], to_unknown[box.slices])

    def score(self) -> BoundaryScore:
        true, predicted = self._from_true, self._from_predicted
        recall, precision = true.share_near, predicted.share_near
        f_score = None
        if not true.any or not predicted.any:  # without a boundary in one, none of the other's pixels is near it
            f_score = 0.0 if true.any or predicted.any else None
        elif recall is not None and precision is not None:
            f_score = 2 * recall * precision / (recall + precision) if recall + precision else 0.0
        percentiles = [distance for distance in (true.percentile(), predicted.percentile()) if distance is not None]
        return BoundaryScore(f_score, max(percentiles) if percentiles else None, true.counted + predicted.counted)


class _Distances:
    """Distances from the pixels of one boundary to the other, over many slices."""

    def __init__(self, tolerance: float) -> None:
        self._tolerance = tolerance
        self._squared: Counter[float] = Counter()  # few different values, so many slices take little memory
        self._near = self.counted = 0
        self.any = False

    def add(self, of: NDArray[np.bool_], to: NDArray[np.bool_], to_unknown: NDArray[np.float64]) -> None:
        """Add the distances from one boundary to another on one slice; all arrays are ``(H, W)``."""
        if not of.any():
            return
        self.any = True
        distances = distance_transform_edt(~to)[of] if to.any() else np.full(int(of.sum()), np.inf)
        unknown = to_unknown[of]
        counted = unknown > self._tolerance
        self.counted += int(counted.sum())
        self._near += int((distances[counted] <= self._tolerance).sum())
        found, times = np.unique(np.round(distances[distances <= unknown] ** 2), return_counts=True)
        self._squared.update(dict(zip(found.tolist(), times.tolist(), strict=True)))

    @property
    def share_near(self) -> float | None:
        """Share within the tolerance; None if no pixel was counted."""
        return self._near / self.counted if self.counted else None

    def percentile(self) -> float | None:
        """Return the 95th percentile, interpolated as ``numpy.percentile`` does; None without distances."""
        total = sum(self._squared.values())
        if not total:
            return None
        ordered = sorted(self._squared)
        ends = np.cumsum([self._squared[value] for value in ordered])
        rank = _SHARE * (total - 1)
        low, high = (
            float(np.sqrt(ordered[int(np.searchsorted(ends, at, side="right"))])) for at in (int(rank), -int(-rank // 1))
        )
        return low if low == high else low + (rank - int(rank)) * (high - low)
