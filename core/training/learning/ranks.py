"""Several devices that train together: a process for each, the first of which, rank 0, decides and writes everything.

Rank 0 is the process that runs the training. It starts the others (``core.training.follower``) and ends them when it leaves, for
whatever reason, so that it never has to tell them to stop; they are tied to it, and end with it even if it is killed.
Whoever ends breaks the exchange with the others, which is how they notice. All of it stays on this machine.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import IO, Any

import torch
import torch.distributed as dist
from lightning_fabric.plugins.environments import LightningEnvironment
from pytorch_lightning import Callback, LightningModule, Trainer
from pytorch_lightning.strategies import DDPStrategy

from core.errors import TrainingError
from core.processes import engine_environment, start_tied

OUT_OF_MEMORY, TOLD = 75, 76
"""Exit status of a rank whose device had not enough memory, or whose last words are a sentence for the user."""

_LOOPBACK = "127.0.0.1"
_LONGEST_WAIT = timedelta(hours=1)  # for rank 0, which validates and stores; that a rank has ended is noticed otherwise
_LOOK_S = 0.5
_PATIENCE_S = 10.0
_LONGEST_WORDS = 300
_ENVIRONMENT = {
    "GLOO_SOCKET_IFNAME": "lo0" if sys.platform == "darwin" else "lo",
    "NCCL_SOCKET_IFNAME": "lo",
    "TORCH_NCCL_ASYNC_ERROR_HANDLING": "0",  # else it ends the whole process where a rank is lost
}


@dataclass(frozen=True)
class Place:
    """What another rank is told on its command line.

    Attributes
    ----------
    rank
        Its number, from 1; that of its device.
    port
        Where the ranks find one another.
    batch
        Patches in a step of each rank.
    step
        To which the stored state has come; None where the training begins.
    """

    rank: int
    port: int
    batch: int
    step: int | None

    def as_json(self) -> str:
        """For the command line."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Place:
        """From the command line."""
        return cls(**json.loads(text))


class Ranks:
    """The ranks beside this one, rank 0; there are none where one device trains.

    Parameters
    ----------
    devices
        How many train, that of rank 0 included.
    command
        What Python is to run as another rank; its place is added.
    """

    def __init__(self, devices: int, command: Sequence[str]) -> None:
        self._devices, self._command = devices, command
        self._processes: dict[int, subprocess.Popen[bytes]] = {}
        self._errors: dict[int, IO[bytes]] = {}
        self.lost = False
        """Whether a rank has ended, so that what is exchanged just now is worth nothing."""

    @contextmanager
    def joined(self, batch: int, step: int | None) -> Iterator[None]:
        """Inside, the others train along, from the state stored after so many steps; afterwards they are gone.

        Raises
        ------
        TrainingError
            If one of them cannot begin.
        """
        if self._devices == 1:
            yield
            return
        left, watch, before = threading.Event(), threading.Thread(), dict(os.environ)
        try:
            os.environ.update(_ENVIRONMENT)
            store, port = _meeting_point()
            self._start(port, batch, step)
            self._await(store)
            _join(store, 0, self._devices)
            watch = threading.Thread(target=self._watch, args=(left,), daemon=True)
            watch.start()
            yield
        finally:
            left.set()
            if watch.ident is not None:
                watch.join()
            self._end()
            _restore_environment(before)

    def lack_memory(self) -> bool:
        """Whether a rank has ended because its device had not enough memory; False if all are there.

        Raises
        ------
        TrainingError
            If one has ended for another reason.
        """
        deadline = time.monotonic() + _PATIENCE_S
        while self._processes and not self._ended() and time.monotonic() < deadline:
            time.sleep(_LOOK_S / 10)
        ended = self._ended()
        if not ended:
            return False
        # The first to end may have taken others along, who can only say that they lost it.
        rank = min(ended, key=lambda one: (ended[one] not in (OUT_OF_MEMORY, TOLD), ended[one] > 0))
        if ended[rank] == OUT_OF_MEMORY:
            return True
        raise TrainingError(self._why(rank, ended[rank]))

    def _start(self, port: int, batch: int, step: int | None) -> None:
        self.lost = False
        for rank in range(1, self._devices):
            place = Place(rank, port, batch, step).as_json()
            self._errors[rank] = tempfile.TemporaryFile()  # noqa: SIM115, as long as the process is there
            command = [sys.executable, *self._command, place]
            self._processes[rank] = start_tied(command, engine_environment(), errors=self._errors[rank])

    def _await(self, store: dist.TCPStore) -> None:
        """Wait until all have read what they need, which takes seconds."""
        while not store.check([_here(rank) for rank in self._processes]):
            if self._ended() and self.lack_memory():
                raise TrainingError("A device has not enough free memory to begin; train on fewer devices.")
            time.sleep(_LOOK_S / 10)

    def _watch(self, left: threading.Event) -> None:
        """Let this process out of an exchange that a rank which has ended will never join; NCCL itself would wait on."""
        while not left.wait(_LOOK_S):
            if self._ended():
                self.lost = True  # first: whoever is let out must know
                _abort()
                return

    def _ended(self) -> dict[int, int]:
        """Exit status of each rank that has ended."""
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

    def _end(self) -> None:
        """Leave the others and end them: they hold nothing that would have to be stored."""
        if dist.is_initialized():
            _abort()
        for process in self._processes.values():
            process.kill()
            process.wait()
            if process.stdin is not None:
                process.stdin.close()
        for errors in self._errors.values():
            errors.close()
        self._processes, self._errors = {}, {}
        if dist.is_initialized():
            dist.destroy_process_group()


