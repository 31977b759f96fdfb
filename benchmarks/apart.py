"""Work in processes of its own, to be killed, limited or to crash alone.

They are forked from one process that has imported everything, so each starts in milliseconds. It uses one thread, and it ends
with this process.
"""

from __future__ import annotations

import multiprocessing
import os
import resource
import signal
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import psutil

os.environ.setdefault("OMP_NUM_THREADS", "1")  # tiny networks; and no pool of threads in the process that is forked

_IMPORTED = (
    "core.project",
    "core.worker",
    "core.training.learning.trainer",
    "core.training.learning.fit",
    "zarr",
)
_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(list(_IMPORTED))

MEMORY = 2 * 2**30
"""Bytes that no process may take."""


class Apart:
    """Work begun in a process of its own; ``work`` is called with a connection to this one and with ``arguments``."""

    def __init__(self, work: Callable[..., object], *arguments: object) -> None:
        self.heard, speaking = _CONTEXT.Pipe(duplex=False)
        self.process: BaseProcess = _CONTEXT.Process(target=_quietly, args=(work, speaking, *arguments), daemon=True)
        self.process.start()
        speaking.close()

    def next(self, seconds: float) -> Any:
        """Return the next message.

        Raises
        ------
        TimeoutError
            If there is none within ``seconds``.
        EOFError
            If the process has ended.
        """
        try:
            if not self.heard.poll(seconds):
                raise TimeoutError(f"nothing was said for {seconds:g} s")
            return self.heard.recv()
        except OSError as error:
            if isinstance(error, TimeoutError):
                raise
            raise EOFError("the process was cut off") from error

    def listen(self, seconds: float) -> list[Any]:
        """Return all messages of so many seconds; the work goes on meanwhile."""
        end, said = time.monotonic() + seconds, []
        with suppress(EOFError, TimeoutError):
            while (left := end - time.monotonic()) > 0:
                said.append(self.next(left))
        time.sleep(max(0.0, end - time.monotonic()))
        return said

    def rest(self) -> list[Any]:
        """Return all messages of a process that has ended."""
        said = []
        with suppress(EOFError, TimeoutError):
            while True:
                said.append(self.next(1.0))
        return said

    def kill(self) -> None:
        """End the process by SIGKILL, and wait until it is gone."""
        self.process.kill()
        self.process.join()


def _quietly(work: Callable[..., object], speaking: Connection, *arguments: object) -> None:
    """Print nothing: training and damaged files make libraries talk."""
    nothing = os.open(os.devnull, os.O_WRONLY)
    for stream in (1, 2):
        os.dup2(nothing, stream)
    multiprocessing.set_start_method("fork", force=True)  # locks that libraries make need no name, so a kill leaves none behind
    work(speaking, *arguments)


def answer(work: Callable[..., Any], *arguments: object, seconds: float) -> Any:
    """Return what ``work`` returns in a process of its own, or a sentence that begins with ``fault:``."""
    begun = Apart(_answering, work, *arguments)
    try:
        return begun.next(seconds)
    except TimeoutError:
        return f"fault: no answer after {seconds:g} s"
    except EOFError:
        begun.process.join(10)
        return f"fault: the process died with {begun.process.exitcode}"
    finally:
        begun.kill()


def _answering(speaking: Connection, work: Callable[..., Any], *arguments: object) -> None:
    try:
        said = work(*arguments)
    except BaseException:
        said = f"fault: {traceback.format_exc()}"
    speaking.send(said)


def limit_memory(extra: int = MEMORY) -> None:
    """Let this process take no more than so many further bytes of addresses."""
    most = psutil.Process().memory_info().vms + extra
    resource.setrlimit(resource.RLIMIT_AS, (most, most))


def peak_memory(pid: int | str = "self") -> int:
    """Return the most bytes of memory that a process has held at a time, 0 if it is gone or the system does not tell."""
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    return 0


def end_after(seconds: float) -> None:
    """End this process by a signal, should the one that began it fail to."""
    signal.setitimer(signal.ITIMER_REAL, seconds)


def until(done: Callable[[], bool], seconds: float) -> bool:
    """Wait for a condition; return whether it came true in time."""
    end = time.monotonic() + seconds
    while not done():
        if time.monotonic() > end:
            return False
        time.sleep(0.002)
    return True
