"""TIFF files of every kind as volumes, and the errors for all others."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import tifffile

from core.errors import VolumeError
from core.volumes import open_volume

STACK = np.arange(5 * 6 * 7, dtype=np.uint8).reshape(5, 6, 7)
TWO_CHANNELS = np.arange(4 * 2 * 6 * 7, dtype=np.uint16).reshape(4, 2, 6, 7)  # (Z, C, Y, X)


def write(path: Path, image: np.ndarray, **options: object) -> Path:
    tifffile.imwrite(path, image, **{"photometric": "minisblack", **options})
    return path


def slices(path: Path, **options: object) -> np.ndarray:
    with open_volume(path, **options) as volume:
        return np.stack([volume.read(z) for z in range(volume.depth)])


@pytest.mark.parametrize("compression", [None, "zlib", "lzw"])
@pytest.mark.parametrize("bigtiff", [False, True])
def test_multi_page_tiff_is_read_page_by_page(tmp_path: Path, compression: str | None, bigtiff: bool) -> None:
    """Every page of a classic or BigTIFF, compressed or not, is one slice."""
    path = write(tmp_path / "a.tif", STACK, compression=compression, bigtiff=bigtiff, metadata=None)
    assert np.array_equal(slices(path), STACK[:, None])


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
@pytest.mark.parametrize("byteorder", ["<", ">"])
def test_values_are_kept_as_stored(tmp_path: Path, dtype: str, byteorder: str) -> None:
    """uint8, uint16 and float32 come back unchanged from files of either byte order, in the machine's own."""
    stack = (STACK.astype(np.float64) * (1e-6 if dtype == "float32" else 1)).astype(dtype)
    path = write(tmp_path / "a.tif", stack, byteorder=byteorder)
    read = slices(path)
    assert read.dtype == np.dtype(dtype)
    assert np.array_equal(read[:, 0], stack)


@pytest.mark.parametrize(
    ("stored", "handed_out"), [("float64", "float32"), ("float16", "float32"), ("int16", "float32"), ("bool", "uint8")]
)
def test_other_types_are_converted(tmp_path: Path, stored: str, handed_out: str) -> None:
    """Wide and half floats and signed 16-bit become float32, a bilevel image 0 and 1."""
    stack = (STACK % 2).astype(stored)
    path = write(tmp_path / "a.tif", stack)
    with open_volume(path) as volume:
        assert volume.dtype == np.dtype(handed_out)
        assert np.array_equal(volume.read(3)[0], stack[3].astype(handed_out))


def test_class_ids_are_read_as_stored(tmp_path: Path) -> None:
    """Wide integers are refused as grey values, but returned unchanged with ``as_stored``."""
    stack = STACK.astype(">i8") + 2**40
    path = write(tmp_path / "a.tif", stack, byteorder=">")
    with pytest.raises(VolumeError, match="holds int64 values; allowed are"):
        open_volume(path)
    with open_volume(path, as_stored=True) as volume:
        assert volume.dtype == np.dtype(np.int64)
        assert np.array_equal(volume.read(3)[0], stack[3])


def test_ome_tiff_says_axes_names_and_voxel_size(tmp_path: Path) -> None:
    """OME metadata give the channel axis, its names and the voxel size in nanometres."""
    metadata = {
        "axes": "ZCYX", "Channel": {"Name": ["SE", "BSE"]},
        "PhysicalSizeX": 0.005, "PhysicalSizeY": 5, "PhysicalSizeYUnit": "nm",
        "PhysicalSizeZ": 1e-5, "PhysicalSizeZUnit": "mm",
    }  # fmt: skip
    path = write(tmp_path / "a.ome.tif", TWO_CHANNELS, metadata=metadata)
    with open_volume(path) as volume:
        assert volume.shape == (4, 2, 6, 7)
        assert volume.info.channel_names == ("SE", "BSE")
        assert volume.voxel_nm == pytest.approx((10.0, 5.0, 5.0))
        assert np.array_equal(volume.read(2), TWO_CHANNELS[2])


