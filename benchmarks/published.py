"""Render docs/benchmarks.md from the measured cells, so that no number on it is typed by hand.

    python benchmarks/published.py            # write the page
    python benchmarks/published.py --check    # exit with 1 where the page is not what the cells give
    python benchmarks/published.py --plot     # draw its curves anew as well (needs underpaint[bench])

Cells are lines of ``benchmarks/measured/*.jsonl``. To publish a new measurement, add its file there and its name to a list
below. A sentence of the page takes its numbers from cells; what has no cell is not on the page.
"""

from __future__ import annotations

import argparse
import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from cells import Results
from learner_cells import ARTEFACTS_ALLOWED, LEARNERS, VOLUMES, Cell
from learner_report import SOONER, WANTED, Line, faster, lines, plot, time_to
from report import Goal, Section, cell, markdown, mean

ROOT = Path(__file__).resolve().parent.parent
MEASURED = ROOT / "benchmarks" / "measured"
PAGE = ROOT / "docs" / "benchmarks.md"
CURVES = ROOT / "docs" / "images" / "learner.svg"

EPYC = ("learner-2026-11-27-epyc", "learner-2026-11-27-last", "learner-2026-11-28")
XEON = (
    "learner-2026-11-27-later",
    "learner-2026-11-26",
    "learner-2026-11-26-night",
    "learner-2026-11-27",
    "learner-2026-11-27-evening",
)
GPU = ("learner-2026-11-27-gpu",)
ARTEFACTS = ("faults-2026-11-27-night", "faults-2026-11-27-last")
CHOICES = ("choices-2026-11-27",)
"""Files of cells, the oldest first: of two cells with one key the later one counts."""

NAMES = {
    "underpaint": "Underpaint",
    "underpaint-fp32": "Underpaint, float32",
    "forest": "forest",
    "monai-basic": "BasicUNet, float32",
    "monai-basic-bf16": "BasicUNet",
    "monai-dyn": "DynUNet, float32",
    "monai-dyn-bf16": "DynUNet",
    "rootpainter": "RootPainter",
}
STATES, PLAIN_AND_FULL = ("clean", "faults"), ("plain", "full")
"""Of a volume, and learners, in the cells of ``faults.py``."""


def read(names: Sequence[str]) -> Results:
    """The cells of some files."""
    return Results.of(MEASURED / f"{name}.jsonl" for name in names)


