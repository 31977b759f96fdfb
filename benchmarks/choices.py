"""What each choice of the learner is worth where nobody tuned: taken back one at a time, on generated volumes.

    python benchmarks/choices.py --quick
    python benchmarks/choices.py --seeds 3 --results choices.jsonl
    python benchmarks/choices.py --only noisy --choices "the defaults;no coarse heads"

Three slices of a generated volume are painted whole, a network is trained on them, and other slices are scored. The choices
were made on two real volumes; here it is seen whether what gained there gains elsewhere. Seconds are those of one processor
thread, so that a choice that makes steps slower has fewer of them. Differences are taken seed by seed. Cells are appended to
the results file as they are measured, and those found there are not measured again.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any
from unittest.mock import patch

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(Path(__file__).parent), str(ROOT)]

import torch  # noqa: E402
from cells import Results  # noqa: E402
from one_thread import Slice, mean_dice, predictor, run, score, train  # noqa: E402
from report import Section, mean  # noqa: E402
from sections import named, parser  # noqa: E402

from core.config import TrainConfig  # noqa: E402
from core.volumes.phantom import CLASS_NAMES, Phantom, PhantomConfig  # noqa: E402

SECONDS, QUICK_SECONDS = 75.0, 3.0
PAINTED, SCORED = (10, 30, 50), (5, 15, 20, 25, 35, 40, 45, 55, 60)
SEED = 19
"""Of the generated volumes; no other benchmark takes it."""

VARIANTS = {
    "faults": PhantomConfig(seed=SEED, shadow=0.7, jumps=0.2, curtain=0.15),
    "noisy": PhantomConfig(seed=SEED, poisson=15, gaussian=14),
    "fine": PhantomConfig(seed=SEED, pore_radius=4, thin_fraction=0.05, phase_radius=7, poisson=40),
}
"""With shadow, jumps and curtains; with little light; with small pores, thin pores and small grains."""


@dataclass(frozen=True)
class Choice:
    """How a training differs from the defaults: settings, names that stand for something else meanwhile, a round before."""

    settings: Mapping[str, Any] = field(default_factory=dict)
    stand_ins: Mapping[str, Any] = field(default_factory=dict)
    round_before: bool = False
    """Whether a round of the first painted slice alone comes before, whose weights it begins with."""


DEFAULTS = "the defaults"
_LEARNING = "core.training.learning"
CHOICES = {
    DEFAULTS: Choice(),
    "24 channels, 4 levels": Choice({"channels": 24, "depth": 4}),
    "4 levels": Choice({"depth": 4}),
    "no coarse heads": Choice(stand_ins={f"{_LEARNING}.lightning_module.CoarseHeads": lambda network, classes: None}),
    "classes of one weight": Choice(
        stand_ins={f"{_LEARNING}.lightning_module.class_weights": lambda counts: torch.ones(len(counts))}
    ),
    "AdamW, 0.005": Choice({"learning_rate": 0.125}, {f"{_LEARNING}.muon.WIDEST": 0}),  # 0.04 of the rate is AdamW's
    "half the rate": Choice({"learning_rate": TrainConfig.learning_rate / 2}),
    "twice the rate": Choice({"learning_rate": TrainConfig.learning_rate * 2}),
    "cross-entropy alone": Choice({"loss": "cross-entropy"}),
    "no surroundings": Choice({"local": 0}),
    "a round of one slice before": Choice(round_before=True),
}


@dataclass(frozen=True)
class Cell:
    """One training."""

    variant: str
    choice: str
    seconds: float
    seed: int

    @property
    def key(self) -> tuple[Any, ...]:
        """Names the cell in the results file."""
        return tuple(asdict(self).values())


def measure(cell: Cell) -> dict[str, Any]:
    """Train one cell and score it: Dice of every class in one view of each slice and in two, and steps."""
    phantom, choice = Phantom(VARIANTS[cell.variant]), CHOICES[cell.choice]
    config = TrainConfig(seed=cell.seed, seconds=cell.seconds, **choice.settings)
    painted = [_slice(phantom, z) for z in PAINTED]
    with ExitStack() as stack:
        for name, stand_in in choice.stand_ins.items():
            stack.enter_context(patch(name, stand_in))
        begins_with = None
        if choice.round_before:
            begins_with = train(painted[:1], len(CLASS_NAMES), config)[0].state_dict()
        network, facts = train(painted, len(CLASS_NAMES), config, begins_with)
    trained = predictor(network, CLASS_NAMES, cell.seed)
    seen = {"1": trained, "2": trained.alone()}
    found = {views: score(one, SCORED, lambda z: _slice(phantom, z)) for views, one in seen.items()}
    print(*cell.key, found, file=sys.stderr, flush=True)
    return {**facts, "dice": found}


def _slice(phantom: Phantom, z: int) -> Slice:
    return Slice(phantom.image(z), phantom.truth(z))


def section(variant: str, choices: Sequence[str], seconds: float, seeds: int, results: Results) -> Section:
    """Every choice on one volume, beside the defaults."""

    def known(choice: str) -> list[dict[str, Any]]:
        cells = [Cell(variant, choice, seconds, seed) for seed in range(seeds)]
        return [results.known(cell.key, lambda cell=cell: measure(cell)) for cell in cells]

    rows, usual = [], known(DEFAULTS)
    for choice in choices:
        cells = known(choice)
        one_view, two_views = ([mean_dice(cell["dice"][views]) for cell in cells] for views in ("1", "2"))
        lost = [mean_dice(default["dice"]["1"]) - own for default, own in zip(usual, one_view, strict=True)]
        by_class = [mean([cell["dice"]["1"][name] for cell in cells]) for name in CLASS_NAMES[1:]]
        steps = mean([cell["steps"] for cell in cells])
        rows.append((choice, mean(one_view), *by_class, mean(two_views), mean(lost), min(lost), max(lost), steps))
    sentence = (
        f"mean Dice of all classes but the first on slices {SCORED}, painted {PAINTED}, {seconds:g} s of one thread, "
        f"{seeds} seed(s); lost against the defaults, seed by seed"
    )
    columns = ("choice", "Dice", *CLASS_NAMES[1:], "Dice, two views", "lost", "least", "most", "steps")
    return Section(variant, sentence, columns, tuple(rows))


def main() -> None:
    """Measure the volumes asked for and print what was found."""
    options = parser(__doc__, f"{QUICK_SECONDS:g} s for each training, one volume; says so in its output")
    options.add_argument("--choices", type=named("choice", CHOICES, ";"), default=tuple(CHOICES), help="separated by semicolons")

    def told(variant: str, seconds: float, chosen: argparse.Namespace, results: Results) -> Section:
        return section(variant, chosen.choices, seconds, chosen.seeds, results)

    run(options, tuple(VARIANTS), "fine", (SECONDS, QUICK_SECONDS), told)


if __name__ == "__main__":
    main()