def test_ome_tiff_with_channels_first(tmp_path: Path) -> None:
    """The order of pages in the file follows the metadata: here all slices of one channel, then of the next."""
    path = write(tmp_path / "a.ome.tif", TWO_CHANNELS.swapaxes(0, 1), metadata={"axes": "CZYX"}, compression="zlib")
    assert np.array_equal(slices(path), TWO_CHANNELS)


def test_imagej_hyperstack_in_one_page_table(tmp_path: Path) -> None:
    """An ImageJ hyperstack that describes its first page only is read by position, with its voxel size."""
    path = write(
        tmp_path / "a.tif", TWO_CHANNELS, imagej=True, truncate=True, resolution=(200.0, 200.0),
        metadata={"axes": "ZCYX", "unit": "um", "spacing": 0.01},
    )  # fmt: skip
    with tifffile.TiffFile(path) as tif:
        assert len(tif.pages) == 1
    with open_volume(path) as volume:
        assert volume.voxel_nm == pytest.approx((10.0, 5.0, 5.0))
    assert np.array_equal(slices(path), TWO_CHANNELS)


def test_imagej_without_spacing_has_no_voxel_size(tmp_path: Path) -> None:
    """Without a stored slice distance there is no voxel size."""
    path = write(tmp_path / "a.tif", STACK, imagej=True, resolution=(200.0, 200.0), metadata={"axes": "ZYX", "unit": "um"})
    with open_volume(path) as volume:
        assert volume.voxel_nm is None


@pytest.mark.parametrize("axes", ["TYX", "ZYX"])
def test_a_time_series_is_taken_as_slices(tmp_path: Path, axes: str) -> None:
    """A stack written as a time series is read as slices."""
    assert np.array_equal(slices(write(tmp_path / "a.tif", STACK, imagej=True, metadata={"axes": axes})), STACK[:, None])


def test_a_long_row_of_channels_is_taken_as_slices(tmp_path: Path) -> None:
    """Nine channels, as tifffile's ``imagej=True`` writes a plain stack, are read as slices."""
    stack = np.zeros((9, 6, 7), np.uint8)
    with open_volume(write(tmp_path / "a.tif", stack, imagej=True)) as volume:
        assert volume.shape == (9, 1, 6, 7)


def test_pages_written_one_at_a_time(tmp_path: Path) -> None:
    """A file in which every page is an image of its own, all alike, is one stack."""
    with tifffile.TiffWriter(tmp_path / "a.tif") as tif:
        for page in STACK:
            tif.write(page)
    assert np.array_equal(slices(tmp_path / "a.tif"), STACK[:, None])


def test_axes_may_be_given_where_there_are_none(tmp_path: Path) -> None:
    """A file of four unnamed axes opens only with axes from the user."""
    path = write(tmp_path / "a.tif", TWO_CHANNELS)
    with pytest.raises(VolumeError, match=r'shape .4, 2, 6, 7. .* give the axes, for example axes "ZCYX"'):
        open_volume(path)
    assert np.array_equal(slices(path, axes="zcyx"), TWO_CHANNELS)


def test_given_voxel_size_wins(tmp_path: Path) -> None:
    """A voxel size from the user replaces the stored one and must be three positive lengths."""
    path = write(tmp_path / "a.tif", STACK)
    with open_volume(path, voxel_nm=(8, 4, 4)) as volume:
        assert volume.voxel_nm == (8.0, 4.0, 4.0)
    with pytest.raises(VolumeError, match=r"voxel size \(8, 0, 4\).*three positive lengths"):
        open_volume(path, voxel_nm=(8, 0, 4))


