"""Deep supervision: while a network trains, the coarse levels of its decoder are asked for the classes as well.

So every level learns from the labels directly (Lee et al. 2015, "Deeply-supervised nets").
The heads that answer belong to the training: neither a checkpoint nor a prediction knows of them.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from core.models.networks.unet import Decoded
from core.training.learning.losses import masked_loss

WEIGHT = 0.3
"""Of the loss of each coarse level beside that of every pixel; see ``benchmarks/log/2026-11-26-night.md``."""


class CoarseHeads(nn.Module):
    """A head for each level of a decoder but the finest.

    Parameters
    ----------
    network
        Whose levels are asked.
    classes
        Number of classes.
    """

    def __init__(self, network: Decoded, classes: int) -> None:
        super().__init__()
        self.heads = nn.ModuleList(nn.Conv2d(width, classes, 1) for width in network.widths[1:])

    def loss(self, levels: Sequence[Tensor], labels: Tensor, weights: Tensor, loss: str) -> Tensor:
        """What the coarse levels add to the loss.

        Parameters
        ----------
        levels
            Of the decoder without the finest, ``(B, channels, h, w)`` each.
        labels, weights, loss
            As for :func:`core.training.learning.losses.masked_loss`; a level sees the label in the middle of each of its pixels.
        """
        found = torch.zeros((), device=labels.device)
        for head, level in zip(self.heads, levels, strict=True):
            found = found + WEIGHT * masked_loss(head(level), thinned(labels, level.shape[-1]), weights, loss)
        return found


def thinned(labels: Tensor, side: int) -> Tensor:
    """Every so many labels of ``(B, S, S)`` that ``(B, side, side)`` are left."""
    step = labels.shape[-1] // side
    return labels[:, step // 2 :: step, step // 2 :: step]
