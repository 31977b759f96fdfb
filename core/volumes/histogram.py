"""How often each grey value occurs in a slice, and the windows that this suggests."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.volumes.display import display_window, sampled

BINS = 256
"""Bins at most."""

CUTS = (0.0, 0.5, 1.0)
"""Per cent of the pixels that a window cuts off at either end."""


@dataclass(frozen=True)
class Histogram:
    """Grey values of one channel of a slice.

    Attributes
    ----------
    low, high
        Grey values at the left edge of the first bin and at the right edge of the last.
    counts
        int64 ``(N,)``, N <= 256, sampled pixels per bin; what lies outside is counted in the first and the last bin.
    windows
        Black and white of the slice for each of ``CUTS``.
    """

    low: float
    high: float
    counts: NDArray[np.int64]
    windows: dict[float, tuple[float, float]]


def histogram(image: NDArray[Any]) -> Histogram:
    """The histogram of a regular subsample; NaN and infinite values do not count.

    Parameters
    ----------
    image
        ``(H, W)``, any real dtype.

    Returns
    -------
    Histogram
        uint8 has one bin per value. Wider types have bins where nearly all values lie: the window that cuts 0.5 % off,
        half as much again on both sides, so that a few hot pixels do not press everything else into one bin. A bin of
        whole numbers holds the same number of them as any other.
    """
    windows = {cut: display_window(image, cut, 100 - cut) for cut in CUTS}
    low, high, count = _bins(image.dtype, windows[0.0], windows[0.5])
    # places are divided in float64: np.histogram refuses ranges that hold fewer than 256 different numbers
    places = np.clip((sampled(image) - low) * (count / (high - low)), 0, count - 1).astype(np.intp)
    return Histogram(low, high, np.bincount(places, minlength=count), windows)


def _bins(dtype: np.dtype[Any], full: tuple[float, float], window: tuple[float, float]) -> tuple[float, float, int]:
    """The left edge of the first bin, the right edge of the last, and how many there are."""
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
