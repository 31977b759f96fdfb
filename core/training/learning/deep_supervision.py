"""Deep supervision: during training, the coarse levels of a network's decoder predict the classes as well.

Every level then learns from the labels directly (Lee et al. 2015, "Deeply-supervised nets").
The additional heads exist in training only: neither checkpoints nor predictions contain them.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from core.models.networks.unet import Decoded
from core.training.learning.losses import masked_loss

WEIGHT = 0.3
"""Weight of the loss of each coarse level, relative to the finest; see ``benchmarks/log/2026-11-26-night.md``."""


class CoarseHeads(nn.Module):
    """A head for each level of a decoder except the finest.

    Parameters
    ----------
    network
        Network with the decoder.
    classes
        Number of classes.
    """

    def __init__(self, network: Decoded, classes: int) -> None:
        super().__init__()
        self.heads = nn.ModuleList(nn.Conv2d(width, classes, 1) for width in network.widths[1:])

    def loss(self, levels: Sequence[Tensor], labels: Tensor, weights: Tensor, loss: str) -> Tensor:
        """Return the loss of the coarse levels, to add to that of the finest.

        Parameters
        ----------
        levels
            Features of each level except the finest, ``(B, channels, h, w)``.
        labels, weights, loss
            As for :func:`core.training.learning.losses.masked_loss`; a pixel of a level takes the label at its centre.
        """
        found = torch.zeros((), device=labels.device)
        for head, level in zip(self.heads, levels, strict=True):
            found = found + WEIGHT * masked_loss(head(level), thinned(labels, level.shape[-1]), weights, loss)
        return found


def thinned(labels: Tensor, side: int) -> Tensor:
    """Subsample labels ``(B, S, S)`` at regular steps to ``(B, side, side)``."""
    step = labels.shape[-1] // side
    return labels[:, step // 2 :: step, step // 2 :: step]
