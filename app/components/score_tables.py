"""Scores as tables: a row per class, and the confusion of classes."""

from __future__ import annotations

import html
import math
from collections.abc import Sequence
from typing import Any

import streamlit as st

from core.evaluation.agreement import ClassScore

_CSS = """
<style>
  .up-confusion { border-collapse: collapse; font-size: .875rem; font-variant-numeric: tabular-nums; }
  .up-confusion th { font-weight: 600; padding: .3em .7em; text-align: right; }
  .up-confusion td { padding: .3em .7em; text-align: right; border: 1px solid #8883; }
  .up-confusion small { display: block; opacity: .75; }
</style>
"""

_HELP = {
    "Dice": "2 TP / (2 TP + FP + FN)",
    "IoU": "TP / (TP + FP + FN)",
    "Precision": "Of the pixels predicted as the class, the share that are",
    "Recall": "Of the pixels that are the class, the share predicted as it",
    "Boundary F": "How much of the boundaries agrees within the tolerance",
    "HD95, px": "95 % of each boundary is nearer than this to the other",
}


def scores_table(names: Sequence[str], scores: Sequence[ClassScore]) -> None:
    """Show a row per class, with boundary scores if any were measured."""
    shown = [_line(name, score) for name, score in zip(names, scores, strict=True)]
    if all(score.boundary_f is None and score.hd95_px is None for score in scores):
        shown = [
            {key: value for key, value in line.items() if key not in ("Boundary F", "HD95, px", "HD95, nm")} for line in shown
        ]
    elif all(score.hd95_nm is None for score in scores):
        shown = [{key: value for key, value in line.items() if key != "HD95, nm"} for line in shown]
    columns = {name: st.column_config.TextColumn(help=text) for name, text in _HELP.items()}
    st.dataframe(shown, hide_index=True, column_config=columns)


def _line(name: str, score: ClassScore) -> dict[str, str]:
    return {
        "Class": name,
        "Dice": _number(score.dice),
        "IoU": _number(score.iou),
        "Precision": _number(score.precision),
        "Recall": _number(score.recall),
        "Boundary F": _number(score.boundary_f),
        "HD95, px": _number(score.hd95_px, 1),
        "HD95, nm": _number(score.hd95_nm, 0),
        "Pixels in the truth": f"{score.truth_pixels:,}",
    }


def _number(value: float | None, digits: int = 3) -> str:
    if value is None:
        return "–"
    return f"{value:.{digits}f}" if math.isfinite(value) else "∞"


def confusion_table(names: Sequence[str], counts: Sequence[Sequence[int]]) -> None:
    """Show the predicted classes of each true class's pixels: per cent of the row and count; more is darker."""
    st.html(_CSS + confusion_html(names, counts))


def confusion_html(names: Sequence[str], counts: Sequence[Sequence[int]]) -> str:
    """Return the table as HTML: rows are true, columns predicted; a class without true pixels has no per cent."""
    head = "".join(f"<th>{html.escape(name)}</th>" for name in names)
    rows = "".join(
        f"<tr><th>{html.escape(name)}</th>{''.join(_cell(count, sum(row), i == j) for j, count in enumerate(row))}</tr>"
        for i, (name, row) in enumerate(zip(names, counts, strict=True))
    )
    return f'<table class="up-confusion"><tr><th>true \\ predicted</th>{head}</tr>{rows}</table>'


def _cell(count: int, total: int, right: bool) -> str:
    if not total:
        return "<td>–</td>"
    share = count / total
    color = "0,114,178" if right else "213,94,0"  # blue and vermilion, told apart by colour-blind eyes (Okabe and Ito)
    return f'<td style="background:rgba({color},{0.6 * share:.3f})">{_percent(share)}<small>{count:,}</small></td>'


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %" if share in (0, 1) or 0.0005 <= share < 0.9995 else ("< 0.1 %" if share < 0.5 else "> 99.9 %")


def from_facts(classes: Sequence[tuple[str, dict[str, Any]]]) -> tuple[list[str], list[ClassScore]]:
    """Return the names and scores stored with a result."""
    return [name for name, _ in classes], [ClassScore(**facts) for _, facts in classes]
