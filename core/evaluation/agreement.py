"""Score a model against ground truth, slice by slice, with the same weight for every pixel.

The caller chooses the slices to score (none with a label of any role). One slice at a time is in memory.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.config import UNLABELLED
from core.errors import LabelError
from core.evaluation.boundary_metrics import Boundaries, BoundaryScore
from core.evaluation.metrics import confusion, dice, iou, mean_dice, precision, recall


@dataclass(frozen=True)
class Agreement:
    """Agreement of prediction and truth over all scored slices together.

    Attributes
    ----------
    counts
        Pixels, int64 ``(K, K)``, rows the truth, columns the prediction.
    slices
        The slices scored, in the order given.
    boundaries
        Per class; None unless requested.
    """

    counts: NDArray[np.int64]
    slices: tuple[int, ...]
    boundaries: tuple[BoundaryScore, ...] | None = None

    @property
    def dice(self) -> tuple[float | None, ...]:
        """Dice per class; None where a class is in neither truth nor prediction."""
        return dice(self.counts)

    @property
    def mean_dice(self) -> float | None:
        """Mean Dice over the measured classes other than the first."""
        return mean_dice(self.dice)

    @property
    def pixels(self) -> int:
        """Pixels scored."""
        return int(self.counts.sum())


@dataclass(frozen=True)
class ClassScore:
    """Agreement of one class with the truth; None where not measured.

    Attributes
    ----------
    dice, iou, precision, recall
        0 to 1, see :mod:`core.evaluation.metrics`.
    truth_pixels, predicted_pixels
        Scored pixels of the class in the truth, and in the prediction.
    boundary_f, hd95_px
        0 to 1, and pixels: infinite where the class is missed on too many slices. See
        :class:`core.evaluation.boundary_metrics.BoundaryScore`.
    hd95_nm
        ``hd95_px`` in nanometres, for square pixels of known size.
    """

    dice: float | None
    iou: float | None
    precision: float | None
    recall: float | None
    truth_pixels: int
    predicted_pixels: int
    boundary_f: float | None = None
    hd95_px: float | None = None
    hd95_nm: float | None = None


def class_scores(
    counts: NDArray[np.int64],
    boundaries: Sequence[BoundaryScore] | None = None,
    voxel_nm: Sequence[float] | None = None,
) -> tuple[ClassScore, ...]:
    """Compute every score of every class.

    Parameters
    ----------
    counts
        Pixels, int64 ``(K, K)``, rows the truth, columns the prediction.
    boundaries
        Per class, if measured.
    voxel_nm
        Voxel size ``(z, y, x)`` in nanometres, if known.
    """
    square = voxel_nm is not None and voxel_nm[1] == voxel_nm[2]
    pixel_nm = voxel_nm[2] if voxel_nm is not None and square else None
    measured = zip(dice(counts), iou(counts), precision(counts), recall(counts), strict=True)
    made = []
    for number, of_class in enumerate(measured):
        pixels = int(counts[number].sum()), int(counts[:, number].sum())
        edge = BoundaryScore(None, None, 0) if boundaries is None else boundaries[number]
        nm = None if edge.hd95 is None or pixel_nm is None else edge.hd95 * pixel_nm
        made.append(ClassScore(*of_class, *pixels, edge.f_score, edge.hd95, nm))
    return tuple(made)


def evaluate(
    mask: Callable[[int], NDArray[np.uint8]],
    truth: Callable[[int], NDArray[np.uint8]],
    slices: Iterable[int],
    *,
    classes: int,
    inside: NDArray[np.bool_] | None = None,
    tolerance: float | None = None,
    report: Callable[[int], object] | None = None,
) -> Agreement:
    """Measure the agreement of a model with the truth on some slices.

    Parameters
    ----------
    mask
        z -> predicted class ids, uint8 ``(H, W)``.
    truth
        z -> true class ids, uint8 ``(H, W)``; 255 is not scored.
    slices
        The z to score.
    classes
        Number of classes ``K``.
    inside
        The working region, bool ``(H, W)``; pixels outside are not scored. None is the whole slice.
    tolerance
        Largest distance in pixels between two boundaries in agreement; None to leave boundaries out.
    report
        Called after each slice with the number of slices done.

    Raises
    ------
    LabelError
        If a slice of the truth differs in shape from its mask or holds an unknown class.
    """
    counts = np.zeros((classes, classes), dtype=np.int64)
    edges = None if tolerance is None else Boundaries(classes, tolerance)
    done: list[int] = []
    for z in slices:
        found, wanted = mask(z), truth(z)
        _check_truth(wanted, found.shape, classes, z)
        scored = wanted if inside is None else np.where(inside, wanted, np.uint8(UNLABELLED))
        counts += confusion(found, scored, classes)
        if edges is not None:
            edges.add(found, scored)
        done.append(z)
        if report is not None:
            report(len(done))
    return Agreement(counts, tuple(done), None if edges is None else edges.scores())


def _check_truth(truth: NDArray[np.uint8], shape: tuple[int, ...], classes: int, z: int) -> None:
    if truth.shape != shape:
        raise LabelError(
            f"Slice {z} of the truth is {_size(truth.shape)} pixels, but the volume's slices are {_size(shape)}; "
            "give labels of the same volume, uncropped and unscaled."
        )
    highest = int(np.where(truth == UNLABELLED, 0, truth).max(initial=0))
    if highest >= classes:
        raise LabelError(
            f"Slice {z} of the truth holds class {highest}, but the project's classes are 0 to {classes - 1} "
            "(255 is unlabelled); give labels with these classes."
        )


def _size(shape: tuple[int, ...]) -> str:
    return " x ".join(str(side) for side in shape)
