"""Measure the loop through its front door: what is learnt in two minutes, how fast, in how much memory, at what effort.

    python benchmarks/loop.py --quick
    python benchmarks/loop.py --seeds 3 --json > results.json
    python benchmarks/loop.py --only learn --volumes ~/volumes

Every section is one function that returns a table; ``--only`` runs one of them. Commands are run as a user would run
them, each in a process of its own.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from learner_cells import VOLUMES
from page import page
from report import Goal, Section, mean
from sections import ROOT, Setting, run

SECONDS = 120.0
FASTEST_ENOUGH = 4.0  # megapixels per second
GROWTH_ALLOWED = 1.1


def underpaint(workspace: Path, *arguments: object) -> dict[str, Any]:
    """Run one command and return the JSON object it prints."""
    command = [sys.executable, "-m", "core.cli", *map(str, arguments), "--workspace", str(workspace), "--json"]
    print(" ".join(["underpaint", *command[3:-3]]), file=sys.stderr, flush=True)
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} ended with {done.returncode}:\n{done.stderr[-2000:]}")
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def learn(setting: Setting) -> Section:
    """Dice per class on all other slices after training on three."""
    seconds = 10.0 if setting.quick else SECONDS
    rows, goals = [], []
    for name, volume in VOLUMES.items():
        labels, listed = painted(setting, name)
        scores = [learn_once(setting.scratch, name, labels, seconds, seed) for seed in range(setting.seeds)]
        wanted = volume.goals[SECONDS]
        for class_ in volume.classes:
            found = [score[class_] for score in scores]
            measured = [value for value in found if value is not None]
            rows.append((name, listed, class_, mean(found), min(measured, default=None), wanted.get(class_)))
            if class_ in wanted:
                value, goal = mean(found), wanted[class_]
                reached = None if setting.quick or value is None else value >= goal
                goals.append(Goal(f"{name} {class_} Dice >= {goal} after {SECONDS:g} s", value, reached))
    sentence = f"Dice on the slices not painted, {seconds:g} s of training from random weights, {setting.seeds} seed(s)"
    columns = ("volume", "painted slices", "class", "Dice, mean", "Dice, worst seed", f"goal after {SECONDS:g} s")
    return Section("learn", sentence, columns, tuple(rows), tuple(goals))


def painted(setting: Setting, name: str) -> tuple[Path, str]:
    """Make a project of a real volume with its slices painted; the truth, and which slices these are."""
    volume, folder = VOLUMES[name], setting.volumes / name
    start_project(setting.scratch, name, folder, volume.classes)
    labels, listed = folder / "labels.tif", ",".join(map(str, volume.painted))
    underpaint(setting.scratch, "labels", "import", name, labels, "--slices", listed)
    return labels, listed


def start_project(workspace: Path, name: str, folder: Path, classes: tuple[str, ...]) -> None:
    """Make a project of ``folder/image.tif``."""
    if not (folder / "image.tif").exists():
        raise SystemExit(f"{folder / 'image.tif'} is not there; give the folder of the volumes with --volumes DIR.")
    underpaint(workspace, "new", name, "--volume", folder / "image.tif", "--classes", ",".join(classes))


def learn_once(workspace: Path, name: str, truth: Path, seconds: float, seed: int) -> dict[str, float | None]:
    """Train one round with a seed; Dice by class on the slices without a label."""
    trained = underpaint(workspace, "train", name, "--seconds", seconds, "--seed", seed)
    scored = underpaint(workspace, "evaluate", name, "--truth", truth, "--round", trained["round"])
    dice: dict[str, float | None] = scored["dice"]
    return dice


def speed(setting: Setting) -> Section:
    """Megapixels predicted per second on a real volume."""
    name = "vnc"
    painted(setting, name)
    underpaint(setting.scratch, "train", name, "--seconds", 5)
    runs = [
        underpaint(setting.scratch, "predict", name, setting.scratch / f"{number}.tif")
        for number in range(2 if setting.quick else 5)
    ]
    rates = sorted(run["megapixels_per_second"] for run in runs)
    middle = rates[len(rates) // 2]
    sentence = f"`predict` of all {runs[0]['slices']} slices of {name} to a TIFF, {len(runs)} runs, written and read"
    goal = Goal(f"prediction >= {FASTEST_ENOUGH:g} megapixels/s", middle, middle >= FASTEST_ENOUGH)
    columns = ("volume", "slices", "megapixels/s, median", "slowest", "fastest", "peak MiB")
    row = (name, runs[0]["slices"], middle, rates[0], rates[-1], max(run["peak_memory_mb"] for run in runs))
    return Section("speed", sentence, columns, (row,), (goal,))


def memory(setting: Setting) -> Section:
    """Peak memory of ``predict`` for a volume and for one ten times as deep."""
    side = 256 if setting.quick else 1024
    write_phantom(setting.scratch / "shallow", side, repeats=1)
    write_phantom(setting.scratch / "deep", side, repeats=10)
    rows = [predict_phantom(setting.scratch, name) for name in ("shallow", "deep")]
    grown = rows[1][2] / rows[0][2]
    sentence = f"`predict` to a TIFF, slices of {side} x {side}, each in a process of its own; the same slices ten times over"
    goal = Goal(f"memory for 200 slices over memory for 20, below {GROWTH_ALLOWED:g}", grown, grown < GROWTH_ALLOWED)
    return Section("memory", sentence, ("volume", "slices", "peak MiB", "seconds"), tuple(rows), (goal,))


PHANTOM_CLASSES = ("matrix", "pore", "phase")


def write_phantom(folder: Path, side: int, *, repeats: int, depth: int = 20, seed: int = 0) -> None:
    """``image.tif`` and ``labels.tif`` of a generated volume, its slices ``repeats`` times over."""
    from core.volumes.phantom import PhantomConfig, phantom_slices

    folder.mkdir()
    pairs = list(phantom_slices(PhantomConfig(depth=depth, height=side, width=side, seed=seed)))
    for name, number in (("image.tif", 0), ("labels.tif", 1)):
        pages: Iterator[Any] = (pair[number] for _ in range(repeats) for pair in pairs)
        tifffile.imwrite(folder / name, pages, shape=(depth * repeats, side, side), dtype=np.uint8, metadata={"axes": "ZYX"})


def predict_phantom(scratch: Path, name: str) -> tuple[str, int, float, float]:
    """Train briefly on three slices of a phantom and predict all of it: name, slices, peak MiB, seconds."""
    start_project(scratch, name, scratch / name, PHANTOM_CLASSES)
    underpaint(scratch, "labels", "import", name, scratch / name / "labels.tif", "--slices", "2,9,16")
    underpaint(scratch, "train", name, "--seconds", 5)
    done = underpaint(scratch, "predict", name, scratch / f"{name}.tif")
    return name, done["slices"], done["peak_memory_mb"], done["seconds"]


def annotator(setting: Setting) -> Section:
    """What asking saves on a phantom, and how far that hangs on the annotator's assumed speeds.

    The masks painted do not depend on the speeds, so every speed is applied to the same replays.
    """
    from core.config import AnnotatorConfig

    side, rounds, seconds = (256, 3, 5) if setting.quick else (384, 5, 60)
    write_phantom(setting.scratch / "phantom", side, repeats=1, depth=40)
    replays = {query: [replay(setting.scratch, query, rounds, seconds, seed) for seed in range(setting.seeds)]
               for query in ("least-confidence", "random")}  # fmt: skip
    efforts = {query: [efforts for _, efforts in played] for query, played in replays.items()}
    rows = []
    for label, config in speeds(AnnotatorConfig()):
        asked, chance = (
            mean([sum(effort.seconds(config) for effort in one) for one in efforts[query]]) or 0.0 for query in efforts
        )
        rows.append((label, asked, chance, asked / chance, *(mean([d[-1] for d, _ in replays[q]]) for q in replays)))
    sentence = (
        f"seconds of annotation over {rounds} rounds of {seconds} s on a phantom of 40 x {side} x {side}, 3 slices "
        f"painted, 2 corrected a round, {setting.seeds} seed(s); mean Dice on test slices fixed before"
    )
    columns = ("annotator", "asking, s", "random, s", "asking / random", "asking, Dice", "random, Dice")
    return Section("annotator", sentence, columns, tuple(rows))


def replay(scratch: Path, query: str, rounds: int, seconds: float, seed: int) -> tuple[list[float | None], list[Any]]:
    """Simulate with a query: mean Dice and effort of every round."""
    from core.config import SimulateConfig, TrainConfig
    from core.simulate import simulate

    print(f"simulate --query {query} --seed {seed}", file=sys.stderr, flush=True)
    config = SimulateConfig(rounds=rounds, query=query, train=TrainConfig(seconds=seconds, seed=seed))
    folder = scratch / "phantom"
    played = simulate(folder / "image.tif", folder / "labels.tif", PHANTOM_CLASSES, config)
    return [r.mean_dice for r in played.rounds], [r.effort for r in played.rounds]


def speeds(config: Any) -> Iterator[tuple[str, Any]]:
    """The annotator as frozen, and with each number alone at half and double."""
    yield "as frozen", config
    for name in (f.name for f in fields(config)):
        for factor in (0.5, 2.0):
            yield f"{name} x {factor:g}", replace(config, **{name: getattr(config, name) * factor})


def app(setting: Setting) -> Section:
    """The annotate page in a real browser."""
    return page(setting.scratch, setting.quick)


SECTIONS: dict[str, Callable[[Setting], Section]] = {
    "learn": learn,
    "speed": speed,
    "memory": memory,
    "app": app,
    "annotator": annotator,  # last: it trains in this process, and a child's peak memory may include its parent's
}


if __name__ == "__main__":
    run(__doc__, "under five minutes: short trainings, small volumes", SECTIONS)
