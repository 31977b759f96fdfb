"""Loss and Dice of a model cover all labelled pixels, and only their surroundings are predicted."""

from __future__ import annotations

import numpy as np
import pytest

from core.evaluation.validation import cross_entropy, labelled_boxes, score
from core.geometry import Box
from tests.slices import Drawn
from tests.thresholding import noise, threshold


def half_labelled(seed: int) -> Drawn:
    """Truth of the thresholding network, on the right half of the slice only."""
    image = noise((90, 140), seed)
    mask = (image[0] > image.mean()).astype(np.uint8)
    mask[:, :70] = 255
    return Drawn(image, mask)


def test_scores_count_labelled_pixels_of_all_slices() -> None:
    """A perfect model has Dice 1 on the labelled pixels, counted over the slices together."""
    scores = score(threshold(tile=64, context=16), [half_labelled(0), half_labelled(1)])
    assert scores.pixels == 2 * 90 * 70
    assert scores.loss is not None
    assert scores.loss < 0.2
    assert all(d is not None and d > 0.98 for d in scores.dice)


def test_no_labelled_pixels_is_not_measured() -> None:
    """Without labels there is no loss and no Dice, and no image is read."""
    empty = Drawn(noise((40, 40)), np.full((40, 40), 255, np.uint8))
    scores = score(threshold(), [empty])
    assert (scores.loss, scores.dice, scores.pixels) == (None, (None, None), 0)
    assert empty.reads == 0


def test_labelled_boxes_hold_all_labels_and_little_else() -> None:
    """Two separate labelled spots give two tight boxes."""
    label = np.full((200, 200), 255, np.uint8)
    label[10:20, 30:33], label[150, 190] = 0, 1
    assert labelled_boxes(label, 100) == [Box(10, 30, 20, 33), Box(150, 190, 151, 191)]


def test_cross_entropy_of_known_probabilities() -> None:
    """Two labelled pixels of probability 1/2 and 1/4 cost ln 2 + ln 4; probability 0 costs no more than 17."""
    probabilities = np.array([[[0.5, 0.75, 1.0]], [[0.5, 0.25, 0.0]]], np.float32)
    assert cross_entropy(probabilities, np.array([[0, 1, 255]], np.uint8)) == pytest.approx(np.log(8))
    assert cross_entropy(probabilities, np.array([[255, 255, 1]], np.uint8)) < 17