@pytest.mark.parametrize(
    ("axes", "message"),
    [
        ("ZZYX", "Z, Y and X once each"),
        ("ZYXS", "C at most once"),
        ("ZCYX", "name 4 axes but .* has 3"),
        ("", "once each"),
    ],
)
def test_axes_that_do_not_fit(tmp_path: Path, axes: str, message: str) -> None:
    """Axes with other letters or of another number are refused with one clear error."""
    path = write(tmp_path / "a.tif", STACK)
    with pytest.raises(VolumeError, match=message):
        open_volume(path, axes=axes)


def test_axes_that_cut_through_pages(tmp_path: Path) -> None:
    """Axes that divide pages among slices are refused."""
    path = write(tmp_path / "a.tif", STACK, metadata=None)
    with pytest.raises(VolumeError, match="one slice per page"):
        open_volume(path, axes="YZX")


@pytest.mark.parametrize(
    ("image", "options", "message"),
    [
        (np.zeros((6, 7), np.uint8), {}, "one 2-D image.*multi-page TIFF or the folder"),
        (np.zeros((2, 6, 7), np.uint8), {"imagej": True}, '2-D image with channels.*axes "ZYX"'),
        (np.zeros((5, 6, 7, 3), np.uint8), {"photometric": "rgb"}, "RGB colour .3 values.*convert"),
        (np.zeros((6, 7, 4), np.uint8), {"photometric": "rgb"}, "RGB colour with transparency"),
        (np.zeros((5, 6, 7), np.complex64), {}, "complex64.*allowed are uint8"),
        (np.zeros((5, 6, 7), np.int32), {}, "int32.*allowed are uint8"),
        (np.zeros((2, 3, 1, 6, 7), np.uint8), {"imagej": True}, "TZYX.*one time point"),
    ],
)
def test_images_that_are_no_grey_volume(tmp_path: Path, image: np.ndarray, options: dict, message: str) -> None:
    """Flat, coloured, complex, wide or changing images are refused with what to do about it."""
    path = write(tmp_path / "a.tif", image, **options)
    with pytest.raises(VolumeError, match=message):
        open_volume(path)


def test_rgb_may_be_taken_as_channels_when_asked(tmp_path: Path) -> None:
    """With axes from the user, the last axis of an RGB image is read as three channels."""
    image = np.arange(2 * 4 * 5 * 3, dtype=np.uint8).reshape(2, 4, 5, 3)
    path = write(tmp_path / "a.tif", image, photometric="rgb")
    assert np.array_equal(slices(path, axes="ZYXC"), image.transpose(0, 3, 1, 2))


@pytest.mark.parametrize("compression", [None, "zlib"])
@pytest.mark.parametrize("number", [3, 4])
@pytest.mark.filterwarnings("ignore:.*stored as RGB:DeprecationWarning")
def test_three_slices_that_were_stored_as_colours(tmp_path: Path, number: int, compression: str | None) -> None:
    """tifffile writes three or four slices as the planes of one RGB page; they are still slices."""
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, STACK[:number], compression=compression)
    assert np.array_equal(slices(path), STACK[:number, None])
    assert np.array_equal(slices(path, axes="ZYX"), STACK[:number, None])


def test_several_different_images_in_one_file(tmp_path: Path) -> None:
    """A file with images of several sizes is refused."""
    with tifffile.TiffWriter(tmp_path / "a.tif") as tif:
        tif.write(STACK)
        tif.write(STACK[:, :3])
    with pytest.raises(VolumeError, match=r"2 separate images of the shapes \(5, 6, 7\), \(5, 3, 7\)"):
        open_volume(tmp_path / "a.tif")


