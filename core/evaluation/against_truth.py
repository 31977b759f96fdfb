"""Score a round of a project against ground truth from a label file."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from core.atomic import replace_whole
from core.config import PredictConfig
from core.errors import LabelError, storage_errors
from core.evaluation.agreement import ClassScore, class_scores, evaluate
from core.evaluation.z_average_search import ZAverageChoice, choose_z_average
from core.models.loaded import LoadedModels
from core.models.memory import freed_memory_kept
from core.progress import Report, advance
from core.storage.store import Store
from core.volumes.label_files import LabelFile


@dataclass(frozen=True)
class Evaluation:
    """Scores against ground truth, on slices without a label of any role.

    Attributes
    ----------
    dice
        Per class name.
    mean_dice
        Over the measured classes other than the first.
    slices, round
        What was scored.
    classes
        Every score, per class name; boundary scores only on request.
    confusion
        Pixels, rows the true classes in the order of their ids, columns the predicted ones.
    tolerance_px
        Largest distance in pixels between two boundaries in agreement; None where boundaries were not measured.
    across
        Slices averaged with each, as for a segmentation.
    views
        Views averaged of each slice.
    """

    dice: dict[str, float | None]
    mean_dice: float | None
    slices: tuple[int, ...]
    round: int
    classes: dict[str, ClassScore]
    confusion: tuple[tuple[int, ...], ...]
    tolerance_px: float | None
    across: ZAverageChoice
    views: int

    @property
    def pixels(self) -> int:
        """Pixels scored."""
        return sum(sum(row) for row in self.confusion)


def check_truth(store: Store, truth: Path, volume: int) -> None:
    """Raise unless a file can serve as ground truth for a volume.

    Raises
    ------
    LabelError
        If it is not a label file with one page per slice of the volume.
    """
    row = store.catalog.row(volume)
    list(LabelFile(Path(os.path.expanduser(truth)), row.slice_shape, len(store.catalog.classes)).pages_for(None, row.depth))


@freed_memory_kept()
def evaluate_against(
    models: LoadedModels,
    truth: Path,
    config: PredictConfig,
    *,
    round_: int | None,
    volume: int,
    slices: Sequence[int] | None,
    tolerance: float | None,
    report: Report,
) -> Evaluation:
    """Score a round against ground truth, on slices without a label of any role.

    The round predicts as for a segmentation: with the same views and z-averaging.

    Parameters
    ----------
    truth
        Label file with one page per slice of the volume.

    Raises
    ------
    LabelError
        If every slice has a label.
    """
    store = models.store
    row, classes, chosen = store.catalog.row(volume), store.catalog.classes, store.rounds.chosen(round_)
    file = LabelFile(Path(os.path.expanduser(truth)), row.slice_shape, len(classes))
    pages = {z: page for page, z in file.pages_for(None, row.depth)}
    labelled = store.labels.slices_with_roles(volume)
    scored = [z for z in (range(row.depth) if slices is None else slices) if z not in labelled]
    if not scored:
        raise LabelError("Every slice has a label, so none is left to score on; a score on labelled slices would flatter.")
    found = choose_z_average(models, chosen, volume, config, report)
    with models.z_averaged(chosen, volume, replace(config, across=found.slices)) as model:
        agreement = evaluate(
            lambda z: model.labels(z)[0],
            lambda z: file.read(pages[z]),
            scored,
            classes=len(classes),
            inside=store.catalog.region_mask(volume),
            tolerance=tolerance,
            report=lambda done: advance(
                report,
                done / len(scored),
                f"scoring: {done} of {len(scored)} slices",
                cancelled="The evaluation was cancelled; nothing was written.",
            ),
        )
    scores = class_scores(agreement.counts, agreement.boundaries, row.voxel_nm)
    by_name = {c.name: of_class for c, of_class in zip(classes, scores, strict=True)}
    return Evaluation(
        {name: of_class.dice for name, of_class in by_name.items()},
        agreement.mean_dice,
        agreement.slices,
        chosen,
        by_name,
        tuple(tuple(counts) for counts in agreement.counts.tolist()),
        tolerance,
        found,
        model.views,
    )


def write_scores(out: Path, found: Evaluation) -> None:
    """Write every score as a table for a spreadsheet (``.csv``).

    Each class has one line: its scores, then its pixels by predicted class.

    Raises
    ------
    StorageError
        If the disk is full or not writable.
    """
    text = io.StringIO()
    writer = csv.writer(text)
    predicted = [f"predicted as {name}" for name in found.classes]
    for number, (name, score) in enumerate(found.classes.items()):
        facts = asdict(score)
        if not number:
            writer.writerow(["class", *facts, *predicted])
        writer.writerow([name, *facts.values(), *found.confusion[number]])
    with storage_errors(out):
        replace_whole(out, text.getvalue().encode())
