"""Detect a changed or replaced volume on disk: from its files, from file times alone, or from its values."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from stat import S_ISDIR

from core.errors import VolumeError
from core.volumes.base import Volume

_SAMPLED_SLICES = 5
_BLOCK = 65536
_MOST_FILES = 20_000  # a zarr may hold millions of chunks; beyond this limit, rely on the times of its folders


def fingerprint(path: Path) -> str:
    """Return a short text; it changes with the file, or with any file of the folder.

    The text is a hash of the names below ``path``, sizes, modification times and some bytes. Its length and cost do
    not depend on the size of a file. Moving or renaming the volume as a whole does not change it.

    Raises
    ------
    VolumeError
        If ``path`` does not exist.
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
        raise VolumeError(_gone(path, error)) from error
    return digest.hexdigest()[:32]


def glance(path: Path) -> str:
    """Return a short text without reading content; it changes when a file is written to or replaced.

    Use it while a volume is open. To compare a volume from one day to the next, use the stricter :func:`fingerprint`.

    Raises
    ------
    VolumeError
        If ``path`` does not exist.
    """
    try:
        stat = path.stat()
    except OSError as error:
        raise VolumeError(_gone(path, error)) from error
    return fingerprint(path) if S_ISDIR(stat.st_mode) else f"{stat.st_ino} {stat.st_size} {stat.st_mtime_ns}"


def content_digest(volume: Volume) -> str:
    """Return a hash of shape, dtype and the values of five slices, independent of file paths and times.

    The slices are the middles of five equal parts, because the ends of a volume are often blank. A copy has the same
    digest; another volume of the same size has a different one. A change to other slices alone goes unnoticed.

    Raises
    ------
    VolumeError
        If one of the slices cannot be read.
    """
    digest = hashlib.sha256(f"{volume.shape} {volume.dtype}".encode())
    sampled = min(_SAMPLED_SLICES, volume.depth)
    for number in range(sampled):
        image = volume.read((2 * number + 1) * volume.depth // (2 * sampled))
        digest.update(image.astype(image.dtype.newbyteorder("<"), copy=False).data)
    return digest.hexdigest()[:32]


def _gone(path: Path, error: OSError) -> str:
    return f"{path} cannot be read ({error.strerror}); it was moved or its disk is not mounted, so put it back."


def _entries(folder: Path) -> Iterator[Path]:
    """Yield a folder, its files, then its subfolders: a truncated list keeps the times of the upper folders."""
    found = sorted(os.scandir(folder), key=lambda entry: entry.name)
    yield folder
    yield from (Path(entry.path) for entry in found if entry.is_file())
    for entry in found:
        if entry.is_dir():
            yield from _entries(Path(entry.path))


def _stamp(path: Path) -> str:
    stat = path.stat()
    return f"{0 if S_ISDIR(stat.st_mode) else stat.st_size} {stat.st_mtime_ns}"


def _some_bytes(path: Path) -> bytes:
    size = path.stat().st_size
    with path.open("rb") as file:
        parts = []
        for start in (0, size // 2, max(0, size - _BLOCK)):
            file.seek(start)
            parts.append(file.read(_BLOCK))
    return b"".join(parts)
