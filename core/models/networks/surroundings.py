"""Normalise local contrast inside a network, to make it robust to shadows.

After Jarrett et al. 2009, "What is the best multi-stage architecture for object recognition?". Computed from the network's
input, it needs no extra data for a tile, and applies after augmentation.

The constants here are part of every trained network: to change one, add an argument to the cards.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from core.models.normalisation import LIMIT

CELLS = 4
"""Cells per standard deviation of the surroundings, which are measured in cells."""

FLOOR = 0.3
"""Added to the local deviation, in deviations of the slice, to avoid amplifying pure noise."""

REACH = 4.0
"""Radius of the surroundings in deviations: weights beyond it are so small that they slow down processors."""


class Surroundings(nn.Module):
    """Append locally normalised grey values: minus their local mean, divided by their local standard deviation.

    The original values stay, so that the brightness of a large region remains visible to the network.

    Parameters
    ----------
    sigma
        Standard deviation of the Gaussian weights, in pixels of the input; a multiple of 4.
    """

    def __init__(self, sigma: int) -> None:
        super().__init__()
        self.cell = sigma // CELLS

    def forward(self, folded: Tensor) -> Tensor:
        """Map ``(B, F, h, w)`` to float32 ``(B, 2 * F, h, w)``; the ``F`` pixels folded together share surroundings."""
        with torch.autocast(folded.device.type, enabled=False):
            x = folded.float()
            cells = functional.avg_pool2d(torch.stack([x.mean(1), x.square().mean(1)], 1), self.cell, ceil_mode=True)
            rows, columns = (_gaussian(length, cells.device) for length in cells.shape[2:])
            mean, square = (rows @ cells @ columns.T).unbind(1)  # each (B, h / cell, w / cell)
            factor = 1 / ((square - mean.square()).clamp_(min=0).sqrt_() + FLOOR)
            coarse = torch.stack([factor, mean * factor], 1)
            factor, less = functional.interpolate(coarse, scale_factor=self.cell, mode="bilinear").split(1, 1)
            height, width = x.shape[2:]
            local = torch.addcmul(-less[..., :height, :width], x, factor[..., :height, :width]).clamp_(-LIMIT, LIMIT)
            return torch.cat([x, local], 1)


def _gaussian(length: int, device: torch.device) -> Tensor:
    """Return normalised Gaussian weights ``(length, length)`` of each cell of a line, truncated at its ends."""
    at = torch.arange(length, device=device, dtype=torch.float32) / CELLS
    distance = at[:, None] - at
    weights = torch.exp(-0.5 * distance**2) * (distance.abs() <= REACH)
    return weights / weights.sum(dim=1, keepdim=True)
