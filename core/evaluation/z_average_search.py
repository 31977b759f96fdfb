"""How many slices to average with a slice, measured on the labels.

Where slices lie as close as pixels do, as in FIB-SEM and tomography, objects go on from slice to slice and many of a
model's errors do not, so that the mean over some slices is better than each (Casser et al. 2018, "Fast mitochondria
segmentation for connectomics", filter masks across slices). Sections that lie far apart have little in common, and stay as
they are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from core.config import UNLABELLED, PredictConfig
from core.errors import Cancelled
from core.evaluation.metrics import confusion, dice, mean_dice
from core.geometry import Box
from core.models import normalisation
from core.models.loaded import LoadedModels
from core.progress import Report
from core.storage.catalog import weight_of
from core.storage.labels import Revision, Role
from core.storage.store import Store

if TYPE_CHECKING:  # PyTorch takes seconds to import
    from core.models.predictor import Predictor
    from core.models.z_average import SliceInput

TRIED = (1, 2, 3, 4, 6)
"""Slices on each side that are tried; see ``benchmarks/log/2026-11-26-late.md``."""

MAY_LOSE = 0.004
"""Dice that a class may lose on painted pixels; see ``benchmarks/log/2026-11-27.md``."""

MAY_CHANGE = 8
"""Pixels of a class that may become wrong, whatever its Dice: of a few hundred, one would decide."""

MOST_BOXES = 8
"""Looked at of painted pixels, and as many of held-back ones, each of 512 x 512 at most: some 120 megapixels to predict."""

FEW_BOXES = 2
"""Of these, looked at before the others."""

HOPELESS = 0.01
"""Dice that a few boxes may take from a class of all of them before the others are not looked at."""

MOST_PIXELS = 6.0
"""Pixels of a slice that the slices averaged may lie away, where the size of a voxel is known; the next slice always may."""

MOST_SLICES = 8
"""No more slices with painted pixels than this are asked whether to average across slices, nor with held-back ones."""


@dataclass(frozen=True)
class ZAverageChoice:
    """How many slices are averaged, and why.

    Attributes
    ----------
    slices
        On each side of a slice; 0 for none.
    dice, alone
        Mean Dice on held-back pixels with these and without; None where nothing is held back, or it was not measured.
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
        said = f"Each slice is the mean over itself and {sides} on each side, fewer near the ends"
        if self.dice is None or self.alone is None:
            return f"{said}."
        measured = f"On {self.pixels:,} held-back pixels the mean Dice is {self.dice:.3f} with them and {self.alone:.3f} without"
        return (
            f"{said}. {measured}. They lie on slices that it was trained on, where averaging gains little or costs some; what it "
            "is for are slices without a label."
        )


def choose_z_average(models: LoadedModels, round_: int, volume: int, config: PredictConfig, report: Report) -> ZAverageChoice:
    """How many slices of a volume to average for a round: as many as asked for, else as its labels say.

    Raises
    ------
    Cancelled
        If ``report`` asked to stop.
    """
    if config.across is not None:
        return ZAverageChoice(config.across)

    def go_on() -> None:
        if report(0.0, "finding out how many slices to average"):
            raise Cancelled("It was cancelled; nothing was written.")

    go_on()
    store = models.store
    row, classes = store.catalog.row(volume), len(store.catalog.classes)
    held = _some(store, [head for head in store.labels.heads() if head.validation_pixels], volume, Role.VALIDATION, go_on)
    predictor = models.predictor(round_)
    trained = weight_of(volume, predictor.card.extra.get("volume_weights", ()))
    revisions = store.labels.revisions(store.rounds.trained_on(round_) if trained else ())
    painted = _some(store, revisions, volume, Role.TRAIN, go_on)
    return best(predictor, models.inputs(round_, volume), row.depth, held, painted, classes, row.voxel_nm, go_on)


