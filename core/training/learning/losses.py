"""Losses over labelled pixels only, alone or added up.

All losses share one :class:`_Batch`, so a sum of several needs a single softmax. Unlabelled pixels contribute neither to
the value nor to the gradient. A class absent from the labels of the batch has no term, except in the boundary loss: there,
the distance to it has a known lower bound.

MONAI has all but the boundary loss, from 1.6 on with an ignored label. Its losses are not used for two reasons. Each repeats
the softmax and the one-hot encoding of labels at every step. And they count classes absent from a batch: with few labels,
most batches lack some.

References
----------
Focal: Lin et al. 2017, arXiv:1708.02002. Tversky: Salehi et al. 2017, arXiv:1706.05721. Boundary: Kervadec et al. 2019,
arXiv:1812.07032.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from core.config import UNLABELLED, Loss, losses_named

FOCUS = 2.0
"""Power of the focal loss (its gamma): higher values count well-classified pixels less."""

FALSE_POSITIVES, FALSE_NEGATIVES = 0.3, 0.7
"""Weights in the Tversky loss; missed pixels of a rare or thin class cost more."""

REACH = 16
"""Largest distance in the boundary loss, in pixels; farther pixels cost no more."""


@dataclass(frozen=True)
class _Batch:
    """Scores and labels of one batch, with values shared by the losses.

    Attributes
    ----------
    logs
        Logarithms of the probabilities, float32 ``(B, K, H, W)``.
    labels
        uint8 ``(B, H, W)``, 255 where unlabelled.
    weights
        Class weights, ``(K,)``.
    """

    logs: Tensor
    labels: Tensor
    weights: Tensor

    @cached_property
    def target(self) -> Tensor:
        """Class ids, int64 ``(B, H, W)``; any class where unlabelled."""
        return self.labels.long().clamp(max=self.logs.shape[1] - 1)

    @cached_property
    def known(self) -> Tensor:
        """1 where labelled, otherwise 0, float32 ``(B, H, W)``."""
        return (self.labels != UNLABELLED).float()

    @cached_property
    def weight(self) -> Tensor:
        """Weight of the true class, 0 where unlabelled, ``(B, H, W)``."""
        return self.weights[self.target] * self.known

    @cached_property
    def log_right(self) -> Tensor:
        """Logarithm of the true class's probability, ``(B, H, W)``."""
        return self.logs.gather(1, self.target[:, None]).squeeze(1)

    @cached_property
    def probabilities(self) -> Tensor:
        """Probabilities of the classes, ``(B, K, H, W)``."""
        return self.logs.exp()

    @cached_property
    def right(self) -> Tensor:
        """Probability of the true class, ``(B, H, W)``."""
        return self.log_right.exp()

    @cached_property
    def sizes(self) -> tuple[Tensor, Tensor, Tensor]:
        """Soft pixel counts of each class in the overlap of prediction and label, the prediction, the label; each ``(K,)``."""
        predicted = (self.probabilities * self.known[:, None]).sum(dim=(0, 2, 3))  # autocast would round a matrix product
        ids, known = self.target.reshape(-1), self.known.reshape(-1)
        both = torch.zeros_like(predicted).index_add(0, ids, self.right.reshape(-1) * known)
        return both, predicted, torch.zeros_like(predicted).index_add(0, ids, known)


def masked_loss(scores: Tensor, labels: Tensor, weights: Tensor, loss: str = "cross-entropy+dice") -> Tensor:
    """Add up losses over the labelled pixels of a batch.

    Parameters
    ----------
    scores
        Class scores before softmax, ``(B, K, H, W)``.
    labels
        uint8 ``(B, H, W)``, 255 where unlabelled.
    weights
        Class weights in cross-entropy and focal loss, ``(K,)``.
    loss
        Names joined with ``+``, see :class:`core.config.Loss`.

    Returns
    -------
    Tensor
        A scalar, 0 or more; 0 with a gradient of 0 without labelled pixels.

    Raises
    ------
    ValueError
        If a name is unknown.
    """
    batch = _Batch(scores.float().log_softmax(dim=1), labels, weights)
    first, *others = [_LOSSES[name](batch) for name in losses_named(loss)]
    return sum(others, start=first)


def class_weights(counts: NDArray[np.int64]) -> Tensor:
    """Compute class weights float32 ``(K,)``: the inverse sixth root of a class's share, at most 4 times the mean.

    Half of the patches are drawn by class already, so a stronger weighting would be too much; see
    ``benchmarks/log/2026-11-26.md``.

    A class without pixels has weight 1; the weight is never used.
    """
    present = counts > 0
    weights = np.ones(len(counts), np.float32)
    share = counts[present] / counts.sum()
    weights[present] = share ** (-1 / 6)
    weights[present] /= (weights[present] * share).sum()
    return torch.from_numpy(np.minimum(weights, 4.0))


