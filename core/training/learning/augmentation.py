"""Augment patches with the variation of other slices: geometry, brightness, noise and imaging artefacts.

All functions take a batch of tensors on the training device. The ranges are not those of ``core.volumes.phantom``:
otherwise a test of robustness on the phantom would prove nothing.
"""

from __future__ import annotations

import math

import torch
from torch import Generator, Tensor
from torch.nn import functional

from core.config import UNLABELLED, AugmentConfig
from core.models.normalisation import LIMIT
from core.training.learning import artefacts

# Ranges at strength 1; grey values in standard deviations of their slice.
STRETCH = 0.2
"""Largest stretch of each axis, as a share, in either direction."""
BEND = 3.0
"""Standard deviation of the control points' shifts in a bent patch, in pixels; points are a fifth of its side apart."""
GAIN = 0.15
OFFSET = 0.2
GAMMA = 0.2
"""Exponent between ``exp(-GAMMA)`` and ``exp(GAMMA)``."""
NOISE = 0.2
SHADING = 0.25


def augment(
    images: Tensor, labels: Tensor, generator: Generator, side: int, config: AugmentConfig = AugmentConfig()
) -> tuple[Tensor, Tensor]:
    """Augment a batch of patches at random.

    Parameters
    ----------
    images
        Normalised, float32 ``(B, C, S, S)``, with ``S >= side``: the surplus keeps turned corners filled.
    labels
        uint8 ``(B, S, S)``, 255 where unlabelled.
    generator
        Random generator on the CPU, for patches on any device.
    side
        Side of the patches returned, in pixels.
    config
        Strengths of the changes.

    Returns
    -------
    images, labels
        float32 ``(B, C, side, side)`` and uint8 ``(B, side, side)``.
    """
    images, labels = warp(images, labels, generator, side, config)
    return change(images, generator, config), labels


def change(images: Tensor, generator: Generator, config: AugmentConfig) -> Tensor:
    """Add artefacts to patches and change their tones, without moving pixels; follows :func:`warp`."""
    return tone(artefacts.apply(images, generator, config), generator, config)


def warp(
    images: Tensor, labels: Tensor, generator: Generator, side: int, config: AugmentConfig = AugmentConfig()
) -> tuple[Tensor, Tensor]:
    """Flip patches and rotate them by right angles; rotate a share by any angle and stretch them, bend a share.

    Parameters and results are those of :func:`augment`.
    """
    surplus = images.shape[-1] - side
    matrices = _matrices(len(images), generator, config, surplus=surplus > 0).to(images.device)
    grid = _grid(matrices, side, images.shape[-1])
    if config.elastic:
        _bend(grid, generator, config, images.shape[-1])
    turned = functional.grid_sample(images, grid, mode="bilinear", padding_mode="reflection", align_corners=False)
    # Class ids are shifted by one, so zeros from outside the patch become unlabelled.
    moved = (labels + 1).unsqueeze(1).float()  # uint8: 255 wraps to 0
    chosen = functional.grid_sample(moved, grid, mode="nearest", padding_mode="zeros", align_corners=False)
    return turned, (chosen.squeeze(1).to(torch.uint8) + UNLABELLED)


def _matrices(number: int, generator: Generator, config: AugmentConfig, *, surplus: bool) -> Tensor:
    """Draw matrices float32 ``(number, 2, 2)``: a flip, a right-angle rotation and, for some, any angle with a stretch."""
    quarter = torch.randint(4, (number,), generator=generator) * (math.pi / 2)
    flip = torch.randint(2, (number,), generator=generator) * 2.0 - 1.0
    draws = torch.rand(number, 5, generator=generator)
    turned = (draws[:, 4] < config.flips).float()
    chosen = (draws[:, 0] < config.share).float() * float(surplus)
    angle = turned * (quarter + chosen * (draws[:, 1] - 0.5) * (math.pi / 2))
    factors = torch.exp(chosen[:, None] * (draws[:, 2:4] * 2 - 1) * math.log1p(STRETCH * config.scale))
    cos, sin = torch.round(torch.cos(angle), decimals=6), torch.round(torch.sin(angle), decimals=6)
    turn = torch.stack([torch.stack([cos, -sin], 1), torch.stack([sin, cos], 1)], 1)  # (number, 2, 2)
    scale = torch.diag_embed(factors * torch.stack([1 + turned * (flip - 1), torch.ones(number)], 1))
    return turn @ scale


def _grid(matrices: Tensor, side: int, full: int) -> Tensor:
    """Return the sampling grid of the patches, ``(B, side, side, 2)`` as (x, y) in -1 .. 1."""
    axis = (torch.arange(side, device=matrices.device, dtype=torch.float32) - (side - 1) / 2) * (2.0 / full)
    y, x = torch.meshgrid(axis, axis, indexing="ij")
    points = torch.stack([x, y], -1).reshape(1, -1, 2)  # (1, side * side, 2)
    return (points @ matrices.transpose(1, 2)).reshape(-1, side, side, 2)


def _bend(grid: Tensor, generator: Generator, config: AugmentConfig, full: int) -> None:
    """Deform the sampling grid of a share of the patches smoothly, in place."""
    chosen = torch.rand(len(grid), generator=generator) < config.share
    number, side = int(chosen.sum()), grid.shape[1]
    if number == 0:
        return
    points = torch.randn(number, 2, 6, 6, generator=generator) * (BEND * config.elastic * 2.0 / full)
    moves = functional.interpolate(points.to(grid), size=(side, side), mode="bicubic", align_corners=True)
    grid[chosen.to(grid.device)] += moves.permute(0, 2, 3, 1)


def tone(images: Tensor, generator: Generator, config: AugmentConfig = AugmentConfig()) -> Tensor:
    """Change gamma, gain and offset, shade softly across the patch and add noise."""
    number, channels = images.shape[:2]

    def draw(size: int = 1) -> Tensor:
        return (torch.rand(number, channels, size, size, generator=generator) * 2 - 1).to(images.device)

    if config.gamma:
        unit = (images / (2 * LIMIT) + 0.5).clamp(0, 1)  # -LIMIT .. LIMIT to 0 .. 1
        # Gamma leaves the middle grey fixed, so it does not shift the tones as a whole.
        images = (unit * 2).pow(torch.exp(GAMMA * config.gamma * draw())) * LIMIT - LIMIT
    if config.brightness:
        shading = SHADING * config.brightness
        gain = 1 + GAIN * config.brightness * draw() + _smooth(draw(3), images.shape[-1]) * (shading / 2)
        offset = OFFSET * config.brightness * draw() + _smooth(draw(3), images.shape[-1]) * shading
        images = torch.addcmul(offset, images, gain)
    if config.noise:
        strength = NOISE * config.noise * draw().clamp(min=0)
        images = torch.addcmul(images, strength, torch.randn(images.shape, generator=generator).to(images.device))
    return images.clamp(-LIMIT, LIMIT)


def _smooth(coarse: Tensor, side: int) -> Tensor:
    return functional.interpolate(coarse, size=(side, side), mode="bilinear", align_corners=True)
