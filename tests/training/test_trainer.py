"""A resume state matches only the same training, and every round and rank draws at random on its own."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from core.config import TrainConfig
from core.training.learning.task import TrainingTask
from core.training.learning.trainer import TrainingRun
from tests.slices import Drawn, discs

CONFIG = TrainConfig(seconds=1, patch=64, batch=2, channels=4, depth=2)
TASK = TrainingTask([discs(0)], ("grey", "disc", "square"), 1, CONFIG, Path("round-002"))


def fingerprint(task: TrainingTask) -> str:
    """Hash stored in the resume state."""
    return str(TrainingRun(task).module.facts["fingerprint"])


def draws(task: TrainingTask, rank: int = 0) -> int:
    """Seed of weights and patches."""
    return int(TrainingRun(task, rank=rank).patches.seed)


def with_config(**changes: Any) -> TrainingTask:
    """The task with other settings."""
    return replace(TASK, config=replace(CONFIG, **changes))


@pytest.mark.parametrize(
    "other",
    [
        replace(TASK),
        with_config(seconds=600, epochs=7, stop_loss=0.1, patience=3),
        with_config(initial_weights="random"),
        replace(TASK, validation=[discs(1)]),
        replace(TASK, card={"project": "toy"}, logs=Path("logs")),
    ],
)
def test_when_it_ends_and_what_is_told_of_it_make_no_other_training(other: TrainingTask) -> None:
    """A resume may have another budget, other held-back pixels and other facts on its card."""
    assert fingerprint(other) == fingerprint(TASK)


@pytest.mark.parametrize(
    "other",
    [
        replace(TASK, train=[discs(1)]),
        replace(TASK, train=[discs(0), discs(1)]),
        replace(TASK, train=[Drawn(discs(0).pixels, discs(0).mask, weight=0.5)]),
        replace(TASK, class_names=("grey", "disc", "box")),
        replace(TASK, begins_with=Path("round-001")),
        with_config(seed=1),
        with_config(batch=3),
        with_config(loss="focal"),
        with_config(neighbours=1),
    ],
)
def test_other_labels_classes_settings_or_weights_make_another(other: TrainingTask) -> None:
    """A resume needs the same labels, classes, settings and weights."""
    assert fingerprint(other) != fingerprint(TASK)


def test_rounds_ranks_and_beginnings_draw_what_no_other_draws() -> None:
    """Seeds differ between rounds, ranks and initial weights; a repeated training has the same seed."""
    after, numbered = replace(TASK, begins_with=Path("round-001")), replace(TASK, number=2)
    drawn = [draws(TASK), draws(TASK, rank=1), draws(numbered), draws(numbered, rank=1), draws(after), draws(after, rank=2)]
    assert drawn[0] == CONFIG.seed
    assert len(set(drawn)) == len(drawn)
    assert draws(after, rank=2) == drawn[-1]


def test_a_checkpoint_to_begin_with_means_nothing_where_weights_are_random() -> None:
    """With random weights chosen, the checkpoint changes neither seed nor resume."""
    alone = with_config(initial_weights="random")
    begun = replace(alone, begins_with=Path("round-001"))
    assert (draws(begun), fingerprint(begun)) == (draws(alone), fingerprint(alone))
