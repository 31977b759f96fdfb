"""Runs the command line in this process or in one of its own."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.cli import main


@dataclass(frozen=True)
class Ran:
    """What a command left behind: exit status, stdout, stderr."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> dict[str, Any]:
        """The one object on stdout."""
        return dict(json.loads(self.out))


def run(*words: object) -> Ran:
    """Run ``underpaint`` with these words in this process."""
    out, err = io.StringIO(), io.StringIO()
    status: Any = 0
    with redirect_stdout(out), redirect_stderr(err):
        try:
            main([str(word) for word in words])
        except SystemExit as end:
            status = end.code
    return Ran(int(status or 0), out.getvalue(), err.getvalue())


def start(*words: object, **environment: str) -> subprocess.Popen[str]:
    """Start ``underpaint`` with these words in a process of its own, which heeds Ctrl-C as in a terminal.

    A test run in the background of a shell ignores SIGINT, and its children would inherit that.
    """
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        return _start(words, environment)
    finally:
        signal.signal(signal.SIGINT, before)


def _start(words: tuple[object, ...], environment: dict[str, str]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "core.cli", *(str(word) for word in words)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).resolve().parents[1],
        env={**os.environ, **environment},
    )


def run_apart(*words: object, timeout: float = 120, **environment: str) -> Ran:
    """Run ``underpaint`` to its end in a process of its own."""
    process = start(*words, **environment)
    try:
        out, err = process.communicate(timeout=timeout)
    finally:
        process.kill()
    return Ran(process.returncode, out, err)
