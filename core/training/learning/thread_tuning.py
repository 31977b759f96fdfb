"""Choose the fastest number of threads for a training on the CPU at the current load.

A training step consists of hundreds of short pieces of work, each as slow as its slowest thread. On an idle machine one
thread per core is fastest. On a busy machine every piece waits for all of its threads to get a core; a single thread may be
many times as fast. Several numbers are therefore tried at intervals.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from statistics import median
from typing import Any

import torch
from pytorch_lightning import Callback, LightningModule, Trainer

STEPS = 4
"""Steps in a trial of one number of threads; the first is not counted, because it includes preparing kernels."""
AT_ONCE_WORSE = 1.5
"""Factor over the best number's step time to end a trial early."""
FIRST_WAIT, LONGEST_WAIT = 10.0, 120.0
"""Seconds until the next trial: doubled after each trial without a change, reset to the first value by a change."""


class Choice:
    """Choice among numbers of threads by the duration of steps.

    Parameters
    ----------
    candidates
        Different numbers of threads, beginning with the initial one.
    now
        A clock in seconds.
    """

    def __init__(self, candidates: Sequence[int], now: Callable[[], float] = time.monotonic) -> None:
        self.threads = candidates[0]
        """Number of threads for the next step."""
        self._candidates, self._now = list(candidates), now
        self._best, self._wait, self._next = candidates[0], FIRST_WAIT, now()
        self._open: list[int] = []
        self._took: dict[int, list[float]] = {}

    def stepped(self, seconds: float) -> None:
        """Record the duration of a step with ``threads``, and choose the number for the next step."""
        if self.threads in self._took:
            self._try(seconds)
        elif len(self._candidates) > 1 and self._now() >= self._next:
            self._open = sorted(self._candidates, key=lambda one: one != self._best)  # try the best so far first, to compare with
            self._took = {}
            self._try_next()

    def _try(self, seconds: float) -> None:
        took = self._took[self.threads]
        took.append(seconds)
        rest = {one: median(all_[1:]) for one, all_ in self._took.items() if one != self.threads}
        hopeless = len(took) > 1 and any(seconds > AT_ONCE_WORSE * other for other in rest.values())
        if hopeless:
            took[1:] = [seconds]
        if hopeless or len(took) == STEPS:
            self._try_next()

    def _try_next(self) -> None:
        if self._open:
            self.threads = self._open.pop(0)
            self._took[self.threads] = []
            return
        fastest = min(self._took, key=lambda one: median(self._took[one][1:]))
        self._wait = min(2 * self._wait, LONGEST_WAIT) if fastest == self._best else FIRST_WAIT
        self._best = self.threads = fastest
        self._took, self._next = {}, self._now() + self._wait


def candidates(most: int) -> list[int]:
    """Return the numbers of threads to try, the largest first: all, half of them, and one."""
    return sorted({most, max(1, most // 2), 1}, reverse=True)


class Threads(Callback):
    """Set the fastest number of threads during a training on the CPU, and restore the former number at its end."""

    def __init__(self) -> None:
        self._before = torch.get_num_threads()
        self._choice = Choice(candidates(self._before))
        self._started = 0.0

    def on_train_batch_start(self, trainer: Trainer, module: LightningModule, batch: Any, batch_idx: int) -> None:
        self._started = time.perf_counter()

    def on_train_batch_end(self, trainer: Trainer, module: LightningModule, outputs: Any, batch: Any, batch_idx: int) -> None:
        self._choice.stepped(time.perf_counter() - self._started)
        if self._choice.threads != torch.get_num_threads():
            torch.set_num_threads(self._choice.threads)

    def on_train_end(self, trainer: Trainer, module: LightningModule) -> None:
        torch.set_num_threads(self._before)

    def on_exception(self, trainer: Trainer, module: LightningModule, exception: BaseException) -> None:
        torch.set_num_threads(self._before)