def join(place: Place, devices: int) -> None:
    """Join the other ranks, as one of those that rank 0 has started; returns when all are there."""
    store = dist.TCPStore(_LOOPBACK, place.port, is_master=False, timeout=_LONGEST_WAIT)
    if torch.cuda.is_available():  # what this takes of its memory, if there is too little, is told before anyone waits
        torch.zeros(1, device=f"cuda:{place.rank}")
    store.set(_here(place.rank), "")
    _join(store, place.rank, devices)


def _join(store: dist.TCPStore, rank: int, devices: int) -> None:
    backend = "nccl" if torch.cuda.is_available() and dist.is_nccl_available() else "gloo"
    dist.init_process_group(backend, store=store, rank=rank, world_size=devices, timeout=_LONGEST_WAIT)


def _meeting_point() -> tuple[dist.TCPStore, int]:
    """Where the ranks find one another, and its port, a free one that only this machine can reach."""
    listening = socket.create_server((_LOOPBACK, 0))
    port = listening.getsockname()[1]
    store = dist.TCPStore(
        _LOOPBACK,
        port,
        is_master=True,
        timeout=_LONGEST_WAIT,
        wait_for_workers=False,
        master_listen_fd=listening.detach(),
    )
    return store, port


def _restore_environment(before: Mapping[str, str]) -> None:
    for name in _ENVIRONMENT:
        if name in before:
            os.environ[name] = before[name]
        else:
            os.environ.pop(name, None)


def _here(rank: int) -> str:
    return f"here-{rank}"


def _abort() -> None:
    group = dist.group.WORLD
    if group is not None:
        group.abort()


class Share(Callback):
    """Gives all ranks, before each step, the share of the training that is used up by the clock of rank 0."""

    def on_train_batch_start(self, trainer: Trainer, module: Any, batch: Any, batch_idx: int) -> None:
        share = torch.tensor(module.share_used, dtype=torch.float64, device=module.device)
        dist.broadcast(share, src=0)
        module.share_used = share.item()


class Lead(Share):
    """What rank 0 does; called before whatever looks at the weights or stores them."""

    def __init__(self, ranks: Ranks) -> None:
        self._ranks = ranks

    def on_train_batch_end(self, trainer: Trainer, module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        """A step that took gradients which were never exchanged is none."""
        float(outputs["loss"])  # waits for the device
        if self._ranks.lost:
            raise RuntimeError("A rank was lost during the step.")


class Follow(Share):
    """What the other ranks do."""

    def on_train_start(self, trainer: Trainer, module: LightningModule) -> None:
        """Hear no SIGTERM, which may go to all processes of a job: rank 0 ends the training in good order."""
        signal.signal(signal.SIGTERM, signal.SIG_IGN)


class _Environment(LightningEnvironment):
    """Processes of this machine that were started already, and this one's rank among them."""

    creates_processes_externally = True

    def __init__(self, rank: int) -> None:
        super().__init__()
        self._rank = rank

    def local_rank(self) -> int:
        return self._rank

    def node_rank(self) -> int:
        return 0

    def teardown(self) -> None:
        """Leave the environment's variables alone."""


class Ranked(DDPStrategy):
    """Lightning's DDP where rank 0 alone stores and decides.

    There are no barriers, since what rank 0 does between two steps the others do not do. Lightning is told of a world of
    one, so that it broadcasts no signals: it would do so in the midst of what the ranks exchange just then.

    Parameters
    ----------
    rank
        That of this process.
    some_unused
        Whether the network may have weights that take no part in its scores.
    """

    world_size = 1

    def __init__(self, rank: int, *, some_unused: bool) -> None:
        super().__init__(cluster_environment=_Environment(rank), find_unused_parameters=some_unused)

    def barrier(self, *args: Any, **kwargs: Any) -> None:
        """Wait for nobody."""

    def _configure_launcher(self) -> None:
        """Start nobody."""
