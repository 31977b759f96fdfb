"""Log losses, learning rate and the Dice of each class by step for TensorBoard.

Lightning's logger writes the events. All rounds share the same tags, so TensorBoard overlays their curves.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pytorch_lightning import Callback, LightningModule, Trainer
from pytorch_lightning.loggers import TensorBoardLogger

from core.evaluation.validation import Scores
from core.training.learning.callbacks import Validation
from core.training.learning.lightning_module import FINEST

EVERY = 10
"""Steps to average for each point of the training loss."""


class Scalars(Callback):
    """Write the scalars of one training.

    Parameters
    ----------
    folder
        Folder for the events, a separate one for each training.
    validation
        Called before this callback.
    class_names
        Names in the order of the class ids.
    start
        Last step before a resume, to discard the events of later steps; None for a new training.
    """

    def __init__(self, folder: Path, validation: Validation, class_names: Sequence[str], start: int | None = None) -> None:
        lost = None if start is None else start + 1
        self.logger = TensorBoardLogger(folder, name="", version="", default_hp_metric=False, purge_step=lost)
        self._validation, self._class_names = validation, class_names
        self._losses = list[float]()
        self._written: Scores | None = None

    def on_train_batch_end(self, trainer: Trainer, module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        self._losses.append(float(outputs[FINEST]))
        if len(self._losses) == EVERY:
            self._training(trainer)
        if self._validation.newest is not self._written:
            self.validated(self._validation.newest, trainer.global_step)

    def on_train_end(self, trainer: Trainer, module: LightningModule) -> None:
        if self._losses:
            self._training(trainer)

    def _training(self, trainer: Trainer) -> None:
        loss, rate = sum(self._losses) / len(self._losses), trainer.optimizers[0].param_groups[0]["lr"]
        self.logger.log_metrics({"loss/training": loss, "learning rate": rate}, trainer.global_step)
        self._losses.clear()

    def validated(self, scores: Scores | None, step: int) -> None:
        """Write the scores of a validation without those not measured."""
        self._written = scores
        if scores is None:
            return
        dice = {f"dice/{name}": value for name, value in zip(self._class_names, scores.dice, strict=True)}
        measured = {name: value for name, value in {"loss/validation": scores.loss, **dice}.items() if value is not None}
        self.logger.log_metrics(measured, step)

    def close(self) -> None:
        """Flush events to disk and close the logger."""
        self.logger.finalize("success")
