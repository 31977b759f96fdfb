"""Format scores against a truth for a terminal."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from rich.console import Group, RenderableType
from rich.table import Table

from core.cli.projects import number

if TYPE_CHECKING:
    from core.evaluation.against_truth import Evaluation
    from core.evaluation.agreement import ClassScore


def evaluation_text(found: Evaluation) -> RenderableType:
    """Format the scores with their basis, a line per class, and the confusion of classes."""
    measured = (
        f"Round {found.round} on {len(found.slices)} slices without a label, {found.pixels:,} pixels: mean Dice "
        f"{number(found.mean_dice)}. {found.across.sentence}"
    ).rstrip()
    return Group(
        measured, _classes(found), "Pixels of each true class (rows) in per cent, by predicted class:", _confusion(found)
    )


def _classes(found: Evaluation) -> Table:
    table = Table("class", "Dice", "IoU", "precision", "recall")
    if found.tolerance_px is not None:
        for column in (f"boundary F ({found.tolerance_px:g} px)", "HD95, px", "HD95, nm"):
            table.add_column(column)
    for name, score in found.classes.items():
        table.add_row(name, *(_short(value, 3) for value in (score.dice, score.iou, score.precision, score.recall)),
                      *(_edges(score) if found.tolerance_px is not None else ()))  # fmt: skip
    return table


def _edges(score: ClassScore) -> tuple[str, str, str]:
    return _short(score.boundary_f, 3), _short(score.hd95_px, 1), _short(score.hd95_nm, 0)


def _short(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:.{digits}f}" if math.isfinite(value) else "infinite"


def _confusion(found: Evaluation) -> Table:
    table = Table("", *found.classes)
    for name, row in zip(found.classes, found.confusion, strict=True):
        total = sum(row)
        table.add_row(name, *(f"{100 * count / total:.1f} % ({count:,})" if total else "-" for count in row))
    return table
