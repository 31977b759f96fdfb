"""Coarser levels of a slice."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.volumes.levels import build_levels, halved, level_shapes, take_level


def test_levels_halve_until_they_are_small() -> None:
    """An odd side is rounded up; a slice of 256 or less has one level."""
    assert level_shapes(6000, 5001) == [(6000, 5001), (3000, 2501), (1500, 1251), (750, 626), (375, 313), (188, 157)]
    assert level_shapes(1, 256) == [(1, 256)]
    assert level_shapes(257, 1) == [(257, 1), (129, 1)]


def test_a_coarser_pixel_is_the_mean_of_four() -> None:
    """A coarser pixel is the mean of four, rounded half up; the last row and column of an odd slice count twice."""
    grey = np.array([[0, 1, 9], [0, 1, 10], [200, 100, 255]], np.uint8)
    assert halved(grey).tolist() == [[1, 10], [150, 255]]


@settings(deadline=None)
@given(st.integers(1, 700), st.integers(1, 700), st.integers(0, 2**32 - 1))
def test_halving_in_bands_is_halving_at_once(height: int, width: int, seed: int) -> None:
    """Halving in bands gives every pixel the mean of its four, for any size."""
    grey = np.random.default_rng(seed).integers(0, 256, (height, width), dtype=np.uint8)
    y, x = np.ix_(np.arange(0, height, 2), np.arange(0, width, 2))
    lower, right = np.minimum(y + 1, height - 1), np.minimum(x + 1, width - 1)
    sums = sum(grey[at].astype(int) for at in ((y, x), (y, right), (lower, x), (lower, right)))
    np.testing.assert_array_equal(halved(grey), (sums + 2) // 4)


@pytest.mark.parametrize("shape", [(1, 1), (256, 256), (301, 517), (1030, 2)])
def test_levels_are_kept_in_one_array(shape: tuple[int, int]) -> None:
    """The array holds every level unchanged, each half of the last, and nothing else."""
    grey = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    kept = build_levels(grey)
    expected = grey
    for level, (height, width) in enumerate(level_shapes(*shape)):
        found = take_level(kept, shape, level)
        assert found.shape == (height, width)
        np.testing.assert_array_equal(found, expected)
        expected = halved(expected)
    assert kept.size == sum(height * width for height, width in level_shapes(*shape))
