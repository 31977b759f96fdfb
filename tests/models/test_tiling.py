"""A window contains its box and its context within the slice, and lies on the grid."""

from __future__ import annotations

import numpy as np
import pytest

from core.geometry import Box
from core.models.tiling import Window, Windows


@pytest.mark.parametrize(
    ("box", "size", "window"),
    [
        (Box(0, 0, 64, 64), (64, 64), Window(0, 0, 64, 64)),  # all of a slice, without context
        (Box(100, 100, 150, 150), (400, 400), Window(64, 64, 192, 192)),  # 20 pixels more and what fills cells of 32
        (Box(0, 100, 10, 150), (400, 400), Window(0, 64, 64, 192)),  # none above the slice, and two cells at least
        (Box(380, 390, 390, 395), (400, 400), Window(352, 352, 416, 416)),  # what fills the last cell
        (Box(3, 3, 5, 5), (10, 10), Window(0, 0, 64, 64)),  # a slice smaller than the least
    ],
)
def test_a_window_is_on_the_grid_with_context(box: Box, size: tuple[int, int], window: Window) -> None:
    """A window lies on the grid, has its context and is never smaller than the minimum."""
    assert Windows(stride=32, grid=32, context=20, least=64).around(box, size) == window


@pytest.mark.parametrize(
    ("box", "size", "window"),
    [
        (Box(0, 0, 90, 90), (90, 90), Window(0, 0, 96, 96)),  # the end of a slice is made up to the stride, not to the grid
        (Box(200, 200, 210, 210), (400, 400), Window(160, 160, 256, 256)),  # begins at a cell of 80 pixels
        (Box(390, 390, 400, 400), (400, 400), Window(320, 320, 400, 400)),  # and so at the end, where the least is wanted
    ],
)
def test_only_the_start_of_a_window_is_on_the_grid(box: Box, size: tuple[int, int], window: Window) -> None:
    """A wide grid does not extend a window beyond the slice."""
    assert Windows(stride=16, grid=80, context=40, least=64).around(box, size) == window


def test_what_lies_beyond_the_slice_is_mirrored() -> None:
    """Beyond the slice the window is mirrored, without repeating the last pixel."""
    image = np.arange(6).reshape(1, 2, 3)
    assert Window(0, 0, 2, 5).cut(image).tolist() == [[[0, 1, 2, 1, 0], [3, 4, 5, 4, 3]]]
    assert Window(0, 1, 1, 3).cut(image).tolist() == [[[1, 2]]]
