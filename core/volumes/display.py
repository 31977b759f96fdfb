"""Prepare slices for display: grey-value windows, 8-bit conversion, channel blends and thumbnails."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

_SAMPLES = 512  # per axis: 262,144 pixels give a percentile to within a grey level for a slice of any size
_BAND_PIXELS = 200_000  # a band of rows of this size fits into the processor's cache
_SMOOTHING_SIGMA = 1.0  # pixels: removes detector grain, keeps an edge two pixels wide
_SMOOTHING_REACH = 3  # rows above and below that a smoothed pixel depends on


def sampled(image: NDArray[Any]) -> NDArray[np.float64]:
    """Return the finite grey values of a regular subsample, at most 512 per axis.

    Parameters
    ----------
    image
        ``(H, W)``, one channel of a slice, any real dtype.

    Returns
    -------
    ndarray
        float64 ``(N,)``; empty if no sampled value is finite.
    """
    # Rounded up, to keep the sample within 512 and out of step with coarse stripes.
    step = [-(-n // _SAMPLES) for n in image.shape]
    values = image[:: step[0], :: step[1]].astype(np.float64).ravel()
    return np.asarray(values[np.isfinite(values)])


def display_window(image: NDArray[Any], low: float = 0.5, high: float = 99.5) -> tuple[float, float]:
    """Return the grey values to show as black and white, from percentiles of a regular subsample.

    Parameters
    ----------
    image
        ``(H, W)``, one channel of a slice, any real dtype; NaN and infinite values are ignored.
    low, high
        Percentiles, 0 to 100. 0 and 100 are the minimum and maximum of all values, not of the subsample.

    Returns
    -------
    tuple of float
        Black and white, with black < white even for a constant image; 0 and 1 if no value is finite.

    Raises
    ------
    ValueError
        If the image is not ``(H, W)`` or the percentiles are not in order.
    """
    if image.ndim != 2:
        raise ValueError(f"a window is made from one channel (H, W), got an array of the shape {image.shape}")
    if not 0 <= low < high <= 100:
        raise ValueError(f"percentiles need 0 <= low < high <= 100, got {low} and {high}")
    values = sampled(image)
    if not values.size:
        return 0.0, 1.0
    if (low, high) == (0, 100):
        values = np.array(value_range(image))
    black, white = (float(v) for v in np.percentile(values, [low, high]))
    if white > black:
        return black, white
    return black, black + (1.0 if image.dtype.kind in "bui" else max(abs(black), 1e-30) * 1e-3)


def value_range(image: NDArray[Any]) -> tuple[float, float]:
    """Return the minimum and maximum finite value of an image ``(H, W)``; 0 and 0 if no value is finite."""
    least, largest = np.inf, -np.inf
    for rows in bands(image.shape):
        part = image[rows]
        if part.dtype.kind == "f":
            part = part[np.isfinite(part)]
        if part.size:
            least, largest = min(least, float(part.min())), max(largest, float(part.max()))
    return (least, largest) if least <= largest else (0.0, 0.0)


def to_grey(image: NDArray[Any], window: tuple[float, float], *, smooth: bool = False) -> NDArray[np.uint8]:
    """Stretch one channel to 8 bits.

    Parameters
    ----------
    image
        ``(H, W)``, any real dtype.
    window
        The values shown as 0 and 255; values outside are clipped, NaN and infinite values become 0.
    smooth
        Remove grain first with a Gaussian of 1 px. For display only: never smooth data for measuring or training.

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
    grey = np.empty(image.shape, np.uint8)
    for rows in bands(image.shape):
        part = _smoothed(image, rows, black) if smooth else image[rows]
        grey[rows] = _stretched(part, black, white)
    return grey


def bands(shape: tuple[int, ...]) -> Iterator[slice]:
    """Return the rows of an image of ``shape`` ``(H, W)`` in cache-sized bands, each an even number of rows."""
    rows = max(2, _BAND_PIXELS // max(1, shape[1]) // 2 * 2)
    return (slice(top, min(top + rows, shape[0])) for top in range(0, shape[0], rows))


def _smoothed(image: NDArray[Any], rows: slice, instead: float) -> NDArray[np.float32]:
    """Smooth a band of rows, with the same result as in the whole image; ``instead`` replaces NaN and infinity."""
    top, bottom = max(0, rows.start - _SMOOTHING_REACH), rows.stop + _SMOOTHING_REACH
    part = image[top:bottom].astype(np.float32)
    lost = ~np.isfinite(part)
    part[lost] = instead
    smooth = ndimage.gaussian_filter(part, _SMOOTHING_SIGMA, mode="nearest", radius=_SMOOTHING_REACH)
    smooth[lost] = np.nan
    return np.asarray(smooth[rows.start - top : rows.stop - top])


def _stretched(values: NDArray[Any], black: float, white: float) -> NDArray[np.uint8]:
    # float64 only where float32 cannot hold the difference of a wide integer
    kind: Any = np.float32 if values.dtype in (np.uint8, np.uint16, np.float32) else np.float64
    with np.errstate(over="ignore", invalid="ignore"):
        scaled = np.subtract(values, black, dtype=kind)
        scaled *= kind(min(255.0 / (white - black), float(np.finfo(np.float32).max)))
        np.clip(scaled, 0, 255, out=scaled)
    scaled += kind(0.5)
    if values.dtype.kind == "f":
        finite = np.isfinite(values)
        if not finite.all():
            scaled[~finite] = 0
    return scaled.astype(np.uint8)


def blended(first: NDArray[np.uint8], second: NDArray[np.uint8], share: int) -> NDArray[np.uint8]:
    """Blend two channels into one image.

    Parameters
    ----------
    first, second
        uint8, of the same shape ``(H, W)``.
    share
        Percentage of the second, 0 to 100.

    Returns
    -------
    ndarray
        uint8 ``(H, W)``, the weighted mean, rounded half up.

    Raises
    ------
    ValueError
        If the shapes differ or the share is out of range.
    """
    if first.shape != second.shape or not 0 <= share <= 100:
        raise ValueError(f"a blend needs two alike and 0 to 100 per cent, got {first.shape}, {second.shape} and {share}")
    mixed = np.empty(first.shape, np.uint8)
    for rows in bands(first.shape):
        mixed[rows] = (first[rows] * np.uint16(100 - share) + second[rows] * np.uint16(share) + np.uint16(50)) // np.uint16(100)
    return mixed


def thumbnail(image: NDArray[Any], side: int) -> NDArray[np.uint8]:
    """Return a small 8-bit image of one channel; each pixel is the mean of the area it covers.

    Parameters
    ----------
    image
        ``(H, W)``; uint8 is used unchanged, any other dtype is stretched by its ``display_window``.
    side
        Longest side of the result in pixels; a smaller image keeps its size.

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
    """Shrink the first axis; a row across a border counts towards the area of its start."""
    starts = np.arange(rows) * image.shape[0] // rows
    counts = np.diff(np.append(starts, image.shape[0]))
    sums = np.add.reduceat(image, starts, axis=0, dtype=np.float32)
    return np.asarray(sums / counts[:, None].astype(np.float32), dtype=np.float32)
