"""zarr and OME-Zarr as volumes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import zarr

from core.errors import VolumeError
from core.volumes import open_volume

STACK = np.arange(5 * 6 * 7, dtype=np.uint16).reshape(5, 6, 7)


def ome_zarr(path: Path, version: int, axes: str, image: np.ndarray, scale: list[float], unit: str = "micrometer") -> None:
    """Two levels, the smaller one listed second as the standard has it."""
    described = {
        "multiscales": [
            {
                "version": "0.4",
                "axes": [{"name": a, "type": "space", "unit": unit} if a in "zyx" else {"name": a} for a in axes],
                "coordinateTransformations": [{"type": "scale", "scale": [2.0] * len(axes)}],
                "datasets": [
                    {"path": "0", "coordinateTransformations": [{"type": "scale", "scale": scale}]},
                    {"path": "1", "coordinateTransformations": [{"type": "scale", "scale": scale}]},
                ],
            }
        ],
        "omero": {"channels": [{"label": "SE"}]},
    }
    attributes = described if version == 2 else {"ome": described}
    group = zarr.create_group(path, zarr_format=version, attributes=attributes)
    group.create_array("0", data=image)
    group.create_array("1", data=image[..., ::2, ::2])


@pytest.mark.parametrize("version", [2, 3])
def test_a_plain_array_of_three_axes_is_zyx(tmp_path: Path, version: int) -> None:
    """A 3-D zarr of either format needs no axes."""
    zarr.create_array(tmp_path / "a.zarr", data=STACK, chunks=(2, 4, 4), zarr_format=version)
    with open_volume(tmp_path / "a.zarr") as volume:
        assert volume.shape == (5, 1, 6, 7)
        assert volume.voxel_nm is None
        assert np.array_equal(volume.read(4)[0], STACK[4])


@pytest.mark.parametrize("version", [2, 3])
def test_ome_zarr_gives_the_highest_resolution_and_its_scale(tmp_path: Path, version: int) -> None:
    """Axes, units, both scale transforms and channel names come from the metadata."""
    image = STACK[None, None]
    ome_zarr(tmp_path / "a.zarr", version, "tczyx", image, [1.0, 1.0, 0.01, 0.004, 0.005])
    with open_volume(tmp_path / "a.zarr") as volume:
        assert volume.shape == (5, 1, 6, 7)
        assert volume.info.channel_names == ("SE",)
        assert volume.voxel_nm == pytest.approx((20.0, 8.0, 10.0))
        assert np.array_equal(volume.read(1)[0], STACK[1])


def test_axes_in_any_order(tmp_path: Path) -> None:
    """An array stored as XYCZ reads as (C, Y, X) slices along Z."""
    image = np.arange(2 * 3 * 4 * 5, dtype=np.uint8).reshape(2, 3, 4, 5)
    zarr.create_array(tmp_path / "a.zarr", data=image)
    with pytest.raises(VolumeError, match="do not say which axis is which"):
        open_volume(tmp_path / "a.zarr")
    with open_volume(tmp_path / "a.zarr", axes="XYCZ") as volume:
        assert volume.shape == (5, 4, 3, 2)
        assert np.array_equal(volume.read(3), image[..., 3].transpose(2, 1, 0))


def test_axes_of_length_1_need_no_letter(tmp_path: Path) -> None:
    """An array of five unnamed axes, two of them of length 1, opens with the axes ZYX."""
    zarr.create_array(tmp_path / "a.zarr", data=STACK[None, :, None], chunks=(1, 1, 1, 6, 7))
    with open_volume(tmp_path / "a.zarr", axes="ZYX") as volume:
        assert volume.shape == (5, 1, 6, 7)
        assert np.array_equal(volume.read(3)[0], STACK[3])


def test_dimension_names_are_axes(tmp_path: Path) -> None:
    """Names of a zarr v3 array tell its axes."""
    image = np.zeros((2, 5, 6, 7), np.uint8)
    zarr.create_array(tmp_path / "a.zarr", data=image, dimension_names=["channel", "z", "y", "x"])
    with open_volume(tmp_path / "a.zarr") as volume:
        assert volume.shape == (5, 2, 6, 7)


def test_a_unit_that_is_no_length_gives_no_voxel_size(tmp_path: Path) -> None:
    """A scale without a unit of length gives no voxel size."""
    ome_zarr(tmp_path / "a.zarr", 2, "zyx", STACK, [1.0, 1.0, 1.0], unit="pixel")
    with open_volume(tmp_path / "a.zarr") as volume:
        assert volume.voxel_nm is None


def test_a_group_with_one_array_is_that_array(tmp_path: Path) -> None:
    """A group with one array opens as that array; of two arrays, one must be chosen."""
    group = zarr.create_group(tmp_path / "a.zarr")
    group.create_array("raw", data=STACK)
    assert open_volume(tmp_path / "a.zarr").shape == (5, 1, 6, 7)
    group.create_array("seg", data=STACK)
    with pytest.raises(VolumeError, match=r"group of 2 arrays \(raw, seg\).*give the path of one array"):
        open_volume(tmp_path / "a.zarr")
    assert open_volume(tmp_path / "a.zarr" / "raw").shape == (5, 1, 6, 7)


def test_flat_and_unsupported_arrays(tmp_path: Path) -> None:
    """A 2-D array, int64 values and NaN are each refused with one clear error."""
    zarr.create_array(tmp_path / "flat.zarr", data=STACK[0])
    with pytest.raises(VolumeError, match="one 2-D image"):
        open_volume(tmp_path / "flat.zarr")
    zarr.create_array(tmp_path / "wide.zarr", data=STACK.astype(np.int64))
    with pytest.raises(VolumeError, match=r"int64.*allowed are uint8"):
        open_volume(tmp_path / "wide.zarr")
    zarr.create_array(tmp_path / "nan.zarr", data=np.full((2, 3, 3), np.nan, np.float32))
    with (
        open_volume(tmp_path / "nan.zarr") as volume,
        pytest.raises(VolumeError, match=r"Slice 1 .* 9 pixels that are NaN"),
    ):
        volume.read(1)


def test_damaged_zarr(tmp_path: Path) -> None:
    """Broken metadata, a missing level and a broken chunk each raise VolumeError."""
    (tmp_path / "none.zarr").mkdir()
    with pytest.raises(VolumeError, match="no zarr metadata"):
        open_volume(tmp_path / "none.zarr")
    (tmp_path / "json.zarr").mkdir()
    (tmp_path / "json.zarr" / "zarr.json").write_text('{"zarr_format": 3')
    with pytest.raises(VolumeError, match="damaged zarr"):
        open_volume(tmp_path / "json.zarr")
    zarr.create_array(tmp_path / "chunk.zarr", data=STACK, chunks=STACK.shape)
    chunk = next(p for p in (tmp_path / "chunk.zarr" / "c").rglob("*") if p.is_file())
    chunk.write_bytes(chunk.read_bytes()[:10])
    with open_volume(tmp_path / "chunk.zarr") as volume, pytest.raises(VolumeError, match="Slice 2 cannot be read"):
        volume.read(2)
