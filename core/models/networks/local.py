"""Grey values as their surroundings make them appear, so that a network sees through shadow as the eye does.

Local contrast normalisation (Jarrett et al. 2009, "What is the best multi-stage architecture for object recognition?"), computed
inside the network from what it is given: nothing has to travel with a tile, and augmentation comes first.

The constants here are part of every network trained with them: a change needs another argument in the cards.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from core.models.normalisation import LIMIT

CELLS = 4
"""The surroundings are measured in cells, so many to their deviation."""

FLOOR = 0.3
"""Added to the local deviation, in deviations of the slice: where there is nothing but noise, noise is not blown up."""

REACH = 4.0
"""Deviations at which the surroundings end: weights further away are so small that processors take ages over them."""


class Surroundings(nn.Module):
    """Beside the grey values, the same less their local mean and divided by their local deviation.

    Beside them and not in their place: how bright a large region is stays visible.

    Parameters
    ----------
    sigma
        Deviation of the Gaussian that weighs the surroundings, in pixels of what is given; a multiple of 4.
    """

    def __init__(self, sigma: int) -> None:
        super().__init__()
        self.cell = sigma // CELLS

    def forward(self, folded: Tensor) -> Tensor:
        """Float32 ``(B, 2 * F, h, w)`` of ``(B, F, h, w)``: the ``F`` pixels folded into one place share their surroundings."""
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
    """``(length, length)``: what each cell of a line takes of the others; at the ends, of those that there are."""
    at = torch.arange(length, device=device, dtype=torch.float32) / CELLS
    distance = at[:, None] - at
    weights = torch.exp(-0.5 * distance**2) * (distance.abs() <= REACH)
    return weights / weights.sum(dim=1, keepdim=True)
