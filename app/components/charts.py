"""Charts of the pages: rows in, one Altair chart out; no project, no state.

A row is a dictionary with one value per column, as in JSON and Vega.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

import altair as alt

from core.storage.rounds import CurvePoint, RoundRow

Row = dict[str, Any]

LOSS_COLORS = {"training": "#7f7f7f", "validation": "#0072b2"}
ACCENT = "#0072b2"
WARM = "#d55e00"
_FEW = 40
_HEIGHT = 280
_PADDING = {"left": 5, "top": 5, "right": 18, "bottom": 5}


def curve_rows(points: Iterable[CurvePoint], names: Sequence[str]) -> tuple[list[Row], list[Row]]:
    """Return a learning curve as long tables ``(losses, dice)`` with columns ``seconds``, ``measure``, ``value``."""
    losses: list[Row] = []
    dice: list[Row] = []
    for point in points:
        loss = {"training": point.train_loss, "validation": point.validation_loss}
        losses += _measured("seconds", point.seconds, loss)
        dice += _measured("seconds", point.seconds, dict(zip(names, point.validation_dice or (), strict=False)))
    return losses, dice


def round_rows(rounds: Iterable[RoundRow]) -> tuple[list[Row], list[Row]]:
    """Return the scores of rounds as long tables ``(losses, dice)`` with columns ``round``, ``measure``, ``value``."""
    losses: list[Row] = []
    dice: list[Row] = []
    for row in rounds:
        losses += _measured("round", row.round, {"validation": row.validation_loss})
        dice += _measured("round", row.round, row.validation_dice)
    return losses, dice


def _measured(column: str, at: float, values: Mapping[str, float | None]) -> list[Row]:
    return [{column: at, "measure": name, "value": v} for name, v in values.items() if v is not None]


X_TITLES = {"seconds": "seconds of training", "round": "round"}


def lines(
    rows: Sequence[Row],
    *,
    x: Literal["seconds", "round"],
    y_title: str,
    colors: Mapping[str, str],
    bounded: bool = False,
    points: bool = False,
    until: float | None = None,
) -> alt.Chart:
    """Draw lines of ``value`` over ``x``, one per ``measure``; ``bounded`` fixes the axis to 0..1."""
    scale = alt.Scale(domain=[0, 1]) if bounded else alt.Scale(zero=False)
    x_axis = alt.Axis(format="d", tickMinStep=1) if points else alt.Axis(tickCount=6)
    x_scale = alt.Scale(nice=False) if until is None else alt.Scale(domain=[0, until], nice=False)
    legend = alt.Legend(orient="top") if len(colors) > 1 else None
    return (
        alt.Chart(_data(rows))
        .mark_line(point=points or len(rows) < _FEW, strokeWidth=2)
        .encode(
            x=alt.X(f"{x}:Q", title=X_TITLES[x], axis=x_axis, scale=x_scale),
            y=alt.Y("value:Q", title=y_title, scale=scale, axis=alt.Axis(labelExpr="format(datum.value, '.3~g')", tickCount=5)),
            color=alt.Color("measure:N", title=None, scale=_scale(colors), legend=legend),
            tooltip=[
                alt.Tooltip(f"{x}:Q", title=X_TITLES[x]),
                alt.Tooltip("measure:N", title="measure"),
                alt.Tooltip("value:Q", title=y_title, format=".3f"),
            ],
        )
        .properties(height=_HEIGHT, padding=_PADDING)
    )


def bars(rows: Sequence[Row], *, x: str, x_title: str, y: str, y_title: str) -> alt.Chart:
    """Draw bars of ``y`` over the whole numbers ``x``."""
    return (
        alt.Chart(_data(rows))
        .mark_bar(color=ACCENT, size=22)
        .encode(
            x=alt.X(f"{x}:O", title=x_title, axis=alt.Axis(labelAngle=0)),
            y=alt.Y(
                f"{y}:Q",
                title=y_title,
                axis=alt.Axis(format=".1~f"),
                scale=alt.Scale(domainMin=0, domainMax=_top(row[y] for row in rows)),
            ),
            tooltip=[alt.Tooltip(f"{x}:O", title=x_title), alt.Tooltip(f"{y}:Q", title=y_title, format=",.0f")],
        )
        .properties(height=_HEIGHT, padding=_PADDING)
    )


def shares(rows: Sequence[Row], colors: Mapping[str, str]) -> Any:
    """Draw the ``fraction`` of each ``class`` as a bar, with the number beside it."""
    order = [row["class"] for row in rows]
    base = alt.Chart(_data(rows)).encode(
        y=alt.Y("class:N", title=None, sort=order),
        x=alt.X("fraction:Q", title="share of the volume", axis=alt.Axis(format=".0%"), scale=alt.Scale(domain=[0, 1])),
    )
    scale = _scale({name: colors.get(name, ACCENT) for name in order})
    bar = base.mark_bar().encode(color=alt.Color("class:N", scale=scale, legend=None))
    number = base.mark_text(align="left", dx=4).encode(text=alt.Text("fraction:Q", format=".2%"))
    return alt.layer(bar, number).properties(height=40 * len(rows) + 50, padding=_PADDING)


def scores_along_z(rows: Sequence[Row], chosen: int, depth: int, height: int = 120) -> Any:
    """Draw the model's uncertainty along z, to click on; columns ``z``, ``score``, ``labelled`` (bool).

    The selection is called ``pick`` and holds the clicked ``z``.
    """
    x = alt.X("z:Q", title=None, scale=alt.Scale(domain=[0, max(1, depth - 1)], nice=False))
    pick = alt.selection_point(name="pick", fields=["z"], nearest=True, on="click", empty=False)
    base = alt.Chart(_data(rows))
    line = base.mark_line(color=ACCENT, opacity=0.35).encode(x=x, y=_score())
    dots = (
        base.mark_circle(size=42, opacity=1)
        .encode(
            x=x,
            y=_score(),
            color=alt.condition("datum.labelled", alt.value("#b0b0b0"), alt.value(ACCENT)),
            tooltip=[
                alt.Tooltip("z:Q", title="slice"),
                alt.Tooltip("score:Q", title="score, higher = less sure", format=".3f"),
                alt.Tooltip("labelled:N", title="painted"),
            ],
        )
        .add_params(pick)
    )
    rule = alt.Chart(_data([{"z": chosen}])).mark_rule(color=WARM, strokeWidth=2).encode(x=x)
    return alt.layer(line, rule, dots).properties(height=height, padding=_PADDING)


def _top(values: Iterable[float]) -> float:
    """Return the upper end of an axis from 0: at least 1, also for bars of height 0."""
    return max(1.0, 1.05 * max(values))


def _data(rows: Sequence[Row]) -> alt.Data:
    return alt.Data(values=list(rows))


def _score() -> alt.Y:
    return alt.Y("score:Q", title="unsure", axis=alt.Axis(tickCount=3), scale=alt.Scale(zero=False))


def _scale(colors: Mapping[str, str]) -> alt.Scale:
    return alt.Scale(domain=list(colors), range=list(colors.values()))
