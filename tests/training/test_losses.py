"""Losses use labelled pixels only, follow their definitions, and can be added up."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray
from scipy import ndimage
from torch import Tensor

from core.config import Loss, losses_named
from core.training.learning.losses import (
    FALSE_NEGATIVES,
    FALSE_POSITIVES,
    FOCUS,
    REACH,
    class_weights,
    masked_loss,
    signed_distances,
)

ONES = torch.ones(3)
EVERY = [*Loss, "cross-entropy+dice", "+".join(Loss)]
ALL = pytest.mark.parametrize("loss", EVERY)


def scores_for(labels: Tensor, sure: float, classes: int = 3) -> Tensor:
    """Scores in favour of the label, higher for more certainty; below 0 in favour of the other classes."""
    return torch.nn.functional.one_hot(labels.long().clamp(max=classes - 1), classes).movedim(-1, 1) * sure


@ALL
def test_the_loss_of_a_perfect_answer_is_0(loss: str) -> None:
    """A certain right answer costs nothing; a certain wrong one costs something."""
    labels = torch.tensor([[[0, 1], [2, 255]]], dtype=torch.uint8)
    right = scores_for(labels, 50.0)
    assert float(masked_loss(right, labels, ONES, loss)) == pytest.approx(0, abs=1e-3)
    assert float(masked_loss(-right, labels, ONES, loss)) > 0.05


@ALL
def test_nothing_labelled_costs_nothing(loss: str) -> None:
    """A batch of 255 has loss 0 and gradient 0, not NaN."""
    scores = torch.randn(2, 3, 4, 4, requires_grad=True)
    value = masked_loss(scores, torch.full((2, 4, 4), 255, dtype=torch.uint8), ONES, loss)
    value.backward()
    assert float(value.detach()) == 0
    assert scores.grad is not None
    assert (scores.grad == 0).all()


def _learned(truth: NDArray[Any], labelled: NDArray[Any], scores: Tensor, loss: str) -> tuple[Tensor, Tensor]:
    """Value of the loss, and its gradient by score, for partly labelled truth."""
    labels = torch.from_numpy(np.where(labelled, truth, 255).astype(np.uint8))
    scores = scores.clone().requires_grad_()
    value = masked_loss(scores, labels, torch.tensor([1.0, 2.0, 3.0]), loss)
    value.backward()
    assert scores.grad is not None
    return value.detach(), scores.grad


_SHAPE = (2, 7, 9)


@ALL
@settings(max_examples=25, deadline=None)
@given(
    truth=hnp.arrays(np.uint8, _SHAPE, elements=st.integers(0, 2)),
    other=hnp.arrays(np.uint8, _SHAPE, elements=st.integers(0, 2)),
    labelled=hnp.arrays(np.bool_, _SHAPE),
    seed=st.integers(0, 1000),
)
def test_unlabelled_pixels_reach_neither_value_nor_gradient(
    loss: str, truth: NDArray[Any], other: NDArray[Any], labelled: NDArray[Any], seed: int
) -> None:
    """Scores at unlabelled pixels change neither the value nor the gradient."""
    generator = torch.Generator().manual_seed(seed)
    scores = torch.randn(2, 3, 7, 9, generator=generator)
    changed = torch.where(torch.from_numpy(labelled)[:, None], scores, 90 * torch.randn(scores.shape, generator=generator))
    value, gradient = _learned(truth, labelled, scores, loss)
    same, its_gradient = _learned(np.where(labelled, truth, other), labelled, changed, loss)
    assert torch.equal(value, same)
    torch.testing.assert_close(gradient, its_gradient)
    assert (gradient.movedim(1, -1)[torch.from_numpy(~labelled)] == 0).all()


@ALL
def test_a_step_along_the_gradient_costs_less(loss: str) -> None:
    """Every loss has a gradient at labelled pixels, and a step along it lowers the loss."""
    labels = torch.tensor([[[0, 1, 2, 255]] * 4], dtype=torch.uint8)
    scores = torch.randn(1, 3, 4, 4, generator=torch.Generator().manual_seed(5), requires_grad=True)
    before = masked_loss(scores, labels, ONES, loss)
    (gradient,) = torch.autograd.grad(before, scores)
    assert masked_loss(scores - 0.1 * gradient, labels, ONES, loss) < before


def test_cross_entropy_and_dice_by_hand() -> None:
    """Two classes and even probabilities: ln 2, and Dice (2 * 1 + 1) / (2 + 2 + 1) of each class."""
    labels = torch.tensor([[[0, 0], [1, 1]]], dtype=torch.uint8)
    even = torch.zeros(1, 2, 2, 2)
    assert float(masked_loss(even, labels, torch.ones(2))) == pytest.approx(math.log(2) + 1 - 3 / 5)


def test_focal_by_hand() -> None:
    """A pixel of probability p counts (1 - p) ** 2 times its cross-entropy."""
    labels = torch.tensor([[[0, 255]]], dtype=torch.uint8)
    scores = torch.tensor([[[[math.log(3.0), 7.0]], [[0.0, 1.0]]]])  # 3/4 for class 0 at the labelled pixel
    expected = (1 / 4) ** FOCUS * -math.log(3 / 4)
    assert float(masked_loss(scores, labels, torch.ones(2), "focal")) == pytest.approx(expected)


def test_tversky_by_hand() -> None:
    """A missed pixel costs more than a false one: TP 1, FP 1, FN 1 for each of two classes, half a pixel added."""
    labels = torch.tensor([[[0, 0], [1, 1]]], dtype=torch.uint8)
    even = torch.zeros(1, 2, 2, 2)
    expected = 1 - 1.5 / (1 + FALSE_POSITIVES + FALSE_NEGATIVES + 0.5)
    assert float(masked_loss(even, labels, torch.ones(2), "tversky")) == pytest.approx(expected)
    missed = scores_for(torch.tensor([[[0, 0], [0, 1]]], dtype=torch.uint8), 50.0, 2)
    false = scores_for(torch.tensor([[[0, 1], [1, 1]]], dtype=torch.uint8), 50.0, 2)
    rare = torch.tensor([[[0, 255], [1, 1]]], dtype=torch.uint8)
    assert masked_loss(missed, rare, torch.ones(2), "tversky") > 0
    assert masked_loss(false, rare, torch.ones(2), "tversky") == pytest.approx(0, abs=1e-6)


def test_the_boundary_loss_grows_with_the_distance() -> None:
    """The same number of wrong pixels costs more far from the true boundary than beside it."""
    labels = torch.zeros(1, 12, 24, dtype=torch.uint8)
    labels[..., 12:] = 1
    near, far = labels.clone(), labels.clone()
    near[..., 11] = 1
    far[..., 2] = 1
    costs = [float(masked_loss(scores_for(one, 50.0, 2), labels, torch.ones(2), "boundary")) for one in (near, far)]
    assert costs[0] == pytest.approx(2 / REACH / 24)  # one column of 24: one pixel outside class 1, one inside class 0
    assert costs[1] == pytest.approx(2 * 10 / REACH / 24)


def test_signed_distances_agree_with_scipy() -> None:
    """Distances are Euclidean to a labelled pixel of the class (inside: of any other), limited to the reach."""
    rng = np.random.default_rng(3)
    labels = np.full((2, 41, 33), 255, np.uint8)
    labels[rng.random(labels.shape) < 0.03] = 0
    labels[rng.random(labels.shape) < 0.01] = 2
    found = signed_distances(torch.from_numpy(labels), 3).numpy()
    for patch, label in zip(found, labels, strict=True):
        away = [np.minimum(ndimage.distance_transform_edt(label != k), REACH) if (label == k).any() else
                np.full(label.shape, REACH) for k in range(3)]  # fmt: skip
        for k in range(3):
            others = np.minimum.reduce([away[j] for j in range(3) if j != k])
            expected = np.where(label == k, -others, away[k])
            np.testing.assert_allclose(patch[k], expected, rtol=1e-6)


def test_losses_are_named() -> None:
    """The error names the unknown loss and the known ones."""
    assert losses_named("focal + dice") == (Loss.FOCAL, Loss.DICE)
    with pytest.raises(ValueError, match=r"names 'hinge'; allowed are cross-entropy, dice, focal, tversky, boundary"):
        losses_named("dice+hinge")
    with pytest.raises(ValueError, match="names one twice"):
        losses_named("dice+dice")
    with pytest.raises(ValueError, match="names ''"):
        losses_named("")


def test_class_weights_favour_the_rare_moderately() -> None:
    """A class a thousand times rarer weighs about three times more; an empty class weighs 1."""
    weights = class_weights(np.array([1_000_000, 1_000, 0]))
    assert weights[1] / weights[0] == pytest.approx(1000 ** (1 / 6), rel=0.01)
    assert weights[2] == 1
    assert weights.isfinite().all()
