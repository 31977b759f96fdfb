"""A network of ten lines, for the tests of prediction."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from core.config import PredictConfig
from core.geometry import SliceId
from core.models import normalisation
from core.models.loaded import LoadedModels
from core.models.predictor import Predictor, ready
from core.storage.checkpoints import Card
from core.storage.store import Store

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


class ThresholdModels(LoadedModels):
    """Models of a project in which every round is this network; ``seen`` are the slices it was given, in turn."""

    def __init__(self, store: Store) -> None:
        super().__init__(store)
        self.seen: list[SliceId] = []

    def predictor(self, round_: int) -> Predictor:
        self.store.checkpoint(round_)
        return threshold()

    def inputs(self, round_: int, volume: int) -> Callable[[int], NDArray]:
        stack = super().inputs(round_, volume)

        def noted(z: int) -> NDArray:
            self.seen.append(SliceId(volume, z))
            return stack(z)

        return noted
