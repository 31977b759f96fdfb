"""Slices made ready for the screen: a window of grey values, 8-bit greys, thumbnails."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

_SAMPLES = 512  # per axis: 262,144 pixels fix a percentile to within a grey level, however large the slice


def display_window(image: NDArray[Any], low: float = 0.5, high: float = 99.5) -> tuple[float, float]:
    """Grey values that are to be shown black and white, from percentiles of a regular subsample.

    Parameters
    ----------
    image
        ``(H, W)``, one channel of a slice, any real dtype, finite.
    low, high
        Percentiles, 0 to 100.

    Returns
    -------
    tuple of float
        Black and white, black < white also for a constant image.

    Raises
    ------
    ValueError
        If the image is not ``(H, W)`` or the percentiles are not in order.
    """
    if image.ndim != 2:
        raise ValueError(f"a window is made from one channel (H, W), got an array of the shape {image.shape}")
    if not 0 <= low < high <= 100:
        raise ValueError(f"percentiles need 0 <= low < high <= 100, got {low} and {high}")
    # Rounded up, so that the sample never exceeds its side and a coarse stripe pattern is not met in step.
    step = [-(-n // _SAMPLES) for n in image.shape]
    black, white = (float(v) for v in np.percentile(image[:: step[0], :: step[1]].astype(np.float64), [low, high]))
    if white > black:
        return black, white
    return black, black + (1.0 if image.dtype.kind in "bui" else max(abs(black), 1e-30) * 1e-3)


def to_grey(image: NDArray[Any], window: tuple[float, float]) -> NDArray[np.uint8]:
    """Stretch one channel to 8 bit.

    Parameters
    ----------
    image
        ``(H, W)``, any real dtype.
    window
        The values shown as 0 and 255; what lies outside is clipped.

    Returns
    -------
    ndarray
        uint8 ``(H, W)``.

    Raises
    ------
    ValueError
        Unless black < white.
    """
    black, white = window
    if not white > black:
        raise ValueError(f"a window needs black < white, got {window}")
    if image.dtype in (np.uint8, np.uint16):
        # A table of all values is several times faster than arithmetic on all pixels.
        table = _stretched(np.arange(np.iinfo(image.dtype).max + 1, dtype=np.float64), black, white)
        return np.asarray(table[image])
    return _stretched(image, black, white)


def _stretched(values: NDArray[Any], black: float, white: float) -> NDArray[np.uint8]:
    # float64 only where float32 cannot hold the difference of a wide integer
    kind = np.float32 if values.dtype == np.float32 else np.float64
    scaled = np.subtract(values, black, dtype=kind)
    scaled *= kind(255.0 / (white - black))
    np.clip(scaled, 0, 255, out=scaled)
    scaled += kind(0.5)
    return scaled.astype(np.uint8)


def thumbnail(image: NDArray[Any], side: int) -> NDArray[np.uint8]:
    """A small 8-bit picture of one channel, each pixel the mean of the area it stands for.

    Parameters
    ----------
    image
        ``(H, W)``; uint8 is taken as it is, anything else is stretched by its ``display_window``.
    side
        Longest side of the result in pixels; an image that is smaller stays as it is.

    Returns
    -------
    ndarray
        uint8 ``(h, w)`` of the same proportions to within a pixel, at least 1 x 1.
    """
    if image.ndim != 2 or side < 1:
        raise ValueError(f"a thumbnail needs an image (H, W) and a side of 1 or more, got {image.shape} and {side}")
    grey = image if image.dtype == np.uint8 else to_grey(image, display_window(image))
    factor = max(grey.shape) / side
    if factor <= 1:
        return grey.copy()
    rows, columns = (max(1, round(n / factor)) for n in grey.shape)
    small = _area_mean(_area_mean(grey, rows).T, columns).T
    return np.ascontiguousarray(np.rint(small), dtype=np.uint8)


def _area_mean(image: NDArray[Any], rows: int) -> NDArray[np.float32]:
    """Shrink the first axis; rows that straddle a border count in the area they begin in."""
    starts = np.arange(rows) * image.shape[0] // rows
    counts = np.diff(np.append(starts, image.shape[0]))
    sums = np.add.reduceat(image, starts, axis=0, dtype=np.float32)
    return np.asarray(sums / counts[:, None].astype(np.float32), dtype=np.float32)
