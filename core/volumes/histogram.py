"""Count the grey values of a slice and derive display windows from them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.volumes.display import display_window, sampled

BINS = 256
"""Maximum number of bins."""

CUTS = (0.0, 0.5, 1.0)
"""Percentages of the pixels to clip at either end of a window."""


@dataclass(frozen=True)
class Histogram:
    """Grey values of one channel of a slice.

    Attributes
    ----------
    low, high
        Grey values at the left edge of the first bin and the right edge of the last.
    counts
        int64 ``(N,)``, N <= 256, sampled pixels per bin; values outside count in the first or the last bin.
    windows
        Black and white of the slice for each of ``CUTS``.
    """

    low: float
    high: float
    counts: NDArray[np.int64]
    windows: dict[float, tuple[float, float]]


def histogram(image: NDArray[Any]) -> Histogram:
    """Return the histogram of a regular subsample; ignore NaN and infinite values.

    Parameters
    ----------
    image
        ``(H, W)``, any real dtype.

    Returns
    -------
    Histogram
        uint8 has one bin per value. The bins of wider types span the 0.5 % window, extended by half its width on both
        sides. A few hot pixels therefore cannot press all others into one bin. For integers, every bin covers the same
        number of values.
    """
    windows = {cut: display_window(image, cut, 100 - cut) for cut in CUTS}
    low, high, count = _bins(image.dtype, windows[0.0], windows[0.5])
    # Divide in float64: np.histogram rejects ranges of fewer than 256 distinct numbers.
    places = np.clip((sampled(image) - low) * (count / (high - low)), 0, count - 1).astype(np.intp)
    return Histogram(low, high, np.bincount(places, minlength=count), windows)


def _bins(dtype: np.dtype[Any], full: tuple[float, float], window: tuple[float, float]) -> tuple[float, float, int]:
    """Return the left edge of the first bin, the right edge of the last and the number of bins."""
    if dtype == np.uint8:
        return 0.0, 256.0, BINS
    margin = (window[1] - window[0]) / 2
    low, high = max(full[0], window[0] - margin), min(full[1], window[1] + margin)
    if dtype.kind == "f":
        return low, high, BINS
    first, last = math.floor(low), math.ceil(high)
    width = -(-(last - first + 1) // BINS)
    count = -(-(last - first + 1) // width)
    return float(first), float(first + count * width), count
