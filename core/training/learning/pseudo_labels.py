"""Labels for what nobody has painted, where a few strokes are all there is: what the averaged network is sure of.

The average of the weights (a mean teacher: Tarvainen and Valpola 2017, arXiv:1703.01780) looks at each patch before faults, noise
and tones are put on it, and where it is sure the network must find the same in the patch as it is trained on (FixMatch: Sohn et
al. 2020, arXiv:2001.07685). The two lie pixel on pixel, as both were turned and bent alike. What it gains is in
``benchmarks/log/2026-11-28.md``.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from core.config import UNLABELLED

SURE = 0.6
"""Probability from which the likeliest class is taken for a label."""

FROM, FULL = 0.4, 0.6
"""Shares of the budget at which pseudo-labels begin to count, and from which they count in full: before, they are guesses."""


def weight(share_used: float) -> float:
    """How much pseudo-labels count, 0 to 1, by the share of the budget that is used up."""
    return min(1.0, max(0.0, (share_used - FROM) / (FULL - FROM)))


def pseudo_labels(teacher: nn.Module, images: Tensor, labels: Tensor) -> Tensor:
    """The likeliest class where nothing is labelled and the teacher is sure.

    Parameters
    ----------
    teacher
        The averaged network; it is put into evaluation mode, and asked about patches alone that want some.
    images
        As they were drawn and turned, but otherwise unchanged, ``(B, C, H, W)``.
    labels
        uint8 ``(B, H, W)``, 255 where a pseudo-label is wanted, which is so somewhere.

    Returns
    -------
    Tensor
        uint8 ``(B, H, W)``, 255 where none is wanted, or it is not sure.
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
