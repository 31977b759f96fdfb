"""Compute the features of a pixel for the forest: grey value, edges, curvature and texture, at five scales.

The scales form a pyramid: each level is half as large as the last and is filtered with the same small kernels. This
costs a third more than the finest level alone. Only the requested pixels are interpolated back to full size.
After Burt and Adelson, "The Laplacian Pyramid as a Compact Image Code" (IEEE Transactions on Communications 31(4), 1983).
"""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from itertools import pairwise
from threading import Lock

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from core.geometry import Box, tile_boxes
from core.models.normalisation import measure

TILE = 512
"""Side in pixels of the tiles of the fine levels; a tile takes about 50 ms per channel."""

LEVELS = 5
"""Number of levels; level ``l`` covers structures of about ``2 ** l`` pixels. Source: ``benchmarks/log/2026-11-24.md``."""

TILE_BYTES = 96 << 20
"""Maximum bytes of cached fine tiles per slice; the least recently used go first."""

_FINE = 2  # levels computed tile by tile; the coarser ones, an eighth of them in size, cover the whole slice
_HALO = 24  # pixels around a tile: the kernels of level 1 reach 10 of its pixels; a multiple of 4 keeps blocks aligned
_SMOOTH, _GRAIN, _REACH = 1.0, 2.0, 3.0  # standard deviations of the kernels in pixels of their level; cut at three of these
_PER_LEVEL = 6
_STRIP = 512
_THREADS_AT_MOST = 4  # keeps the app responsive


