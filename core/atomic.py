"""Write files so that they survive a power cut, and sweep up what a killed process left."""

from __future__ import annotations

import os
import re
import shutil
import time
import uuid
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from core.processes import ProcessId
from core.rights import opener

_ASIDE = ".old"
_LEFT = re.compile(rf"\.(.+)\.({ProcessId.PATTERN})-[0-9a-f]{{8}}\.(tmp|old)", re.ASCII)
_FORGOTTEN_S = 24 * 3600.0
"""Age of a temporary file of another machine, boot or container, after which its writer is taken for gone."""


def sync(path: Path) -> None:
    """Flush a file, or the names in a folder, to disk; Windows cannot flush a folder."""
    if os.name == "nt" and path.is_dir():
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def temporary(path: Path) -> Path:
    """Return a name beside ``path`` to write under: hidden, and never given to another thread or process."""
    return path.with_name(f".{path.name}.{ProcessId.of(os.getpid())}-{uuid.uuid4().hex[:8]}.tmp")


def move_over(written: Path, path: Path) -> None:
    """Rename a file or folder from :func:`temporary` to its final path, replacing an earlier one.

    A folder cannot be renamed onto another. The earlier one is moved aside first, and moved back if the swap fails; after a
    kill in between :func:`sweep` moves it back.
    """
    aside = written.with_suffix(_ASIDE) if path.is_dir() else None
    try:
        if aside is not None:
            os.rename(path, aside)
        os.replace(written, path)
    except BaseException:
        if aside is not None and aside.exists() and not path.exists():
            os.rename(aside, path)
        raise
    sync(path.parent)
    if aside is not None:
        remove(aside)


def sweep(folders: Iterable[Path]) -> None:
    """Remove the temporary files of killed processes in some folders, and move back what they had moved aside.

    Files of another machine, boot or container go once they are a day old.
    """
    for folder in folders:
        with suppress(OSError):  # no such folder, or not ours to tidy: nothing to sweep
            for found in sorted(folder.iterdir()):
                match = _LEFT.fullmatch(found.name)
                if match and not _still_written(found, ProcessId.read(match[2])):
                    _settle(found, folder / match[1])


def _settle(left: Path, path: Path) -> None:
    if left.suffix == _ASIDE and not path.exists():
        with suppress(OSError):  # another process has just done the same
            os.rename(left, path)
    else:
        remove(left)


def _still_written(left: Path, writer: ProcessId | None) -> bool:
    lives = None if writer is None else writer.lives()
    if lives is None:
        with suppress(OSError):
            return time.time() - left.stat().st_mtime < _FORGOTTEN_S
    return bool(lives)


def remove(path: Path) -> None:
    """Remove a file or folder as far as possible; do nothing without one."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(OSError):
            path.unlink()


def replace_whole(path: Path, content: bytes) -> None:
    """Write a small file whole or not at all, replacing any earlier one."""
    written = temporary(path)
    try:
        with open(written, "wb", opener=opener) as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(written, path)
    finally:
        remove(written)
    sync(path.parent)
