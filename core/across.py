"""How many slices to average with a slice: measured on the labels, never assumed.

Where slices lie as close as pixels do, as in FIB-SEM and tomography, objects go on from slice to slice and many of a
model's errors do not, so that the mean over some slices is better than each (Casser et al. 2018, "Fast mitochondria
segmentation for connectomics", filter masks across slices). Sections that lie far apart have little in common, and stay as
they are.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from core import normalisation
from core.config import UNLABELLED
from core.geometry import Box
from core.metrics import confusion, dice, mean_dice

if TYPE_CHECKING:  # PyTorch takes seconds to import
    from core.predict import Predictor

TRIED = (1, 2, 3, 4, 6)
"""Slices on each side that are tried; see ``docs/experiments.md``, 2026-11-26."""

MAY_FADE = 0.005
"""Dice that a class may lose on painted pixels from one slice on each side to more: what ends within a few slices fades."""

MAY_LOSE = 0.01
"""Dice that a class may lose on held-back pixels; less is not told from chance, as these are few."""

MOST_BOXES = 8
"""Looked at of painted pixels, and as many of held-back ones, each of 512 x 512 at most: some 85 megapixels to predict."""

Seen = Callable[[int], NDArray]
"""Gives what the model takes for a slice, raw ``(C, H, W)``."""


@dataclass(frozen=True)
class Across:
    """How many slices are averaged, and why.

    Attributes
    ----------
    slices
        On each side of a slice; 0 for none.
    dice, alone
        Mean Dice on held-back pixels with these and without; None where it was not measured.
    pixels
        Held-back pixels that it was measured on.
    """

    slices: int
    dice: float | None = None
    alone: float | None = None
    pixels: int = 0

    @property
    def sentence(self) -> str:
        """What was done, for the user; "" where slices are as they were predicted."""
        if not self.slices:
            return ""
        sides = "one slice" if self.slices == 1 else f"{self.slices} slices"
        said = f"Each slice is the mean over itself and {sides} on each side"
        if self.dice is None or self.alone is None:
            return f"{said}."
        return f"{said} (mean Dice on {self.pixels:,} held-back pixels: {self.dice:.3f} with them, {self.alone:.3f} without)."


def best(
    predictor: Predictor,
    seen: Seen,
    depth: int,
    held: Mapping[int, NDArray[np.uint8]],
    painted: Mapping[int, NDArray[np.uint8]],
    classes: int,
    go_on: Callable[[], object] = lambda: None,
) -> Across:
    """The most slices of :data:`TRIED` over which objects go on, and with which held-back pixels are no worse; else none.

    How far objects go on is told by painted pixels: the mean over the slices beside a slice, without itself, must agree with
    the label of the slice as well as where it is over one on each side. What is gained is more than held-back pixels show:
    they lie on painted slices, which the model knows better than the rest. So these may only say no.

    Parameters
    ----------
    predictor
        The model.
    seen
        What it is given of a slice.
    depth
        Slices of the volume.
    held, painted
        Class ids of held-back pixels, and of those trained on, by slice: uint8 ``(H, W)``, 255 elsewhere.
    classes
        Classes of the labels, where there are more than the model knows.
    go_on
        Called again and again meanwhile; may raise to stop.
    """
    if depth == 1:
        return Across(0)
    measured, followed = (_places(labels, predictor.config.tile) for labels in (held, painted))
    _look(predictor, seen, depth, measured, 0)
    scores = {0: _dice(measured, classes)}
    for place in measured:  # from here on each slice is seen in its own view, as it will be
        place.forget()
    _look(predictor, seen, depth, measured, 0, in_turn=True)
    one_beside: tuple[float | None, ...] = ()
    for before, across in pairwise((0, *TRIED)):
        for distance in sorted({sign * far for far in range(before + 1, across + 1) for sign in (1, -1)}):
            go_on()
            _look(predictor, seen, depth, [*measured, *followed], distance, in_turn=True)
        found, beside = _dice(measured, classes), _dice(followed, classes)
        one_beside = one_beside or beside
        if _loses(found, scores[0], MAY_LOSE) or _loses(beside, one_beside, MAY_FADE):
            break  # what lies further away is less alike still
        scores[across] = found
    most = max(scores)
    with_them, alone = mean_dice(scores[most]), mean_dice(scores[0])
    if with_them is None or alone is None:
        return Across(0)
    return Across(most, with_them, alone, sum(place.pixels for place in measured))


def _dice(places: Sequence[_Place], classes: int) -> tuple[float | None, ...]:
    return dice(sum((place.counts(classes) for place in places), np.zeros((classes, classes), np.int64)))


def _loses(scores: Sequence[float | None], before: Sequence[float | None], allowed: float) -> bool:
    """Whether a class is worse than before by more than is allowed; one that is gone had no pixel of the truth."""
    pairs = zip(scores, before, strict=True)
    return any(old is not None and new is not None and new < old - allowed for new, old in pairs)


class _Place:
    """A box of labelled pixels, and the sum of the probabilities found there in some slices."""

    def __init__(self, z: int, box: Box, label: NDArray[np.uint8]) -> None:
        self.z, self.box, self._label = z, box, label
        self.pixels = int((label != UNLABELLED).sum())
        self.forget()

    def forget(self) -> None:
        """Begin the sum anew."""
        self.total = np.zeros((1, 1, 1), np.float32)

    def counts(self, classes: int) -> NDArray[np.int64]:
        """Pixels by true class (rows) and likeliest class."""
        return confusion(self.total.argmax(axis=0).astype(np.uint8), self._label, classes)


def _places(labels: Mapping[int, NDArray[np.uint8]], tile: int) -> list[_Place]:
    """Some boxes of labelled pixels, drawn from all of them, always the same."""
    from core.predict import SCORED_TILE, labelled_boxes

    found = [(z, box) for z, label in labels.items() for box in labelled_boxes(label, min(tile, SCORED_TILE))]
    chosen = np.random.default_rng(0).permutation(len(found))[:MOST_BOXES]
    return [_Place(z, box, labels[z][box.slices].copy()) for z, box in (found[number] for number in chosen)]


def _look(
    predictor: Predictor, seen: Seen, depth: int, places: Sequence[_Place], distance: int, *, in_turn: bool = False
) -> None:
    """Add to every place what is found so many slices away."""
    for z in sorted({place.z for place in places if 0 <= place.z + distance < depth}):
        here = [place for place in places if place.z == z]
        image = seen(z + distance)
        model = predictor.in_turn(z + distance) if in_turn else predictor
        boxes = model.boxes(image, [place.box for place in here], normalisation.measure(image))  # in the order given
        for place, (_, found) in zip(here, boxes, strict=True):
            place.total = place.total + found
