"""Check whether a process lives, and start children that end with their parent."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

_TIED = "UNDERPAINT_ENDS_WITH_PARENT"
_STDIN = 0
_PATIENCE_S = 10.0
_NICE = 10


def process_lives(pid: int) -> bool:
    """Return whether a process is running; True on Windows, which has no harmless way to ask."""
    if os.name == "nt":
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return not _is_zombie(pid)


def _is_zombie(pid: int) -> bool:
    """Return whether a process is a zombie, ended but not yet reaped by its parent; always False outside Linux."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return False


def engine_environment() -> dict[str, str]:
    """Return the environment for a child running a module of ``core`` from any working directory."""
    root = Path(__file__).resolve().parent.parent
    return {**os.environ, "PYTHONPATH": os.pathsep.join([str(root), os.environ.get("PYTHONPATH", "")])}


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