class Machine:
    """The trainings of one machine, and the tables they give."""

    def __init__(self, names: Sequence[str]) -> None:
        self.names = names
        self._results = Results(None)
        for name in names:
            for key, row in read([name]).rows.items():
                own = key[0].startswith("underpaint")
                if key[0] in NAMES and (row.get("commit") or not own):  # else of a version that nobody can name
                    self._results.rows[key] = row
        order = list(LEARNERS)
        keys = sorted(self._results.rows, key=lambda key: (order.index(key[0]), key[2] or 0, key[3]))
        self._cells = [Cell(*key) for key in keys]

    def __str__(self) -> str:
        told = next(iter(self._results.rows.values()))["machine"]
        return str(told["gpu"] if told["gpu"] != "none" else told["processor"].replace("(R)", ""))

    @property
    def commits(self) -> str:
        """Of Underpaint, the newest last."""
        own = [row.get("commit") for key, row in self._results.rows.items() if key[0].startswith("underpaint")]
        return ", ".join(f"`{commit}`" for commit in dict.fromkeys(own))

    def line(self, learner: str, volume: str, seconds: float | None) -> Line:
        """The mean of the seeds of one learner with one budget; None is the one budget that there is."""
        found = [line for line in lines(self._results, self._cells, volume) if line.learner == learner]
        return next(line for line in found if seconds in (None, line.budget))

    def table(self, volume: str, *, classes: Sequence[str] | None = None, float32: bool = True) -> str:
        """Dice of all learners on one volume, of all classes but the first unless some are named.

        Short trainings in float32 are left out, and all in float32 where they are not wanted.
        """
        classes = VOLUMES[volume].classes[1:] if classes is None else classes
        rows = []
        for line in lines(self._results, self._cells, volume):
            if "float32" in NAMES[line.learner] and (line.budget < 120 or not float32):
                continue
            spread = f" ({line.spread:.3f})" if line.seeds > 1 and line.spread is not None else ""
            mean_dice, dice = f"{cell(line.mean)}{spread}", [line.dice[name] for name in classes]
            rows.append((NAMES[line.learner], round(line.budget), *dice, mean_dice, line.not_tuned_on, _rate(line.rate)))
        columns = ("learner", "seconds", *classes, "mean", "not tuned on", "megapixels/s")
        return markdown(_filled(Section(volume, "", columns, tuple(rows))))

    def points(self, volume: str) -> list[Line]:
        """What the curves show: all learners but those in float32."""
        return [line for line in lines(self._results, self._cells, volume) if "float32" not in NAMES[line.learner]]

    def draw(self, path: Path) -> None:
        """Draw the curves."""
        shown = [cell for cell in self._cells if "float32" not in NAMES[cell.learner]]
        plot(self._results, shown, path, NAMES)

    def goals(self) -> str:
        """The Dice set as goals for Underpaint, and what was measured."""
        rows = []
        for volume, told in VOLUMES.items():
            for seconds, wanted in told.goals.items():
                line = self.line("underpaint", volume, seconds)
                for name, goal in wanted.items():
                    found = (line.mean if name == "mean" else line.dice[name]) or 0.0
                    rows.append((f"{volume}, {seconds:g} s: {name}", goal, f"{found:.3f}{_verdict(found >= goal)}"))
        return markdown(Section("goals", "", ("Dice of", "goal", "measured"), tuple(rows)))

    def speed(self) -> str:
        """How much sooner than its peers Underpaint has the wanted Dice, and how much faster it predicts."""
        rows = []
        for volume in VOLUMES:
            sooner, quicker = (_by_learner(made(self._results, self._cells, volume)) for made in (time_to, faster))
            names = [name for name in sooner if "float32" not in NAMES[name]]
            rows += [(volume, NAMES[name], _times(sooner[name]), _times(quicker[name])) for name in names]
        return markdown(Section("speed", "", ("volume", "peer", "times sooner", "times as fast"), tuple(rows)))

    def ratio(self, volume: str, learner: str) -> float:
        """How many times as many megapixels Underpaint predicts per second, each with its longest budget."""
        return _by_learner(faster(self._results, self._cells, volume))[learner].value or 0.0

    def time(self, learner: str, volume: str) -> float:
        """The smallest budget in seconds that reaches the wanted Dice."""
        target = VOLUMES[volume].target
        told = lines(self._results, self._cells, volume)
        return min(line.budget for line in told if line.learner == learner and (line.dice[target] or 0) >= WANTED)


def _rate(value: float) -> str:
    """To two digits or so."""
    return f"{value:.2f}" if value < 1 else f"{value:.1f}" if value < 10 else f"{value:.0f}"


def _by_learner(section: Section) -> dict[str, Goal]:
    """The goals of a section by the peer that they name."""
    return {name: goal for goal in section.goals for name in LEARNERS if f" {name}," in f"{goal.text},"}


def _times(goal: Goal) -> str:
    return f"{goal.value or 0:.1f}{_verdict(goal.reached)}"


def _verdict(reached: bool | None) -> str:
    """What is added to a value beside its goal."""
    return {True: "", False: ", **missed**", None: ", undecided"}[reached]


def _filled(section: Section) -> Section:
    """The same table without the columns that hold nothing."""
    kept = [at for at in range(len(section.columns)) if any(row[at] is not None for row in section.rows)]
    columns = tuple(section.columns[at] for at in kept)
    return Section(section.name, section.measured, columns, tuple(tuple(row[at] for at in kept) for row in section.rows))


def artefacts() -> Section:
    """Mean Dice of ``plain`` and ``full`` on each volume, painted and scored in both states; the newest cell of a key."""
    found: dict[tuple[str, str], dict[str, list[dict[str, Any]]]] = defaultdict(lambda: defaultdict(list))
    for (volume, painted, learner, *_), row in read(ARTEFACTS).rows.items():
        if learner in PLAIN_AND_FULL and painted in STATES:
            found[volume, painted][learner].append(row)
    rows = []
    for (volume, painted), by in sorted(
        found.items(), key=lambda one: (-len(one[1]["full"]), one[0][0], STATES.index(one[0][1]))
    ):
        told = (" / ".join(cell(mean([dice_of(row, state) for row in by[name]])) for name in PLAIN_AND_FULL) for state in STATES)
        rows.append(("generated" if volume == "phantom" else volume, _said(painted), *told))
    columns = ("volume", "painted", *(f"scored: {_said(state)}" for state in STATES))
    return Section("artefacts", "", columns, tuple(rows))


