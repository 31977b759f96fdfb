"""Label unlabelled pixels with confident predictions of the averaged network, where labels are few strokes.

The averaged weights (a mean teacher: Tarvainen and Valpola 2017, arXiv:1703.01780) predict each patch before artefacts, noise
and tones are added. Where the prediction is confident, the network must predict the same in the augmented patch (FixMatch:
Sohn et al. 2020, arXiv:2001.07685). Both patches have the same geometry, so their pixels correspond. The gain is measured in
``benchmarks/log/2026-11-28.md``.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from core.config import UNLABELLED

SURE = 0.6
"""Smallest probability of the likeliest class for a pseudo-label."""

FROM, FULL = 0.4, 0.6
"""Used shares of the budget where pseudo-labels begin to count, and count in full; earlier ones would be guesses."""


def weight(share_used: float) -> float:
    """Return the weight of pseudo-labels, 0 to 1, at a used share of the budget."""
    return min(1.0, max(0.0, (share_used - FROM) / (FULL - FROM)))


def pseudo_labels(teacher: nn.Module, images: Tensor, labels: Tensor) -> Tensor:
    """Return the likeliest class of unlabelled pixels with a confident prediction.

    Parameters
    ----------
    teacher
        The averaged network; set to evaluation mode, and run only on patches with unlabelled pixels.
    images
        Patches after the change of geometry, before any change of grey values, ``(B, C, H, W)``.
    labels
        uint8 ``(B, H, W)``, 255 where unlabelled; at least one pixel must be.

    Returns
    -------
    Tensor
        uint8 ``(B, H, W)``, 255 where labelled or not confident.
    """
    unknown = labels == UNLABELLED
    asked = unknown.flatten(1).any(dim=1)
    teacher.eval()
    with torch.no_grad():
        found = torch.as_tensor(teacher(images[asked].contiguous(memory_format=torch.channels_last))).float().softmax(dim=1)
    probability, likeliest = found.max(dim=1)
    sure = unknown[asked] & (probability >= SURE)
    result = torch.full_like(labels, UNLABELLED)
    result[asked] = likeliest.to(torch.uint8).masked_fill(~sure, UNLABELLED)
    return result
