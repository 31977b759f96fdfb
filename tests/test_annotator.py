"""Tests of core.annotator."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from core.annotator import Effort, effort
from core.config import AnnotatorConfig


def raster(*rows: str) -> NDArray[np.uint8]:
    """A drawn mask; a dot is 255, nobody knows."""
    return np.array([[255 if mark == "." else int(mark) for mark in row] for row in rows], dtype=np.uint8)


NOTHING = np.zeros((3, 5), dtype=np.uint8)


def test_a_right_mask_costs_only_its_opening() -> None:
    """Nothing to paint, nothing to travel, two seconds to open."""
    found = effort(NOTHING, NOTHING)

    assert found == Effort(slices=1)
    assert found.seconds(AnnotatorConfig()) == 2.0


def test_seconds_are_painting_travel_strokes_and_opening() -> None:
    """400 px/s of painting, 800 px/s of travel, 0.2 s a stroke, 2 s to open: the frozen speeds."""
    assert Effort(1, 800, 5, 1600.0).seconds(AnnotatorConfig()) == pytest.approx(2 + 2 + 2 + 1)


def test_efforts_add_up() -> None:
    """Two slices take as long together as one after the other."""
    both = Effort(1, 400, 2, 80.0) + Effort(1, 0, 0, 0.0)

    assert both == Effort(2, 400, 2, 80.0)
    assert both.seconds(AnnotatorConfig()) == pytest.approx(2 * 2 + 1 + 2 * 0.2 + 0.1)


def test_painting_from_nothing_is_painting_all_that_is_not_background() -> None:
    """On an empty slice the background is there already."""
    assert effort(NOTHING, raster("01100", "00000", "00002")).changed_pixels == 3


def test_a_patch_is_joined_over_corners_but_not_over_classes() -> None:
    """Diagonal pixels of one class are one stroke; touching pixels of two classes are two."""
    assert effort(NOTHING, raster("10000", "01000", "00100")).strokes == 1
    assert effort(NOTHING, raster("00000", "11220", "00000")).strokes == 2


def test_only_wrong_pixels_are_painted() -> None:
    """What is predicted right stays; erasing to background counts as painting."""
    shown, wanted = raster("11000", "00000", "00002"), raster("10000", "00000", "00012")

    assert effort(shown, wanted).changed_pixels == 2


def test_travel_goes_from_the_centre_to_the_nearest_patch_left() -> None:
    """From (1, 2): one pixel right, then back three to the left end."""
    found = effort(NOTHING, raster("00000", "10010", "00000"))

    assert found.strokes == 2
    assert found.travel_pixels == pytest.approx(1 + 3)


def test_what_nobody_knows_is_not_painted() -> None:
    """Pixels of 255 in the truth cost nothing, whatever is shown."""
    assert effort(raster("11111", "00000", "22222"), raster(".....", ".....", ".....")) == Effort(slices=1)


def test_unlike_shapes_are_refused() -> None:
    """The message names both shapes."""
    with pytest.raises(ValueError, match=r"got \(3, 5\) and \(2, 5\)"):
        effort(NOTHING, NOTHING[:2])
