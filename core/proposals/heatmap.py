"""The coarse heatmap of a slice, its score and its hottest boxes.

Heat is the mean query score in blocks of ``BLOCK`` pixels: coarse enough to be small for any slice, fine enough to place a
box.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from core.geometry import Box

BLOCK = 16
"""Side in pixels of one block of the heatmap."""

HOTTEST_PART = 0.1
"""Share of a slice's pixels, the hottest, in its score: their mean heat."""

_MOST_BOXES = 5
_BOX_BLOCKS = (8, 4, 2, 1)  # 128 px wide; narrower only where the region has no room
_COOLEST_BOX = 0.5  # share of the hottest box's heat: cooler boxes are not worth a separate step


class BlockMeans:
    """Means of an ``(H, W)`` raster in blocks of ``BLOCK`` pixels, gathered from boxes of any alignment.

    Attributes
    ----------
    sums, counts
        Sum and number of the counted pixels in each block, ``(ceil(H/16), ceil(W/16))``.
    """

    def __init__(self, shape: tuple[int, int]) -> None:
        blocks = tuple(-(-side // BLOCK) for side in shape)
        self.sums = np.zeros(blocks)
        self.counts = np.zeros(blocks, dtype=np.int64)

    def add(self, box: Box, values: NDArray[np.float32], region: NDArray[np.bool_]) -> None:
        """Add a box's values where ``region`` is true; both have the box's shape."""
        rows, row_starts = _block_starts(box.y0, box.y1)
        columns, column_starts = _block_starts(box.x0, box.x1)
        for into, raster in ((self.sums, np.where(region, values, 0)), (self.counts, region.astype(np.int64))):
            by_row = np.add.reduceat(raster, row_starts, axis=0)
            into[rows, columns] += np.add.reduceat(by_row, column_starts, axis=1)

    def means(self) -> NDArray[np.float64]:
        """Return the mean of every block; 0 for a block without counted pixels."""
        return np.asarray(self.sums / np.maximum(self.counts, 1))


def _block_starts(start: int, stop: int) -> tuple[slice, NDArray[np.intp]]:
    """Return the blocks touched by ``start <= i < stop``, and the start of each relative to ``start``."""
    first, last = start // BLOCK, -(-stop // BLOCK)
    return slice(first, last), np.maximum(np.arange(first, last) * BLOCK - start, 0)


def hottest_mean(heat: NDArray[np.floating], counts: NDArray[np.int64]) -> float:
    """Return the mean heat of the hottest tenth of the pixels.

    Parameters
    ----------
    heat
        Mean heat of each block, ``(h, w)``.
    counts
        Counted pixels of each block, ``(h, w)``; the mean is over pixels, so small blocks weigh little.

    Returns
    -------
    float
        0 without counted pixels.
    """
    order = np.argsort(-heat, axis=None, kind="stable")
    weights = counts.reshape(-1)[order]
    wanted = HOTTEST_PART * weights.sum()
    taken = np.clip(wanted - (np.cumsum(weights) - weights), 0, weights)  # the last block in part
    return float((heat.reshape(-1)[order] * taken).sum() / wanted) if wanted else 0.0


def hottest_boxes(heat: NDArray[np.floating], counts: NDArray[np.int64], shape: tuple[int, int]) -> tuple[Box, ...]:
    """Return up to 5 disjoint boxes inside the region, hottest first.

    Boxes are 128 pixels wide, down to 16 in a region without room for wider ones, and end with the slice.
    Boxes with less than half the heat of the hottest are left out.

    Parameters
    ----------
    heat, counts
        As in ``hottest_mean``; a block lies in the region if all its pixels are counted.
    shape
        ``(H, W)`` of the slice in pixels.
    """
    whole = counts == np.outer(_block_sides(shape[0]), _block_sides(shape[1]))
    for side in _BOX_BLOCKS:
        window = (min(side, heat.shape[0]), min(side, heat.shape[1]))
        fits = _window_sums(whole.astype(np.int64), window) == window[0] * window[1]
        if fits.any():
            mean = _window_sums(heat * counts, window) / np.maximum(_window_sums(counts, window), 1)
            return tuple(_block_box(y, x, window, shape) for y, x in _peaks(np.where(fits, mean, 0), window))
    return ()


def _block_sides(length: int) -> NDArray[np.int64]:
    edges = np.minimum(np.arange(0, length + BLOCK, BLOCK), length)
    return np.asarray(np.diff(edges)[: -(-length // BLOCK)])


def _window_sums(blocks: NDArray, window: tuple[int, int]) -> NDArray:
    """Return the sum of every window of blocks, ``(h - window[0] + 1, w - window[1] + 1)``."""
    (height, width), total = window, np.pad(blocks, ((1, 0), (1, 0))).cumsum(axis=0).cumsum(axis=1)
    return np.asarray(total[height:, width:] - total[:-height, width:] - total[height:, :-width] + total[:-height, :-width])


def _peaks(means: NDArray[np.floating], window: tuple[int, int]) -> list[tuple[int, int]]:
    """Return the corners of the hottest disjoint windows, hottest first."""
    left = means.copy()
    least = max(_COOLEST_BOX * float(left.max()), 1e-6)
    found: list[tuple[int, int]] = []
    while len(found) < _MOST_BOXES and left.max() >= least:
        y, x = (int(i) for i in np.unravel_index(int(left.argmax()), left.shape))
        found.append((y, x))
        left[max(0, y - window[0] + 1) : y + window[0], max(0, x - window[1] + 1) : x + window[1]] = 0
    return found


def _block_box(y: int, x: int, window: tuple[int, int], shape: tuple[int, int]) -> Box:
    bottom, right = (y + window[0]) * BLOCK, (x + window[1]) * BLOCK
    return Box(y * BLOCK, x * BLOCK, min(bottom, shape[0]), min(right, shape[1]))
