"""What training minimises: losses over labelled pixels only, alone or added up.

Every loss looks at the same :class:`_Seen`, so that a sum of several takes one softmax. None takes part in the value or the
gradient where a pixel is unlabelled, and none has a term for a class that is absent from the labels of the batch, but for
the boundary loss, which knows how far away an absent class is at least.

MONAI has all but the boundary loss, and from 1.6 on they leave out an ignored label. They are not used because each repeats
the softmax and makes one-hot labels at every step, and because they count classes that are absent from a batch: with few
labels most batches lack some.

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
"""Power of the focal loss (its gamma): how much less a pixel counts that is right already."""

FALSE_POSITIVES, FALSE_NEGATIVES = 0.3, 0.7
"""What the Tversky loss counts them as; the missed pixels of a rare or thin class cost more."""

REACH = 16
"""Distances in the boundary loss end here, in pixels: beyond, a pixel is as wrong as it can be."""


@dataclass(frozen=True)
class _Seen:
    """One batch as every loss looks at it.

    Attributes
    ----------
    logs
        Logarithms of the probabilities, float32 ``(B, K, H, W)``.
    labels
        uint8 ``(B, H, W)``, 255 where unlabelled.
    weights
        Of the classes, ``(K,)``.
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
        """``(B, K, H, W)``."""
        return self.logs.exp()

    @cached_property
    def right(self) -> Tensor:
        """Probability of the true class, ``(B, H, W)``."""
        return self.log_right.exp()

    @cached_property
    def sizes(self) -> tuple[Tensor, Tensor, Tensor]:
        """Pixels of each class, soft: in both prediction and label, in the prediction, in the label; each ``(K,)``."""
        predicted = (self.probabilities * self.known[:, None]).sum(dim=(0, 2, 3))  # a matrix product would autocast
        ids, known = self.target.reshape(-1), self.known.reshape(-1)
        both = torch.zeros_like(predicted).index_add(0, ids, self.right.reshape(-1) * known)
        return both, predicted, torch.zeros_like(predicted).index_add(0, ids, known)


def masked_loss(scores: Tensor, labels: Tensor, weights: Tensor, loss: str = "cross-entropy+dice") -> Tensor:
    """The sum of some losses over the labelled pixels of a batch.

    Parameters
    ----------
    scores
        Before softmax, ``(B, K, H, W)``.
    labels
        uint8 ``(B, H, W)``, 255 where unlabelled.
    weights
        Of the classes in cross-entropy and focal loss, ``(K,)``.
    loss
        Names joined with ``+``, see :class:`core.config.Loss`.

    Returns
    -------
    Tensor
        A scalar, 0 or more; 0 with a gradient of 0 where nothing is labelled.

    Raises
    ------
    ValueError
        If there is no loss of such a name.
    """
    seen = _Seen(scores.float().log_softmax(dim=1), labels, weights)
    first, *others = [_LOSSES[name](seen) for name in losses_named(loss)]
    return sum(others, start=first)


def class_weights(counts: NDArray[np.int64]) -> Tensor:
    """Weights float32 ``(K,)``: rarer classes count more, by the sixth root of how much rarer, at most 4 times the mean.

    Half of the patches are drawn by class already, so that more would be too much; see ``benchmarks/log/2026-11-26.md``.

    An empty class has weight 1; it is in no label, so the weight is never used.
    """
    present = counts > 0
    weights = np.ones(len(counts), np.float32)
    share = counts[present] / counts.sum()
    weights[present] = share ** (-1 / 6)
    weights[present] /= (weights[present] * share).sum()
    return torch.from_numpy(np.minimum(weights, 4.0))


def _cross_entropy(seen: _Seen) -> Tensor:
    """Mean negative logarithm of the true class's probability, in nats, by the weight of the class."""
    return -(seen.weight * seen.log_right).sum() / seen.weight.sum().clamp(min=1e-6)


def _focal(seen: _Seen) -> Tensor:
    """Cross-entropy in which a pixel counts ``(1 - p) ** FOCUS``, so that the easy ones do not drown the hard."""
    hard = (1 - seen.right).clamp(min=0) ** FOCUS
    return -(seen.weight * hard * seen.log_right).sum() / seen.weight.sum().clamp(min=1e-6)


def _dice(seen: _Seen) -> Tensor:
    """One minus soft Dice, mean over the classes present."""
    both, predicted, size = seen.sizes
    overlap = (2 * both + 1) / (predicted + size + 1)  # (K,)
    present = size > 0
    return ((1 - overlap) * present).sum() / present.sum().clamp(min=1)


def _tversky(seen: _Seen) -> Tensor:
    """One minus the soft Tversky index, mean over the classes present; with both shares 0.5 it would be Dice."""
    both, predicted, size = seen.sizes
    wrong = FALSE_POSITIVES * (predicted - both) + FALSE_NEGATIVES * (size - both)
    index = (both + 0.5) / (both + wrong + 0.5)  # (K,)
    present = size > 0
    return ((1 - index) * present).sum() / present.sum().clamp(min=1)


def _boundary(seen: _Seen) -> Tensor:
    """Mean over the labelled pixels of how far away the classes are that the probability was given to.

    Class ``k`` costs at a pixel the signed distance to where ``k`` begins, in units of ``REACH``: positive outside,
    negative inside. To this the constant is added that makes a perfect prediction cost 0. It says little about a pixel
    deep inside a wrong region, so it is best added to another loss.
    """
    known = seen.known
    costs = signed_distances(seen.labels, seen.logs.shape[1]) / REACH  # (B, K, H, W)
    least = costs.gather(1, seen.target[:, None]).squeeze(1)  # (B, H, W)
    paid = (seen.probabilities * costs).sum(dim=1) - least
    return (paid * known).sum() / known.sum().clamp(min=1)


@torch.no_grad()
def signed_distances(labels: Tensor, classes: int) -> Tensor:
    """How far each pixel is outside (+) or inside (-) each class, as far as the labelled pixels tell.

    Parameters
    ----------
    labels
        uint8 ``(B, H, W)``, 255 where unlabelled; each patch by itself.
    classes
        Number of classes ``K``.

    Returns
    -------
    Tensor
        float32 ``(B, K, H, W)`` in pixels: Euclidean distance to the nearest pixel labelled ``k`` for a pixel of another
        class, minus that to the nearest pixel of any other class for a pixel of ``k``; at most ``REACH`` either way.
        Without meaning where unlabelled.
    """
    ids = torch.arange(classes, device=labels.device, dtype=labels.dtype)
    inside = labels[:, None] == ids[:, None, None]  # (B, K, H, W)
    away = _distances(inside)
    others = away.masked_fill(inside, REACH).amin(dim=1, keepdim=True)  # (B, 1, H, W), from a pixel to another class
    return torch.where(inside, -others, away)


def _distances(mask: Tensor) -> Tensor:
    """Euclidean distance of each pixel to the nearest one of a mask, bool ``(..., H, W)``, at most ``REACH``.

    Exact, row by row and then down the columns, on the device where the mask is: SciPy's takes twice as long.
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


_LOSSES: dict[Loss, Callable[[_Seen], Tensor]] = {
    Loss.CROSS_ENTROPY: _cross_entropy,
    Loss.DICE: _dice,
    Loss.FOCAL: _focal,
    Loss.TVERSKY: _tversky,
    Loss.BOUNDARY: _boundary,
}