def _said(state: str) -> str:
    """The name of a state or a volume on the page; cells keep the word that they were measured under."""
    return state.replace("faults", "artefacts")


def lost(learner: str) -> float:
    """Mean Dice that artefacts cost on the generated volume where only clean slices are painted."""
    rows = [row for key, row in read(ARTEFACTS).rows.items() if key[:3] == ("phantom", "clean", learner)]
    return mean([dice_of(row, "clean") - dice_of(row, "faults") for row in rows]) or 0.0


def dice_of(row: dict[str, Any], state: str) -> float:
    """Mean of all classes but the first."""
    return mean(list(row["dice"][state].values())[1:]) or 0.0


def choices() -> Section:
    """What the defaults have more than each choice taken back, by generated volume: the mean over the seeds."""
    rows = read(CHOICES).rows
    volumes, names = (list(dict.fromkeys(key[at] for key in rows)) for at in (0, 1))
    defaults = names.pop(0)

    def gained(volume: str, name: str) -> float:
        seeds = [key[2:] for key in rows if key[:2] == (volume, name)]
        both = [(rows[volume, defaults, *seed], rows[volume, name, *seed]) for seed in seeds]
        return mean([dice_of(default, "1") - dice_of(without, "1") for default, without in both]) or 0.0

    told = tuple((name, *(f"{gained(volume, name):+.3f}" for volume in volumes)) for name in names)
    return Section("choices", "", ("taken back", *map(_said, volumes)), told)


def kept() -> Iterator[Section]:
    """Sections of ``editor.py``, ``loop.py`` and ``forest.py`` that were kept as cells, but for those of ``--quick`` runs."""
    for key, row in Results.of(sorted(MEASURED.glob("sections-*.jsonl")), quick=False).rows.items():
        where = f"{row['machine']['processor']}, commit `{row['commit']}`"
        sentence = f"`python benchmarks/{key[0]}.py --only {key[1]}`, {where}: {row['measured']}"
        goals = tuple(Goal(**goal) for goal in row["goals"])
        yield Section(key[1], sentence, tuple(row["columns"]), tuple(map(tuple, row["rows"])), goals)


