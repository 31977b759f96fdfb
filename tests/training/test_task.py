"""Where a training keeps its state until it ends."""

from __future__ import annotations

from dataclasses import FrozenInstanceError
from pathlib import Path

import pytest

from core.config import TrainConfig
from core.training.learning.task import TrainingTask, partial_of


@pytest.mark.parametrize("name", ["round-003", "round.3", "model.of.mine"])
def test_the_state_lies_beside_the_checkpoint_to_be(tmp_path: Path, name: str) -> None:
    """Under a name that earlier versions know, also where the checkpoint's name has dots."""
    task = TrainingTask([], ("matrix", "pore"), 1, TrainConfig(), tmp_path / name)
    assert task.partial == partial_of(tmp_path / name) == tmp_path / f"{name}.partial"
    assert task.state == tmp_path / f"{name}.partial" / "last.ckpt"


def test_a_task_stays_as_it_was_planned(tmp_path: Path) -> None:
    """Every rank works on the same one."""
    task = TrainingTask([], ("matrix", "pore"), 1, TrainConfig(), tmp_path)
    with pytest.raises(FrozenInstanceError):
        task.number = 2  # type: ignore[misc]
