"""A chunk that unpacks to far more than its pixels is refused before it takes memory."""

from __future__ import annotations

import bz2
import gzip
import lzma
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import imagecodecs
import numcodecs
import numpy as np
import pytest
import zarr
from zarr.codecs import BloscCodec, GzipCodec, ZstdCodec

from core.errors import VolumeError
from core.volumes import open_volume
from core.volumes.formats import zarr_chunks

SHAPE = (2, 64, 64)
SIZE = 4 * 2**20
"""Bytes of a bomb in these tests, where a chunk may exceed its pixels by one MiB."""

BOMBS: dict[str, tuple[int, object, Callable[[bytes], bytes]]] = {
    "gzip": (3, GzipCodec(), gzip.compress),
    "gzip of two members": (3, GzipCodec(), lambda content: gzip.compress(b"x") + gzip.compress(content)),
    "zstd": (3, ZstdCodec(), imagecodecs.zstd_encode),
    "blosc": (3, BloscCodec(), lambda content: imagecodecs.blosc_encode(content)),
    "zlib": (2, numcodecs.Zlib(), zlib.compress),
    "bz2": (2, numcodecs.BZ2(), bz2.compress),
    "lzma": (2, numcodecs.LZMA(), lzma.compress),
    "lz4": (2, numcodecs.LZ4(), lambda content: bytes(numcodecs.LZ4().encode(content))),
    "zstd of format 2": (2, numcodecs.Zstd(), imagecodecs.zstd_encode),
}


@pytest.fixture(autouse=True)
def _little_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zarr_chunks, "_ROOM", 2**20)


def stored(path: Path, zarr_format: int, codec: object) -> list[Path]:
    """A zarr of ones, one chunk per slice; its chunks."""
    made = zarr.create_array(path, shape=SHAPE, chunks=(1, 64, 64), dtype="uint8", compressors=[codec], zarr_format=zarr_format)  # type: ignore[call-overload]
    made[:] = 1
    return [made.store.root / made.metadata.encode_chunk_key((z, 0, 0)) for z in range(2)]


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_refused_and_its_neighbour_read(tmp_path: Path, name: str) -> None:
    """Whatever the codec; the sentence names the chunk."""
    zarr_format, codec, pack = BOMBS[name]
    chunks = stored(tmp_path / "v.zarr", zarr_format, codec)
    chunks[0].write_bytes(pack(bytes(SIZE)))
    with open_volume(tmp_path / "v.zarr", axes="ZYX") as volume:
        assert (volume.read(1) == 1).all()
        with pytest.raises(VolumeError, match="unpacks to far more bytes"):
            volume.read(0)


@pytest.mark.parametrize("name", BOMBS)
def test_a_damaged_chunk_is_damaged_as_before(tmp_path: Path, name: str) -> None:
    """Cut short or empty, it is the codec that says so."""
    zarr_format, codec, _ = BOMBS[name]
    chunk, _ = stored(tmp_path / "v.zarr", zarr_format, codec)
    content = chunk.read_bytes()
    for damaged in (content[:3], content[: len(content) // 2]):
        chunk.write_bytes(damaged)
        with open_volume(tmp_path / "v.zarr", axes="ZYX") as volume, pytest.raises(VolumeError, match="damaged zarr"):
            volume.read(0)


@pytest.mark.parametrize("size", [0, 100, 300, 70_000, 5 * 2**20])
def test_a_zstd_frame_states_its_size_in_every_form(tmp_path: Path, size: int) -> None:
    """One, two, four or eight bytes; a frame that states none is unpacked."""
    path = tmp_path / "chunk"
    path.write_bytes(imagecodecs.zstd_encode(bytes(size)))
    assert zarr_chunks.unpacked_size("zstd", path, 10 * 2**20) == size
    raw = struct.pack("<IBBI", 0xFD2FB528, 0, 0x38, (1000 << 3) | 1)[:9] + bytes(1000)
    path.write_bytes(raw)
    assert zarr_chunks.unpacked_size("zstd", path, 10 * 2**20) == 1000
    assert zarr_chunks.unpacked_size("zstd", path, 999) > 999


def test_shards_and_unknown_codecs_are_read(tmp_path: Path) -> None:
    """What cannot be looked into is left to zarr."""
    made = zarr.create_array(tmp_path / "v.zarr", shape=SHAPE, chunks=(1, 16, 16), shards=(1, 64, 64), dtype="uint8")
    made[:] = 1
    assert (open_volume(tmp_path / "v.zarr", axes="ZYX").read(0) == 1).all()
    (tmp_path / "chunk").write_bytes(np.arange(100, dtype=np.uint8).tobytes())
    assert zarr_chunks.unpacked_size("other", tmp_path / "chunk", 10) == 0
