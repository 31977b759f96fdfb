"""Slices made ready for the screen."""

from __future__ import annotations

import numpy as np
import pytest

from core.volumes.display import display_window, thumbnail, to_grey


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
    """Three axes, a window that is upside down and percentiles out of order are the program's mistake."""
    with pytest.raises(ValueError, match="one channel"):
        display_window(np.zeros((1, 4, 4)))
    with pytest.raises(ValueError, match="low < high"):
        display_window(np.zeros((4, 4)), 90, 10)
    with pytest.raises(ValueError, match="black < white"):
        to_grey(np.zeros((4, 4)), (1, 1))
    with pytest.raises(ValueError, match=r"needs an image \(H, W\)"):
        thumbnail(np.zeros((1, 4, 4)), 8)
