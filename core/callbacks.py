"""What goes on beside the training steps: the clock, validation, the resume state and reports.

Only training steps and the reading of their data count against the budget; everything here happens while the clock is
stopped.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.utilities.exceptions import SIGTERMException

from core.durable import sync
from core.errors import storage_errors
from core.predict import Scores
from core.progress import Progress

VALIDATION_SHARE = 0.1
"""Validations during training take at most this share of the training seconds; the one at the end comes on top."""


class Clock(Callback):
    """Counts seconds of training and ends it when they are used up."""

    def __init__(self, budget: float) -> None:
        self.budget = budget
        self._before = 0.0
        self._running_since: float | None = None

    @property
    def seconds(self) -> float:
        """Seconds used so far, those before a resume included."""
        running = 0.0 if self._running_since is None else time.perf_counter() - self._running_since
        return self._before + running

    @contextmanager
    def stopped(self) -> Iterator[None]:
        """What is done inside does not count."""
        self._before, self._running_since = self.seconds, None
        try:
            yield
        finally:
            self._running_since = time.perf_counter()

    def on_train_start(self, trainer: Trainer, module: LightningModule) -> None:
        self._running_since = time.perf_counter()
        trainer.should_stop = self.seconds >= self.budget

    def on_train_batch_start(self, trainer: Trainer, module: Any, batch: Any, batch_idx: int) -> None:
        module.share_used = min(1.0, self.seconds / self.budget)

    def on_train_batch_end(self, trainer: Trainer, module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        if self.seconds >= self.budget:
            trainer.should_stop = True

    def on_train_end(self, trainer: Trainer, module: LightningModule) -> None:
        self._before, self._running_since = self.seconds, None

    def state_dict(self) -> dict[str, Any]:
        return {"seconds": self.seconds}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self._before = float(state_dict["seconds"])


class Validation(Callback):
    """Validates now and then, the more rarely the longer it takes.

    Parameters
    ----------
    clock
        Stopped meanwhile.
    validate
        Scores the averaged weights.
    """

    def __init__(self, clock: Clock, validate: Callable[[], Scores]) -> None:
        self._clock, self._validate = clock, validate
        self.newest: Scores | None = None
        self.measured: float | None = None
        """Seconds of training at which ``newest`` was measured."""
        self._next = clock.budget / 10
        self._free = clock.budget / 25

    @property
    def affordable(self) -> bool:
        """Whether a validation now, though none is due, would keep within the share."""
        return self._clock.seconds >= self._free

    def on_train_batch_end(self, trainer: Trainer, module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        if self._clock.seconds >= max(self._next, self._free) and not trainer.should_stop:
            self.measure()

    def measure(self) -> None:
        """Validate now."""
        with self._clock.stopped():
            started = time.perf_counter()
            self.newest, self.measured = self._validate(), self._clock.seconds
            took = time.perf_counter() - started
        self.put_off(took)
        self._next = self._clock.seconds + self._clock.budget / 20

    def put_off(self, took: float) -> None:
        """Pay for ``took`` seconds of looking at the model, by this or by something else, with time until the next look."""
        self._free = max(self._free, self._clock.seconds) + took / VALIDATION_SHARE


class ResumeState(Callback):
    """Keeps the newest whole state of the training on disk.

    Parameters
    ----------
    clock
        Stopped meanwhile.
    path
        Written under a temporary name, then renamed.
    every
        Seconds between two writes; longer where a write takes long.
    """

    def __init__(self, clock: Clock, path: Path, every: float = 10.0) -> None:
        self._clock, self._path, self._every = clock, path, every
        self._next = time.monotonic() + min(every, clock.budget / 4)

    def on_train_batch_end(self, trainer: Trainer, module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        if time.monotonic() >= self._next:
            self.write(trainer)

    def on_exception(self, trainer: Trainer, module: LightningModule, exception: BaseException) -> None:
        """A SIGTERM or Ctrl-C, too, keeps what a resume needs."""
        if isinstance(exception, (SIGTERMException, KeyboardInterrupt)):
            self.write(trainer)

    def write(self, trainer: Trainer) -> None:
        """Write the state now."""
        started = time.monotonic()
        temporary = self._path.with_suffix(".tmp")
        with self._clock.stopped(), storage_errors(self._path):
            trainer.save_checkpoint(temporary, weights_only=False)
            with temporary.open("rb+") as file:
                os.fsync(file.fileno())
            os.replace(temporary, self._path)
            sync(self._path.parent)
        took = time.monotonic() - started
        self._next = time.monotonic() + max(self._every, 20 * took)


class Report(Callback):
    """Tells the caller how it goes, about once a second, and stops when told to.

    Parameters
    ----------
    report
        Gets the progress; True asks to stop.
    """

    def __init__(
        self, clock: Clock, validation: Validation, resume: ResumeState, report: Callable[[Progress], bool], every: float = 1.0
    ) -> None:
        self._clock, self._validation, self._resume = clock, validation, resume
        self._report, self._every = report, every
        self._next, self._losses = 0.0, list[float]()
        self.cancelled = False
        self.rate = 0.0

    def on_train_batch_end(self, trainer: Trainer, module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        self._losses.append(float(outputs["loss"]))
        self.rate = trainer.optimizers[0].param_groups[0]["lr"]
        if time.monotonic() < self._next:
            return
        with self._clock.stopped():
            if self.tell(trainer.global_step):
                self.cancelled = trainer.should_stop = True
                self._resume.write(trainer)

    def tell(self, step: int) -> bool:
        """Report now; whether to stop."""
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
            )
        )
