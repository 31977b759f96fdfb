"""Slices prepared for display."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage

from core.volumes.display import bands, blended, display_window, thumbnail, to_grey, value_range


def test_window_lies_between_the_percentiles() -> None:
    """A ramp from 0 to 999 is shown from its 0.5th to its 99.5th percentile."""
    image = np.arange(1000, dtype=np.uint16).reshape(20, 50)
    assert display_window(image) == pytest.approx((4.995, 994.005))
    assert display_window(image, 0, 100) == (0.0, 999.0)


@pytest.mark.parametrize("shape", [(3000, 2000), (513, 4096)])
def test_window_of_a_large_slice_is_that_of_all_its_pixels(shape: tuple[int, int]) -> None:
    """The subsample gives the percentiles of the whole slice to within one hundredth of its range."""
    image = np.random.default_rng(0).normal(100, 10, shape).astype(np.float32)
    assert display_window(image) == pytest.approx(tuple(np.percentile(image, [0.5, 99.5])), abs=0.6)


def test_faint_floats_are_stretched() -> None:
    """Values around 1e-4 fill the grey scale."""
    image = np.linspace(1e-4, 2e-4, 100, dtype=np.float32).reshape(10, 10)
    grey = to_grey(image, display_window(image, 0, 100))
    assert grey.dtype == np.uint8
    assert (grey.min(), grey.max()) == (0, 255)


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_grey_values_are_rounded_and_clipped(dtype: str) -> None:
    """Black and below become 0, white and above 255, the middle its nearest grey."""
    image = np.array([[0, 10, 62, 110, 200]], dtype=dtype)
    assert to_grey(image, (10.0, 110.0)).tolist() == [[0, 0, 133, 255, 255]]


@pytest.mark.parametrize("value", [0.0, 7.0, 1e-4, -3.0])
@pytest.mark.parametrize("dtype", ["uint8", "float32"])
def test_a_constant_slice_can_be_shown(dtype: str, value: float) -> None:
    """Black stays below white when all pixels are alike."""
    image = np.full((4, 4), abs(value) if dtype == "uint8" else value, dtype)
    black, white = display_window(image)
    assert black < white
    assert to_grey(image, (black, white)).max() == 0


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32", "float64", "int32"])
def test_large_slices_are_stretched_like_small_ones(dtype: str) -> None:
    """A slice of several bands follows the plain formula for every type; float32 may round a tie differently."""
    image = np.random.default_rng(3).uniform(0, 250, (900, 1111)).astype(dtype)
    expected = np.floor((image.astype(float) - 20.5) * (255 / 190) + 0.5).clip(0, 255)
    assert len(list(bands(image.shape))) > 4
    wrong = to_grey(image, (20.5, 210.5)) != expected
    assert wrong.sum() <= (5 if dtype == "float32" else 0)


def test_eight_bits_through_their_whole_range_stay_as_they_are() -> None:
    """The window 0 to 255 changes nothing."""
    image = np.arange(256, dtype=np.uint8).reshape(16, 16)
    np.testing.assert_array_equal(to_grey(image, (0, 255)), image)


@pytest.mark.parametrize("smooth", [False, True])
def test_what_is_no_number_is_black(smooth: bool) -> None:
    """NaN and infinite values of either sign are 0 and spoil neither the window nor their neighbours."""
    image = np.linspace(5, 9, 400, dtype=np.float32).reshape(20, 20)
    window = display_window(image)
    image[3, 3], image[9, 9], image[15, 15] = np.nan, np.inf, -np.inf
    assert display_window(image) == pytest.approx(window, abs=0.02)
    assert value_range(image) == (5, 9)
    grey = to_grey(image, display_window(image, 0, 100), smooth=smooth)
    assert np.flatnonzero(grey == 0).tolist() == [*([] if smooth else [0]), 63, 189, 315]
    assert grey[19, 19] >= 250


def test_a_slice_without_a_number_is_black() -> None:
    """A slice of NaN only is black."""
    image = np.full((4, 4), np.nan, np.float32)
    assert display_window(image) == (0, 1)
    assert value_range(image) == (0, 0)
    assert not to_grey(image, (0, 1)).any()


def test_extreme_windows_are_stretched_without_a_warning() -> None:
    """The narrowest and the widest window that float32 can hold give black and white."""
    image = np.array([[-3e38, 0, 3e38]], np.float32)
    assert to_grey(image, (0.0, 1e-44)).tolist() == [[0, 0, 255]]
    assert to_grey(image, (-3e38, 3e38)).tolist() == [[0, 128, 255]]


def test_the_full_window_misses_no_pixel() -> None:
    """The full window uses the minimum and maximum of all pixels, even if the subsample misses them."""
    image = np.full((2000, 2000), 500, np.uint16)
    image[1, 1], image[3, 3] = 7, 60000
    assert display_window(image, 0, 100) == (7, 60000)


@pytest.mark.parametrize("dtype", ["uint8", "float32"])
def test_smoothing_in_bands_is_smoothing_at_once(dtype: str) -> None:
    """No seam lies between the bands, and the result is a Gaussian of 1 px before the window is applied."""
    image = np.random.default_rng(5).uniform(0, 255, (700, 1500)).astype(dtype)
    expected = ndimage.gaussian_filter(image.astype(np.float32), 1.0, mode="nearest", radius=3)
    assert len(list(bands(image.shape))) > 4
    np.testing.assert_array_equal(to_grey(image, (30, 220), smooth=True), to_grey(expected, (30, 220)))
    assert to_grey(image, (0, 255), smooth=True).std() < 0.5 * image.std()


@given(st.integers(1, 500), st.integers(1, 300_000))
def test_bands_cover_a_slice_once(height: int, width: int) -> None:
    """Bands are contiguous, and each but the last has an even number of rows."""
    found = list(bands((height, width)))
    assert [b.start for b in found] == [0, *(b.stop for b in found[:-1])]
    assert found[-1].stop == height
    assert all((b.stop - b.start) % 2 == 0 for b in found[:-1])


@given(st.integers(0, 255), st.integers(0, 255), st.integers(0, 100))
def test_a_blend_is_the_weighted_mean(first: int, second: int, share: int) -> None:
    """A blend rounds half up; 0 and 100 % are the channels themselves."""
    mixed = blended(np.full((2, 3), first, np.uint8), np.full((2, 3), second, np.uint8), share)
    assert mixed.tolist() == np.full((2, 3), (first * (100 - share) + second * share + 50) // 100).tolist()


def test_thumbnail_is_the_mean_of_areas() -> None:
    """Each pixel of a thumbnail is the mean of the square it stands for."""
    image = np.array([[0, 4, 10, 10], [4, 8, 10, 10], [20, 20, 0, 0], [20, 20, 0, 80]], np.uint8)
    assert thumbnail(image, 2).tolist() == [[4, 10], [20, 20]]


@pytest.mark.parametrize(
    ("shape", "small"),
    [((1000, 500), (100, 50)), ((333, 1000), (33, 100)), ((2, 1000), (1, 100)), ((50, 60), (50, 60))],
)
def test_thumbnail_keeps_proportions(shape: tuple[int, int], small: tuple[int, int]) -> None:
    """The longest side is the one asked for, the other follows, and nothing is enlarged."""
    assert thumbnail(np.full(shape, 9, np.uint8), 100).tolist() == np.full(small, 9).tolist()


def test_misuse_is_refused() -> None:
    """Wrong shapes, an inverted window and numbers out of range raise ValueError."""
    with pytest.raises(ValueError, match="one channel"):
        display_window(np.zeros((1, 4, 4)))
    with pytest.raises(ValueError, match="low < high"):
        display_window(np.zeros((4, 4)), 90, 10)
    with pytest.raises(ValueError, match="black < white"):
        to_grey(np.zeros((4, 4)), (1, 1))
    with pytest.raises(ValueError, match=r"needs an image \(H, W\)"):
        thumbnail(np.zeros((1, 4, 4)), 8)
    with pytest.raises(ValueError, match="two alike"):
        blended(np.zeros((2, 2), np.uint8), np.zeros((2, 3), np.uint8), 50)
    with pytest.raises(ValueError, match="0 to 100"):
        blended(np.zeros((2, 2), np.uint8), np.zeros((2, 2), np.uint8), 101)
