"""Labelled slices in memory, for the tests of the learner."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.config import TrainConfig
from core.training.learning.task import TrainingTask

NAMES = ("grey", "disc", "square")


@dataclass
class Drawn:
    """A slice drawn by a test; counts how often it is read."""

    pixels: NDArray
    mask: NDArray[np.uint8]
    weight: float = 1.0
    reads: int = 0

    def image(self, neighbours: int = 0) -> NDArray:
        self.reads += 1
        return np.concatenate([self.pixels] * (2 * neighbours + 1))

    def label(self) -> NDArray[np.uint8]:
        return self.mask

    def closed(self) -> NDArray[np.bool_]:
        return np.zeros(self.mask.shape, bool)


def discs(seed: int, shape: tuple[int, int] = (96, 112), *, noise: float = 8.0) -> Drawn:
    """Bright discs (class 1) and dark squares (class 2) on grey (class 0), uint8."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[: shape[0], : shape[1]]
    mask = np.zeros(shape, np.uint8)
    for _ in range(6):
        cy, cx = rng.integers(0, shape[0]), rng.integers(0, shape[1])
        mask[(y - cy) ** 2 + (x - cx) ** 2 < 64] = 1
        cy, cx = rng.integers(0, shape[0]), rng.integers(0, shape[1])
        mask[(abs(y - cy) < 6) & (abs(x - cx) < 6)] = 2
    grey = np.array([120.0, 190.0, 50.0])[mask] + rng.normal(0, noise, shape)
    return Drawn(grey.clip(0, 255).astype(np.uint8)[None], mask)


def disc_task(folder: Path, config: TrainConfig, **other: Any) -> TrainingTask:
    """A training on one slice of discs, validated on another."""
    given: dict[str, Any] = {"train": [discs(0)], "validation": [discs(1)], "class_names": NAMES, "in_channels": 1}
    return TrainingTask(**(given | other), config=config, folder=folder)
