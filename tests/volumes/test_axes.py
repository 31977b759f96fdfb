"""The axes of a stored array: named from metadata or by the user, and turned to (Z, C, Y, X)."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from core.errors import VolumeError
from core.volumes.axes import colour_image, flat_image, name_axes, to_cyx, to_zcyx

FILE = Path("a.tif")


@pytest.mark.parametrize(
    ("found", "shape", "named"),
    [
        ("ZYX", (5, 6, 7), "ZYX"),
        ("czyx", (2, 5, 6, 7), "CZYX"),
        ("TZCYX", (1, 5, 2, 6, 7), ".ZCYX"),
        ("ZYXS", (5, 6, 7, 1), "ZYX."),
        ("ZYX", (1, 6, 7), "ZYX"),
        ("TYX", (5, 6, 7), "ZYX"),
        ("QYX", (5, 6, 7), "ZYX"),
        ("YXI", (6, 7, 5), "YXZ"),
        ("TCYX", (5, 2, 6, 7), "ZCYX"),
        ("TQYX", (1, 5, 6, 7), ".ZYX"),
        ("CYX", (9, 6, 7), "ZYX"),
        ("TCYX", (1, 9, 6, 7), ".ZYX"),
    ],
)
def test_metadata_name_the_axes(found: str, shape: tuple[int, ...], named: str) -> None:
    """A single axis of time or without a name is Z, and so are more than eight channels; an axis of length 1 is dropped."""
    assert name_axes(found, shape, None, FILE) == named


@pytest.mark.parametrize(
    ("found", "shape", "message"),
    [
        ("YX", (6, 7), "a.tif is one 2-D image, shape (6, 7); a volume needs slices, so give a multi-page TIFF or the folder"),
        (
            "CYX",
            (8, 6, 7),
            'a.tif is one 2-D image with channels, shape (8, 6, 7); .* or, if its pages are slices, give axes "ZYX".',
        ),
        ("TYX", (1, 6, 7), "a.tif is one 2-D image, shape (1, 6, 7); "),
        (
            "TZYX",
            (2, 5, 6, 7),
            "a.tif has the axes TZYX with lengths (2, 5, 6, 7); .* save one time point or position by itself.",
        ),
        ("QQYX", (2, 5, 6, 7), 'a.tif has the shape (2, 5, 6, 7) and .* give the axes, for example axes "ZCYX" or "CZYX"'),
        ("ZYXS", (5, 6, 7, 3), "a.tif is RGB colour (3 values per pixel) where grey values are expected; convert it"),
    ],
)
def test_metadata_that_make_no_volume(found: str, shape: tuple[int, ...], message: str) -> None:
    """Each error says what was found and what to do."""
    with pytest.raises(VolumeError, match=re.escape(message).replace(r"\.\*", ".*")):
        name_axes(found, shape, None, FILE)


@pytest.mark.parametrize(
    ("found", "shape"),
    [("ZCX", (2, 3, 4)), ("TZX", (1, 3, 4)), ("ZZYX", (2, 2, 3, 4)), ("ZXX", (2, 3, 4)), ("CCZYX", (2, 2, 5, 6, 7))],
)
def test_metadata_that_lack_an_axis_or_name_one_twice(found: str, shape: tuple[int, ...]) -> None:
    """They are damaged; axes from the user take their place."""
    with pytest.raises(VolumeError) as told:
        name_axes(found, shape, None, FILE)
    assert str(told.value) == (
        f"a.tif has the axes {found} with lengths {shape}; Z, Y and X are needed once each and C at most once, so give the "
        'axes, for example axes "ZYX".'
    )


@pytest.mark.parametrize(
    ("given", "shape", "named"),
    [
        (" zyx ", (5, 6, 7), "ZYX"),
        ("XYCZ", (7, 6, 2, 5), "XYCZ"),
        ("ZYX", (1, 6, 7), "ZYX"),
        ("ZYX", (1, 1, 5, 6, 7), "..ZYX"),
        ("CZYX", (1, 2, 5, 6, 7), ".CZYX"),
        ("ZYX", (5, 1, 6, 7, 1), "Z.YX."),
    ],
)
def test_axes_from_the_user_win(given: str, shape: tuple[int, ...], named: str) -> None:
    """One letter for every axis, or for every axis longer than 1: a single time point has no letter."""
    assert name_axes("QCTSI"[: len(shape)], shape, given, FILE) == named


@pytest.mark.parametrize(
    ("given", "shape", "message"),
    [
        ("", (5, 6, 7), 'The axes "" were given for a.tif; allowed are Z, Y and X once each and C at most once, such as "ZYX"'),
        ("ZYXT", (5, 6, 7, 2), 'The axes "ZYXT" were given for a.tif; allowed are'),
        ("ZXX", (5, 6, 7), 'The axes "ZXX" were given for a.tif; allowed are'),
        ("CYX", (5, 6, 7), 'The axes "CYX" were given for a.tif; allowed are'),
        ("ZYX", (6, 7), "a.tif is one 2-D image, shape (6, 7)"),
        ("ZCYX", (5, 6, 7), 'The axes "ZCYX" name 4 axes but a.tif has 3, with lengths (5, 6, 7); give one letter for each, or '),
        (
            "ZYX",
            (2, 5, 6, 7),
            'The axes "ZYX" name 3 axes but a.tif has 4, with lengths (2, 5, 6, 7); give one letter for each, or',
        ),
        (
            "ZYX",
            (1, 1, 6, 7),
            'The axes "ZYX" name 3 axes but a.tif has 4, with lengths (1, 1, 6, 7); give one letter for each, or',
        ),
    ],
)
def test_axes_from_the_user_that_do_not_fit(given: str, shape: tuple[int, ...], message: str) -> None:
    """Other letters, a letter twice, or another number of them."""
    with pytest.raises(VolumeError, match=re.escape(message)):
        name_axes("QCTSI"[: len(shape)], shape, given, FILE)


@pytest.mark.parametrize(
    ("samples", "kind"),
    [(2, "grey with transparency"), (3, "RGB colour"), (4, "RGB colour with transparency"), (5, "colour")],
)
def test_a_colour_image_is_called_by_its_kind(samples: int, kind: str) -> None:
    """The number of values per pixel says which."""
    assert colour_image("a.png", samples).startswith(
        f"a.png is {kind} ({samples} values per pixel) where grey values are expected"
    )


def test_only_pages_of_channels_may_be_meant_as_slices() -> None:
    """A single page is never a stack."""
    assert 'give axes "ZYX"' in flat_image(FILE, (3, 6, 7), channels=True)
    assert "axes" not in flat_image(FILE, (6, 7))


@pytest.mark.parametrize(
    ("shape", "letters", "zcyx"),
    [((5, 6, 7), "ZYX", (5, 1, 6, 7)), ((7, 6, 2, 5), "XYCZ", (5, 2, 6, 7)), ((1, 5, 1, 6, 7), ".Z.YX", (5, 1, 6, 7))],
)
def test_lengths_come_in_one_order(shape: tuple[int, ...], letters: str, zcyx: tuple[int, int, int, int]) -> None:
    """Z, C, Y, X, with one channel where none is stored."""
    assert to_zcyx(shape, letters) == zcyx


@pytest.mark.parametrize(
    ("letters", "stored"),
    [
        ("CYX", [[[0, 1, 2], [3, 4, 5]], [[6, 7, 8], [9, 10, 11]]]),
        ("YXC", [[[0, 6], [1, 7], [2, 8]], [[3, 9], [4, 10], [5, 11]]]),
        ("XYC", [[[0, 6], [3, 9]], [[1, 7], [4, 10]], [[2, 8], [5, 11]]]),
        (".CYX.", [[[[[0], [1], [2]], [[3], [4], [5]]], [[[6], [7], [8]], [[9], [10], [11]]]]]),
    ],
)
def test_pixels_come_in_one_order(letters: str, stored: list) -> None:
    """C, Y, X, without dropped axes."""
    expected = np.arange(12).reshape(2, 2, 3)
    np.testing.assert_array_equal(to_cyx(np.array(stored), letters), expected)


def test_pixels_without_channels_get_one() -> None:
    """Transposed where X comes first."""
    np.testing.assert_array_equal(to_cyx(np.array([[1, 2, 3], [4, 5, 6]]), "XY"), [[[1, 4], [2, 5], [3, 6]]])