@pytest.mark.parametrize("kind", ["plain", "pages", "zlib", "imagej", "ome"])
@pytest.mark.parametrize("kept", [0.05, 0.3, 0.6, 0.9, 0.99])
def test_a_truncated_file_is_found_at_opening(tmp_path: Path, kind: str, kept: float) -> None:
    """Opening detects truncation at any position, instead of returning fewer or black slices."""
    path = tmp_path / ("a.ome.tif" if kind == "ome" else "a.tif")
    stack = np.random.default_rng(0).integers(0, 255, (8, 64, 64), dtype=np.uint8)
    options = {"zlib": {"compression": "zlib"}, "imagej": {"imagej": True, "metadata": {"axes": "ZYX"}}}.get(kind, {})
    with tifffile.TiffWriter(path, imagej=bool(options.pop("imagej", False))) as tif:
        for part in stack if kind == "pages" else [stack]:
            tif.write(part, **({"metadata": None} if kind == "pages" else options))
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * kept)])
    with pytest.raises(VolumeError, match="cut short"):
        open_volume(path)


def test_a_damaged_page_is_found_on_reading(tmp_path: Path) -> None:
    """The error for undecodable bytes names the slice; other slices stay readable."""
    stack = np.random.default_rng(0).integers(0, 9, (3, 64, 64), dtype=np.uint8)
    path = write(tmp_path / "a.tif", stack, compression="zlib", metadata=None)
    with tifffile.TiffFile(path) as tif:
        start = tif.pages[1].dataoffsets[0]
    content = bytearray(path.read_bytes())
    content[start : start + 200] = bytes(200)
    path.write_bytes(content)
    with open_volume(path) as volume:
        assert np.array_equal(volume.read(2)[0], stack[2])
        with pytest.raises(VolumeError, match=r"Slice 1 cannot be read.*damaged"):
            volume.read(1)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_values_that_are_not_finite_name_their_slice(tmp_path: Path, bad: float) -> None:
    """One NaN or infinite pixel is found when its slice is read."""
    stack = np.full((3, 6, 7), 1e-4, np.float32)
    stack[1, 2, 3] = bad
    with open_volume(write(tmp_path / "a.tif", stack)) as volume:
        assert volume.read(0).max() == np.float32(1e-4)
        with pytest.raises(VolumeError, match=r"Slice 1 of .* has 1 pixels that are NaN or infinite"):
            volume.read(1)


def test_large_finite_floats_are_not_called_infinite(tmp_path: Path) -> None:
    """Values near the end of float32 are finite even if their sum in float32 is not."""
    stack = np.full((2, 6, 7), 3e38, np.float32)
    assert np.array_equal(slices(write(tmp_path / "a.tif", stack))[:, 0], stack)


@pytest.mark.parametrize("content", [b"", b"hello, this is no image at all", b"II*\0", b"II*\0\xff\xff\xff\x7f"])
def test_files_that_are_no_tiff(tmp_path: Path, content: bytes) -> None:
    """An empty file, a text file and a bare header each raise one clear error."""
    path = tmp_path / "a.tif"
    path.write_bytes(content)
    with pytest.raises(VolumeError, match=r"empty|not an image that can be read|damaged|cut short|no image"):
        open_volume(path)


@pytest.mark.parametrize("z", [-1, 5])
def test_a_slice_outside(tmp_path: Path, z: int) -> None:
    """Reading a slice out of range raises IndexError."""
    with open_volume(write(tmp_path / "a.tif", STACK)) as volume, pytest.raises(IndexError, match=f"slice {z}"):
        volume.read(z)


@pytest.mark.parametrize("compression", [None, "zlib"])
def test_threads_may_read_at_once(tmp_path: Path, compression: str | None) -> None:
    """Eight threads that read in their own order each get the right slice."""
    stack = np.random.default_rng(0).integers(0, 255, (20, 50, 50), dtype=np.uint8)
    path = write(tmp_path / "a.tif", stack, compression=compression, metadata=None)
    order = np.random.default_rng(1).integers(0, 20, 400).tolist()
    with open_volume(path) as volume, ThreadPoolExecutor(8) as pool:
        for z, image in zip(order, pool.map(volume.read, order), strict=True):
            assert np.array_equal(image[0], stack[z])
