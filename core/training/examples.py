"""Draw examples of training input: a patch of a slice, unchanged and as augmented in training."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from core.config import UNLABELLED, AugmentConfig
from core.models.normalisation import measure
from core.training.learning.augmentation import augment
from core.training.learning.patches import LoadedSlice, drawn_side


@dataclass(frozen=True)
class Examples:
    """Versions of one patch of a slice; the first is unchanged.

    Attributes
    ----------
    images
        float32 ``(1 + N, C, S, S)``, in standard deviations of the slice.
    labels
        uint8 ``(1 + N, S, S)``: class ids; 255 where unlabelled, or from outside the patch.
    """

    images: NDArray[np.float32]
    labels: NDArray[np.uint8]


def make_examples(
    image: NDArray, label: NDArray[np.uint8], config: AugmentConfig, *, side: int, number: int, seed: int
) -> Examples:
    """Draw a patch of a slice, and augment it ``number`` times.

    Parameters
    ----------
    image
        A raw slice ``(C, H, W)``.
    label
        uint8 ``(H, W)`` class ids, 255 where unlabelled; may be unlabelled everywhere.
    config
        Settings of the augmentation.
    side
        Side of the patches, in pixels.
    number
        Number of augmented patches.
    seed
        Seed of the position and of the changes; the position does not depend on ``config``.
    """
    loaded = LoadedSlice(image, measure(image), label)
    full = drawn_side(side)
    y, x = _corner(loaded, side, np.random.default_rng(seed))
    surplus = (full - side) // 2
    patch, truth = loaded.crop(y - surplus, x - surplus, full)
    images, labels = (torch.from_numpy(part)[None].repeat(number, *[1] * part.ndim) for part in (patch, truth))
    changed, moved = augment(images, labels, torch.Generator().manual_seed(seed), side, config)
    inner = slice(surplus, surplus + side)
    return Examples(
        np.concatenate([patch[None, :, inner, inner], changed.numpy()]),
        np.concatenate([truth[None, inner, inner], moved.numpy()]),
    )


def _corner(loaded: LoadedSlice, side: int, rng: np.random.Generator) -> tuple[int, int]:
    """Draw the upper left corner of a square around a labelled pixel, each class equally often.

    Without a labelled pixel, the square may lie anywhere.
    """
    shape = np.array(loaded.label.shape)
    present = np.setdiff1d(np.unique(loaded.label), [UNLABELLED])
    if present.size:
        pixels = np.flatnonzero(loaded.label == rng.choice(present))
        centre = np.array(np.unravel_index(rng.choice(pixels), loaded.label.shape))
    else:
        centre = rng.integers(shape)
    y, x = np.clip(centre - side // 2, 0, np.maximum(0, shape - side))
    return int(y), int(x)