def _cross_entropy(batch: _Batch) -> Tensor:
    """Compute the mean negative log-probability of the true class in nats, weighted by class."""
    return -(batch.weight * batch.log_right).sum() / batch.weight.sum().clamp(min=1e-6)


def _focal(batch: _Batch) -> Tensor:
    """Compute the cross-entropy with every pixel weighted by ``(1 - p) ** FOCUS``, to stress hard pixels."""
    hard = (1 - batch.right).clamp(min=0) ** FOCUS
    return -(batch.weight * hard * batch.log_right).sum() / batch.weight.sum().clamp(min=1e-6)


def _dice(batch: _Batch) -> Tensor:
    """Compute one minus soft Dice, averaged over the classes present."""
    both, predicted, size = batch.sizes
    overlap = (2 * both + 1) / (predicted + size + 1)  # (K,)
    present = size > 0
    return ((1 - overlap) * present).sum() / present.sum().clamp(min=1)


def _tversky(batch: _Batch) -> Tensor:
    """Compute one minus the soft Tversky index, averaged over the classes present; with both weights 0.5 it would be Dice."""
    both, predicted, size = batch.sizes
    wrong = FALSE_POSITIVES * (predicted - both) + FALSE_NEGATIVES * (size - both)
    index = (both + 0.5) / (both + wrong + 0.5)  # (K,)
    present = size > 0
    return ((1 - index) * present).sum() / present.sum().clamp(min=1)


def _boundary(batch: _Batch) -> Tensor:
    """Compute the mean distance to the predicted classes, weighted by probability, over the labelled pixels.

    Probability of class ``k`` at a pixel costs the signed distance to the boundary of ``k``, in units of ``REACH``: positive
    outside, negative inside. A constant makes a perfect prediction cost 0. The gradient is weak deep inside a wrong region,
    so add this loss to another one.
    """
    known = batch.known
    costs = signed_distances(batch.labels, batch.logs.shape[1]) / REACH  # (B, K, H, W)
    least = costs.gather(1, batch.target[:, None]).squeeze(1)  # (B, H, W)
    paid = (batch.probabilities * costs).sum(dim=1) - least
    return (paid * known).sum() / known.sum().clamp(min=1)


@torch.no_grad()
def signed_distances(labels: Tensor, classes: int) -> Tensor:
    """Compute the signed distance of each pixel to each class by labelled pixels: outside positive, inside negative.

    Parameters
    ----------
    labels
        uint8 ``(B, H, W)``, 255 where unlabelled; patches are independent.
    classes
        Number of classes ``K``.

    Returns
    -------
    Tensor
        float32 ``(B, K, H, W)`` in pixels. For a pixel of another class: Euclidean distance to the nearest pixel labelled
        ``k``. For a pixel of ``k``: minus the distance to the nearest pixel of any other class. At most ``REACH`` in
        magnitude; undefined where unlabelled.
    """
    ids = torch.arange(classes, device=labels.device, dtype=labels.dtype)
    inside = labels[:, None] == ids[:, None, None]  # (B, K, H, W)
    away = _distances(inside)
    others = away.masked_fill(inside, REACH).amin(dim=1, keepdim=True)  # (B, 1, H, W), from a pixel to another class
    return torch.where(inside, -others, away)


def _distances(mask: Tensor) -> Tensor:
    """Compute the Euclidean distance of each pixel to the nearest one of a mask, bool ``(..., H, W)``, at most ``REACH``.

    The result is exact, computed along rows and then columns on the device of the mask: SciPy takes twice as long.
    """
    width = mask.shape[-1]
    columns = torch.arange(width, device=mask.device, dtype=torch.int16)
    before = columns.new_full((), -REACH)
    after = columns.new_full((), width - 1 + REACH)
    left = torch.where(mask, columns, before).cummax(dim=-1).values
    right = torch.where(mask, columns, after).flip(-1).cummin(dim=-1).values.flip(-1)
    along = torch.minimum(columns - left, right - columns).clamp(max=REACH) ** 2  # squared, along the row
    nearest = along.clone()
    for step in range(1, min(REACH, mask.shape[-2])):
        farther = along + step**2
        torch.minimum(nearest[..., step:, :], farther[..., :-step, :], out=nearest[..., step:, :])
        torch.minimum(nearest[..., :-step, :], farther[..., step:, :], out=nearest[..., :-step, :])
    return nearest.clamp(max=REACH**2).float().sqrt()


_LOSSES: dict[Loss, Callable[[_Batch], Tensor]] = {
    Loss.CROSS_ENTROPY: _cross_entropy,
    Loss.DICE: _dice,
    Loss.FOCAL: _focal,
    Loss.TVERSKY: _tversky,
    Loss.BOUNDARY: _boundary,
}
