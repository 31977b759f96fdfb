"""Find chunks of a zarr that unpack to far more than their pixels, before their codec unpacks all of it into memory."""

from __future__ import annotations

import bz2
import itertools
import lzma
import struct
import zlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import imagecodecs
import zarr
from zarr.storage import LocalStore

_ROOM = 64 * 2**20
"""Bytes by which a chunk may exceed its pixels: filters of zarr format 2 may widen them."""

_STREAMS: dict[str, Callable[[], Any]] = {
    "gzip": lambda: zlib.decompressobj(wbits=31),
    "zlib": zlib.decompressobj,
    "bz2": bz2.BZ2Decompressor,
    "lzma": lzma.LZMADecompressor,
}
_DEFLATE, _MOST_OF_DEFLATE = ("gzip", "zlib"), 1040
"""Codecs, and the most bytes that a byte of theirs can unpack to."""

_ZSTD, _ZSTD_SIZES, _ZSTD_DICTIONARIES = b"\x28\xb5\x2f\xfd", ("", "<H", "<I", "<Q"), (0, 1, 2, 4)


def chunk_beyond_its_pixels(array: zarr.Array[Any], at: tuple[slice, ...]) -> Path | None:
    """Return the first stored chunk of a selection that unpacks to far more than its pixels; None if there is none.

    Chunks of shards, and chunks that lie elsewhere than in a folder, are passed over.

    Parameters
    ----------
    at
        For each axis a whole slice, or one of length 1.
    """
    names = [_name(codec) for codec in array.compressors]
    if not names or array.shards is not None or not isinstance(array.store, LocalStore):
        return None
    pixels = array.dtype.itemsize
    for length in array.chunks:
        pixels *= length
    for path in _chunks(array, at):
        if unpacked_size(names[-1], path, pixels + _ROOM) > pixels + _ROOM:
            return path
    return None


def unpacked_size(codec: str, path: Path, most: int) -> int:
    """Return how many bytes a stored chunk unpacks to, or a number above ``most``.

    A missing or damaged chunk, one of another codec, and one that is too small to exceed ``most`` count as 0.
    """
    try:
        if codec in _STREAMS:
            if codec in _DEFLATE and path.stat().st_size * _MOST_OF_DEFLATE <= most:
                return 0
            return _streamed(_STREAMS[codec], path.read_bytes(), most)
        with path.open("rb") as file:
            head = file.read(18)
        if codec == "blosc":
            return int(struct.unpack_from("<I", head, 4)[0])
        if codec == "lz4":
            return int(struct.unpack_from("<I", head)[0])
        if codec == "zstd" and head.startswith(_ZSTD):
            return _zstd_size(head, path, most)
    except (struct.error, zlib.error, lzma.LZMAError, OSError, EOFError, IndexError):  # reading the chunk will say so
        return 0
    return 0


def _streamed(begin: Callable[[], Any], content: bytes, most: int) -> int:
    size = 0
    while content and size <= most:
        stream = begin()
        size += len(stream.decompress(content, most - size + 1))
        content = stream.unused_data
    return size


def _zstd_size(head: bytes, path: Path, most: int) -> int:
    """Read the size that a zstd frame states; unpack a frame that states none."""
    flags = head[4]
    single, form = bool(flags & 32), _ZSTD_SIZES[flags >> 6] or ("<B" if flags & 32 else "")
    if form:
        (size,) = struct.unpack_from(form, head, 5 + (not single) + _ZSTD_DICTIONARIES[flags & 3])
        return int(size) + (256 if form == "<H" else 0)
    try:
        return len(imagecodecs.zstd_decode(path.read_bytes(), out=most))
    except RuntimeError:  # damaged, or larger
        return most + 1


def _chunks(array: zarr.Array[Any], at: Sequence[slice]) -> Iterator[Path]:
    assert isinstance(array.store, LocalStore)
    ranges = [
        range((chosen.start or 0) // chunk, -(-(length if chosen.stop is None else chosen.stop) // chunk))
        for chosen, chunk, length in zip(at, array.chunks, array.shape, strict=True)
    ]
    folder = array.store.root / array.path
    for place in itertools.product(*ranges):
        yield folder / array.metadata.encode_chunk_key(place)


def _name(codec: Any) -> str:
    """Return the name of a codec of either zarr format."""
    return str(getattr(codec, "codec_id", None) or codec.to_dict()["name"])
