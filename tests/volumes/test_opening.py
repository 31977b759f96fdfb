"""The format of a path, found from its content, and the errors for everything else."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import tifffile
import zarr
from PIL import Image

from core.errors import VolumeError
from core.volumes import open_volume
from core.volumes.formats.folder import FolderVolume
from core.volumes.formats.ome_zarr import ZarrVolume
from core.volumes.formats.tiff import TiffVolume

STACK = np.arange(5 * 6 * 7, dtype=np.uint8).reshape(5, 6, 7)


def write_tiff(path: Path, **options: object) -> Path:
    tifffile.imwrite(path, STACK, **{"photometric": "minisblack", **options})
    return path


@pytest.mark.parametrize("name", ["stack.tif", "STACK.TIFF", "stack.lsm", "stack", "stack.png"])
@pytest.mark.parametrize("options", [{}, {"byteorder": ">"}, {"bigtiff": True}, {"bigtiff": True, "byteorder": ">"}])
def test_a_tiff_is_known_by_its_first_bytes(tmp_path: Path, name: str, options: dict[str, object]) -> None:
    """The name does not matter, nor do byte order and size of the format."""
    with open_volume(write_tiff(tmp_path / name, **options)) as volume:
        assert isinstance(volume, TiffVolume)
        assert np.array_equal(volume.read(4)[0], STACK[4])


@pytest.mark.parametrize("zarr_format", [2, 3])
@pytest.mark.parametrize("name", ["stack.zarr", "stack"])
def test_a_zarr_is_known_by_its_metadata(tmp_path: Path, name: str, zarr_format: int) -> None:
    """A folder with zarr metadata is a zarr, whatever its name and whatever images lie beside them."""
    zarr.create_array(tmp_path / name, data=STACK, zarr_format=zarr_format)
    write_tiff(tmp_path / name / "preview.tif")
    with open_volume(tmp_path / name) as volume:
        assert isinstance(volume, ZarrVolume)
        assert volume.shape == (5, 1, 6, 7)


@pytest.mark.parametrize("name", ["stack", "stack.tif", "a.zarr.copy"])
def test_any_other_folder_is_one_of_images(tmp_path: Path, name: str) -> None:
    """A suffix makes no file of a folder."""
    (tmp_path / name).mkdir()
    tifffile.imwrite(tmp_path / name / "0.tif", STACK[0], photometric="minisblack")
    with open_volume(tmp_path / name) as volume:
        assert isinstance(volume, FolderVolume)
        assert volume.shape == (1, 1, 6, 7)


@pytest.mark.parametrize("name", ["stack.zarr", "STACK.ZARR"])
def test_a_zarr_without_metadata_is_not_taken_for_a_folder_of_images(tmp_path: Path, name: str) -> None:
    """Images in a damaged zarr are not its slices."""
    (tmp_path / name).mkdir()
    tifffile.imwrite(tmp_path / name / "0.tif", STACK[0], photometric="minisblack")
    with pytest.raises(VolumeError, match=rf"{name} has no zarr metadata \(zarr.json, .zarray or .zgroup\); .* copy it again"):
        open_volume(tmp_path / name)


def test_a_path_with_nothing_there(tmp_path: Path) -> None:
    """The error names a missing path, also one below a file."""
    with pytest.raises(VolumeError, match=r"no file or folder .*gone\.tif; check the path, or whether the disk"):
        open_volume(tmp_path / "gone.tif")
    with pytest.raises(VolumeError, match=r"no file or folder .*stack\.tif/0; check the path"):
        open_volume(write_tiff(tmp_path / "stack.tif") / "0")


def test_a_name_that_no_disk_takes_is_one_sentence(tmp_path: Path) -> None:
    """So is every other refusal of the disk before a file is open, such as a folder that may not be entered."""
    with pytest.raises(
        VolumeError, match=r"x cannot be read \(File name too long\); check the path, its permissions and the disk"
    ):
        open_volume(tmp_path / ("x" * 300))


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.tif", b"", "is empty (0 bytes); an image volume is needed, so copy or save it again."),
        ("a.png", b"", "is empty (0 bytes); an image volume is needed, so copy or save it again."),
        (
            "a.tif",
            b"II",
            "is not an image that can be read here; allowed are TIFF files, folders of TIFF, PNG or JPEG images, and ",
        ),
        (
            "a.mrc",
            b"MAP \0\0\0\0",
            "is not an image that can be read here; allowed are TIFF files, folders of TIFF, PNG or JPEG ",
        ),
        ("a.png", b"no picture", "cannot be read as an image"),
    ],
)
def test_a_file_of_no_format_is_named(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    """Empty, cut after two bytes, of a format that is not read, or not what its name says."""
    (tmp_path / name).write_bytes(content)
    with pytest.raises(VolumeError, match=re.escape(f"{tmp_path / name} {message}")):
        open_volume(tmp_path / name)


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "A.JPEG"])
def test_a_single_picture_is_no_volume(tmp_path: Path, name: str) -> None:
    """For a single PNG or JPEG, the error suggests its folder."""
    Image.fromarray(STACK[0]).save(tmp_path / name)
    with pytest.raises(VolumeError, match=r"one 2-D image, shape .6, 7.*multi-page TIFF or the folder that holds all images"):
        open_volume(tmp_path / name)


def test_a_single_picture_in_colour_is_told_to_be_one(tmp_path: Path) -> None:
    """Its folder would not open, either."""
    Image.fromarray(STACK[0]).convert("RGB").save(tmp_path / "a.png")
    with pytest.raises(VolumeError, match=r"a\.png is RGB colour \(3 values per pixel\) where grey values are expected"):
        open_volume(tmp_path / "a.png")


@pytest.mark.parametrize("name", ["stack.tif", "stack.zarr", "stack"])
def test_what_the_user_says_reaches_every_format(tmp_path: Path, name: str) -> None:
    """Axes, voxel size and the wish for values as stored."""
    stack = STACK.astype(np.int16) - 100
    if name == "stack":
        (tmp_path / name).mkdir()
        for z, page in enumerate(stack):
            tifffile.imwrite(tmp_path / name / f"{z}.tif", page, photometric="minisblack")
    elif name == "stack.zarr":
        zarr.create_array(tmp_path / name, data=stack)
    else:
        tifffile.imwrite(tmp_path / name, stack, photometric="minisblack")
    with open_volume(tmp_path / name, axes="zyx", voxel_nm=(20, 5, 5), as_stored=True) as volume:
        assert volume.voxel_nm == (20.0, 5.0, 5.0)
        assert volume.dtype == np.int16
        assert np.array_equal(volume.read(4)[0], stack[4])
    with pytest.raises(VolumeError, match='The axes "xx" were given for'):
        open_volume(tmp_path / name, axes="xx")
