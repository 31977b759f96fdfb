"""A network of ten lines, for the tests of prediction."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from core.config import PredictConfig
from core.models import normalisation
from core.models.predictor import Predictor, ready
from core.storage.checkpoints import Card

NETWORK = {"in_channels": 1, "classes": 3, "channels": 4, "depth": 2}
CARD_OF_2 = Card("unet", NETWORK, ("dark", "bright"), 1, normalisation.NAME, {}, 0)


class Threshold(nn.Module):
    """Class 1 where the normalised grey value is above 0."""

    stride = 8

    def __init__(self) -> None:
        super().__init__()
        self.slope = nn.Parameter(torch.tensor(8.0))

    def forward(self, image: Tensor) -> Tensor:
        return torch.cat([-image, image], dim=1) * self.slope


def threshold(**config: int) -> Predictor:
    """It, ready to predict."""
    return Predictor(ready(Threshold(), torch.device("cpu")), CARD_OF_2, PredictConfig(**config))


def noise(shape: tuple[int, int], seed: int = 0) -> NDArray[np.uint8]:
    """A slice, uint8 ``(1, H, W)``."""
    return np.random.default_rng(seed).integers(0, 256, (1, *shape), dtype=np.uint8)
