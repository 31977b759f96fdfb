"""Other processes of this machine: whether one is still there, and children that end with their parent."""

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
    """Whether a process is running; True where the system has no harmless way to ask (Windows)."""
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
    """Whether a process has ended and only waits for its parent to notice (told by Linux; elsewhere False)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return False


def engine_environment() -> dict[str, str]:
    """The environment for a child that runs a module of the engine, wherever it is started."""
    root = Path(__file__).resolve().parent.parent
    return {**os.environ, "PYTHONPATH": os.pathsep.join([str(root), os.environ.get("PYTHONPATH", "")])}


def start_tied(
    command: Sequence[str], environment: Mapping[str, str], *, errors: IO[bytes] | None = None
) -> subprocess.Popen[bytes]:
    """Start a process that ends when this one does, even if this one is killed; it must call :func:`end_with_parent`.

    The two hold the ends of a pipe, the child's as its standard input: the system closes the parent's end with it. Where
    its ``errors`` go to a file, the child has no terminal: it prints nothing, and Ctrl-C is not for it.
    """
    apart = errors is not None
    return subprocess.Popen(
        command,
        env={**environment, _TIED: "1"},
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL if apart else None,
        stderr=errors,
        start_new_session=apart,
    )


def end_with_parent() -> None:
    """From now on, end this process when the one that started it by :func:`start_tied` is gone; else do nothing.

    It is asked to end in good order, and made to if it has not within ten seconds.
    """
    if os.environ.pop(_TIED, None):  # its own children are not tied
        threading.Thread(target=_end_with_input, daemon=True).start()


def _end_with_input() -> None:
    while os.read(_STDIN, 1024):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(_PATIENCE_S)
    os._exit(1)


def give_way() -> None:
    """Let every other process of this machine go first from now on: what a person waits for, before what works by itself."""
    if os.name == "posix":
        os.nice(_NICE)


def stop(process: subprocess.Popen[bytes]) -> None:
    """End a child in good order, or after ten seconds without asking; returns when it is gone."""
    process.terminate()
    try:
        process.wait(timeout=_PATIENCE_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