def _some(
    store: Store, revisions: Iterable[Revision], volume: int, role: Role, go_on: Callable[[], None]
) -> dict[int, NDArray[np.uint8]]:
    """Class ids of a role's pixels by slice, 255 elsewhere: of some slices of a volume, drawn from all, always the same."""
    there = [revision for revision in revisions if revision.volume == volume]
    found: dict[int, NDArray[np.uint8]] = {}
    for number in np.random.default_rng(0).permutation(len(there)):
        go_on()
        label = store.frozen(there[number], role).label()
        if (label != UNLABELLED).any():
            found[there[number].z] = label
        if len(found) == MOST_SLICES:
            break
    return found


def best(
    predictor: Predictor,
    seen: SliceInput,
    depth: int,
    held: Mapping[int, NDArray[np.uint8]],
    painted: Mapping[int, NDArray[np.uint8]],
    classes: int,
    voxel_nm: tuple[float, float, float] | None = None,
    go_on: Callable[[], object] = lambda: None,
) -> ZAverageChoice:
    """Try :data:`TRIED` in turn, until a class loses on painted pixels or has none that tell; the last before that.

    A model knows the slices that it was trained on, so that there averaging can gain little, and what it loses is what it costs:
    objects that end, or move, from slice to slice. What it gains is on slices without labels, and cannot be measured. Pixels held
    back only tell what came of it: they are few, and one object more or less would decide.

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
    voxel_nm
        Size of a voxel ``(z, y, x)``, if known. Where slices lie far apart, a few strokes do not show how much objects move.
    go_on
        Called again and again meanwhile; may raise to stop.
    """
    asked = _places(painted, predictor.config.tile, depth)
    few, others = asked[:FEW_BOXES], asked[FEW_BOXES:]
    _begin(predictor, seen, few, classes, go_on)
    if _hopeless(few, asked, classes):
        return ZAverageChoice(0)
    _begin(predictor, seen, others, classes, go_on)
    known, most = _painted(_added(place.alone for place in asked)), 0
    for before, across in pairwise((0, *TRIED)):
        reached = [place for place in asked if place.reach >= across]
        by_itself = _added(place.alone for place in reached)
        if not known or _painted(by_itself) != known:
            break  # no pixel tells whether a class goes on so far
        if voxel_nm and across > max(1.0, 1.01 * MOST_PIXELS * voxel_nm[1] / voxel_nm[0]):
            break
        # The next slices were looked at to begin with.
        for distance in (sign * far for far in range(max(before, 1) + 1, across + 1) for sign in (1, -1)):
            go_on()
            _look(predictor, seen, asked, distance, in_turn=True)
        if not _kept(by_itself, _added(place.counts(classes) for place in reached)):
            break  # what lies further away is less alike still
        most = across
    return (
        _told(predictor, seen, _places(held, predictor.config.tile, depth), most, classes, go_on) if most else ZAverageChoice(0)
    )


def _begin(
    predictor: Predictor, seen: SliceInput, places: Sequence[_LabelledBox], classes: int, go_on: Callable[[], object]
) -> None:
    """Look at places by themselves, and then with the next slice on each side, as all will be that are averaged."""
    _look(predictor, seen, places, 0)
    for place in places:  # from here on each slice is seen in its own view
        place.alone, place.total = place.counts(classes), 0
    for distance in (0, 1, -1):
        go_on()
        _look(predictor, seen, places, distance, in_turn=True)


def _told(
    predictor: Predictor, seen: SliceInput, places: Sequence[_LabelledBox], slices: int, classes: int, go_on: Callable[[], object]
) -> ZAverageChoice:
    """What came of it on held-back pixels, against slices as they would be segmented that are not averaged."""
    _look(predictor.alone(), seen, places, 0)
    alone = mean_dice(dice(_added(place.counts(classes) for place in places)))
    for place in places:
        place.total = 0
    for distance in range(-slices, slices + 1):
        go_on()
        _look(predictor, seen, places, distance, in_turn=True)
    with_them = mean_dice(dice(_added(place.counts(classes) for place in places)))
    return ZAverageChoice(slices, with_them, alone, sum(place.pixels for place in places))


