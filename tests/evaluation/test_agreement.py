"""Tests of core.evaluation.agreement."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from core.errors import LabelError
from core.evaluation.agreement import Agreement, evaluate

# three slices of 2 x 4; the image's grey value is what the threshold model predicts from
IMAGES = np.array(
    [
        [[0, 0, 9, 9], [0, 0, 9, 9]],
        [[0, 0, 0, 9], [0, 0, 0, 0]],
        [[9, 9, 9, 9], [9, 9, 9, 9]],
    ],
    dtype=np.uint16,
)
TRUTH = np.array(
    [
        [[0, 0, 1, 1], [0, 1, 1, 255]],
        [[0, 0, 0, 1], [0, 0, 0, 1]],
        [[1, 1, 1, 1], [1, 1, 1, 1]],
    ],
    dtype=np.uint8,
)


def threshold(z: int) -> NDArray[np.uint8]:
    """A model without training: class 1 where the slice is above 5."""
    return (IMAGES[z] > 5).astype(np.uint8)


def agreement(slices: list[int], inside: NDArray[np.bool_] | None = None, truth: NDArray = TRUTH) -> Agreement:
    """The toy volume scored with three classes."""
    return evaluate(threshold, lambda z: truth[z], slices, classes=3, inside=inside)


def test_dice_is_counted_over_all_slices_together() -> None:
    """Hits and misses of both slices enter one fraction: 2*4 / (4 + 6)."""
    found = agreement([0, 1])

    np.testing.assert_array_equal(found.counts, [[9, 0, 0], [2, 4, 0], [0, 0, 0]])
    assert found.dice == (pytest.approx(18 / 20), pytest.approx(8 / 10), None)
    assert found.mean_dice == pytest.approx(0.8)


def test_only_the_given_slices_are_scored() -> None:
    """Other slices have no effect, and the result names the slices scored."""
    found = agreement([1])

    assert found.slices == (1,)
    assert found.pixels == 8


def test_pixels_outside_the_region_are_not_scored() -> None:
    """A mistake outside the working region costs nothing."""
    inside = np.zeros((2, 4), dtype=bool)
    inside[0] = True

    assert agreement([0, 1], inside).dice == (1.0, 1.0, None)


def test_no_slices_give_no_score() -> None:
    """Without slices the score is None, not 0 or 1."""
    assert agreement([]).dice == (None, None, None)
    assert agreement([]).mean_dice is None


def test_progress_is_told_slice_by_slice() -> None:
    """The number of slices done is reported after each slice."""
    told: list[int] = []
    evaluate(threshold, lambda z: TRUTH[z], [2, 0], classes=2, report=told.append)

    assert told == [1, 2]


def test_truth_of_another_shape_is_refused_in_one_sentence() -> None:
    """The message names both shapes and the remedy."""
    with pytest.raises(LabelError, match=r"Slice 0 of the truth is 2 x 3 pixels, .* are 2 x 4; give labels"):
        agreement([0], truth=TRUTH[:, :, :3])


def test_truth_with_an_unknown_class_is_refused_in_one_sentence() -> None:
    """The message names the class found and the classes allowed."""
    with pytest.raises(LabelError, match=r"Slice 2 of the truth holds class 7, but .* 0 to 2"):
        agreement([2], truth=np.full_like(TRUTH, 7))
