"""Whether a volume on disk is still the one it was: by its files, at a glance, and by its values."""

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
        raise VolumeError(_gone(path, error)) from error
    return digest.hexdigest()[:32]


def glance(path: Path) -> str:
    """A short text that changes when the file is written to or replaced, or any file of the folder is; reads no content.

    Good as long as the volume is in use; from one day to the next :func:`fingerprint` looks more closely.

    Raises
    ------
    VolumeError
        If there is nothing at ``path``.
    """
    try:
        stat = path.stat()
    except OSError as error:
        raise VolumeError(_gone(path, error)) from error
    return fingerprint(path) if S_ISDIR(stat.st_mode) else f"{stat.st_ino} {stat.st_size} {stat.st_mtime_ns}"


def content_digest(volume: Volume) -> str:
    """A short text made from shape, dtype and the values of five slices, wherever and whenever the files were written.

    The slices lie in the middles of five equal parts, for the ends of a volume are often blank. A copy has the same
    digest, another volume of the same size has not; a change of other slices alone is not seen.

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
    """Folders before files at every level, so that a cut list still holds the times of the upper folders."""
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
