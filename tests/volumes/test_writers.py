"""Stacks written page by page: whole or not at all, and readable again."""

from __future__ import annotations

import errno
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tifffile
import zarr

from core.atomic import temporary
from core.errors import ProjectError, StorageError
from core.volumes import open_volume
from core.volumes.writers import open_stack

ROOT = Path(__file__).resolve().parents[2]
RNG = np.random.default_rng(0)


def write(path: Path, stack: np.ndarray, **options: object) -> None:
    with open_stack(path, pages=len(stack), page_shape=stack.shape[1:], dtype=stack.dtype, **options) as writer:
        for z, page in enumerate(stack):
            writer.write(z, page)


@pytest.mark.parametrize("name", ["a.tif", "a.TIFF", "a.zarr"])
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
@pytest.mark.parametrize("shape", [(4, 30, 40), (4, 3, 30, 40), (3, 30, 40), (1, 30, 40)])
def test_what_is_written_is_read_back(tmp_path: Path, name: str, dtype: str, shape: tuple[int, ...]) -> None:
    """Pixels, channels, names and voxel size survive a TIFF and a zarr."""
    stack = (RNG.random(shape) * 200).astype(dtype)
    names = [f"class <{k}> µ" for k in range(shape[1] if len(shape) == 4 else 1)]
    write(tmp_path / name, stack, voxel_nm=(10.5, 5.0, 5.0), channel_names=names)
    if shape[0] == 1 and name != "a.zarr":
        assert np.array_equal(tifffile.imread(tmp_path / name), stack[0])
        return
    with open_volume(tmp_path / name) as volume:
        assert volume.voxel_nm == pytest.approx((10.5, 5.0, 5.0))
        assert volume.info.channel_names == tuple(names)
        assert volume.dtype == np.dtype(dtype)
        assert np.array_equal(np.stack([volume.read(z) for z in range(len(stack))]).reshape(shape), stack)


def write_pages(path: Path, pages: dict[int, np.ndarray], then: type[BaseException] | None = None) -> None:
    shape = next(iter(pages.values())).shape if pages else (8, 8)
    with open_stack(path, pages=2, page_shape=shape, dtype="uint8") as writer:
        for z, page in pages.items():
            writer.write(z, page)
        if then:
            raise then


def test_a_tiff_says_its_resolution_twice(tmp_path: Path) -> None:
    """A TIFF also stores pixels per centimetre, for programs without OME support."""
    write(tmp_path / "a.tif", np.zeros((2, 8, 8), np.uint8), voxel_nm=(10, 5, 4))
    with tifffile.TiffFile(tmp_path / "a.tif") as tif:
        assert tif.pages.first.tags["ResolutionUnit"].value == 3
        assert tif.pages.first.get_resolution("MICROMETER") == pytest.approx((250.0, 200.0))


def test_without_a_voxel_size_none_is_written(tmp_path: Path) -> None:
    """An unknown voxel size stays unknown."""
    for name in ("a.tif", "a.zarr"):
        write(tmp_path / name, np.zeros((2, 8, 8), np.uint8))
        with open_volume(tmp_path / name) as volume:
            assert volume.voxel_nm is None


def test_zarr_takes_pages_in_any_order(tmp_path: Path) -> None:
    """A zarr takes its pages in any order; a TIFF does not."""
    with open_stack(tmp_path / "a.zarr", pages=2, page_shape=(4, 4), dtype="uint8") as writer:
        writer.write(1, np.ones((4, 4), np.uint8))
        writer.write(0, np.zeros((4, 4), np.uint8))
    assert zarr.open_group(tmp_path / "a.zarr")["0"][:, 0, 0, 0].tolist() == [0, 1]
    with pytest.raises(ValueError, match="page 0 is next, got 1"):
        write_pages(tmp_path / "a.tif", {1: np.ones((4, 4), np.uint8)})


@pytest.mark.parametrize("name", ["a.tif", "a.zarr"])
@pytest.mark.parametrize("written", [0, 1])
def test_a_write_that_fails_leaves_what_was_there(tmp_path: Path, name: str, written: int) -> None:
    """After an error half way, the old stack remains and the folder holds nothing else."""
    write(tmp_path / name, np.full((2, 8, 8), 7, np.uint8))
    pages = {z: np.zeros((8, 8), np.uint8) for z in range(written)}
    with pytest.raises(KeyboardInterrupt):
        write_pages(tmp_path / name, pages, then=KeyboardInterrupt)
    assert [p.name for p in tmp_path.iterdir()] == [name]
    assert open_volume(tmp_path / name).read(0).min() == 7


@pytest.mark.parametrize("name", ["a.tif", "a.zarr"])
def test_a_stack_with_missing_pages_is_not_kept(tmp_path: Path, name: str) -> None:
    """Leaving the context without all pages raises ValueError and leaves no file."""
    with pytest.raises(ValueError, match="1 of 2 pages"):
        write_pages(tmp_path / name, {0: np.zeros((8, 8), np.uint8)})
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["a.tif", "a.zarr"])
def test_a_full_disk_is_one_sentence(tmp_path: Path, name: str) -> None:
    """ENOSPC while writing becomes a StorageError with the file's name, and no partial file remains."""
    with pytest.raises(
        StorageError, match=rf"Could not write {re.escape(str(tmp_path / name))}: the disk is full; free some space"
    ):
        _fill_the_disk(tmp_path / name)
    assert list(tmp_path.iterdir()) == []


