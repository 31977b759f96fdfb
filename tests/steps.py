"""A clock for trainings whose result must not depend on how busy the machine is."""

from __future__ import annotations

from typing import Any

from pytorch_lightning import Trainer

from core.training.learning import callbacks


class StepsCounted(callbacks.Clock):
    """A clock on which every step takes one second: ``TrainConfig.seconds`` is a number of steps."""

    done = 0

    @property
    def seconds(self) -> float:
        return float(self.done)

    def on_train_batch_end(self, trainer: Trainer, module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        self.done += 1
        super().on_train_batch_end(trainer, module, outputs, batch, batch_idx)
