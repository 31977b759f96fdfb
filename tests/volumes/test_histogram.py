"""Histograms of grey values."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.volumes.histogram import BINS, histogram


def test_eight_bits_have_a_bin_per_value() -> None:
    """Each 8-bit value is counted in its own bin, even if the window is narrow."""
    found = histogram(np.array([[3, 3, 3, 200], [255, 255, 0, 3]], np.uint8))
    assert (found.low, found.high) == (0, 256)
    assert {value: int(n) for value, n in enumerate(found.counts) if n} == {0: 1, 3: 4, 200: 1, 255: 2}


def test_hot_pixels_do_not_squeeze_the_rest() -> None:
    """Bins span nearly all values; outliers count in the end bins and widen only the full window."""
    image = np.random.default_rng(0).normal(1000, 20, (512, 512)).astype(np.uint16)
    image[5, 5], image[7, 7] = 65535, 1
    found = histogram(image)
    assert 850 < found.low < 930 < 1070 < found.high < 1150
    assert found.counts.sum() == image.size
    assert (found.counts > 0).sum() > 100
    assert found.counts[0] >= 1 <= found.counts[-1]
    assert found.windows[0] == (1, 65535)
    assert found.windows[0.5] == pytest.approx((949, 1051), abs=3)


@given(st.integers(0, 3000), st.integers(1, 60), st.integers(2, 60))
def test_whole_numbers_share_the_bins_evenly(least: int, rows: int, columns: int) -> None:
    """For a ramp of integers, all bins but the last are equally full, and none is empty."""
    found = histogram(np.arange(least, least + rows * columns, dtype=np.uint16).reshape(rows, columns))
    assert len(found.counts) <= BINS
    assert len({*found.counts[:-1].tolist()}) <= 1
    assert 0 < found.counts[-1] <= found.counts[0]
    assert found.low == least


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((3, 3), np.float32),
        np.full((3, 3), 7, np.uint16),
        np.full((3, 3), np.nan, np.float32),
        np.array([[np.nan, 1.0], [np.inf, -np.inf]], np.float32),
        np.array([[1e-38, 3e38], [-3e38, 0.0]], np.float32),
    ],
    ids=["zero", "constant", "no number", "one number", "extremes"],
)
def test_odd_slices_have_a_histogram_too(image: np.ndarray) -> None:
    """Every finite value is counted once, and all results are finite."""
    found = histogram(image)
    assert 0 < len(found.counts) <= BINS
    assert found.counts.sum() == np.isfinite(image).sum()
    assert np.isfinite([found.low, found.high, *sum(found.windows.values(), ())]).all()
    assert found.low < found.high
