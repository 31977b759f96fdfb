"""Train on several devices of one machine, with a process (rank) for each; rank 0 decides and writes everything.

Rank 0 is the process of the training itself. It starts the worker ranks (``core.training.worker_rank``) as tied processes:
they end with it even if it is killed. The end of any rank breaks the communication with the others, and so tells them.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from types import FrameType
from typing import IO, Any

import torch.distributed as dist
from lightning_fabric.plugins.environments import LightningEnvironment
from pytorch_lightning import Callback, LightningModule, Trainer
from pytorch_lightning.strategies import DDPStrategy

from core.errors import TrainingError
from core.processes import engine_environment, start_tied
from core.training.learning.process_group import Meeting

OUT_OF_MEMORY, TOLD = 75, 76
"""Exit status of a rank after lack of memory, and after printing a sentence for the user."""

_LOOK_S = 0.5
_PATIENCE_S = 10.0
_LONGEST_WORDS = 300


class Ranks:
    """The worker ranks of this process, rank 0; none with a single device.

    Parameters
    ----------
    devices
        Number of devices, including that of rank 0.
    command
        Arguments to Python to run a worker rank; it must call :func:`core.training.learning.process_group.join`.
    """

    def __init__(self, devices: int, command: Sequence[str]) -> None:
        self._devices, self._command = devices, command
        self._processes: dict[int, subprocess.Popen[bytes]] = {}
        self._errors: dict[int, IO[bytes]] = {}
        self._group: dist.ProcessGroup | None = None
        self.lost = False
        """Whether a rank has ended, so that the gradients of the current step are invalid."""

    @contextmanager
    def joined(self, batch: int, step: int | None) -> Iterator[None]:
        """Run the worker ranks inside the ``with`` block, from the state stored after ``step`` steps; end them afterwards.

        Parameters
        ----------
        batch
            Patches in a step of each rank.
        step
            Steps of the stored state; None without one.

        Raises
        ------
        TrainingError
            If a rank cannot begin.
        """
        if self._devices == 1:
            yield
            return
        left, watch, patience_s = threading.Event(), threading.Thread(), 0.0
        meeting = Meeting(self._devices, batch, step)
        with meeting.environment():
            try:
                self._start(meeting)
                self._await(meeting)
                self._group = meeting.join()
                watch = threading.Thread(target=self._watch, args=(left,), daemon=True)
                watch.start()
                yield
                if dist.is_initialized():  # all ranks have ended the training together
                    patience_s = _PATIENCE_S
            finally:
                left.set()
                if watch.ident is not None:
                    watch.join()
                self._end(patience_s)

    def leave(self) -> None:
        """Leave the process group, even during a step, so that this rank can store its state; the other ranks end."""
        if dist.is_initialized():
            self._abort()
            dist.destroy_process_group()

    def _abort(self) -> None:
        if self._group is not None:
            self._group.abort()

    def lack_memory(self) -> bool:
        """Return whether a rank has ended for lack of memory on its device; False if all are running.

        Raises
        ------
        TrainingError
            If a rank has ended for another reason.
        """
        deadline = time.monotonic() + _PATIENCE_S
        while self._processes and not self._ended() and time.monotonic() < deadline:
            time.sleep(_LOOK_S / 10)
        ended = self._ended()
        if not ended:
            return False
        # The first rank to end may have ended others, with no reason of their own.
        rank = min(ended, key=lambda one: (ended[one] not in (OUT_OF_MEMORY, TOLD), ended[one] > 0))
        if ended[rank] == OUT_OF_MEMORY:
            return True
        raise TrainingError(self._why(rank, ended[rank]))

    def _start(self, meeting: Meeting) -> None:
        self.lost = False
        for rank in range(1, self._devices):
            self._errors[rank] = tempfile.TemporaryFile()  # noqa: SIM115, open for the life of the process
            environment = {**engine_environment(), **meeting.variables(rank)}
            self._processes[rank] = start_tied([sys.executable, *self._command], environment, errors=self._errors[rank])

    def _await(self, meeting: Meeting) -> None:
        """Wait until all ranks have loaded their data, for some seconds."""
        while not meeting.all_here():
            if self._ended() and self.lack_memory():
                raise TrainingError("A device has not enough free memory to begin; train on fewer devices.")
            time.sleep(_LOOK_S / 10)

    def _watch(self, left: threading.Event) -> None:
        """Abort the communication once a rank has ended; NCCL itself would wait forever."""
        while not left.wait(_LOOK_S):
            if self._ended():
                self.lost = True  # before the abort, for the aborted step to check
                self._abort()
                return

    def _ended(self) -> dict[int, int]:
        """Return the exit status of each ended rank."""
        codes = {rank: process.poll() for rank, process in self._processes.items()}
        return {rank: code for rank, code in codes.items() if code is not None}

    def _why(self, rank: int, code: int) -> str:
        errors = self._errors[rank]
        errors.seek(0)
        said = errors.read().decode(errors="replace").strip().rpartition("\n")[2][:_LONGEST_WORDS]
        if code == TOLD:
            return said
        how = f"killed by signal {-code}" if code < 0 else said or f"exit status {code}"
        return (
            f"The process that trained on device {rank} (counted from 0) has ended: {how}. What was stored before is kept, so "
            "resume the training, or begin again on fewer devices."
        )

    def _end(self, patience_s: float) -> None:
        """Wait ``patience_s`` seconds for each worker rank, then kill it: it has nothing to store."""
        for process in self._processes.values():
            with suppress(subprocess.TimeoutExpired):
                process.wait(patience_s)
            process.kill()
            process.wait()
            if process.stdin is not None:
                process.stdin.close()
        for errors in self._errors.values():
            errors.close()
        self._processes, self._errors = {}, {}
        self.leave()
        self._group = None  # held until here: if DDP releases it last, Gloo's threads may wait for Python forever


def strategy(*, some_unused: bool) -> DDPStrategy:
    """Return Lightning's strategy for ranks already running in one process group.

    Parameters
    ----------
    some_unused
        Whether the network may have weights without influence on its scores.
    """
    made = _InNotebook if hasattr(sys, "ps1") else DDPStrategy
    return made(cluster_environment=LightningEnvironment(), find_unused_parameters=some_unused)


class _InNotebook(DDPStrategy):
    """``DDPStrategy`` without a launcher: in an interactive session Lightning refuses one with a launcher."""

    @property
    def launcher(self) -> None:
        """No launcher: the ranks are running already."""
        return


class MainRank(Callback):
    """Keep rank 0 from waiting for ended ranks; must come before callbacks that read or store the weights.

    Parameters
    ----------
    ranks
        The worker ranks.
    cancel
        Called on SIGTERM, in place of Lightning's handler: that would broadcast during the communication of a step.
    """

    def __init__(self, ranks: Ranks, cancel: Callable[[], None]) -> None:
        self._ranks, self._cancel = ranks, cancel
        self._before = signal.getsignal(signal.SIGTERM)

    def on_train_start(self, trainer: Trainer, module: LightningModule) -> None:
        if threading.current_thread() is threading.main_thread():  # Lightning restores the former handler
            signal.signal(signal.SIGTERM, self._terminate)

    def _terminate(self, number: int, frame: FrameType | None) -> None:
        self._cancel()
        if callable(self._before):
            self._before(number, frame)

    def on_train_batch_end(self, trainer: Trainer, module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        """Raise if a rank was lost: the step used gradients not shared by all ranks."""
        float(outputs["loss"])  # waits for the device
        if self._ranks.lost:
            raise RuntimeError("A rank was lost during the step.")

    def on_exception(self, trainer: Trainer, module: LightningModule, exception: BaseException) -> None:
        self._ranks.leave()


class WorkerRank(Callback):
    """Ignore SIGTERM in a worker rank: a signal to all processes of a job must leave the shutdown to rank 0."""

    def on_train_start(self, trainer: Trainer, module: LightningModule) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
