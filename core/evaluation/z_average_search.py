"""Measure on the labels how many neighbouring slices to average (z-averaging).

In FIB-SEM and tomography slices lie as close together as pixels: objects continue from slice to slice, many errors of a
model do not. The mean prediction over some slices is then better than each alone (Casser et al. 2018, "Fast mitochondria
segmentation for connectomics", filter masks across slices). Sections far apart have little in common and are not averaged.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from core.config import UNLABELLED, PredictConfig
from core.evaluation.metrics import confusion, dice, mean_dice
from core.geometry import Box
from core.models import normalisation
from core.models.loaded import LoadedModels
from core.progress import Report, advance
from core.storage.catalog import weight_of
from core.storage.labels import Revision, Role
from core.storage.store import Store

if TYPE_CHECKING:  # PyTorch takes seconds to import
    from core.models.predictor import Predictor
    from core.models.z_average import SliceInput

TRIED = (1, 2, 3, 4, 6)
"""Numbers of slices on each side to try; see ``benchmarks/log/2026-11-26-late.md``."""

MAY_LOSE = 0.004
"""Largest loss of Dice of a class on painted pixels; see ``benchmarks/log/2026-11-27.md``."""

MAY_CHANGE = 8
"""Pixels of a class that may become wrong at any loss of Dice: among a few hundred, one pixel would decide."""

MOST_BOXES = 8
"""Boxes of painted pixels, and as many of held-back ones, each at most 512 x 512: about 120 megapixels to predict."""

FEW_BOXES = 2
"""Boxes predicted first, to skip a hopeless search."""

HOPELESS = 0.01
"""Loss of Dice of a class, from the first boxes alone, at which the search ends."""

MOST_PIXELS = 6.0
"""Largest distance of an averaged slice, in pixels of a slice, for a known voxel size; the next slice is always allowed."""

MOST_SLICES = 8
"""Slices with painted pixels, and slices with held-back ones, to measure on at most."""


@dataclass(frozen=True)
class ZAverageChoice:
    """Number of slices to average, and the reason.

    Attributes
    ----------
    slices
        On each side of a slice; 0 for none.
    dice, alone
        Mean Dice on held-back pixels with and without averaging; None without held-back pixels or measurement.
    pixels
        Held-back pixels measured.
    """

    slices: int
    dice: float | None = None
    alone: float | None = None
    pixels: int = 0

    @property
    def sentence(self) -> str:
        """Description of the averaging for the user; "" without averaging."""
        if not self.slices:
            return ""
        sides = "one slice" if self.slices == 1 else f"{self.slices} slices"
        said = f"Each slice is the mean over itself and {sides} on each side, fewer near the ends"
        if self.dice is None or self.alone is None:
            return f"{said}."
        measured = f"On {self.pixels:,} held-back pixels the mean Dice is {self.dice:.3f} with them and {self.alone:.3f} without"
        return (
            f"{said}. {measured}. The model was trained on slices with these pixels, so averaging gains little there or costs "
            "some; it helps on slices without a label."
        )


def choose_z_average(models: LoadedModels, round_: int, volume: int, config: PredictConfig, report: Report) -> ZAverageChoice:
    """Choose the number of slices of a volume to average for a round: as configured, else measured on the labels.

    Raises
    ------
    Cancelled
        If ``report`` asked to stop.
    """
    if config.across is not None:
        return ZAverageChoice(config.across)

    go_on = partial(advance, report, 0.0, "finding out how many slices to average")
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
    """Read the labels of a role on some slices of a volume, drawn at random with a fixed seed.

    Returns
    -------
    dict
        z -> class ids, uint8 ``(H, W)``, 255 outside the role.
    """
    of_volume = [revision for revision in revisions if revision.volume == volume]
    found: dict[int, NDArray[np.uint8]] = {}
    for number in np.random.default_rng(0).permutation(len(of_volume)):
        go_on()
        label = store.frozen(of_volume[number], role).label()
        if (label != UNLABELLED).any():
            found[of_volume[number].z] = label
        if len(found) == MOST_SLICES:
            break
    return found


def best(
    predictor: Predictor,
    slice_input: SliceInput,
    depth: int,
    held: Mapping[int, NDArray[np.uint8]],
    painted: Mapping[int, NDArray[np.uint8]],
    classes: int,
    voxel_nm: tuple[float, float, float] | None = None,
    go_on: Callable[[], object] = lambda: None,
) -> ZAverageChoice:
    """Return the largest number in :data:`TRIED`, tried in turn, without a loss on painted pixels.

    The search ends when a class loses too much, or has no painted pixel to measure on.

    A model knows its training slices, so averaging gains little there; a loss there shows the cost, from objects ending or
    moving between slices. The gain lies on slices without labels and cannot be measured. Held-back pixels only report the
    effect: they are too few to decide, because one object more or less would change the result.

    Parameters
    ----------
    predictor
        The model.
    slice_input
        z -> the model's input for a slice.
    depth
        Slices of the volume.
    held, painted
        z -> class ids of held-back pixels, and of those trained on: uint8 ``(H, W)``, 255 elsewhere.
    classes
        Number of classes in the labels, if larger than the model's.
    voxel_nm
        Voxel size ``(z, y, x)`` in nanometres, if known. With slices far apart, a few strokes do not show how far objects move.
    go_on
        Called between predictions; may raise to stop the search.
    """
    asked = _draw_boxes(painted, predictor.config.tile, depth)
    few, others = asked[:FEW_BOXES], asked[FEW_BOXES:]
    _predict_with_next(predictor, slice_input, few, classes, go_on)
    if _hopeless(few, asked, classes):
        return ZAverageChoice(0)
    _predict_with_next(predictor, slice_input, others, classes, go_on)
    known, most = _painted(_added(box.alone for box in asked)), 0
    for before, across in pairwise((0, *TRIED)):
        reached = [box for box in asked if box.reach >= across]
        by_itself = _added(box.alone for box in reached)
        if not known or _painted(by_itself) != known:
            break  # no pixel of a class to measure on at this distance
        if voxel_nm and across > max(1.0, 1.01 * MOST_PIXELS * voxel_nm[1] / voxel_nm[0]):
            break
        # The next slice on each side is in the totals already.
        for distance in (sign * far for far in range(max(before, 1) + 1, across + 1) for sign in (1, -1)):
            go_on()
            _predict(predictor, slice_input, asked, distance, in_turn=True)
        if not _kept(by_itself, _added(box.counts(classes) for box in reached)):
            break  # slices farther away differ even more
        most = across
    if not most:
        return ZAverageChoice(0)
    return _measured(predictor, slice_input, _draw_boxes(held, predictor.config.tile, depth), most, classes, go_on)


def _predict_with_next(
    predictor: Predictor, slice_input: SliceInput, boxes: Sequence[_LabelledBox], classes: int, go_on: Callable[[], object]
) -> None:
    """Predict boxes without averaging, then with the next slice on each side."""
    _predict(predictor, slice_input, boxes, 0)
    for box in boxes:  # z-averaging predicts each slice in a view of its own
        box.alone, box.total = box.counts(classes), 0
    for distance in (0, 1, -1):
        go_on()
        _predict(predictor, slice_input, boxes, distance, in_turn=True)


def _measured(
    predictor: Predictor,
    slice_input: SliceInput,
    boxes: Sequence[_LabelledBox],
    slices: int,
    classes: int,
    go_on: Callable[[], object],
) -> ZAverageChoice:
    """Measure mean Dice on held-back pixels with averaging, and with a segmentation without it."""
    _predict(predictor.alone(), slice_input, boxes, 0)
    alone = mean_dice(dice(_added(box.counts(classes) for box in boxes)))
    for box in boxes:
        box.total = 0
    for distance in range(-slices, slices + 1):
        go_on()
        _predict(predictor, slice_input, boxes, distance, in_turn=True)
    with_them = mean_dice(dice(_added(box.counts(classes) for box in boxes)))
    return ZAverageChoice(slices, with_them, alone, sum(box.pixels for box in boxes))


def _added(tables: Iterable[NDArray[np.int64]]) -> NDArray[np.int64]:
    return sum(tables, np.zeros((1, 1), np.int64))


def _kept(before: NDArray[np.int64], after: NDArray[np.int64]) -> bool:
    """Return whether every class stays within the allowed loss, from two confusions of the same pixels."""
    more_wrong = _wrong(after) - _wrong(before)
    pairs = zip(dice(before), dice(after), more_wrong, strict=True)  # a Dice of None after means no true pixel of the class
    return all(old is None or new is None or new >= old - MAY_LOSE or more <= MAY_CHANGE for old, new, more in pairs)


def _hopeless(few: Sequence[_LabelledBox], asked: Sequence[_LabelledBox], classes: int) -> bool:
    """Return whether a class loses too much in the first boxes for the others to make up."""
    more_wrong = _wrong(_added(box.counts(classes) for box in few)) - _wrong(_added(box.alone for box in few))
    pixels = sum(np.bincount(box.label[box.label != UNLABELLED], minlength=classes) for box in asked)
    lost = more_wrong / (2 * np.maximum(pixels, 1))  # loss of Dice, if predicted and true pixels are equally many
    return bool(((pixels > 0) & (more_wrong > MAY_CHANGE) & (lost > HOPELESS)).any())


def _wrong(counts: NDArray[np.int64]) -> NDArray[np.int64]:
    """Count false negatives plus false positives of each class."""
    return counts.sum(axis=0) + counts.sum(axis=1) - 2 * np.diag(counts)


def _painted(counts: NDArray[np.int64]) -> set[int]:
    """Return the classes with a true pixel, without the background."""
    return {class_id for class_id, pixels in enumerate(counts.sum(axis=1)) if class_id and pixels}


class _LabelledBox:
    """A box of labelled pixels with its predictions.

    ``alone`` is the confusion without averaging; ``total`` is the sum of probabilities over slices, float32 ``(K, h, w)``.
    """

    def __init__(self, z: int, box: Box, label: NDArray[np.uint8], depth: int) -> None:
        self.z, self.bounds, self.label = z, box, label
        self.reach = min(z, depth - 1 - z)  # the same limit near the ends as in core.models.z_average
        self.pixels = int((label != UNLABELLED).sum())
        self.total: NDArray[np.float32] | int = 0
        self.alone = np.zeros((1, 1), np.int64)

    def counts(self, classes: int) -> NDArray[np.int64]:
        """Count pixels by true class (rows) and likeliest class (columns)."""
        return confusion(np.argmax(self.total, axis=0).astype(np.uint8), self.label, classes)


def _draw_boxes(labels: Mapping[int, NDArray[np.uint8]], tile: int, depth: int) -> list[_LabelledBox]:
    """Draw boxes of labelled pixels at random with a fixed seed; leave out the first and last slice."""
    from core.evaluation.validation import SCORED_TILE, labelled_boxes

    inner = {z: label for z, label in labels.items() if 0 < z < depth - 1}
    found = [(z, box) for z, label in inner.items() for box in labelled_boxes(label, min(tile, SCORED_TILE))]
    drawn = np.random.default_rng(0).permutation(len(found))[:MOST_BOXES]
    return [_LabelledBox(z, box, inner[z][box.slices].copy(), depth) for z, box in (found[number] for number in drawn)]


def _predict(
    predictor: Predictor, slice_input: SliceInput, boxes: Sequence[_LabelledBox], distance: int, *, in_turn: bool = False
) -> None:
    """Add the prediction of the slice ``distance`` away to the total of every box within reach."""
    for z in sorted({box.z for box in boxes if abs(distance) <= box.reach}):
        of_slice = [box for box in boxes if box.z == z]
        image = slice_input(z + distance)
        model = predictor.in_turn(z + distance) if in_turn else predictor
        predicted = model.boxes(image, [box.bounds for box in of_slice], normalisation.measure(image))  # in the order given
        for box, (_, found) in zip(of_slice, predicted, strict=True):
            box.total = box.total + found
