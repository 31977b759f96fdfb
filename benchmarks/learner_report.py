"""What ``learner.py`` says of measured cells: Dice by budget, the time to a Dice, how fast a slice is predicted, a plot."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cells import Results
from learner_cells import LEARNERS, VOLUMES, Cell
from report import Goal, Section, mean

WANTED = 0.85
"""Dice of the target class whose time is compared."""

SOONER = {"rootpainter": 20.0, "monai": 5.0}
"""How many times sooner Underpaint should be there than a peer, by the peer's environment."""

FASTER = SOONER
"""How many times as fast Underpaint should predict, at no lower Dice."""


@dataclass(frozen=True)
class Line:
    """A learner with one budget on one volume: means over its seeds.

    Attributes
    ----------
    learner, budget
        Name, and seconds it was given.
    took
        Seconds it trained.
    seeds
        How many.
    dice
        By class; None where it was not looked for.
    mean, spread
        Of the classes but the first, and how far apart the seeds are in it; None for a learner of one class.
    not_tuned_on
        That mean on the slices on which nothing was chosen; None where it was not measured.
    rate
        Megapixels predicted per second.
    """

    learner: str
    budget: float
    took: float
    seeds: int
    dice: dict[str, float | None]
    mean: float | None
    spread: float | None
    not_tuned_on: float | None
    rate: float


def lines(results: Results, cells: Sequence[Cell], volume: str) -> list[Line]:
    """The measured lines of one volume, in the order of the cells; the forest and nnU-Net have one, whatever the budget."""
    names = VOLUMES[volume].classes[1:]
    found: dict[tuple[Any, ...], dict[tuple[Any, ...], dict[str, Any]]] = {}
    for cell in cells:
        if cell.volume == volume and cell.key in results.rows:
            found.setdefault(cell.key[:3], {})[cell.key] = results.rows[cell.key]
    told = []
    for (learner, _, seconds), by_seed in found.items():
        rows = list(by_seed.values())
        dice = {name: mean([row["dice"][name] for row in rows]) for name in names}
        took = mean([row["train_seconds"] for row in rows]) or 0.0
        rate = mean([row["megapixels_per_second"] for row in rows]) or 0.0
        each = [] if LEARNERS[learner].one_class else [mean([row["dice"][name] for name in names]) or 0.0 for row in rows]
        spread = max(each) - min(each) if each else None
        others = [row["dice_not_tuned_on"] for row in rows if "dice_not_tuned_on" in row]
        untouched = None if LEARNERS[learner].one_class else mean([mean([one[name] for name in names]) for one in others])
        told.append(Line(learner, seconds or took, took, len(rows), dice, mean(each), spread, untouched, rate))
    return told


def compared(results: Results, cells: Sequence[Cell], volume: str) -> Section:
    """The table of one volume, and whether Underpaint's goals are reached at the budgets they are set for."""
    told = VOLUMES[volume]
    names, goals, rows = told.classes[1:], list[Goal](), list[tuple[Any, ...]]()
    for line in lines(results, cells, volume):
        means = (line.mean, line.spread, line.not_tuned_on)
        rows.append((line.learner, line.took, line.seeds, *line.dice.values(), *means, line.rate))
        if line.learner == "underpaint":
            dice = {**line.dice, "mean": line.mean}
            goals += [
                Goal(f"{volume}, {line.budget:g} s, {name} Dice >= {goal:g}", dice[name], (dice[name] or 0) >= goal)
                for name, goal in told.goals.get(line.budget, {}).items()
            ]
    sentence = (
        f"Dice on all slices of {volume} but the painted {', '.join(map(str, told.painted))}, mean over seeds; 'not tuned on': "
        f"without {', '.join(map(str, told.tuned_on))} as well, on which defaults were chosen"
    )
    columns = ("learner", "seconds", "seeds", *names, "mean", "spread of mean", "mean, not tuned on", "megapixels/s")
    return Section(volume, sentence, columns, tuple(rows), tuple(goals))


