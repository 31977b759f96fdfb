"""Rounds and predictions entered by hand, for tests that look at them and need no model."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from core.geometry import SliceId
from core.project import Project
from core.storage.prediction_cache import Predicted
from core.storage.rounds import NewRound


def add_round(project: Project) -> int:
    """Enter one more round, which was trained on nothing; its number."""
    number = len(project.models.rounds()) + 1
    project.store.rounds.add(NewRound(number, [], {}, "none", seconds=1.0, active_seconds=0.0, job=1))
    return number


def score(project: Project, *dice: Sequence[float | None], pixels: int = 38_988) -> None:
    """Enter what every round scored on the same held-back pixels, from the first round on; by class, background first."""
    for number, of_round in enumerate(dice, start=1):
        project.store.rounds.score(number, "held", 0.1, of_round, pixels)
    project.store.rounds.show_scores_on("held", [head.id for head in project.labels.slices()])


def keep(project: Project, z: int, mask: NDArray[np.uint8], confidence: NDArray[np.uint8]) -> None:
    """Keep a prediction of a slice of the first volume, made by the newest round; the first is entered if need be."""
    number = len(project.models.rounds()) or add_round(project)
    project.store.predictions.save(SliceId(0, z), Predicted(mask, confidence, number))
