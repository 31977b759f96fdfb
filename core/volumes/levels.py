"""Build a resolution pyramid of a grey slice, to show a large slice before all of it is transferred."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from core.volumes.display import bands

_COARSEST_SIDE = 256


def level_shapes(height: int, width: int) -> list[tuple[int, int]]:
    """Return ``(H, W)`` of every level, each half of the last, rounded up, until the longer side is at most 256."""
    shapes = [(height, width)]
    while max(shapes[-1]) > _COARSEST_SIDE:
        shapes.append((-(-shapes[-1][0] // 2), -(-shapes[-1][1] // 2)))
    return shapes


def halved(grey: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Average blocks of 2 x 2 pixels, rounded half up as in the browser; a last odd row or column counts twice.

    Parameters
    ----------
    grey
        uint8 ``(H, W)``, not empty.

    Returns
    -------
    ndarray
        uint8 ``(ceil(H / 2), ceil(W / 2))``.
    """
    height, width = grey.shape
    small = np.empty((-(-height // 2), -(-width // 2)), np.uint8)
    for rows in bands(grey.shape):
        pair = np.pad(grey[rows], ((0, (rows.stop - rows.start) % 2), (0, width % 2)), mode="edge")
        sums = pair[0::2].astype(np.uint16) + pair[1::2]
        small[rows.start // 2 : -(-rows.stop // 2)] = (sums[:, 0::2] + sums[:, 1::2] + np.uint16(2)) >> 2
    return small


def build_levels(grey: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return all levels of a slice uint8 ``(H, W)`` in one array ``(N,)``, finest level first, row by row."""
    levels = [grey]
    for _ in level_shapes(*grey.shape)[1:]:
        levels.append(halved(levels[-1]))
    return np.concatenate([level.ravel() for level in levels])


def take_level(levels: NDArray[np.uint8], shape: tuple[int, int], level: int) -> NDArray[np.uint8]:
    """Return one level from the result of :func:`build_levels`.

    Parameters
    ----------
    levels
        uint8 ``(N,)``.
    shape
        ``(H, W)`` of the original slice.
    level
        Level number; 0 is the slice itself.

    Returns
    -------
    ndarray
        uint8 ``(h, w)``, a view.
    """
    shapes = level_shapes(*shape)
    start = sum(height * width for height, width in shapes[:level])
    height, width = shapes[level]
    return levels[start : start + height * width].reshape(height, width)