def page() -> str:
    """The whole page."""
    epyc, xeon, gpu = Machine(EPYC), Machine(XEON), Machine(GPU)
    two, ten = (epyc.line("underpaint", "vnc", seconds) for seconds in (120.0, 600.0))
    hour, forest = epyc.line("monai-basic-bf16", "vnc", 3600.0), epyc.line("forest", "vnc", None)
    lucchi_two, lucchi_ten = (epyc.line("underpaint", "lucchi", seconds) for seconds in (120.0, 600.0))
    painted = {name: ", ".join(map(str, volume.painted)) for name, volume in VOLUMES.items()}
    peer = "monai-basic-bf16"
    sooner, later = (epyc.time(name, "vnc") for name in ("underpaint", peer))
    return f"""# Benchmarks

`python benchmarks/published.py` renders this page from the cells in `benchmarks/measured/`. A cell is one measurement, with its
machine and commit. [Run a benchmark](../benchmarks/README.md) yourself, or read in [the lab log](../benchmarks/log/README.md)
what was tried.

## In short

| question, on two cores of an {epyc} | answer |
|---|---|
| Dice on `vnc`, mean of four classes, after {two.budget:g} s of training | {two.mean:.3f} |
| the same after {ten.budget:g} s | {ten.mean:.3f} |
| the same, BasicUNet of MONAI after {hour.budget:g} s | {hour.mean:.3f} |
| the same, random forest | {forest.mean:.3f} |
| Dice on `lucchi`, mitochondria, after {two.budget:g} s and {ten.budget:g} s | {lucchi_two.mean:.3f} and {lucchi_ten.mean:.3f} |
| shortest training measured with {WANTED:g} for mitochondria on `vnc` | {sooner:g} s; BasicUNet {later:g} s |
| megapixels of `vnc` predicted per second | {ten.rate:.1f}, {epyc.ratio("vnc", peer):.1f} times as many as BasicUNet |
| Dice lost to imaging artefacts that nobody painted | {lost("full"):.3f}; a plain network loses {lost("plain"):.3f} |

## How it is measured

- **Volumes**: `vnc` is serial-section TEM of a fly nerve cord, `lucchi` FIB-SEM of a mouse hippocampus, both with known truth.
- **Painted**: three whole slices ({painted["vnc"]} of `vnc`, {painted["lucchi"]} of `lucchi`). All others are scored.
- **Score**: [Dice](explanation/trust.md#dice), mean of three seeds where brackets say how far they lie apart, else of one.
- **Not tuned on**: the mean without the slices on which defaults were chosen.
- **Seconds**: training alone, from random weights. Starting, validating and storing come on top.
- **Peers**: MONAI's BasicUNet and DynUNet, not tuned, in bf16 or, slower, in float32 as shipped; a random forest on image
  features, as in ilastik; RootPainter's trainer.
- **Goals**: set before measuring.

## Dice after training

`python benchmarks/learner.py` on the {epyc}; commits {epyc.commits}.

`vnc`:

{epyc.table("vnc")}

`lucchi`, where Underpaint averages neighbouring slices:

{epyc.table("lucchi", classes=())}

![Dice of mitochondria against seconds of training, one curve for each learner](images/learner.svg)

Goals; a value that misses its goal says so:

{epyc.goals()}

Time until mitochondria have {WANTED:g}, and prediction after the longest training of each (goal: {SOONER["monai"]:g} times both):

{epyc.speed()}

## On another processor

`vnc` on the {xeon}, whose speed changes from hour to hour; commits {xeon.commits}.

{xeon.table("vnc", classes=["mitochondria"], float32=False)}

RootPainter looks for mitochondria alone. It had not ended one epoch, so it had saved no model.

## On a GPU

`vnc` on one {gpu}; commit {gpu.commits}. Writing and the first use of the GPU are included.

{gpu.table("vnc", classes=["mitochondria"])}

## Imaging artefacts

`python benchmarks/faults.py`: a shadow, and jumps of brightness between slices. Mean Dice, "plain/full": `plain` learns from
flips and turns alone, `full` is the default. On the generated volume artefacts that nobody painted may cost
{ARTEFACTS_ALLOWED:g}; they cost {lost("full"):.3f} ({"reached" if lost("full") <= ARTEFACTS_ALLOWED else "**missed**"}).

{markdown(artefacts())}

## What each choice is worth elsewhere

`python benchmarks/choices.py` takes each choice back on generated volumes on which nothing was tuned. The table shows what the
defaults gain by the choice.

{markdown(choices())}
{"".join(_kept(section) for section in kept())}
## Not measured

- Several GPUs together, Apple's MPS, macOS, Windows; nnU-Net; seconds of real people.
- The editor's times, the first preview and memory have no cells yet. [The log](../benchmarks/log/2026-11-28-measured.md) has what
  was measured by hand; `--results FILE` keeps the next ones as cells.
"""


def _kept(section: Section) -> str:
    goals = "".join(f"- {goal.text}: {cell(goal.value)}{_verdict(goal.reached)}\n" for goal in section.goals)
    told = f"\nGoals; a value that misses its goal says so:\n\n{goals}" if goals else ""
    return f"\n## {section.name.capitalize()}\n\n{section.measured}.\n\n{markdown(section)}\n{told}"


def main() -> None:
    """Write the page, or compare it."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--check", action="store_true", help="compare only")
    options.add_argument("--plot", action="store_true", help="draw the curves anew (needs underpaint[bench])")
    chosen, told = options.parse_args(), page()
    if chosen.plot:
        Machine(EPYC).draw(CURVES)
    if not chosen.check:
        PAGE.write_text(told, encoding="utf-8")
    elif PAGE.read_text(encoding="utf-8") != told:
        raise SystemExit(f"{PAGE.relative_to(ROOT)} is not what the cells give: run python benchmarks/published.py")


if __name__ == "__main__":
    main()
