"""Decide who may use new folders and files: their owner, and the members of a group that shares the folder around them.

A new folder belongs to its owner alone, and to a group that shares the folder around it: one with the set-group-ID bit that the
group may read, as after ``chmod g+rwxs``. A new file gives nobody a right that its folder withholds. The umask of the process
withholds more, and is never changed: a program that imports Underpaint keeps its own.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

_OWNER, _OWNER_AND_GROUP = 0o700, 0o770
_FILE = 0o666


def make_folder(folder: Path) -> None:
    """Make a folder, and those missing above it; do nothing if it exists.

    Raises
    ------
    OSError
        If the folder cannot be made, or a file has its name.
    """
    if folder.is_dir():
        return
    make_folder(folder.parent)
    shared = _is_shared(folder.parent)
    try:
        folder.mkdir(mode=_OWNER_AND_GROUP if shared else _OWNER)
    except FileExistsError:
        if not folder.is_dir():  # else another process was faster
            raise
    else:
        if shared and os.name == "posix":
            folder.chmod(_mode(folder) | stat.S_ISGID)  # only Linux passes it on by itself


def opener(path: str, flags: int) -> int:
    """Open a file for ``open(path, opener=...)``; a new one has no right that its folder withholds."""
    return os.open(path, flags, _FILE & _mode(Path(path).absolute().parent))


def restrict(path: Path) -> None:
    """Take from a file or folder, and from all in it, every right that the folder around it withholds.

    For what a library has written. Nothing changes on Windows, which knows no such rights.
    """
    if os.name != "posix":
        return
    given = _mode(path.absolute().parent) | stat.S_ISGID
    for folder, _, files in os.walk(path):
        for one in (Path(folder), *(Path(folder) / name for name in files)):
            _limit(one, given)
    if path.is_file():
        _limit(path, given)


def _limit(path: Path, given: int) -> None:
    mode = _mode(path)
    if mode & ~given:
        path.chmod(mode & given)


def _is_shared(folder: Path) -> bool:
    mode = _mode(folder)
    return bool(mode & stat.S_ISGID and mode & stat.S_IRGRP)


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)
