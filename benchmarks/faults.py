"""What imaging artefacts cost, and what augmentation by artefacts gives back.

    python benchmarks/faults.py --quick
    python benchmarks/faults.py --seeds 2 --results faults.jsonl
    python benchmarks/faults.py --only lucchi --learners "plain;plain, flattened;full" --json

Three slices of a volume are painted whole, a network is trained on them, and other slices are scored. The same volume is
taken clean and with a shadow down to 30 % of the light and brightness jumps between slices, which come from
``core.volumes.phantom`` and share nothing with the augmentation.

Seconds are those of one processor thread, so that a busy machine does not matter. One training is a *cell*: cells are
appended to the results file as they are measured, and those found there are not measured again.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(Path(__file__).parent), str(ROOT)]

import numpy as np  # noqa: E402
import tifffile  # noqa: E402
from cells import Results  # noqa: E402
from learner_cells import ARTEFACTS_ALLOWED  # noqa: E402
from one_thread import Slice, mean_dice, predictor, run, score, train  # noqa: E402
from report import Goal, Section, mean  # noqa: E402
from scipy.ndimage import gaussian_filter  # noqa: E402
from sections import named, parser  # noqa: E402

from core.config import AugmentConfig, TrainConfig  # noqa: E402
from core.volumes.phantom import CLASS_NAMES, Phantom, PhantomConfig  # noqa: E402

SECONDS, QUICK_SECONDS = 240.0, 5.0
"""Of one thread: 240 are what two minutes on two cores give."""
SHADOW = 0.7
"""Share of the light lost from the bright to the dark corner."""
JUMPS = {"faults": 0.2, "strong faults": 0.4}
"""Standard deviation of the brightness of slices, by the name of the state in the cells.

Slices get 0.55 to 1.35 of the light, 6 % of them beyond +-40 %; or 0.2 to 1.7 and 27 %.
"""

FLAT = 1 / 8
"""Deviation of the blur by which a slice is divided to flatten its light, as a share of its shorter side."""


@dataclass(frozen=True)
class Learner:
    """How patches are changed, whether the light of slices is flattened before, and the network's own surroundings."""

    augment: AugmentConfig
    flat: bool = False
    local: int = 0


_NO_ARTEFACTS = {"elastic": 0.0, "blur": 0.0, "curtain": 0.0, "shadow": 0.0, "charging": 0.0, "jumps": 0.0}
_PLAIN = AugmentConfig(scale=0, noise=0, gamma=0, brightness=0, **_NO_ARTEFACTS)  # flips and turns alone
LEARNERS = {
    "plain": Learner(_PLAIN),
    "plain, flattened": Learner(_PLAIN, flat=True),
    "tones": Learner(AugmentConfig(**_NO_ARTEFACTS)),
    "augmented": Learner(AugmentConfig()),
    "plain, surroundings": Learner(_PLAIN, local=TrainConfig.local),
    "full, noise 2": Learner(AugmentConfig(noise=2), local=TrainConfig.local),
    "full": Learner(AugmentConfig(), local=TrainConfig.local),
}


@dataclass(frozen=True)
class Volume:
    """Slices to paint and to score. On those of the two real volumes defaults were chosen, so that ``learner.py`` paints others,
    and scores the rest by itself as well."""

    classes: tuple[str, ...]
    painted: tuple[int, ...]
    scored: tuple[int, ...]
    states: tuple[str, ...]


VOLUMES = {
    "phantom": Volume(CLASS_NAMES, (10, 30, 50), (5, 15, 20, 25, 35, 40, 45, 55, 60), ("clean", *JUMPS)),
    "lucchi": Volume(("background", "mitochondria"), (30, 70, 100), (5, 15, 50, 85, 120), ("clean", *JUMPS)),
    "vnc": Volume(
        ("intracellular", "membrane", "mitochondria", "synapse", "glia"), (5, 11, 18), (1, 3, 8, 9, 14, 15), ("clean", *JUMPS)
    ),
}


def read(name: str, state: str, folder: Path) -> Callable[[int], Slice]:
    """The slices of a volume, clean or with imaging artefacts."""
    if name == "phantom":
        phantom = Phantom(_lit(384, 384, state))
        return lambda z: Slice(phantom.image(z), phantom.truth(z))
    image, labels = (tifffile.imread(folder / name / f"{what}.tif") for what in ("image", "labels"))
    if state not in JUMPS:
        return lambda z: Slice(image[z], labels[z])
    phantom = Phantom(_lit(*image.shape[1:], state))
    return lambda z: Slice(np.clip(np.rint(image[z] * phantom.light(z)), 0, 255).astype(np.uint8), labels[z])


def flattened(one: Slice) -> Slice:
    """Grey values divided by their local mean, float32: what a local normalisation would make of a slice."""
    grey = one.grey.astype(np.float32)
    return replace(one, grey=grey / (gaussian_filter(grey, FLAT * min(grey.shape)) + 1))


