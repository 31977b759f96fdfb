"""A folder of numbered images as a volume."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from core.errors import VolumeError
from core.volumes import open_volume
from core.volumes.formats.folder import natural_key

PAGE = np.arange(30, dtype=np.uint8).reshape(5, 6)


def save(path: Path, image: np.ndarray) -> None:
    if path.suffix == ".tif":
        tifffile.imwrite(path, image, photometric="rgb" if image.shape[-1] == 3 else "minisblack")
    else:
        Image.fromarray(image).save(path)


def test_names_sort_as_people_count() -> None:
    """slice2 comes before slice10, with or without leading zeros, capitals or digits of other scripts."""
    names = ["s10.tif", "S2.tif", "s1.tif", "s002b.tif", "s2².tif"]
    assert sorted(names, key=natural_key)[0] == "s1.tif"
    assert sorted(["s10.tif", "S2.tif", "s1.tif"], key=natural_key) == ["s1.tif", "S2.tif", "s10.tif"]


@pytest.mark.parametrize(("suffix", "dtype"), [(".tif", "uint16"), (".tif", "float32"), (".png", "uint8"), (".png", "uint16")])
def test_images_become_slices_in_natural_order(tmp_path: Path, suffix: str, dtype: str) -> None:
    """Image 10 is the last of 1, 2 and 10, values are kept, other files are passed over."""
    for number in (10, 1, 2):
        save(tmp_path / f"cell{number}{suffix}", (PAGE + number).astype(dtype))
    (tmp_path / "notes.txt").write_text("not an image")
    (tmp_path / f"._cell1{suffix}").write_bytes(b"left by a file manager")
    with open_volume(tmp_path, voxel_nm=(10, 5, 5)) as volume:
        assert volume.shape == (3, 1, 5, 6)
        assert volume.dtype == np.dtype(dtype)
        assert volume.voxel_nm == (10.0, 5.0, 5.0)
        assert [int(volume.read(z)[0, 0, 0]) for z in range(3)] == [1, 2, 10]


def test_grey_jpegs_are_read(tmp_path: Path) -> None:
    """JPEG images of one grey value keep it."""
    for number in range(2):
        save(tmp_path / f"{number}.jpg", np.full((16, 16), 40 * (number + 1), np.uint8))
    with open_volume(tmp_path) as volume:
        assert [int(volume.read(z).mean()) for z in range(2)] == [40, 80]


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (np.zeros((5, 7), np.uint8), r"b\.tif is 5 x 7 pixels and a\.tif is 5 x 6"),
        (np.zeros((5, 6), np.uint16), r"b\.tif holds uint16 values and a\.tif uint8"),
        (np.zeros((5, 6, 3), np.uint8), r"b\.tif is RGB colour"),
        (np.zeros((3, 5, 6), np.uint8), r"b\.tif has 3 pages"),
    ],
)
def test_an_image_that_differs_is_named(tmp_path: Path, other: np.ndarray, message: str) -> None:
    """Another size, type, colour or number of pages is found at opening, with the file's name."""
    save(tmp_path / "a.tif", PAGE)
    save(tmp_path / "b.tif", other)
    with pytest.raises(VolumeError, match=message):
        open_volume(tmp_path)


@pytest.mark.parametrize(("mode", "message"), [("RGB", "RGB colour"), ("P", "RGB colour"), ("LA", "grey with transparency")])
def test_coloured_pictures_are_refused(tmp_path: Path, mode: str, message: str) -> None:
    """A PNG in colour, with a palette or with transparency is refused by name."""
    Image.fromarray(PAGE).convert(mode).save(tmp_path / "a.png")
    with pytest.raises(VolumeError, match=rf"a\.png is {message}"):
        open_volume(tmp_path)


@pytest.mark.parametrize("suffix", [".tif", ".png", ".jpg"])
@pytest.mark.parametrize("content", [b"", b"this is not an image"])
def test_a_broken_file_is_named(tmp_path: Path, suffix: str, content: bytes) -> None:
    """An empty file and one with other content are found at opening."""
    save(tmp_path / f"a{suffix}", PAGE)
    (tmp_path / f"b{suffix}").write_bytes(content)
    with pytest.raises(VolumeError, match=rf"b{suffix} (is empty|cannot be read)"):
        open_volume(tmp_path)


@pytest.mark.parametrize("suffix", [".tif", ".png"])
def test_a_truncated_image_is_named_on_reading(tmp_path: Path, suffix: str) -> None:
    """Reading a slice with missing pixels raises an error with the file's name."""
    noise = np.random.default_rng(0).integers(0, 255, (64, 64), dtype=np.uint8)
    save(tmp_path / f"a{suffix}", noise)
    content = (tmp_path / f"a{suffix}").read_bytes()
    (tmp_path / f"a{suffix}").write_bytes(content[: len(content) // 2])
    with pytest.raises(VolumeError, match=rf"a{suffix} cannot be read"), open_volume(tmp_path) as volume:
        volume.read(0)


def test_a_folder_without_images(tmp_path: Path) -> None:
    """A folder without images is refused; the error says what is needed."""
    (tmp_path / "notes.txt").write_text("nothing here")
    with pytest.raises(VolumeError, match="holds no images; a volume needs one TIFF, PNG or JPEG image per slice"):
        open_volume(tmp_path)


def test_other_axes_do_not_fit_a_folder(tmp_path: Path) -> None:
    """A folder of images accepts the axes ZYX only."""
    save(tmp_path / "a.tif", PAGE)
    assert open_volume(tmp_path, axes="zyx").shape == (1, 1, 5, 6)
    with pytest.raises(VolumeError, match='a folder of images is "ZYX"'):
        open_volume(tmp_path, axes="ZCYX")
