"""Name a process for good, check whether it lives, and start children that end with their parent."""

from __future__ import annotations

import hashlib
import os
import platform
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import IO

import psutil

_TIED = "UNDERPAINT_ENDS_WITH_PARENT"
_STDIN = 0
_PATIENCE_S = 10.0
_NICE = 10
_STATE, _START = 0, 19  # fields of /proc/PID/stat, counted from the one after the name


@dataclass(frozen=True)
class ProcessId:
    """A process, never mistaken for a later one of the same number, or for one of another machine or container.

    Attributes
    ----------
    pid
        Its number.
    place
        Digest of the place of this number: the boot of the machine and the pid namespace; elsewhere than on Linux, the
        machine's name.
    start
        Time of its start in clock ticks after that boot; 0 if the system does not tell.
    """

    pid: int
    place: str
    start: int

    PATTERN = r"\d+-[0-9a-f]{12}-\d+"
    """Regular expression of the text of a ProcessId."""

    def __str__(self) -> str:
        return f"{self.pid}-{self.place}-{self.start}"

    @classmethod
    def of(cls, pid: int) -> ProcessId:
        """Return the lasting name of a process of this machine and namespace."""
        return cls(pid, _place(), _start_of(pid) or 0)

    @classmethod
    def read(cls, text: str) -> ProcessId | None:
        """Read the text of a ProcessId; None for anything else."""
        if not re.fullmatch(cls.PATTERN, text, re.ASCII):
            return None
        pid, place, start = text.split("-")
        return cls(int(pid), place, int(start))

    def lives(self) -> bool | None:
        """Return whether the process is running; None if that cannot be seen from here."""
        if self.place != _place():
            return None
        if _counts_starts():
            return self._started() if self.start else None
        # Another process may have the number by now, but a number without a process is proof.
        return None if sys.platform == "linux" or process_lives(self.pid) else False

    def _started(self) -> bool | None:
        """Return whether the process with the number began when this one did; None if ``/proc`` hides it (``hidepid``)."""
        if _stat(self.pid) is not None:
            return _start_of(self.pid) == self.start
        return None if _takes_signals(self.pid) else False


@cache
def _place() -> str:
    """Return the digest of the boot of this machine and this process's pid namespace, else of the machine's name."""
    where = _namespace() or platform.node()
    return hashlib.sha256(where.encode()).hexdigest()[:12]


@cache
def _counts_starts() -> bool:
    """Return whether the system tells boot, namespace and start times: Linux, with ``/proc`` of this namespace."""
    return _namespace() is not None and _start_of(os.getpid()) is not None


@cache
def _namespace() -> str | None:
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        namespace, own = os.readlink("/proc/self/ns/pid"), os.readlink("/proc/self")
    except OSError:
        return None
    return f"{boot} {namespace}" if own == str(os.getpid()) else None  # /proc may be that of another namespace


def _start_of(pid: int) -> int | None:
    """Return the start of a running process in clock ticks after boot; None without such a process, or outside Linux."""
    fields = _stat(pid)
    return None if fields is None or fields[_STATE] in "ZX" else int(fields[_START])


def _stat(pid: int) -> list[str] | None:
    """Return the fields of ``/proc/PID/stat`` after the name, which may itself hold spaces and parentheses."""
    try:
        return Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].decode("ascii").split()
    except OSError:
        return None


def _takes_signals(pid: int) -> bool:
    """Return whether a process has this number, whoever's it is, even where ``/proc`` hides those of other users."""
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        pass
    return True


def process_lives(pid: int) -> bool:
    """Return whether a process is running; one that has ended but was not reaped by its parent is not."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
    except psutil.AccessDenied:
        return True


def engine_environment() -> dict[str, str]:
    """Return the environment for a child running a module of ``core`` from any working directory.

    The child imports nothing from the working directory, which is often the workspace: anybody's ``numpy.py`` may lie there.
    """
    root = Path(__file__).resolve().parent.parent
    path = [str(root), *os.environ.get("PYTHONPATH", "").split(os.pathsep)]
    # An empty entry would mean the working directory, which a safe path leaves out.
    return {**os.environ, "PYTHONPATH": os.pathsep.join(entry for entry in path if entry), "PYTHONSAFEPATH": "1"}


def start_tied(
    command: Sequence[str], environment: Mapping[str, str], *, errors: IO[bytes] | None = None
) -> subprocess.Popen[bytes]:
    """Start a child; it ends with this process, even a killed one, if it calls :func:`end_with_parent`.

    A pipe connects the two and is the child's standard input. The system closes the parent's end when the parent ends.
    With ``errors`` redirected to a file, the child has no terminal: it prints nothing and does not receive Ctrl-C.
    """
    detached = errors is not None
    return subprocess.Popen(
        command,
        env={**environment, _TIED: "1"},
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL if detached else None,
        stderr=errors,
        start_new_session=detached,
    )


def end_with_parent() -> None:
    """End this process once its parent is gone; do nothing unless :func:`start_tied` started this process.

    The process receives SIGTERM first, and is forced to exit ten seconds later.
    """
    if os.environ.pop(_TIED, None):  # do not pass it on to children
        threading.Thread(target=_end_with_input, daemon=True).start()


def _end_with_input() -> None:
    while os.read(_STDIN, 1024):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(_PATIENCE_S)
    os._exit(1)


def give_way() -> None:
    """Lower this process's priority, so that background work does not slow down interactive work."""
    if os.name == "posix":
        os.nice(_NICE)


def stop(process: subprocess.Popen[bytes]) -> None:
    """Terminate a child, kill it after ten seconds if necessary, and wait until it is gone."""
    process.terminate()
    try:
        process.wait(timeout=_PATIENCE_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
