"""How many threads a training uses on the processor: as many as pay on this machine at this moment.

A training step is hundreds of short pieces of work, each of which waits for the slowest of its threads. On an idle machine
a thread for each core is fastest. Beside other busy programs every piece waits until each thread has had its turn on a
core, and one thread alone may be many times as fast. So both are tried, now and then.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from statistics import median
from typing import Any

import torch
from pytorch_lightning import Callback, LightningModule, Trainer

STEPS = 4
"""Steps in a trial of one number of threads; the first is not counted, since kernels are prepared in it."""
AT_ONCE_WORSE = 1.5
"""A trial is broken off at a step that takes so many times as long as with the best number so far."""
FIRST_WAIT, LONGEST_WAIT = 10.0, 120.0
"""Seconds until the next trial; twice as long each time the choice was right, as short as at first after a change."""


class Choice:
    """Chooses among numbers of threads by how long steps take.

    Parameters
    ----------
    candidates
        Different numbers of threads, the one to begin with first.
    now
        A clock in seconds.
    """

    def __init__(self, candidates: Sequence[int], now: Callable[[], float] = time.monotonic) -> None:
        self.threads = candidates[0]
        """With which the next step is to be done."""
        self._candidates, self._now = list(candidates), now
        self._best, self._wait, self._next = candidates[0], FIRST_WAIT, now()
        self._open: list[int] = []
        self._took: dict[int, list[float]] = {}

    def stepped(self, seconds: float) -> None:
        """Learn how long a step took with ``threads``, and choose for the next one."""
        if self.threads in self._took:
            self._try(seconds)
        elif len(self._candidates) > 1 and self._now() >= self._next:
            self._open = sorted(self._candidates, key=lambda one: one != self._best)  # the best so far is the measure
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
    """Numbers of threads that are tried, the largest first: all, half of them, and one."""
    return sorted({most, max(1, most // 2), 1}, reverse=True)


class Threads(Callback):
    """Lets a training on the processor use the number of threads that is fastest at the time; gives them back at its end."""

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
