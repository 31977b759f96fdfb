"""Label files from other tools."""

import numpy as np
import pytest
import tifffile
import zarr

from core.errors import LabelError, UnderpaintError
from core.volumes.label_files import LabelFile

SHAPE = (8, 10)


def written(path, array):
    """A TIFF of labels."""
    tifffile.imwrite(path, array, photometric="minisblack")
    return path


@pytest.fixture
def path(tmp_path):
    """The path of the label file."""
    return tmp_path / "labels.tif"


def test_one_page_per_slice_of_the_volume(path):
    """The listed slices pick their own pages."""
    file = LabelFile(written(path, np.zeros((5, *SHAPE), np.uint8)), SHAPE, 2)
    assert file.pages_for([3, 1], 5) == [(1, 1), (3, 3)]
    assert file.pages_for(None, 5) == [(z, z) for z in range(5)]


def test_one_page_per_slice_listed(path):
    """Pages follow the order of the list."""
    file = LabelFile(written(path, np.zeros((2, *SHAPE), np.uint8)), SHAPE, 2)
    assert file.pages_for([4, 1], 5) == [(1, 1), (0, 4)]


def test_any_other_number_of_pages_is_refused(path):
    """The error states the number of pages and the allowed numbers."""
    file = LabelFile(written(path, np.zeros((3, *SHAPE), np.uint8)), SHAPE, 2)
    with pytest.raises(LabelError, match=r"has 3 pages; allowed are 5 .* or 2 "):
        file.pages_for([4, 1], 5)


@pytest.mark.parametrize(("slices", "words"), [([5], "slice 5 is out of range"), ([-1], "out of range"), ([1, 1], "twice")])
def test_slices_that_are_not_there_are_refused(path, slices, words):
    """Slices out of range or listed twice are refused."""
    file = LabelFile(written(path, np.zeros((5, *SHAPE), np.uint8)), SHAPE, 2)
    with pytest.raises(LabelError, match=words):
        file.pages_for(slices, 5)


def test_a_single_page_is_a_label(path):
    """A 2-D image is no volume, but a valid label of one slice."""
    file = LabelFile(written(path, np.ones(SHAPE, np.uint8)), SHAPE, 2)
    assert file.pages_for([3], 5) == [(0, 3)]
    assert (file.read(0) == 1).all()


def test_pages_called_channels_are_pages(path):
    """Three pages stored as three channels are read as pages."""
    tifffile.imwrite(path, np.ones((3, *SHAPE), np.uint8), imagej=True)
    assert LabelFile(path, SHAPE, 2).pages_for([0, 2, 4], 5) == [(0, 0), (1, 2), (2, 4)]


def test_wider_types_are_fine_when_the_values_are(path):
    """16-bit class ids, as from ImageJ, are accepted."""
    page = np.zeros((2, *SHAPE), np.uint16)
    page[0, 0, 0] = 255
    assert LabelFile(written(path, page), SHAPE, 2).read(0)[0, 0] == 255


@pytest.mark.parametrize("dtype", ["int8", "int16", "uint32", "int32", "uint64", "int64", "float16", "float32", "float64"])
@pytest.mark.parametrize("kind", ["pages", "one page", "folder", "zarr"])
def test_any_numeric_type_is_fine_when_the_values_are(tmp_path, kind, dtype):
    """int64 (napari), uint32 (ilastik) and floats (Fiji) are accepted if every value is a class id or 255."""
    pages = np.zeros((5, *SHAPE), dtype)
    pages[3, 2, 4:] = 1
    if dtype != "int8":
        pages[3, 5] = 255
    path = tmp_path / kind.replace(" ", "_")
    if kind == "folder":
        path.mkdir()
        for z, page in enumerate(pages):
            tifffile.imwrite(path / f"{z}.tif", page)
    elif kind == "zarr":
        zarr.create_array(path, data=pages, chunks=(2, 4, 4))
    else:
        path = written(path.with_suffix(".tif"), pages[3] if kind == "one page" else pages)
    read = LabelFile(path, SHAPE, 2).read(0 if kind == "one page" else 3)
    assert read.dtype == np.uint8
    np.testing.assert_array_equal(read, pages[3])


@pytest.mark.parametrize("value", [-1, 2, 256, 2**31 - 1, -(2**31)])
def test_whole_numbers_that_are_no_class_are_refused(path, value):
    """Integers outside the class ids are refused, even if a cast to 8 bits would make them one, such as 256."""
    pages = np.zeros((5, *SHAPE), np.int64)
    pages[3, 2, 4] = value
    with pytest.raises(LabelError, match=rf"Page 3 .* holds the value {value:g}".replace("+", r"\+")):
        LabelFile(written(path, pages), SHAPE, 2).read(3)


def test_only_the_page_asked_for_is_read(path):
    """Only the requested pages are read, so an invalid page does not block the others."""
    pages = np.zeros((5, *SHAPE), np.int32)
    pages[4] = 77
    file = LabelFile(written(path, pages), SHAPE, 2)
    assert [int(file.read(page).max()) for page in range(4)] == [0] * 4
    with pytest.raises(LabelError, match="holds the value 77"):
        file.read(4)


def test_numbers_that_are_no_numbers_of_classes_are_refused(path):
    """A complex image is refused as a label, as a page and as a stack."""
    for pages in (np.zeros(SHAPE, np.complex64), np.zeros((5, *SHAPE), np.complex64)):
        with pytest.raises(UnderpaintError):
            LabelFile(written(path, pages), SHAPE, 2)


@pytest.mark.parametrize("value", [2, 254, 256, 70000])
def test_an_id_that_is_no_class_is_refused(path, value):
    """The message names the value, the page and what is allowed."""
    pages = np.zeros((2, *SHAPE), np.float32)
    pages[1, 2, 3] = value
    with pytest.raises(LabelError, match=rf"Page 1 .* holds the value {value}; allowed are the class ids 0 to 1"):
        LabelFile(written(path, pages), SHAPE, 2).read(1)


def test_fractions_are_no_ids(path):
    """A probability map is not a label."""
    with pytest.raises(LabelError, match=r"holds the value 0\.5"):
        LabelFile(written(path, np.full((2, *SHAPE), 0.5, np.float32)), SHAPE, 2).read(0)


def test_nan_is_no_id(path):
    """NaN in a float label is refused like any other invalid value."""
    page = np.zeros(SHAPE, np.float32)
    page[0, 0] = np.nan
    with pytest.raises(LabelError, match="holds the value nan"):
        LabelFile(written(path, page), SHAPE, 2).read(0)


def test_another_size_is_refused(path):
    """The error states both sizes."""
    with pytest.raises(LabelError, match=r"pages of 8 x 9 pixels .*slices have 8 x 10"):
        LabelFile(written(path, np.zeros((5, 8, 9), np.uint8)), SHAPE, 2)


def test_rubbish_is_told_in_a_sentence(path):
    """A truncated file or another format raises one clear error."""
    path.write_bytes(b"II*\0" + b"\0" * 3)
    with pytest.raises(UnderpaintError):
        LabelFile(path, SHAPE, 2)
