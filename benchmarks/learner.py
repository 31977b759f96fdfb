"""Compare learners: the same three painted slices, the same seconds, each in an environment of its own.

    python benchmarks/learner.py --quick
    python benchmarks/learner.py --seeds 3 --monai-python ~/peers/bin/python --results learner.jsonl
    python benchmarks/learner.py --only underpaint,monai-basic --seconds 120,600 --json

One training is a *cell*: a learner, a volume, a budget and a seed. Every cell is appended to the results file as soon as it
is measured, and cells found there are not measured again, so a long comparison can be stopped and carried on.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from report import Goal, Report, Section, machine, mean

HERE = Path(__file__).resolve().parent
SECONDS, QUICK_SECONDS = 120.0, 5.0
PATIENCE = 30 * 60.0
"""Seconds that a learner may take beyond its budget, for start-up and prediction."""


@dataclass(frozen=True)
class Learner:
    """A script beside this one, what it is told, and whose interpreter runs it."""

    script: str
    variant: str
    environment: str


LEARNERS = {
    "underpaint": Learner("learner_underpaint.py", "", "own"),
    "underpaint-fp32": Learner("learner_underpaint.py", "fp32", "own"),
    "forest": Learner("learner_forest.py", "", "forest"),
    "monai-basic": Learner("learner_monai.py", "BasicUNet", "monai"),
    "monai-basic-bf16": Learner("learner_monai.py", "BasicUNet+bf16", "monai"),
    "monai-dyn": Learner("learner_monai.py", "DynUNet", "monai"),
    "monai-dyn-bf16": Learner("learner_monai.py", "DynUNet+bf16", "monai"),
}


@dataclass(frozen=True)
class Volume:
    """A real volume: its classes, the slices that are painted, and the Dice that Underpaint should reach in 120 s."""

    classes: tuple[str, ...]
    painted: tuple[int, ...]
    goals: Mapping[str, float]


VOLUMES = {
    "vnc": Volume(
        ("intracellular", "membrane", "mitochondria", "synapse", "glia"),
        (2, 9, 16),
        {"mitochondria": 0.91, "membrane": 0.85, "synapse": 0.65, "glia": 0.82},
    ),
    "lucchi": Volume(("background", "mitochondria"), (20, 64, 108), {"mitochondria": 0.935}),
}


@dataclass(frozen=True)
class Cell:
    """One training."""

    learner: str
    volume: str
    seconds: float
    seed: int

    @property
    def key(self) -> tuple[Any, ...]:
        """Names the cell in the results file; the forest takes the time it takes."""
        return self.learner, self.volume, None if self.learner == "forest" else self.seconds, self.seed


class Results:
    """Measured cells, one JSON object a line; a line that was cut off is passed over.

    Parameters
    ----------
    path
        The file, or None to remember them in memory only.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self.rows: dict[tuple[Any, ...], dict[str, Any]] = {}
        if path is not None and path.exists():
            for line in path.read_text(encoding="utf-8").splitlines():
                self._remember(line)

    def _remember(self, line: str) -> None:
        try:
            row = json.loads(line)
            self.rows[tuple(row["cell"])] = row
        except (ValueError, KeyError, TypeError):
            print(f"passed over in {self._path}: {line[:60]!r}", file=sys.stderr)

    def add(self, cell: Cell, facts: Mapping[str, Any]) -> None:
        """Keep what was measured, on disk at once."""
        row = {"cell": list(cell.key), "machine": machine(), **facts}
        self.rows[cell.key] = row
        if self._path is not None:
            # A line of its own even after one that was cut off.
            cut = self._path.exists() and not self._path.read_bytes().endswith(b"\n") and self._path.stat().st_size > 0
            with self._path.open("a", encoding="utf-8") as file:
                file.write("\n" * cut + json.dumps(row, allow_nan=False) + "\n")


def measure(cell: Cell, folder: Path, python: str) -> dict[str, Any]:
    """Run a learner's script and score its masks on the slices that were not painted."""
    learner, volume = LEARNERS[cell.learner], VOLUMES[cell.volume]
    print(f"{cell.learner} on {cell.volume}, {cell.seconds:g} s, seed {cell.seed}", file=sys.stderr, flush=True)
    with tempfile.TemporaryDirectory(prefix="underpaint-benchmark-") as scratch:
        out = Path(scratch) / "masks.tif"
        command = [
            python, str(HERE / learner.script), str(folder), "--painted", ",".join(map(str, volume.painted)),
            "--classes", str(len(volume.classes)), "--seconds", str(cell.seconds), "--seed", str(cell.seed),
            "--out", str(out), "--variant", learner.variant,
        ]  # fmt: skip
        environment = {**os.environ, "PYTHONPATH": str(HERE.parent)} if learner.environment == "own" else None
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, timeout=cell.seconds + PATIENCE, env=environment
        )
        if done.returncode:
            raise SystemExit(f"{cell.learner} ended with {done.returncode}:\n{done.stderr[-2000:]}")
        facts: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
        return {**facts, **scored(tifffile.imread(out), tifffile.imread(folder / "labels.tif"), volume, facts)}


