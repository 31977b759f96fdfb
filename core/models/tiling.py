"""What a network is shown for a box of a slice: context on every side within the slice, on the network's grid."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.geometry import Box, mirrored


@dataclass(frozen=True)
class Window:
    """A rectangle that may reach beyond the end of the slice, half-open, in pixels."""

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
        """In pixels."""
        height, width = self.shape
        return height * width

    def cut(self, image: NDArray) -> NDArray:
        """The part of ``(C, H, W)`` inside, mirrored beyond the end."""
        if self.y1 <= image.shape[1] and self.x1 <= image.shape[2]:
            return image[:, self.y0 : self.y1, self.x0 : self.x1]
        rows = mirrored(np.arange(self.y0, self.y1), image.shape[1])
        columns = mirrored(np.arange(self.x0, self.x1), image.shape[2])
        return image[:, rows[:, None], columns]


@dataclass(frozen=True)
class Windows:
    """The windows of a network.

    Attributes
    ----------
    stride
        Their sides are multiples of this, in pixels.
    grid
        They begin on multiples of this, itself a multiple of the stride.
    context
        Pixels beside a box, as far as the slice goes.
    least
        No side is shorter than this, in pixels.
    """

    stride: int
    grid: int
    context: int
    least: int

    def around(self, box: Box, size: tuple[int, ...]) -> Window:
        """The window of a box of a slice of a size ``(H, W)``."""
        y0, y1 = self._span(box.y0, box.y1, size[0])
        x0, x1 = self._span(box.x0, box.x1, size[1])
        return Window(y0, x0, y1, x1)

    def _span(self, start: int, end: int, length: int) -> tuple[int, int]:
        """One side; beyond the end only of a slice that is shorter than the least, or what makes up a multiple of the stride."""
        least, whole = self._rounded(self.least), self._rounded(length)
        first = max(start - self.context, 0) // self.grid * self.grid
        last = min(max(self._rounded(end + self.context), first + least), max(whole, least))
        return min(first, (last - least) // self.grid * self.grid), last

    def _rounded(self, length: int) -> int:
        return -(-length // self.stride) * self.stride
