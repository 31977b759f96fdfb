"""Connect the engine to the terminal: errors, progress, signals and output.

Standard output carries the answer alone; progress bars, hints and errors go to standard error. Exit status 0 means done, 1 an
error the user can mend (explained in one line), 2 a mistyped command.
"""

from __future__ import annotations

import errno
import json
import logging
import math
import os
import signal
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from types import FrameType
from typing import Any

from rich.console import Console, RenderableType
from rich.markup import escape

from core.errors import StorageError, UnderpaintError, storage_errors
from core.progress import Report

_NOISY = ("pytorch_lightning", "lightning_fabric", "torch", "tifffile", "PIL")


def debugging() -> bool:
    """Return True if ``UNDERPAINT_DEBUG`` asks for tracebacks and library warnings."""
    return os.environ.get("UNDERPAINT_DEBUG", "") not in ("", "0")


def answer(result: Mapping[str, Any], text: RenderableType, *, as_json: bool) -> None:
    """Print the result on stdout: one JSON object, or ``text`` for a reader."""
    if as_json:
        print(json.dumps(_plain(result), allow_nan=False), flush=True)
    else:
        Console(highlight=False, soft_wrap=True).print(text)


def say(text: str) -> None:
    """Print a hint on stderr."""
    Console(stderr=True, highlight=False, soft_wrap=True).print(escape(text))


def tell(error: Exception) -> int:
    """Print an error as one line on stderr; return the exit status.

    With ``UNDERPAINT_DEBUG=1`` raise the error again, to show its traceback.
    """
    if debugging():
        raise error
    print("underpaint: " + " ".join(_sentence(error).split()), file=sys.stderr, flush=True)
    return 1


def _sentence(error: Exception) -> str:
    if isinstance(error, UnderpaintError):
        return str(error)
    if isinstance(error, MemoryError):
        return "the machine ran out of memory; close other programs or choose a smaller patch or batch, then try again."
    if isinstance(error, OSError) and error.errno is not None:
        return _disk_sentence(error)
    return (
        f"an unexpected {type(error).__name__}: {error}; this is a fault in Underpaint, nothing stored is lost. "
        "Set UNDERPAINT_DEBUG=1 and try again to see where it happened."
    )


def _disk_sentence(error: OSError) -> str:
    where = Path(os.fsdecode(error.filename) if error.filename else "the output")
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EROFS):
        try:
            with storage_errors(where):
                raise error
        except StorageError as told:
            return str(told)
    return f"{where}: {error.strerror}; check that it exists and that you may use it, then try again."


@contextmanager
def working(title: str) -> Iterator[Report]:
    """Show a progress bar if stderr is a terminal; redirect libraries from stdout; turn signals into a request to stop.

    The bar shows ``title`` until the first report, then the sentences reported.
    The first SIGINT (Ctrl-C) or SIGTERM makes the yielded `Report` return True, for work to end in good order; the second
    ends the process at once.
    """
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    console = Console(stderr=True)
    percent, words = TextColumn("{task.percentage:>3.0f}%"), TextColumn("{task.description}")
    columns = (BarColumn(), percent, TimeElapsedColumn(), words)
    shown = Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
    with _stop_asked() as asked, _quiet_libraries(), shown as bar, redirect_stdout(sys.stderr):
        task = bar.add_task(escape(title), total=1.0)

        def report(share: float, words: str = "") -> bool:
            bar.update(task, completed=min(max(share, 0.0), 1.0), description=escape(words or title))
            return asked()

        yield report


@contextmanager
def _stop_asked() -> Iterator[Callable[[], bool]]:
    received: list[int] = []

    def remember(number: int, frame: FrameType | None) -> None:
        if received:
            raise SystemExit(1)
        received.append(number)
        say("Stopping; once more to stop at once.")

    before = {number: signal.signal(number, remember) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield lambda: bool(received)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _quiet_libraries() -> Iterator[None]:
    """Keep warnings and notices of libraries off the terminal, except when debugging."""
    if debugging():
        yield
        return
    levels = {name: logging.getLogger(name).level for name in _NOISY}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name in _NOISY:
            logging.getLogger(name).setLevel(logging.ERROR)
        try:
            yield
        finally:
            for name, level in levels.items():
                logging.getLogger(name).setLevel(level)


def _plain(value: Any) -> Any:
    """Convert to JSON's own types: unwrap numpy scalars and paths; turn non-finite numbers into ``null``."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset, range)):
        return [_plain(item) for item in value]
    if hasattr(value, "item"):
        value = value.item()
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
