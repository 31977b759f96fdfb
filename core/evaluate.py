"""Score a model against the truth, slice by slice, every pixel weighing the same.

Which slices may be scored (none with a label of any role) is for the caller to say; here only counting is done, and one
slice at a time is in memory.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from core.config import UNLABELLED
from core.errors import LabelError
from core.metrics import confusion, dice, mean_dice


class LabelsSlices(Protocol):
    """What can be scored: anything that turns a slice into class ids, ``core.predict.Predictor`` for one."""

    def labels(self, image: NDArray) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """A ``(C, H, W)`` slice as stored -> mask and confidence, both ``(H, W)`` uint8."""


@dataclass(frozen=True)
class Agreement:
    """How prediction and truth agree over all scored slices together.

    Attributes
    ----------
    counts
        Pixels, int64 ``(K, K)``, rows the truth, columns the prediction.
    slices
        The slices scored, in the order given.
    """

    counts: NDArray[np.int64]
    slices: tuple[int, ...]

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


def evaluate(
    predictor: LabelsSlices,
    image: Callable[[int], NDArray],
    truth: Callable[[int], NDArray[np.uint8]],
    slices: Iterable[int],
    *,
    classes: int,
    inside: NDArray[np.bool_] | None = None,
    report: Callable[[int], object] | None = None,
) -> Agreement:
    """Predict each slice and count how it agrees with the truth.

    Parameters
    ----------
    predictor
        The model.
    image
        z -> slice as stored, ``(C, H, W)``, with the neighbours that the model takes.
    truth
        z -> class ids, uint8 ``(H, W)``; 255 is not scored.
    slices
        The z to score.
    classes
        Number of classes ``K``.
    inside
        The working region, bool ``(H, W)``; pixels outside are not scored. None is the whole slice.
    report
        Called after each slice with how many are done.

    Raises
    ------
    LabelError
        If a slice of the truth has another shape than its image or a class the project does not have.
    """
    counts = np.zeros((classes, classes), dtype=np.int64)
    done: list[int] = []
    for z in slices:
        picture, wanted = image(z), truth(z)
        _check_truth(wanted, picture.shape[-2:], classes, z)
        scored = wanted if inside is None else np.where(inside, wanted, np.uint8(UNLABELLED))
        counts += confusion(predictor.labels(picture)[0], scored, classes)
        done.append(z)
        if report is not None:
            report(len(done))
    return Agreement(counts, tuple(done))


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
