"""Detection of changed volumes."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import tifffile
import zarr

from core.errors import VolumeError
from core.volumes import content_digest, fingerprint, glance, open_volume


def test_a_file_that_moves_keeps_its_fingerprint(tmp_path: Path) -> None:
    """A fingerprint depends on content and modification time, not on the name."""
    first, second = tmp_path / "a.tif", tmp_path / "b.tif"
    first.write_bytes(bytes(200_000))
    before = fingerprint(first)
    first.rename(second)
    assert fingerprint(second) == before
    os.utime(second, ns=(1, 1))
    assert fingerprint(second) != before


def test_bytes_changed_at_the_same_size_and_time(tmp_path: Path) -> None:
    """A file rewritten with its old size and time is detected by its first, middle or last bytes."""
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
    """A longer image, an additional image or another name changes the folder's fingerprint."""
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
    """The error names a missing volume."""
    with pytest.raises(VolumeError, match=r"gone\.tif cannot be read .*put it back"):
        fingerprint(tmp_path / "gone.tif")


def test_a_glance_sees_what_a_person_may_do_meanwhile(tmp_path: Path) -> None:
    """A glance detects a file written to, a file replaced by a copy of its size and time, and a changed image in a folder."""
    path, copy = tmp_path / "a.tif", tmp_path / "b.tif"
    path.write_bytes(b"one")
    seen = {glance(path)}
    path.write_bytes(b"two")
    os.utime(path, ns=(5, 5))
    seen.add(glance(path))
    copy.write_bytes(b"two")
    os.utime(copy, ns=(5, 5))
    copy.replace(path)
    seen.add(glance(path))
    assert len(seen) == 3
    before = glance(tmp_path)
    os.utime(path, ns=(6, 6))
    assert glance(tmp_path) != before
    with pytest.raises(VolumeError, match="put it back"):
        glance(tmp_path / "gone.tif")


STACK = np.random.default_rng(3).integers(0, 60_000, (20, 6, 7)).astype(np.uint16)


def written(folder: Path, kind: str, stack: np.ndarray) -> Path:
    """The stack as a TIFF of either byte order, a zarr, or a folder of images."""
    path = folder / f"{kind}-{len(list(folder.iterdir()))}"
    if kind == "zarr":
        zarr.create_array(path, data=stack, chunks=(3, 4, 4))
    elif kind == "folder":
        path.mkdir()
        for z, image in enumerate(stack):
            tifffile.imwrite(path / f"{z}.tif", image)
    else:
        tifffile.imwrite(path, stack, photometric="minisblack", byteorder=kind)
    return path


def digest(path: Path) -> str:
    with open_volume(path) as volume:
        return content_digest(volume)


def test_a_content_is_known_again_in_any_file(tmp_path: Path) -> None:
    """Equal values have the same digest for any format, byte order, name and time."""
    assert len({digest(written(tmp_path, kind, STACK)) for kind in ("<", ">", "zarr", "folder")}) == 1


def test_other_values_type_or_shape_are_another_content(tmp_path: Path) -> None:
    """Another grey value in the middle slice, another dtype or another arrangement changes the digest."""
    brighter = STACK.copy()
    brighter[10, 0, 0] += 1
    others = [STACK, brighter, STACK.astype(np.float32), STACK.reshape(20, 7, 6), STACK[:19]]
    assert len({digest(written(tmp_path, "<", stack)) for stack in others}) == len(others)


def test_the_cost_of_a_content_is_five_slices(tmp_path: Path) -> None:
    """A digest reads five slices at any depth; it reads every slice of a shallow volume once."""
    for depth, expected in ((20, [2, 6, 10, 14, 18]), (3, [0, 1, 2]), (1, [0])):
        with open_volume(written(tmp_path, "folder", STACK[:depth])) as volume:
            read: list[int] = []
            original = volume._read
            volume._read = lambda z, read=read, original=original: (read.append(z), original(z))[1]  # type: ignore[method-assign]
            content_digest(volume)
        assert read == expected