def time_to(results: Results, cells: Sequence[Cell], volume: str) -> Section:
    """The smallest measured budget with which each learner reaches the wanted Dice."""
    target, found = VOLUMES[volume].target, dict[str, tuple[float, bool]]()
    for line in sorted(lines(results, cells, volume), key=lambda line: line.took):
        if not found.get(line.learner, (0.0, False))[1]:
            found[line.learner] = (line.took, (line.dice[target] or 0) >= WANTED)
    rows = tuple((name, f"{'' if reached else '> '}{seconds:.0f}") for name, (seconds, reached) in found.items())
    sentence = f"smallest budget measured, in seconds, with which {target} reach a Dice of {WANTED:g}; '>': not with the longest"
    return Section(f"{volume}, time", sentence, ("learner", "seconds"), rows, tuple(_sooner(found, volume)))


def _sooner(found: dict[str, tuple[float, bool]], volume: str) -> Iterator[Goal]:
    own, own_reached = found.get("underpaint", (0.0, False))
    for name, (seconds, reached) in found.items():
        times = SOONER.get(LEARNERS[name].environment)
        if times is None:
            continue
        ratio = seconds / own if own_reached else None
        # A peer that was stopped short of it may yet take longer: then a small ratio says nothing.
        verdict = None if ratio is None or (ratio < times and not reached) else ratio >= times
        yield Goal(f"{volume}: {WANTED:g} at least {times:g} times sooner than {name}", ratio, verdict)


def faster(results: Results, cells: Sequence[Cell], volume: str) -> Section:
    """Prediction against each peer's own predictor, each learner at its longest budget."""
    target = VOLUMES[volume].target
    longest = {line.learner: line for line in sorted(lines(results, cells, volume), key=lambda line: line.budget)}
    own, goals = longest.get("underpaint"), list[Goal]()
    for name, line in longest.items():
        times = FASTER.get(LEARNERS[name].environment)
        if times is not None and own is not None:
            reached = own.rate >= times * line.rate and (own.dice[target] or 0) >= (line.dice[target] or 0)
            goals.append(Goal(f"{volume}: {times:g} times as fast as {name}, Dice no lower", own.rate / line.rate, reached))
    rows = tuple((line.learner, line.took, line.dice[target], line.rate) for line in longest.values())
    sentence = f"megapixels of {volume} predicted per second by each learner's own predictor, after its longest budget"
    return Section(f"{volume}, prediction", sentence, ("learner", "seconds", target, "megapixels/s"), rows, tuple(goals))


def plot(results: Results, cells: Sequence[Cell], path: Path, names: Mapping[str, str] | None = None) -> None:
    """Draw the target's Dice against seconds of training, one panel a volume; needs ``underpaint[bench]``.

    Parameters
    ----------
    names
        What learners are called in the legend; as on the command line if None.
    """
    import altair

    rows = [
        {
            "volume": volume,
            "learner": (names or {}).get(line.learner, line.learner),
            "seconds": line.took,
            "dice": line.dice[VOLUMES[volume].target],
        }
        for volume in dict.fromkeys(cell.volume for cell in cells)
        for line in lines(results, cells, volume)
    ]
    shown = altair.Chart(altair.Data(values=rows)).encode(
        altair.X("seconds:Q", scale=altair.Scale(type="log"), title="seconds of training"),
        altair.Y("dice:Q", scale=altair.Scale(zero=False), title="Dice of mitochondria"),
        altair.Color("learner:N"),
        altair.Shape("learner:N", legend=None),
    )
    curves = (shown.mark_line() + shown.mark_point(filled=True, size=60)).properties(width=360, height=280)
    room = {"left": 5, "top": 5, "bottom": 5, "right": 60}  # a browser's letters may be wider
    curves.facet("volume:N").resolve_scale(y="independent").properties(padding=room).save(str(path))