class SliceFeatures:
    """The features of one slice, computed on request; safe to use from several threads.

    The constructor reads the whole slice once, for its grey range and the coarse levels. This takes about 15 ms for
    1024 x 1024 pixels and half a second for 6000 x 6000. The features of a pixel do not depend on other requests.

    Parameters
    ----------
    image
        Raw ``(C, H, W)``, any real dtype, finite; kept without a copy.
    tile_bytes
        Maximum bytes of cached fine tiles.
    """

    def __init__(self, image: NDArray, tile_bytes: int = TILE_BYTES) -> None:
        self.shape: tuple[int, int] = (image.shape[1], image.shape[2])
        self.number: int = len(image) * (1 + _PER_LEVEL * LEVELS)
        self._image, self._grey, self._limit = image, measure(image), tile_bytes
        self._coarse = self._coarse_maps()
        self._tiles: OrderedDict[Box, _Tile] = OrderedDict()
        self._lock = Lock()

    @property
    def nbytes(self) -> int:
        """Bytes held: at most the image, the coarse levels and ``tile_bytes``."""
        with self._lock:
            tiles = sum(tile.nbytes for tile in self._tiles.values())
        return self._image.nbytes + sum(level.nbytes for level in self._coarse) + tiles

    def at(self, rows: NDArray[np.intp], columns: NDArray[np.intp]) -> NDArray[np.float32]:
        """Return the features of ``n`` pixels, finite float32 ``(n, number)``; rows and columns are integers ``(n,)``."""
        result = np.empty((len(rows), self.number), np.float32)
        fine = len(self._image) * (1 + _FINE * _PER_LEVEL)
        place = rows // TILE * (self.shape[1] // TILE + 1) + columns // TILE
        order = np.argsort(place, kind="stable")
        for first, last in pairwise([*np.flatnonzero(np.diff(place[order], prepend=-1)), len(rows)]):
            chosen = order[first:last]
            tile = self._tile(int(rows[chosen[0]]) // TILE * TILE, int(columns[chosen[0]]) // TILE * TILE)
            result[chosen, :fine] = tile.at(rows[chosen], columns[chosen])
        for number, level in enumerate(self._coarse):
            start = fine + number * level.shape[2]
            result[:, start : start + level.shape[2]] = _interpolated(level, rows, columns, _FINE + number)
        return result

    def prepare(self, box: Box) -> None:
        """Compute the tiles of a box on several threads, at most as many as the cache holds."""
        spread(lambda tile: self._tile(tile.y0, tile.x0), self.tiles(box)[: self._kept_at_most()])

    def tiles(self, box: Box) -> list[Box]:
        """Return the tiles of a slice overlapping a box."""
        return [
            tile
            for tile in tile_boxes(self.shape, TILE)
            if tile.y0 < box.y1 and box.y0 < tile.y1 and tile.x0 < box.x1 and box.x0 < tile.x1
        ]

    def _kept_at_most(self) -> int:
        """Return a number of tiles guaranteed to fit ``tile_bytes``."""
        channels = len(self._image)
        return max(1, self._limit // (4 * channels * ((1 + _PER_LEVEL) * TILE**2 + _PER_LEVEL * (TILE // 2 + _HALO) ** 2)))

    def _tile(self, y0: int, x0: int) -> _Tile:
        box = Box(y0, x0, min(y0 + TILE, self.shape[0]), min(x0 + TILE, self.shape[1]))
        with self._lock:
            kept = self._tiles.get(box)
            if kept is not None:
                self._tiles.move_to_end(box)
                return kept
        made = self._compute(box)  # outside the lock: at worst computed twice, with the same result
        with self._lock:
            self._tiles[box] = made
            while len(self._tiles) > 1 and sum(tile.nbytes for tile in self._tiles.values()) > self._limit:
                self._tiles.popitem(last=False)
        return made

    def _compute(self, box: Box) -> _Tile:
        window = box.grown(_HALO, self.shape)
        grey = self._grey.apply(self._image[:, *window.slices])
        fine, half = _filtered(grey), _filtered(halved(grey))
        inner = (slice(box.y0 - window.y0, box.y1 - window.y0), slice(box.x0 - window.x0, box.x1 - window.x0))
        return _Tile(box, window, np.concatenate([np.moveaxis(grey, 0, -1)[inner], fine[inner]], axis=-1), half)

    def _coarse_maps(self) -> list[NDArray[np.float32]]:
        """Compute levels 2 and up of the whole slice, each ``(h, w, C * 6)``; normalise greys strip by strip."""
        strips = (self._image[:, start : start + _STRIP] for start in range(0, self.shape[0], _STRIP))
        grey = np.concatenate([halved(halved(self._grey.apply(strip))) for strip in strips], axis=1)
        maps = [_filtered(grey)]
        for _ in range(_FINE + 1, LEVELS):
            grey = halved(grey)
            maps.append(_filtered(grey))
        return maps


class _Tile:
    """The fine features of a tile: at full size inside it, at half size inside its window."""

    def __init__(self, box: Box, window: Box, full: NDArray[np.float32], half: NDArray[np.float32]) -> None:
        self._box, self._window, self._full, self._half = box, window, full, half
        self.nbytes = full.nbytes + half.nbytes

    def at(self, rows: NDArray[np.intp], columns: NDArray[np.intp]) -> NDArray[np.float32]:
        full = self._full.reshape(-1, self._full.shape[2])
        exact = full.take((rows - self._box.y0) * self._full.shape[1] + columns - self._box.x0, axis=0)
        return np.concatenate([exact, _interpolated(self._half, rows - self._window.y0, columns - self._window.x0, 1)], axis=1)


def halved(image: NDArray[np.float32]) -> NDArray[np.float32]:
    """Average blocks of 2 x 2 pixels of ``(C, H, W)``; an odd edge is repeated."""
    even = np.pad(image, ((0, 0), (0, image.shape[1] % 2), (0, image.shape[2] % 2)), mode="edge")
    total = even[:, ::2, ::2] + even[:, 1::2, ::2] + even[:, ::2, 1::2] + even[:, 1::2, 1::2]
    return total * np.float32(0.25)


def _filtered(image: NDArray[np.float32]) -> NDArray[np.float32]:
    """Compute six features of every pixel and channel of one level: ``(C, h, w)`` to ``(h, w, C * 6)``."""
    return np.stack([feature for channel in image for feature in _channel_features(channel)], axis=-1)


def _channel_features(image: NDArray[np.float32]) -> list[NDArray[np.floating]]:
    """Return smoothed grey, gradient magnitude and the eigenvalues of the Hessian and the structure tensor."""
    smooth = _smoothed(image, _SMOOTH)
    padded = np.pad(smooth, 1, mode="edge")
    middle, up, down, left, right = smooth, padded[:-2, 1:-1], padded[2:, 1:-1], padded[1:-1, :-2], padded[1:-1, 2:]
    dy, dx = (down - up) / 2, (right - left) / 2
    cross = (padded[2:, 2:] - padded[2:, :-2] - padded[:-2, 2:] + padded[:-2, :-2]) / 4
    curvature = _eigenvalues(up + down - 2 * middle, left + right - 2 * middle, cross)
    tensor = _eigenvalues(*(_smoothed(product, _GRAIN) for product in (dy * dy, dx * dx, dy * dx)))
    return [smooth, np.hypot(dy, dx), *curvature, *tensor]


def _smoothed(image: NDArray[np.floating], deviation: float) -> NDArray[np.floating]:
    return np.asarray(gaussian_filter(image, deviation, mode="nearest", truncate=_REACH))


def _eigenvalues(
    yy: NDArray[np.floating], xx: NDArray[np.floating], yx: NDArray[np.floating]
) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
    """Return both eigenvalues of a symmetric 2 x 2 matrix per pixel, the larger first."""
    mean, spread = (yy + xx) / 2, np.hypot((yy - xx) / 2, yx)
    return mean + spread, mean - spread


def _interpolated(
    level: NDArray[np.float32], rows: NDArray[np.intp], columns: NDArray[np.intp], number: int
) -> NDArray[np.float32]:
    """Interpolate a level ``(h, w, F)`` bilinearly at full-size pixels: ``(n, F)``."""
    (top, bottom, down), (left, right, along) = (
        _neighbours(positions, number, length) for positions, length in zip((rows, columns), level.shape, strict=False)
    )
    flat, width = level.reshape(-1, level.shape[2]), level.shape[1]
    upper = _lerp(flat.take(top * width + left, axis=0), flat.take(top * width + right, axis=0), along)
    lower = _lerp(flat.take(bottom * width + left, axis=0), flat.take(bottom * width + right, axis=0), along)
    return _lerp(upper, lower, down)


def _neighbours(
    positions: NDArray[np.intp], level: int, length: int
) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.float32]]:
    """Return the level's pixels before and after each position and the fraction between them."""
    exact = np.clip((positions + 0.5) / 2**level - 0.5, 0, length - 1)
    before = exact.astype(np.intp)
    return before, np.minimum(before + 1, length - 1), (exact - before).astype(np.float32)[:, None]


def _lerp(one: NDArray[np.float32], other: NDArray[np.float32], share: NDArray[np.float32]) -> NDArray[np.float32]:
    other -= one
    other *= share
    other += one
    return other


def threads() -> int:
    """Return the number of threads for features, fits and predictions: the cores of this process, at most four."""
    affinity = getattr(os, "sched_getaffinity", None)
    return min(_THREADS_AT_MOST, len(affinity(0)) if affinity else os.cpu_count() or 1)


def spread(work: Callable[[Box], object], boxes: Iterable[Box]) -> None:
    """Call ``work`` for every box on several threads; NumPy, SciPy and the trees release Python's lock.

    Never call it from within ``work``.
    """
    for _ in _pool().map(work, boxes):
        pass


@cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(threads(), thread_name_prefix="forest")
