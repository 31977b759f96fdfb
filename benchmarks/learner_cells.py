"""The cells of ``learner.py``: who is compared on what, and what one training of it is called."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Learner:
    """A script beside this one, what it is told, and whose interpreter runs it."""

    script: str
    variant: str
    environment: str
    one_class: bool = False
    """Whether it finds the target class alone."""
    goes_on: bool = False
    """Whether a longer training goes on from a shorter one, and from one that was interrupted."""
    takes_its_time: bool = False
    """Whether it has no budget, so that one training stands for all."""


LEARNERS = {
    "underpaint": Learner("learner_underpaint.py", "", "own"),
    "underpaint-fp32": Learner("learner_underpaint.py", "fp32", "own"),
    "underpaint-2.5d": Learner("learner_underpaint.py", "2.5d", "own"),
    "underpaint-3d": Learner("learner_underpaint.py", "3d+careful", "own"),
    "underpaint-plain": Learner("learner_underpaint.py", "plain", "own"),
    "underpaint-bare": Learner("learner_underpaint.py", "plain+bare", "own"),
    "forest": Learner("learner_forest.py", "", "forest", takes_its_time=True),
    "monai-basic": Learner("learner_monai.py", "BasicUNet", "monai", goes_on=True),
    "monai-basic-bf16": Learner("learner_monai.py", "BasicUNet+bf16", "monai", goes_on=True),
    "monai-dyn": Learner("learner_monai.py", "DynUNet", "monai", goes_on=True),
    "monai-dyn-bf16": Learner("learner_monai.py", "DynUNet+bf16", "monai", goes_on=True),
    "rootpainter": Learner("learner_rootpainter.py", "", "rootpainter", one_class=True),
    "nnunet": Learner("learner_nnunet.py", "nnUNetTrainer_5epochs", "nnunet", takes_its_time=True),
}


@dataclass(frozen=True)
class Volume:
    """A real volume: its classes, and the slices that are painted."""

    classes: tuple[str, ...]
    painted: tuple[int, ...]
    tuned_on: tuple[int, ...]
    """Other slices, painted or scored where the defaults were chosen (``benchmarks/log``): scored by themselves as well."""
    goals: Mapping[float, Mapping[str, float]]
    """Dice that Underpaint should reach, by seconds and class; ``mean`` is that of all classes but the first."""
    target: str = "mitochondria"
    """What a learner of one class looks for, and whose Dice is followed over the budgets."""


VOLUMES = {
    "vnc": Volume(
        ("intracellular", "membrane", "mitochondria", "synapse", "glia"),
        (2, 9, 16),
        (1, 3, 5, 8, 11, 14, 15, 18),
        {
            120.0: {"mitochondria": 0.91, "membrane": 0.85, "synapse": 0.65, "glia": 0.82, "mean": 0.81},
            600.0: {"mean": 0.82},
        },
    ),
    "lucchi": Volume(
        ("background", "mitochondria"),
        (20, 64, 108),
        (5, 15, 30, 50, 70, 85, 100, 120),
        {120.0: {"mitochondria": 0.935}, 600.0: {"mitochondria": 0.955}},
    ),
}

ARTEFACTS_ALLOWED = 0.02
"""Dice that imaging artefacts may cost on the generated volume of ``faults.py``."""


@dataclass(frozen=True)
class Cell:
    """One training."""

    learner: str
    volume: str
    seconds: float
    seed: int

    @property
    def key(self) -> tuple[Any, ...]:
        """Names the cell in the results file; without seconds where the learner takes the time it takes."""
        return self.learner, self.volume, None if LEARNERS[self.learner].takes_its_time else self.seconds, self.seed
