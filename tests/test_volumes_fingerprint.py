"""Whether a volume has changed since it was last seen."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import zarr

from core.errors import VolumeError
from core.volumes import fingerprint


def test_a_file_that_moves_keeps_its_fingerprint(tmp_path: Path) -> None:
    """The name does not count, the content and the time of change do."""
    first, second = tmp_path / "a.tif", tmp_path / "b.tif"
    first.write_bytes(bytes(200_000))
    before = fingerprint(first)
    first.rename(second)
    assert fingerprint(second) == before
    os.utime(second, ns=(1, 1))
    assert fingerprint(second) != before


def test_bytes_changed_at_the_same_size_and_time(tmp_path: Path) -> None:
    """A file rewritten with its old size and time is found out by its first, middle or last bytes."""
    path = tmp_path / "a.tif"
    path.write_bytes(bytes(1_000_000))
    stat, before = path.stat(), fingerprint(path)
    for place in (0, 500_000, 999_999):
        content = bytearray(1_000_000)
        content[place] = 1
        path.write_bytes(content)
        os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
        assert fingerprint(path) != before


def test_a_folder_whose_image_changes(tmp_path: Path) -> None:
    """One more byte in any image, one image more or another name changes the folder's fingerprint."""
    for name in ("1.png", "2.png"):
        (tmp_path / name).write_bytes(b"x")
    seen = {fingerprint(tmp_path)}
    (tmp_path / "2.png").write_bytes(b"xy")
    seen.add(fingerprint(tmp_path))
    (tmp_path / "2.png").rename(tmp_path / "3.png")
    seen.add(fingerprint(tmp_path))
    assert len(seen) == 3


def test_a_zarr_whose_chunk_changes(tmp_path: Path) -> None:
    """Writing one chunk changes the fingerprint; reading does not."""
    array = zarr.create_array(tmp_path / "a.zarr", data=np.zeros((4, 8, 8), np.uint8), chunks=(1, 4, 4))
    before = fingerprint(tmp_path / "a.zarr")
    assert fingerprint(tmp_path / "a.zarr") == before
    array[2, 5, 5] = 9
    assert fingerprint(tmp_path / "a.zarr") != before


def test_a_path_with_nothing_there(tmp_path: Path) -> None:
    """A volume that has gone is named."""
    with pytest.raises(VolumeError, match=r"gone\.tif cannot be read .*put it back"):
        fingerprint(tmp_path / "gone.tif")
