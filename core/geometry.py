"""Slices by volume and z; boxes, tiles and polygons in pixels, always ``(y, x)``."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Polygon = tuple[tuple[float, float], ...]
"""Corners ``(y, x)`` in pixels of the full slice."""


class SliceId(NamedTuple):
    """One slice of a project: ``(volume, z)``, both counted from 0."""

    volume: int
    z: int


@dataclass(frozen=True)
class Box:
    """A half-open rectangle ``y0 <= y < y1``, ``x0 <= x < x1`` in pixels."""

    y0: int
    x0: int
    y1: int
    x1: int

    def __post_init__(self) -> None:
        if not (0 <= self.y0 < self.y1 and 0 <= self.x0 < self.x1):
            raise ValueError(f"a box needs 0 <= y0 < y1 and 0 <= x0 < x1, got {self}")

    @property
    def shape(self) -> tuple[int, int]:
        """``(height, width)`` in pixels."""
        return self.y1 - self.y0, self.x1 - self.x0

    @property
    def slices(self) -> tuple[slice, slice]:
        """Row and column slices, to index an ``(H, W)`` array."""
        return slice(self.y0, self.y1), slice(self.x0, self.x1)

    def grown(self, margin: int, shape: tuple[int, int]) -> Box:
        """Return the box with ``margin`` more pixels on every side, cropped to an ``(H, W)`` image."""
        return Box(
            max(0, self.y0 - margin),
            max(0, self.x0 - margin),
            min(shape[0], self.y1 + margin),
            min(shape[1], self.x1 + margin),
        )

    def shifted(self, y: int, x: int) -> Box:
        """Return the box moved down by ``y`` and right by ``x`` pixels."""
        return Box(self.y0 + y, self.x0 + x, self.y1 + y, self.x1 + x)

    def within(self, shape: tuple[int, int]) -> bool:
        """Return whether the whole box lies in an ``(H, W)`` image."""
        return self.y1 <= shape[0] and self.x1 <= shape[1]


def tile_boxes(shape: tuple[int, int], size: int) -> list[Box]:
    """Cover an ``(H, W)`` image with boxes of ``size`` pixels a side, smaller at the far edges."""
    height, width = shape
    return [Box(y, x, min(y + size, height), min(x + size, width)) for y in range(0, height, size) for x in range(0, width, size)]


def bounds(mask: NDArray[np.bool_]) -> Box | None:
    """Return the smallest box around the true pixels of ``(H, W)``; None without any."""
    rows, columns = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
    return Box(int(rows[0]), int(columns[0]), int(rows[-1]) + 1, int(columns[-1]) + 1) if rows.size else None


def mirrored(positions: NDArray, length: int) -> NDArray:
    """Reflect positions into ``0 .. length - 1``, without repeating the edge pixels."""
    if length == 1:
        return np.zeros_like(positions)
    folded = np.abs(positions) % (2 * length - 2)
    return np.minimum(folded, 2 * length - 2 - folded)


def polygons_to_mask(polygons: Sequence[Polygon], shape: tuple[int, int]) -> NDArray[np.bool_]:
    """Fill polygons of ``(y, x)`` corners and return their union, bool ``(H, W)``.

    A pixel belongs to a polygon if its corner ``(y, x)`` lies inside by the even-odd rule. Filling goes row by row: a test of
    every pixel against every edge, as in scikit-image, takes seconds on a slice of 4096 x 4096.
    """
    mask = np.zeros(shape, dtype=bool)
    for polygon in polygons:
        mask |= _filled(polygon, shape)
    return mask


def _filled(polygon: Polygon, shape: tuple[int, int]) -> NDArray[np.bool_]:
    """Fill one polygon: every edge flips the pixels to its right in its rows; an odd number of flips is inside."""
    height, width = shape
    flips = np.zeros((height, width + 1), np.uint8)
    for (y0, x0), (y1, x1) in pairwise((*polygon, polygon[0])):
        low, high = sorted((y0, y1))
        rows = np.arange(max(0, math.ceil(low)), min(height, math.ceil(high)))
        if rows.size:
            columns = np.ceil(x0 + (rows - y0) * ((x1 - x0) / (y1 - y0)))
            flips[rows, columns.clip(0, width).astype(np.intp)] ^= 1
    return np.bitwise_xor.accumulate(flips, axis=1)[:, :-1].astype(bool)
