"""Lightning callbacks of a training: clock, validation, stop rules, resume state and reports.

Only training steps and the reading of their data count against the budget; these callbacks run with the clock stopped.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pytorch_lightning import Callback, LightningModule, Trainer
from pytorch_lightning.utilities.exceptions import SIGTERMException

from core.atomic import remove, sync, temporary
from core.config import StopRule, TrainConfig
from core.errors import storage_errors
from core.evaluation.validation import Scores
from core.models.device import is_out_of_memory
from core.rights import restrict
from core.training.learning.lightning_module import FINEST
from core.training.learning.task import Progress

VALIDATION_SHARE = 0.1
"""Largest share of training seconds for validations during training; the last one is extra."""


FIRST_VALIDATION, BETWEEN_VALIDATIONS = 0.1, 0.05
"""Shares of the training before the first validation, and between two."""

LONGEST_BETWEEN = 60.0
"""Longest time between two validations, in seconds of training, in a training of any length."""

SMOOTHED_OVER = 20
"""Number of steps to average the training loss over for the stop rule."""

ROUNDING = 1e-6
"""Tolerance for rounding errors in a sum of steps, in epochs."""


class Clock(Callback):
    """Count seconds and epochs of training, and end it when the budget of either is used up.

    Parameters
    ----------
    budget
        Seconds of training.
    epochs
        Epochs of training; None for no limit.
    epoch
        Steps in an epoch from now on; may change between two steps, without effect on the epochs counted so far.
    """

    def __init__(self, budget: float, epochs: float | None = None, *, epoch: float = math.inf) -> None:
        self.budget, self.epochs, self.epoch = budget, epochs, epoch
        self.ended_by: StopRule | None = None
        self._before = 0.0
        self._running_since: float | None = None
        self._step = 0
        self._counted_to, self._counted = 0, 0.0  # a step, and the number of epochs up to it

    @property
    def seconds(self) -> float:
        """Seconds used so far, including those before a resume."""
        running = 0.0 if self._running_since is None else time.perf_counter() - self._running_since
        return self._before + running

    def epochs_after(self, step: int) -> float:
        """Return the number of epochs up to a step, including those before a resume."""
        return self._counted + (step - self._counted_to) / self.epoch

    def share(self, step: int) -> float:
        """Return the used share of the budget after ``step`` steps, the larger of seconds and epochs; 1 at the end."""
        of_epochs = 0.0 if self.epochs is None else self.epochs_after(step) / self.epochs
        return max(self.seconds / self.budget, of_epochs)

    @contextmanager
    def stopped(self) -> Iterator[None]:
        """Stop the clock inside the ``with`` block."""
        self._before, self._running_since = self.seconds, None
        try:
            yield
        finally:
            self._running_since = time.perf_counter()

    def on_train_start(self, trainer: Trainer, module: LightningModule) -> None:
        self._running_since, self._step = time.perf_counter(), trainer.global_step
        self.ended_by = None  # a training resumed from a stored state has not ended
        trainer.should_stop = self._is_over(trainer.global_step)

    def on_train_batch_start(self, trainer: Trainer, module: Any, batch: Any, batch_idx: int) -> None:
        module.share_used = min(1.0, self.share(trainer.global_step))

    def on_train_batch_end(self, trainer: Trainer, module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        self._step = trainer.global_step
        if self._is_over(trainer.global_step):
            trainer.should_stop = True

    def _is_over(self, step: int) -> bool:
        if self.epochs is not None and self.epochs_after(step) >= self.epochs - ROUNDING:
            self.ended_by = StopRule.EPOCHS
        elif self.seconds >= self.budget:
            self.ended_by = StopRule.SECONDS
        return self.ended_by is not None

    def on_train_end(self, trainer: Trainer, module: LightningModule) -> None:
        self._before, self._running_since = self.seconds, None

    def state_dict(self) -> dict[str, Any]:
        return {"seconds": self.seconds, "step": self._step, "epochs": self.epochs_after(self._step)}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self._before = float(state_dict["seconds"])
        if "epochs" in state_dict:  # absent in states of earlier versions, with a fixed number of steps in an epoch
            self._step = self._counted_to = int(state_dict["step"])
            self._counted = float(state_dict["epochs"])


class Validation(Callback):
    """Validate at intervals, longer ones if a validation takes long.

    Parameters
    ----------
    clock
        Stopped during a validation.
    validate
        Scores the averaged weights.
    """

    def __init__(self, clock: Clock, validate: Callable[[], Scores]) -> None:
        self._clock, self._validate = clock, validate
        self.newest: Scores | None = None
        self.measured: float | None = None
        """Seconds of training at the measurement of ``newest``."""
        self.number = 0
        """Number of validations so far, including those before a resume."""
        self._share, self._seconds = FIRST_VALIDATION - BETWEEN_VALIDATIONS, 0.0
        self._free = 0.0

    @property
    def affordable(self) -> bool:
        """Whether a validation now would stay within its share of the time, even if none is due."""
        return self._clock.seconds >= self._free

    def on_train_batch_end(self, trainer: Trainer, module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        if not trainer.should_stop and self.affordable and self._is_due(self._clock.share(trainer.global_step)):
            self.measure(trainer.global_step)

    def _is_due(self, share: float) -> bool:
        return share - self._share >= BETWEEN_VALIDATIONS or self._clock.seconds - self._seconds >= LONGEST_BETWEEN

    def measure(self, step: int) -> None:
        """Validate now, after ``step`` steps."""
        with self._clock.stopped():
            started = time.perf_counter()
            self.newest, self.measured = self._validate(), self._clock.seconds
            took = time.perf_counter() - started
        self.number += 1
        self._share, self._seconds = self._clock.share(step), self._clock.seconds
        self.put_off(took)

    def put_off(self, took: float) -> None:
        """Delay the next validation in proportion to ``took`` seconds spent on this one or on a training snapshot."""
        self._free = max(self._free, self._clock.seconds) + took / VALIDATION_SHARE

    def state_dict(self) -> dict[str, Any]:
        return {"number": self.number, "share": self._share, "seconds": self._seconds, "free": self._free}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.number = int(state_dict["number"])
        self._share, self._seconds, self._free = (float(state_dict[name]) for name in ("share", "seconds", "free"))


class StopRules(Callback):
    """End the training when its loss is low enough, or when validation no longer improves.

    The rules judge the averaged weights, as stored in the checkpoint, although the learning rate is not at zero yet. The
    weights of an earlier, better validation are not restored: a choice by held-back pixels would flatter the score on them.

    Parameters
    ----------
    validation
        Called before this callback.
    config
        Settings with ``stop_loss`` and ``patience``; None turns a rule off.
    """

    def __init__(self, validation: Validation, config: TrainConfig) -> None:
        self._validation, self._threshold, self._patience = validation, config.stop_loss, config.patience
        self.ended_by: StopRule | None = None
        self._looked_at, self._lowest, self._without_lower = 0, float("inf"), 0
        self._recent, self._steps = 0.0, 0

    def on_train_start(self, trainer: Trainer, module: LightningModule) -> None:
        if self.ended_by is not None:  # resumed after a rule had fired
            trainer.should_stop = True

    def on_train_batch_end(self, trainer: Trainer, module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        scores, is_new = self._validation.newest, self._validation.number > self._looked_at
        self._looked_at = self._validation.number
        if is_new and scores is not None and scores.loss is not None:
            self._follow(scores.loss)
        elif self._threshold is not None and (scores is None or scores.loss is None):
            self._follow_training(float(outputs[FINEST]), measured=scores is not None)
        if self.ended_by is not None:
            trainer.should_stop = True

    def _follow(self, loss: float) -> None:
        """Apply the rules to a new validation loss."""
        self._without_lower = 0 if loss < self._lowest else self._without_lower + 1
        self._lowest = min(loss, self._lowest)
        if self._threshold is not None and loss <= self._threshold:
            self.ended_by = StopRule.LOSS
        elif self._patience is not None and self._without_lower >= self._patience:
            self.ended_by = StopRule.PATIENCE

    def _follow_training(self, loss: float, *, measured: bool) -> None:
        """Apply the loss rule to the training loss of a step, if validation has no pixels to measure on."""
        self._steps += 1
        self._recent += (loss - self._recent) / min(self._steps, SMOOTHED_OVER)
        enough = self._threshold is not None and self._recent <= self._threshold
        if measured and enough and self._steps >= SMOOTHED_OVER:
            self.ended_by = StopRule.LOSS

    def state_dict(self) -> dict[str, Any]:
        return {
            "ended_by": None if self.ended_by is None else str(self.ended_by),
            "looked_at": self._looked_at,
            "lowest": self._lowest,
            "without_lower": self._without_lower,
            "recent": self._recent,
            "steps": self._steps,
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.ended_by = None if state_dict["ended_by"] is None else StopRule(state_dict["ended_by"])
        self._looked_at, self._lowest = state_dict["looked_at"], state_dict["lowest"]
        self._without_lower, self._recent, self._steps = (state_dict[name] for name in ("without_lower", "recent", "steps"))


class ResumeState(Callback):
    """Keep the newest state of the training on disk: mark a write as due, for :class:`BroadcastDecisions` to do.

    Parameters
    ----------
    clock
        Stopped during a write.
    path
        File of the state; written under a temporary name, then renamed.
    every
        Seconds between two writes; longer if a write takes long.
    at_start
        Whether to write before the first step, too: needed if the state in memory may be lost between two writes.
    """

    def __init__(self, clock: Clock, path: Path, every: float = 10.0, *, at_start: bool = False) -> None:
        self._clock, self._path, self._every, self._at_start = clock, path, every, at_start
        self._next = time.monotonic() + min(every, clock.budget / 4)
        self.step: int | None = None
        """Steps of the state on disk; None without a state."""
        self.due = False
        """Whether to write the state at the end of the current step."""

    def on_train_start(self, trainer: Trainer, module: LightningModule) -> None:
        self.due = self._at_start and self.step is None

    def on_train_batch_end(self, trainer: Trainer, module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        self.due = self.due or time.monotonic() >= self._next

    def on_exception(self, trainer: Trainer, module: LightningModule, exception: BaseException) -> None:
        """Write the state on SIGTERM, Ctrl-C and lack of memory."""
        if isinstance(exception, (SIGTERMException, KeyboardInterrupt)) or is_out_of_memory(exception):
            self.write(trainer)

    def write(self, trainer: Trainer) -> None:
        """Write the state now; every rank must call this, and rank 0 writes."""
        started = time.monotonic()
        written = temporary(self._path)
        try:
            with self._clock.stopped(), storage_errors(self._path):
                trainer.save_checkpoint(written, weights_only=False)
                if trainer.is_global_zero:
                    with written.open("rb+") as file:
                        os.fsync(file.fileno())
                    restrict(written)
                    os.replace(written, self._path)
                    sync(self._path.parent)
        finally:
            remove(written)
        self.step, self.due = trainer.global_step, False
        took = time.monotonic() - started
        self._next = time.monotonic() + max(self._every, 20 * took)


class ProgressReports(Callback):
    """Report progress to the caller about once a second, and stop the training on request.

    Parameters
    ----------
    report
        Called with the progress; returns True to stop.
    batch
        Patches in a step; may change between two steps.
    """

    def __init__(
        self,
        clock: Clock,
        validation: Validation,
        resume: ResumeState,
        report: Callable[[Progress], bool],
        *,
        batch: int,
        every: float = 1.0,
    ) -> None:
        self._clock, self._validation, self._resume, self.batch = clock, validation, resume, batch
        self._report, self._every = report, every
        self._next, self._losses = 0.0, list[float]()
        self.cancelled = False
        self.rate = 0.0

    def on_train_batch_end(self, trainer: Trainer, module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        self._losses.append(float(outputs[FINEST]))
        self.rate = trainer.optimizers[0].param_groups[0]["lr"]
        if time.monotonic() >= self._next:
            with self._clock.stopped():
                self.cancelled = self.tell(trainer.global_step) or self.cancelled
        if self.cancelled:
            trainer.should_stop = self._resume.due = True

    def cancel(self) -> None:
        """Stop after the current step."""
        self.cancelled = True

    def tell(self, step: int) -> bool:
        """Report now; return True if the caller asks to stop."""
        loss = sum(self._losses) / len(self._losses) if self._losses else None
        self._losses.clear()
        scores = self._validation.newest
        self._next = time.monotonic() + self._every
        return self._report(
            Progress(
                seconds=self._clock.seconds,
                budget=self._clock.budget,
                step=step,
                train_loss=loss,
                validation_loss=scores.loss if scores else None,
                validation_dice=scores.dice if scores and scores.pixels else None,
                learning_rate=self.rate,
                share=min(1.0, self._clock.share(step)),
                epochs=self._clock.epochs_after(step),
                batch=self.batch,
            )
        )


class BroadcastDecisions(Callback):
    """Broadcast the decisions of rank 0 to all ranks: used share of the budget, when to store, when to stop.

    Must be the last callback, on every rank. With one device, Lightning's broadcast returns its argument.

    Parameters
    ----------
    resume
        The resume state; on a worker rank, a write is never due by itself.
    """

    def __init__(self, resume: ResumeState) -> None:
        self._resume = resume

    def on_train_start(self, trainer: Trainer, module: LightningModule) -> None:
        self._settle(trainer)

    def on_train_batch_start(self, trainer: Trainer, module: Any, batch: Any, batch_idx: int) -> None:
        module.share_used = trainer.strategy.broadcast(module.share_used)

    def on_train_batch_end(self, trainer: Trainer, module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        self._settle(trainer)

    def _settle(self, trainer: Trainer) -> None:
        due, trainer.should_stop = trainer.strategy.broadcast((self._resume.due, trainer.should_stop))
        if due:
            self._resume.write(trainer)
