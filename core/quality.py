"""What is known of how good a project's model is: the labels held back, and scores against a truth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from core.errors import LabelError
from core.evaluate import evaluate
from core.label_files import LabelFile
from core.segment import Report, chosen_round
from core.store import Store


@dataclass(frozen=True)
class ValidationSummary:
    """What is held back for validation: pixels, slices, pixels per class name, and all of it in one sentence."""

    pixels: int
    slices: int
    class_pixels: dict[str, int]
    sentence: str


@dataclass(frozen=True)
class Evaluation:
    """Dice per class name against a truth, on the slices named, which have no label of any role."""

    dice: dict[str, float | None]
    mean_dice: float | None
    slices: tuple[int, ...]
    round: int


def validation_summary(store: Store) -> ValidationSummary:
    """What is held back for validation, now."""
    classes = store.catalog.classes
    held = [store.held_back(head) for head in store.labels.heads() if head.validation_pixels]
    counts = np.sum(held, axis=0)[: len(classes)] if held else [0] * len(classes)
    slices, pixels = len(held), int(np.sum(counts))
    by_name = {c.name: int(n) for c, n in zip(classes, counts, strict=True)}
    if not pixels:
        sentence = "Nothing is held back for validation yet: save a slice or a box as right, and part of it will be."
    else:
        places = "1 slice" if slices == 1 else f"{slices} slices"
        sentence = f"{pixels:,} labelled pixels on {places} are held back for validation and never trained on."
    return ValidationSummary(pixels, slices, by_name, sentence)


def evaluate_against(
    store: Store,
    truth: Path,
    *,
    round_: int | None,
    volume: int,
    slices: Sequence[int] | None,
    report: Report,
) -> Evaluation:
    """Score a round against a truth with one page per slice, on slices without a label of any role.

    Raises
    ------
    LabelError
        If every slice has a label.
    """
    row, classes, chosen = store.catalog.row(volume), store.catalog.classes, chosen_round(store, round_)
    file = LabelFile(truth.expanduser(), row.slice_shape, len(classes))
    pages = {z: page for page, z in file.pages_for(None, row.depth)}
    labelled = {r["z"] for r in store.records.rows("SELECT z FROM roles WHERE volume = ?", (volume,))}
    scored = [z for z in (range(row.depth) if slices is None else slices) if z not in labelled]
    if not scored:
        raise LabelError("Every slice has a label, so none is left to score on; a score on labelled slices would flatter.")
    agreement = evaluate(
        store.predictor(chosen),
        store.seen_by(chosen, volume),
        lambda z: file.read(pages[z]),
        scored,
        classes=len(classes),
        inside=store.catalog.region_mask(volume),
        report=lambda done: report(done / len(scored), f"scoring: {done} of {len(scored)} slices"),
    )
    by_name = {c.name: d for c, d in zip(classes, agreement.dice, strict=True)}
    return Evaluation(by_name, agreement.mean_dice, agreement.slices, chosen)
