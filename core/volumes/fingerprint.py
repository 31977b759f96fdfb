"""Whether a volume on disk is still the one it was."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from core.errors import VolumeError

_BLOCK = 65536
_MOST_FILES = 20_000  # a zarr may hold millions of chunks; past this the times of its folders must do


def fingerprint(path: Path) -> str:
    """A short text that changes when the file, or any file of the folder, changes.

    Made from names below ``path``, sizes, times of change, and some bytes; the same however large the volume is.
    Moving or renaming the volume as a whole does not change it.

    Raises
    ------
    VolumeError
        If there is nothing at ``path``.
    """
    path = Path(path)
    digest = hashlib.sha256()
    try:
        if path.is_dir():
            for entry in islice(_entries(path), _MOST_FILES):
                digest.update(f"{entry.relative_to(path)} {_stamp(entry)}\n".encode())
        else:
            digest.update(f"{_stamp(path)}\n".encode())
            digest.update(_some_bytes(path))
    except OSError as error:
        raise VolumeError(
            f"{path} cannot be read ({error.strerror}); it was moved or its disk is not mounted, so put it back."
        ) from error
    return digest.hexdigest()[:32]


def _entries(folder: Path) -> Iterator[Path]:
    """Folders before files at every level, so that a cut list still holds the times of the upper folders."""
    found = sorted(os.scandir(folder), key=lambda entry: entry.name)
    yield folder
    yield from (Path(entry.path) for entry in found if entry.is_file())
    for entry in found:
        if entry.is_dir():
            yield from _entries(Path(entry.path))


def _stamp(path: Path) -> str:
    stat = path.stat()
    return f"{0 if path.is_dir() else stat.st_size} {stat.st_mtime_ns}"


def _some_bytes(path: Path) -> bytes:
    size = path.stat().st_size
    with path.open("rb") as file:
        parts = []
        for start in (0, size // 2, max(0, size - _BLOCK)):
            file.seek(start)
            parts.append(file.read(_BLOCK))
    return b"".join(parts)