def _lit(height: int, width: int, state: str) -> PhantomConfig:
    light = {"shadow": SHADOW if state in JUMPS else 0.0, "jumps": JUMPS.get(state, 0.0)}
    return PhantomConfig(height=height, width=width, seed=7, **light)


@dataclass(frozen=True)
class Cell:
    """One training: on which volume in which state, by which learner."""

    volume: str
    state: str
    learner: str
    seconds: float
    seed: int

    @property
    def key(self) -> tuple[Any, ...]:
        """Names the cell in the results file, with the settings of its augmentation."""
        return (*asdict(self).values(), json.dumps(asdict(LEARNERS[self.learner]), sort_keys=True))


def measure(cell: Cell, folder: Path) -> dict[str, Any]:
    """Train one cell and score it on its volume in every state: Dice, steps, milliseconds of augmentation a step."""
    volume, learner = VOLUMES[cell.volume], LEARNERS[cell.learner]
    prepare = flattened if learner.flat else _as_it_is
    slices = read(cell.volume, cell.state, folder)
    config = TrainConfig(seed=cell.seed, seconds=cell.seconds, augment=learner.augment, local=learner.local)
    network, facts = train([prepare(slices(z)) for z in volume.painted], len(volume.classes), config)
    trained = predictor(network, volume.classes, cell.seed)
    found = {}
    for state in volume.states:
        there = read(cell.volume, state, folder)
        found[state] = score(trained, volume.scored, lambda z, there=there: prepare(there(z)))
    print(*cell.key[:-1], found, file=sys.stderr, flush=True)
    return {**facts, "dice": found}


def _as_it_is(one: Slice) -> Slice:
    return one


Found = dict[tuple[str, str, str], list[float]]
"""Mean Dice of every seed by state painted, learner and state scored."""


def section(name: str, learners: Sequence[str], seconds: float, seeds: int, folder: Path, results: Results) -> Section:
    """Every learner on one volume, painted in every state and scored in every state."""
    volume, found, rows = VOLUMES[name], Found(), []

    def known(cell: Cell) -> dict[str, Any]:
        return results.known(cell.key, lambda: measure(cell, folder))

    for state in volume.states:
        for learner in learners:
            cells = [known(Cell(name, state, learner, seconds, seed)) for seed in range(seeds)]
            for there in volume.states:
                found[state, learner, there] = [mean_dice(cell["dice"][there]) for cell in cells]
            own = found[state, learner, state]
            scores = [mean(found[state, learner, there]) for there in volume.states]
            costs = [mean([cell[fact] for cell in cells]) for fact in ("steps", "augment_ms")]
            rows.append((state, learner, *scores, max(own) - min(own), *costs))
    columns = ("painted", "learner", *(f"Dice, {s}" for s in volume.states), "spread", "steps", "augmentation, ms a step")
    sentence = (
        f"mean Dice of all classes but the first on slices {volume.scored}, painted {volume.painted}, {seconds:g} s of one "
        f"thread, {seeds} seed(s)"
    )
    return Section(name, sentence, columns, tuple(rows), tuple(_goals(volume, learners, found)))


def _goals(volume: Volume, learners: Sequence[str], found: Found) -> Iterator[Goal]:
    """What artefacts may cost the last learner, and that it is better than the first; one line for each pair of states."""
    plain, own, clean = learners[0], learners[-1], volume.states[0]
    best = mean(found[clean, own, clean]) or 0.0
    for state in volume.states[1:]:
        for painted in (state, clean):
            lost = best - (mean(found[painted, own, state]) or 0.0)
            yield Goal(
                f"Dice lost, {painted} painted, {state} scored, at most {ARTEFACTS_ALLOWED}", lost, lost <= ARTEFACTS_ALLOWED
            )
    for painted in volume.states:
        for scored in volume.states:
            gain = (mean(found[painted, own, scored]) or 0.0) - (mean(found[painted, plain, scored]) or 0.0)
            if own != plain and scored != "clean":
                yield Goal(f"gain over {plain}, {painted} painted, {scored} scored, above 0", gain, gain > 0)


def main() -> None:
    """Measure the volumes asked for and print what was found."""
    options = parser(__doc__, "a few seconds for each training, the phantom only")
    options.add_argument(
        "--learners", type=named("learner", LEARNERS, ";"), default=("plain", "augmented", "full"),
        help="separated by semicolons; the goals are about the last",
    )  # fmt: skip

    def told(name: str, seconds: float, chosen: argparse.Namespace, results: Results) -> Section:
        return section(name, chosen.learners, seconds, chosen.seeds, chosen.volumes, results)

    run(options, tuple(VOLUMES), "phantom", (SECONDS, QUICK_SECONDS), told)


if __name__ == "__main__":
    main()
