"""The loss looks at labelled pixels only, and the schedules run as said."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from core.segmenter import _average, class_weights, masked_loss, schedule

ONES = torch.ones(3)


def test_the_loss_of_a_perfect_answer_is_0() -> None:
    """Certain and right costs nothing; certain and wrong costs much."""
    labels = torch.tensor([[[0, 1], [2, 255]]], dtype=torch.uint8)
    right = torch.nn.functional.one_hot(labels.long().clamp(max=2), 3).movedim(-1, 1) * 50.0
    assert float(masked_loss(right, labels, ONES)) == pytest.approx(0, abs=1e-3)
    assert float(masked_loss(-right, labels, ONES)) > 5


def test_unlabelled_pixels_do_not_reach_the_loss() -> None:
    """Scores under 255 change neither the loss nor its gradient."""
    labels = torch.tensor([[[0, 1], [255, 255]]], dtype=torch.uint8)
    scores = torch.randn(1, 3, 2, 2, requires_grad=True)
    other = scores.detach().clone()
    other[:, :, 1] = 99.0
    loss = masked_loss(scores, labels, ONES)
    torch.testing.assert_close(loss, masked_loss(other, labels, ONES))
    loss.backward()
    assert scores.grad is not None
    assert (scores.grad[:, :, 1] == 0).all()
    assert (scores.grad[:, :, 0] != 0).any()


def test_nothing_labelled_costs_nothing() -> None:
    """A batch of 255 has loss 0 and gradient 0, not NaN."""
    scores = torch.randn(2, 3, 4, 4, requires_grad=True)
    loss = masked_loss(scores, torch.full((2, 4, 4), 255, dtype=torch.uint8), ONES)
    loss.backward()
    assert float(loss.detach()) == 0
    assert scores.grad is not None
    assert (scores.grad == 0).all()


def test_the_loss_is_cross_entropy_plus_soft_dice() -> None:
    """Checked by hand for two classes and even probabilities: ln 2, and Dice (2 * 1 + 1) / (2 + 2 + 1) of each class."""
    labels = torch.tensor([[[0, 0], [1, 1]]], dtype=torch.uint8)
    loss = masked_loss(torch.zeros(1, 2, 2, 2), labels, torch.ones(2))
    assert float(loss) == pytest.approx(math.log(2) + 1 - 3 / 5)


def test_class_weights_favour_the_rare_moderately() -> None:
    """A class a thousand times rarer weighs at most ten times more; an empty class weighs 1."""
    weights = class_weights(np.array([1_000_000, 1_000, 0]))
    assert weights[1] / weights[0] == pytest.approx(4, rel=0.1)
    assert weights[2] == 1
    assert weights.isfinite().all()


def test_the_learning_rate_climbs_and_falls() -> None:
    """It starts low, peaks early and ends at 0 with the budget."""
    rates = [schedule(share) for share in (0.0, 0.02, 0.04, 0.5, 0.9, 1.0)]
    assert rates[0] == 0.02
    assert rates[2] == 1.0
    assert rates[2] > rates[3] > rates[4] > rates[5] == 0.0


def test_the_average_follows_quickly_at_first() -> None:
    """After one step the average is mostly the new weights; later it barely moves."""
    early, late = torch.zeros(3), torch.zeros(3)
    _average([early], [torch.ones(3)], 1)
    _average([late], [torch.ones(3)], 100_000)
    assert early[0] > 0.8
    assert late[0] == pytest.approx(0.001)


def test_counters_are_copied_not_averaged() -> None:
    """Batch normalisation counts its batches in whole numbers."""
    counter = torch.tensor(3)
    _average([counter], [torch.tensor(9)], 100)
    assert counter == 9