def _added(tables: Iterable[NDArray[np.int64]]) -> NDArray[np.int64]:
    return sum(tables, np.zeros((1, 1), np.int64))


def _kept(before: NDArray[np.int64], after: NDArray[np.int64]) -> bool:
    """Whether no class lost more than it may, by two confusions of the same pixels."""
    more_wrong = _wrong(after) - _wrong(before)
    pairs = zip(dice(before), dice(after), more_wrong, strict=True)  # a class that is gone had no pixel of the truth
    return all(old is None or new is None or new >= old - MAY_LOSE or more <= MAY_CHANGE for old, new, more in pairs)


def _hopeless(few: Sequence[_LabelledBox], asked: Sequence[_LabelledBox], classes: int) -> bool:
    """Whether the next slices cost a class more in a few places than is likely to be made up for in the others asked."""
    more_wrong = _wrong(_added(place.counts(classes) for place in few)) - _wrong(_added(place.alone for place in few))
    pixels = sum(np.bincount(place.label[place.label != UNLABELLED], minlength=classes) for place in asked)
    lost = more_wrong / (2 * np.maximum(pixels, 1))  # of a Dice, if as many pixels are found as there are
    return bool(((pixels > 0) & (more_wrong > MAY_CHANGE) & (lost > HOPELESS)).any())


def _wrong(counts: NDArray[np.int64]) -> NDArray[np.int64]:
    """Pixels of each class that were missed, and those wrongly taken for it."""
    return counts.sum(axis=0) + counts.sum(axis=1) - 2 * np.diag(counts)


def _painted(counts: NDArray[np.int64]) -> set[int]:
    """The classes other than the background that have a pixel."""
    return {class_id for class_id, pixels in enumerate(counts.sum(axis=1)) if class_id and pixels}


class _LabelledBox:
    """A box of labelled pixels: what is found there in its own slice, and ``total`` in some slices, float32 ``(K, h, w)``."""

    def __init__(self, z: int, box: Box, label: NDArray[np.uint8], depth: int) -> None:
        self.z, self.box, self.label = z, box, label
        self.reach = min(z, depth - 1 - z)  # as core.models.z_average does near the ends
        self.pixels = int((label != UNLABELLED).sum())
        self.total: NDArray[np.float32] | int = 0
        self.alone = np.zeros((1, 1), np.int64)

    def counts(self, classes: int) -> NDArray[np.int64]:
        """Pixels by true class (rows) and likeliest class."""
        return confusion(np.argmax(self.total, axis=0).astype(np.uint8), self.label, classes)


def _places(labels: Mapping[int, NDArray[np.uint8]], tile: int, depth: int) -> list[_LabelledBox]:
    """Some boxes of labelled pixels, drawn from all of them, always the same; none at the ends, which are not averaged."""
    from core.evaluation.validation import SCORED_TILE, labelled_boxes

    inner = {z: label for z, label in labels.items() if 0 < z < depth - 1}
    found = [(z, box) for z, label in inner.items() for box in labelled_boxes(label, min(tile, SCORED_TILE))]
    drawn = np.random.default_rng(0).permutation(len(found))[:MOST_BOXES]
    return [_LabelledBox(z, box, inner[z][box.slices].copy(), depth) for z, box in (found[number] for number in drawn)]


def _look(
    predictor: Predictor, seen: SliceInput, places: Sequence[_LabelledBox], distance: int, *, in_turn: bool = False
) -> None:
    """Add to every place what is found so many slices away."""
    for z in sorted({place.z for place in places if abs(distance) <= place.reach}):
        here = [place for place in places if place.z == z]
        image = seen(z + distance)
        model = predictor.in_turn(z + distance) if in_turn else predictor
        boxes = model.boxes(image, [place.box for place in here], normalisation.measure(image))  # in the order given
        for place, (_, found) in zip(here, boxes, strict=True):
            place.total = place.total + found
