"""Compare learners: the same three painted slices, the same seconds, each in an environment of its own.

    python benchmarks/learner.py --quick
    python benchmarks/learner.py --seeds 3 --monai-python ~/peers/bin/python --results learner.jsonl
    python benchmarks/learner.py --only underpaint,monai-basic --volume vnc --seconds 120,600 --json

One training is a *cell*: a learner, a volume, a budget and a seed. Every cell is appended to the results file as soon as it
is measured, and cells found there are not measured again, so a long comparison can be stopped and carried on. MONAI's trainings
also go on from where they were stopped, and from shorter budgets: they lie in a folder beside the results file, and belong to
the same machine. Peers are left out for which no interpreter is given.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from cells import Results
from learner_cells import LEARNERS, VOLUMES, Cell, Volume
from learner_report import compared, faster, plot, time_to
from report import Report
from sections import named, parser

HERE = Path(__file__).resolve().parent
SECONDS, QUICK_SECONDS = 120.0, 5.0
PATIENCE = 90 * 60.0
"""Seconds that a learner may take beyond its budget, for start-up and prediction."""


def measure(cell: Cell, folder: Path, python: str, begun: Path | None = None) -> dict[str, Any]:
    """Run a learner's script and score its masks on the slices that were not painted.

    Parameters
    ----------
    cell
        What to train.
    folder
        Of the volume.
    python
        Interpreter of the learner.
    begun
        Folder of trainings that are carried on; None where every training begins anew.
    """
    from core.processes import engine_environment

    learner, volume = LEARNERS[cell.learner], VOLUMES[cell.volume]
    print(f"{cell.learner} on {cell.volume}, {cell.seconds:g} s, seed {cell.seed}", file=sys.stderr, flush=True)
    with tempfile.TemporaryDirectory(prefix="underpaint-benchmark-") as scratch:
        out = Path(scratch) / "masks.tif"
        command = [
            python, str(HERE / learner.script), str(folder), "--painted", ",".join(map(str, volume.painted)),
            "--classes", str(len(volume.classes)), "--target", str(volume.classes.index(volume.target)),
            "--seconds", str(cell.seconds), "--seed", str(cell.seed), "--out", str(out), "--variant", learner.variant,
        ]  # fmt: skip
        if begun is not None and learner.goes_on:
            command += ["--begun", str(begun / f"{cell.learner}-{cell.volume}-{cell.seed}.pt")]
        environment = engine_environment() if learner.environment == "own" else None
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, timeout=cell.seconds + PATIENCE, env=environment
        )
        if done.returncode:
            raise SystemExit(f"{cell.learner} ended with {done.returncode}:\n{done.stderr[-2000:]}")
        facts: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
        found = scored(tifffile.imread(out), tifffile.imread(folder / "labels.tif"), volume, facts)
        if learner.one_class:
            for kind in ("dice", "dice_not_tuned_on"):
                found[kind] = {name: value if name == volume.target else None for name, value in found[kind].items()}
        return {**facts, **found}


def scored(masks: np.ndarray, truth: np.ndarray, volume: Volume, facts: Mapping[str, Any]) -> dict[str, Any]:
    """Dice of every class over all slices that were not painted, and over those of them on which nothing was chosen either;
    megapixels predicted per second."""
    from core.evaluation.metrics import confusion, dice

    rest = [z for z in range(len(truth)) if z not in volume.painted]
    counts = {z: confusion(masks[z], truth[z], len(volume.classes)) for z in rest}
    rate = len(rest) * truth[0].size / 1e6 / facts["predict_seconds"]
    of_all, of_some = (
        dict(zip(volume.classes, dice(np.sum([counts[z] for z in rest if z not in without], axis=0)), strict=True))
        for without in ((), volume.tuned_on)
    )
    return {"dice": of_all, "dice_not_tuned_on": of_some, "megapixels_per_second": rate}


def planned(chosen: argparse.Namespace, pythons: Mapping[str, str | None]) -> Iterator[Cell]:
    """The cells asked for, seed by seed, so that a comparison that is stopped early has something of everything."""
    budgets = (QUICK_SECONDS,) if chosen.quick else chosen.seconds
    volumes = chosen.volume[:1] if chosen.quick else chosen.volume
    seen = set()
    for seed, volume, seconds, name in product(range(chosen.seeds), volumes, budgets, chosen.only):
        cell = Cell(name, volume, seconds, seed)
        if pythons[LEARNERS[name].environment] is not None and cell.key not in seen:
            seen.add(cell.key)
            yield cell


def held(results: Results) -> list[Cell]:
    """The cells that were measured, in their order."""
    return [Cell(learner, volume, seconds or 0.0, seed) for learner, volume, seconds, seed in results.rows]


learners, volumes = named("learner", LEARNERS), named("volume", VOLUMES)


def budgets(text: str) -> tuple[float, ...]:
    """Seconds, separated by commas."""
    return tuple(float(part) for part in text.split(","))


def parse() -> argparse.Namespace:
    """Read the command line."""
    options = parser(__doc__, f"one volume, {QUICK_SECONDS:g} s each; says so in its output")
    options.add_argument("--seconds", type=budgets, default=(SECONDS,), help="budgets of training, such as 120,600")
    options.add_argument("--only", type=learners, default=tuple(LEARNERS), help=f"some of {', '.join(LEARNERS)}")
    options.add_argument("--volume", type=volumes, default=tuple(VOLUMES), help=f"some of {', '.join(VOLUMES)}")
    options.add_argument("--results", type=Path, help="file of measured cells; those in it are not measured again")
    options.add_argument("--measured", action="store_true", help="print what the results file holds, and measure nothing")
    options.add_argument("--monai-python", help="interpreter with monai, torch and tifffile; without it MONAI is left out")
    options.add_argument("--forest-python", default=sys.executable, help="interpreter with scikit-image and scikit-learn")
    options.add_argument("--rootpainter-python", help="interpreter with root-painter-trainer and tifffile")
    options.add_argument("--nnunet-python", help="interpreter with nnunetv2 and tifffile; wants a GPU")
    options.add_argument("--plot", type=Path, help="draw Dice against seconds into this SVG or PNG (needs underpaint[bench])")
    return options.parse_args()


def main() -> None:
    """Measure what is not in the results file, and print all that was asked for."""
    chosen = parse()
    pythons = {
        "own": sys.executable,
        "forest": chosen.forest_python,
        "monai": chosen.monai_python,
        "rootpainter": chosen.rootpainter_python,
        "nnunet": chosen.nnunet_python,
    }
    left_out = [name for name in chosen.only if pythons[LEARNERS[name].environment] is None]
    if left_out and not chosen.measured:
        print(f"left out, no interpreter given: {', '.join(left_out)}", file=sys.stderr)
    results = Results(chosen.results)
    begun = chosen.results.with_suffix(".begun") if chosen.results is not None else None
    cells = held(results) if chosen.measured else list(planned(chosen, pythons))
    for cell in cells:
        python = pythons[LEARNERS[cell.learner].environment] or sys.executable
        results.known(cell.key, lambda cell=cell, python=python: measure(cell, chosen.volumes / cell.volume, python, begun))
    report = Report(chosen.quick, chosen.seeds)
    for volume in dict.fromkeys(cell.volume for cell in cells):
        report.sections.extend(tell(results, cells, volume) for tell in (compared, time_to, faster))
    if chosen.plot is not None:
        plot(results, cells, chosen.plot)
    report.tell(as_json=chosen.json)


if __name__ == "__main__":
    sys.path.insert(0, str(HERE.parent))
    main()
