"""Compute the input window of a network for a box: the box plus context, aligned to the network's grid."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.geometry import Box, mirrored


@dataclass(frozen=True)
class Window:
    """A half-open rectangle in pixels; it may extend beyond the end of the slice."""

    y0: int
    x0: int
    y1: int
    x1: int

    @property
    def shape(self) -> tuple[int, int]:
        """``(height, width)`` in pixels."""
        return self.y1 - self.y0, self.x1 - self.x0

    @property
    def area(self) -> int:
        """Area in pixels."""
        height, width = self.shape
        return height * width

    def cut(self, image: NDArray) -> NDArray:
        """Cut the window from ``(C, H, W)``, mirrored beyond the end of the slice."""
        if self.y1 <= image.shape[1] and self.x1 <= image.shape[2]:
            return image[:, self.y0 : self.y1, self.x0 : self.x1]
        rows = mirrored(np.arange(self.y0, self.y1), image.shape[1])
        columns = mirrored(np.arange(self.x0, self.x1), image.shape[2])
        return image[:, rows[:, None], columns]


@dataclass(frozen=True)
class Windows:
    """The rules for the input windows of a network.

    Attributes
    ----------
    stride
        Divisor of every window's height and width, in pixels.
    grid
        Divisor of every window's start, in pixels; a multiple of the stride.
    context
        Pixels around a box, within the slice.
    least
        Minimum height and width, in pixels.
    """

    stride: int
    grid: int
    context: int
    least: int

    def around(self, box: Box, size: tuple[int, ...]) -> Window:
        """Return the window of a box in a slice of size ``(H, W)``."""
        y0, y1 = self._span(box.y0, box.y1, size[0])
        x0, x1 = self._span(box.x0, box.x1, size[1])
        return Window(y0, x0, y1, x1)

    def _span(self, start: int, end: int, length: int) -> tuple[int, int]:
        """Return start and end along one axis.

        The end exceeds a slice only to reach the minimum length or a multiple of the stride.
        """
        least, whole = self._rounded(self.least), self._rounded(length)
        first = max(start - self.context, 0) // self.grid * self.grid
        last = min(max(self._rounded(end + self.context), first + least), max(whole, least))
        return min(first, (last - least) // self.grid * self.grid), last

    def _rounded(self, length: int) -> int:
        return -(-length // self.stride) * self.stride