def _fill_the_disk(path: Path) -> None:
    with open_stack(path, pages=1, page_shape=(8, 8), dtype="uint8") as writer:
        writer._write = _no_space  # type: ignore[method-assign]
        writer.write(0, np.zeros((8, 8), np.uint8))


def _no_space(index: int, page: np.ndarray) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize("name", ["a.tif", "a.zarr"])
def test_only_our_own_files_are_replaced_without_asking(tmp_path: Path, name: str) -> None:
    """Another program's file is kept unless ``overwrite`` is set; our own is replaced."""
    first, second = np.zeros((2, 8, 8), np.uint8), np.ones((3, 8, 8), np.uint8)
    if name == "a.tif":
        tifffile.imwrite(tmp_path / name, first)
    else:
        zarr.create_array(tmp_path / name, data=first)
    with pytest.raises(ProjectError, match=r"was not written by Underpaint.*choose another name"):
        write(tmp_path / name, second)
    write(tmp_path / name, second, overwrite=True)
    write(tmp_path / name, second + 1)
    assert open_volume(tmp_path / name).read(2).max() == 2
    assert len(list(tmp_path.iterdir())) == 1


def test_names_that_cannot_be_written(tmp_path: Path) -> None:
    """Another suffix and a missing folder are refused before any computation."""
    page = np.zeros((1, 8, 8), np.uint8)
    with pytest.raises(ProjectError, match=r'"a\.png" cannot be written; allowed are names that end in \.tif'):
        write(tmp_path / "a.png", page)
    with pytest.raises(ProjectError, match="nowhere does not exist"):
        write(tmp_path / "nowhere" / "a.tif", page)


@pytest.mark.parametrize(
    ("index", "page"),
    [(0, np.zeros((8, 9), np.uint8)), (0, np.zeros((8, 8), np.uint16)), (2, np.zeros((8, 8), np.uint8))],
)
def test_pages_that_do_not_fit(tmp_path: Path, index: int, page: np.ndarray) -> None:
    """A page of another shape, dtype or number raises ValueError."""
    with (
        pytest.raises(ValueError, match="page"),
        open_stack(tmp_path / "a.tif", pages=2, page_shape=(8, 8), dtype="uint8") as writer,
    ):
        writer.write(index, page)


def test_large_stacks_become_bigtiff(tmp_path: Path) -> None:
    """A stack too large for a classic TIFF is written as BigTIFF."""
    with open_stack(tmp_path / "a.tif", pages=1, page_shape=(8, 8), dtype="uint8") as writer:
        writer.write(0, np.zeros((8, 8), np.uint8))
    assert (tmp_path / "a.tif").read_bytes()[:3] == b"II*"
    started = []
    with pytest.raises(KeyboardInterrupt):
        _first_bytes(tmp_path / "large.tif", started)
    assert started == [b"II+"]


def _first_bytes(path: Path, started: list[bytes]) -> None:
    with open_stack(path, pages=5000, page_shape=(1024, 1024), dtype="uint8") as writer:
        writer.write(0, RNG.integers(0, 255, (1024, 1024), dtype=np.uint8))
        (partial,) = path.parent.glob(".large*")
        started.append(partial.read_bytes()[:3])
        raise KeyboardInterrupt


@pytest.mark.parametrize("name", ["a.tif", "a.zarr"])
def test_what_a_killed_writer_left_is_swept(tmp_path: Path, name: str) -> None:
    """Partial files of killed writers are removed before the next file is written; those of living writers stay."""
    kill = "from tests.volumes.test_writers import *; killed_writer(Path(sys.argv[1]))"
    ended = subprocess.run([sys.executable, "-c", kill, str(tmp_path / name)], cwd=ROOT, check=False)
    assert ended.returncode == 9
    (dead,) = tmp_path.iterdir()
    alive = temporary(tmp_path / name)
    alive.touch()
    write(tmp_path / name, np.zeros((1, 4, 4), np.uint8))
    assert not dead.exists()
    assert set(tmp_path.iterdir()) == {tmp_path / name, alive}


def killed_writer(path: Path) -> None:
    """Write one of two pages, and end without any clearing up."""
    with open_stack(path, pages=2, page_shape=(4, 4), dtype=np.uint8) as stack:
        stack.write(0, np.zeros((4, 4), np.uint8))
        os._exit(9)


def test_an_export_that_cannot_be_swapped_in_leaves_the_earlier_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The disk is full at the very last rename; the earlier zarr can still be read, and nothing else lies there."""
    path = tmp_path / "a.zarr"
    write(path, np.full((1, 4, 4), 7, np.uint8))
    replace = os.replace

    def full(source: Path, target: Path) -> None:
        if target == path:
            raise OSError(errno.ENOSPC, "No space left on device")
        replace(source, target)

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(StorageError, match="the disk is full"):
        write(path, np.zeros((1, 4, 4), np.uint8))
    assert open_volume(path).read(0).max() == 7
    assert list(tmp_path.iterdir()) == [path]
