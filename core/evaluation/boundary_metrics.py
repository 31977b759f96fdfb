"""How well the boundaries of a mask agree with the true ones: boundary F-score and 95 % Hausdorff distance.

torchmetrics knows neither an unlabelled pixel nor the 95 % here, and no boundary F-score; distances are SciPy's.

What is unlabelled is not guessed at. A boundary lies between two labelled pixels of which one is of the class; the edge of
the labelled area and the border of the slice are none. A boundary pixel counts for the F-score only where no unlabelled
pixel is within the tolerance, and for the Hausdorff distance only where none is nearer than the other boundary: otherwise
the other boundary might lie, unseen, in between.

References
----------
Boundary F-score: Csurka et al. 2013, BMVC, 10.5244/C.27.32. The 95 % in place of the largest distance: Menze et al. 2015,
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
    """How the boundaries of one class agree.

    Attributes
    ----------
    f_score
        0 to 1: the harmonic mean of the share of predicted boundary pixels that have a true one within the tolerance, and of
        the reverse.
    hd95
        Pixels, below which 95 % of the distances to the other boundary lie, the larger of both directions; infinite where
        so many have no other boundary on their slice.
    pixels
        True and predicted boundary pixels that the F-score was measured on.

    Both are None where there is nothing to measure.
    """

    f_score: float | None
    hd95: float | None
    pixels: int


class Boundaries:
    """Gathers the boundaries of many slices, each class by itself; all boundary pixels weigh the same.

    Parameters
    ----------
    classes
        Number of classes ``K``.
    tolerance
        Pixels that two boundaries may lie apart and still agree, 0 or more.
    """

    def __init__(self, classes: int, tolerance: float = TOLERANCE) -> None:
        self.tolerance = tolerance
        self._classes = [_Class(tolerance) for _ in range(classes)]

    def add(self, prediction: NDArray[np.uint8], truth: NDArray[np.uint8]) -> None:
        """Look at one slice: class ids, both uint8 ``(H, W)``, the truth 255 where it is not labelled.

        Raises
        ------
        ValueError
            If the shapes differ.
        """
        if prediction.shape != truth.shape:
            raise ValueError(f"prediction and truth need one shape, got {prediction.shape} and {truth.shape}")
        known = truth != UNLABELLED
        unseen = np.full(truth.shape, np.inf) if known.all() else distance_transform_edt(known)
        for number, gathered in enumerate(self._classes):
            true, predicted = (boundary(mask == number, known) for mask in (truth, prediction))
            gathered.add(true, predicted, unseen)

    def scores(self) -> tuple[BoundaryScore, ...]:
        """What was found so far, per class."""
        return tuple(gathered.score() for gathered in self._classes)


def boundary(mask: NDArray[np.bool_], known: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Known pixels inside a mask with a known pixel outside it above, below, left or right; all bool ``(H, W)``."""
    inside, outside = mask & known, ~mask & known
    found = np.zeros_like(mask)
    found[1:] |= outside[:-1]
    found[:-1] |= outside[1:]
    found[:, 1:] |= outside[:, :-1]
    found[:, :-1] |= outside[:, 1:]
    return found & inside


class _Class:
    """The boundaries of one class: true to predicted, and predicted to true."""

    def __init__(self, tolerance: float) -> None:
        self._there, self._back = _Distances(tolerance), _Distances(tolerance)

    def add(self, true: NDArray[np.bool_], predicted: NDArray[np.bool_], unseen: NDArray[np.float64]) -> None:
        box = bounds(true | predicted)
        if box is not None:
            self._there.add(true[box.slices], predicted[box.slices], unseen[box.slices])
            self._back.add(predicted[box.slices], true[box.slices], unseen[box.slices])

    def score(self) -> BoundaryScore:
        recall, precision = self._there.share_near, self._back.share_near
        f_score = None
        if not self._there.any or not self._back.any:  # one has no boundary at all, so none of the other's is near
            f_score = 0.0 if self._there.any or self._back.any else None
        elif recall is not None and precision is not None:
            f_score = 2 * recall * precision / (recall + precision) if recall + precision else 0.0
        ends = [end for end in (self._there.end_of_share(), self._back.end_of_share()) if end is not None]
        return BoundaryScore(f_score, max(ends) if ends else None, self._there.counted + self._back.counted)


class _Distances:
    """How far the pixels of one boundary are from the other, over many slices."""

    def __init__(self, tolerance: float) -> None:
        self._tolerance = tolerance
        self._squared: Counter[float] = Counter()  # whole numbers and infinity, so that many slices take little memory
        self._near = self.counted = 0
        self.any = False

    def add(self, of: NDArray[np.bool_], to: NDArray[np.bool_], unseen: NDArray[np.float64]) -> None:
        """Distances from boundary pixels to the nearest of another boundary; all ``(H, W)`` of one slice."""
        if not of.any():
            return
        self.any = True
        distances = distance_transform_edt(~to)[of] if to.any() else np.full(int(of.sum()), np.inf)
        hidden = unseen[of]
        counted = hidden > self._tolerance
        self.counted += int(counted.sum())
        self._near += int((distances[counted] <= self._tolerance).sum())
        found, times = np.unique(np.round(distances[distances <= hidden] ** 2), return_counts=True)
        self._squared.update(dict(zip(found.tolist(), times.tolist(), strict=True)))

    @property
    def share_near(self) -> float | None:
        """Share within the tolerance, None where nothing was counted."""
        return self._near / self.counted if self.counted else None

    def end_of_share(self) -> float | None:
        """The distance below which 95 % lie, between two of them as ``numpy.percentile`` has it; None where there is none."""
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
