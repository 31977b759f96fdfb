"""Join the processes of a training on several devices into one process group, reachable from this machine only.

Rank 0 opens a store on the loopback interface and waits there for the worker ranks. A store made by Lightning or torchrun
would listen on every interface.
"""

from __future__ import annotations

import json
import os
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import torch
import torch.distributed as dist
from lightning_fabric.plugins.environments import LightningEnvironment

_LOOPBACK = "127.0.0.1"
_BEGIN = "begin"
_LONGEST_WAIT = timedelta(hours=1)  # while rank 0 validates and stores; the end of a rank is detected separately


class Meeting:
    """The store at which the ranks of one training meet, opened by rank 0 on a free port.

    Parameters
    ----------
    devices
        Number of ranks.
    batch
        Patches in a step of each rank.
    step
        Steps of the state to resume from; None without one.
    """

    def __init__(self, devices: int, batch: int, step: int | None) -> None:
        self._devices = devices
        listening = socket.create_server((_LOOPBACK, 0))
        self._port = listening.getsockname()[1]
        self._store = dist.TCPStore(
            _LOOPBACK,
            self._port,
            is_master=True,
            timeout=_LONGEST_WAIT,
            wait_for_workers=False,
            master_listen_fd=listening.detach(),
        )
        self._store.set(_BEGIN, json.dumps([batch, step]))

    def variables(self, rank: int) -> dict[str, str]:
        """Return the environment variables for a rank, PyTorch and Lightning."""
        return {
            "LOCAL_RANK": str(rank),
            "NODE_RANK": "0",
            "WORLD_SIZE": str(self._devices),
            "MASTER_PORT": str(self._port),
            "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", str(torch.get_num_threads())),  # else Lightning chooses
            "GLOO_SOCKET_IFNAME": "lo0" if sys.platform == "darwin" else "lo",
            "NCCL_SOCKET_IFNAME": "lo",
            "TORCH_NCCL_ASYNC_ERROR_HANDLING": "0",  # else NCCL ends the whole process when a rank is lost
        }

    @contextmanager
    def environment(self) -> Iterator[None]:
        """Set the environment variables of rank 0 inside the ``with`` block, and restore the former values afterwards."""
        variables = self.variables(0)
        before = {name: os.environ.get(name) for name in variables}
        os.environ.update(variables)
        try:
            yield
        finally:
            for name, value in before.items():
                if value is not None:
                    os.environ[name] = value
                else:
                    os.environ.pop(name, None)

    def all_here(self) -> bool:
        """Return whether every worker rank has loaded its data and waits to join."""
        return self._store.check([_here(rank) for rank in range(1, self._devices)])

    def join(self) -> dist.ProcessGroup | None:
        """Join the process group as rank 0; return it when all ranks have joined."""
        return _join(self._store, 0, self._devices)


def this_rank() -> int:
    """Return the rank of this process, from 0; its device has the same number."""
    return LightningEnvironment().local_rank()


def join(devices: int) -> tuple[int, int | None]:
    """Join the process group as a worker rank; return when all ranks have joined.

    Returns
    -------
    tuple
        Patches in a step of each rank, and the steps of the stored state; None for a new training.
    """
    rank, store = this_rank(), dist.TCPStore(_LOOPBACK, int(os.environ["MASTER_PORT"]), is_master=False, timeout=_LONGEST_WAIT)
    if torch.cuda.is_available():  # allocate early: a lack of memory is reported before the other ranks wait
        torch.zeros(1, device=f"cuda:{rank}")
    store.set(_here(rank), "")
    _join(store, rank, devices)
    batch, step = json.loads(store.get(_BEGIN))
    return batch, step


def _join(store: dist.TCPStore, rank: int, devices: int) -> dist.ProcessGroup | None:
    """Initialise the process group, and return it for Lightning to use as it is."""
    backend = "nccl" if torch.cuda.is_available() and dist.is_nccl_available() else "gloo"
    dist.init_process_group(backend, store=store, rank=rank, world_size=devices, timeout=_LONGEST_WAIT)
    return dist.group.WORLD


def _here(rank: int) -> str:
    return f"here-{rank}"