def scored(masks: np.ndarray, truth: np.ndarray, volume: Volume, facts: Mapping[str, Any]) -> dict[str, Any]:
    """Dice of every class over all slices that were not painted, and megapixels predicted per second."""
    from core.metrics import confusion, dice

    rest = [z for z in range(len(truth)) if z not in volume.painted]
    counts = sum(confusion(masks[z], truth[z], len(volume.classes)) for z in rest)
    rate = len(rest) * truth[0].size / 1e6 / facts["predict_seconds"]
    return {"dice": dict(zip(volume.classes, dice(counts), strict=True)), "megapixels_per_second": rate}


def compared(results: Results, cells: Sequence[Cell], volume: str) -> Section:
    """The table of one volume: a line for each learner and budget, means over the seeds that are measured."""
    told = VOLUMES[volume]
    names = told.classes[1:]
    lines, goals = [], list[Goal]()
    alike = dict.fromkeys((cell.learner, cell.seconds) for cell in cells if cell.volume == volume)
    for learner, seconds in alike:
        keys = [cell.key for cell in cells if (cell.learner, cell.volume, cell.seconds) == (learner, volume, seconds)]
        rows = [results.rows[key] for key in keys if key in results.rows]
        if not rows:
            continue
        found = {name: mean([row["dice"][name] for row in rows]) for name in names}
        each = [mean([row["dice"][name] for name in names]) or 0.0 for row in rows]
        took = mean([row["train_seconds"] for row in rows])
        rate = mean([row["megapixels_per_second"] for row in rows])
        lines.append((learner, took, len(rows), *found.values(), mean(each), max(each) - min(each), rate))
        if learner == "underpaint" and seconds == SECONDS:
            goals += [
                Goal(f"{volume} {name} Dice >= {goal}", found[name], (found[name] or 0) >= goal)
                for name, goal in told.goals.items()
            ]
    sentence = f"Dice on all slices of {volume} but the painted {', '.join(map(str, told.painted))}, mean over seeds"
    columns = ("learner", "seconds", "seeds", *names, "mean", "spread of mean", "megapixels/s")
    return Section(volume, sentence, columns, tuple(lines), tuple(goals))


def planned(chosen: argparse.Namespace, pythons: Mapping[str, str | None]) -> Iterator[Cell]:
    """The cells asked for, seed by seed, so that a comparison that is stopped early has something of everything."""
    budgets = (QUICK_SECONDS,) if chosen.quick else chosen.seconds
    volumes = ("vnc",) if chosen.quick else tuple(VOLUMES)
    seen = set()
    for seed, volume, seconds, name in product(range(chosen.seeds), volumes, budgets, chosen.only):
        cell = Cell(name, volume, seconds, seed)
        if pythons[LEARNERS[name].environment] is not None and cell.key not in seen:
            seen.add(cell.key)
            yield cell


def learners(text: str) -> tuple[str, ...]:
    """Names of learners, separated by commas."""
    names = tuple(text.split(","))
    unknown = sorted(set(names) - LEARNERS.keys())
    if unknown:
        raise argparse.ArgumentTypeError(f"no learner {', '.join(unknown)}; there are {', '.join(LEARNERS)}")
    return names


def budgets(text: str) -> tuple[float, ...]:
    """Seconds, separated by commas."""
    return tuple(float(part) for part in text.split(","))


def parse() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help=f"vnc alone with {QUICK_SECONDS:g} s; says so in its output")
    here = Path(os.environ.get("UNDERPAINT_VOLUMES") or HERE.parents[1] / "shared" / "volumes")
    parser.add_argument("--volumes", type=Path, default=here, help="folder with vnc/ and lucchi/ (UNDERPAINT_VOLUMES)")
    parser.add_argument("--seeds", type=int, default=1, help="repeat every training with so many seeds")
    parser.add_argument("--seconds", type=budgets, default=(SECONDS,), help="budgets of training, such as 120,600")
    parser.add_argument("--only", type=learners, default=tuple(LEARNERS), help=f"some of {', '.join(LEARNERS)}")
    parser.add_argument("--results", type=Path, help="file of measured cells; those in it are not measured again")
    parser.add_argument("--monai-python", help="interpreter with monai, torch and tifffile; without it MONAI is left out")
    parser.add_argument("--forest-python", default=sys.executable, help="interpreter with scikit-image and scikit-learn")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of tables")
    return parser.parse_args()


def main() -> None:
    """Measure what is not in the results file, and print all that was asked for."""
    chosen = parse()
    pythons = {"own": sys.executable, "forest": chosen.forest_python, "monai": chosen.monai_python}
    left_out = [name for name in chosen.only if pythons[LEARNERS[name].environment] is None]
    if left_out:
        print(f"left out, no interpreter given: {', '.join(left_out)}", file=sys.stderr)
    results, cells = Results(chosen.results), list(planned(chosen, pythons))
    volumes = chosen.volumes.expanduser().resolve()
    for cell in cells:
        if cell.key not in results.rows:
            python = pythons[LEARNERS[cell.learner].environment] or sys.executable
            results.add(cell, measure(cell, volumes / cell.volume, python))
    report = Report(chosen.quick, chosen.seeds)
    report.sections += [compared(results, cells, volume) for volume in dict.fromkeys(cell.volume for cell in cells)]
    if chosen.json:
        print(report.as_json())
    else:
        report.print()


if __name__ == "__main__":
    sys.path.insert(0, str(HERE.parent))
    main()
