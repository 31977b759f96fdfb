"""A U-Net at half resolution, fast enough for two CPU cores.

A pixel-unshuffle stem folds every 2 x 2 pixels into channels; the head unfolds them. No convolution runs at full
resolution. After Ronneberger et al. 2015 (U-Net), He et al. 2016 (residual blocks) and Shi et al. 2016 (pixel shuffle).
"""

from __future__ import annotations

import math
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.fusion import fuse_conv_bn_eval

from core.models.networks.surroundings import CELLS, Surroundings

FOLD = 2
"""Image pixels per pixel of the first level, along each axis."""

LEAST_REACH = 96
"""Minimum reach of a network around a pixel, in pixels, and the default for a network without its own; see
``benchmarks/log/2026-11-27-later.md``. The convolutions of the U-Nets here reach five times their stride."""

DROPPED = 2
"""Number of deepest levels with channel dropout in training."""


class ConvNorm(nn.Module):
    """A 3 x 3 convolution and batch normalisation.

    Batch normalisation is frozen in prediction, so a pixel's result does not depend on the division into tiles.
    """

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, out_channels, 3, padding=1, bias=False)
        self.norm: nn.Module = nn.BatchNorm2d(out_channels)

    def forward(self, x: Tensor) -> Tensor:
        return torch.as_tensor(self.norm(self.conv(x)))

    def fuse(self) -> None:
        """Fold the frozen normalisation into the convolution; use in evaluation mode only."""
        if isinstance(self.norm, nn.BatchNorm2d):
            self.conv = fuse_conv_bn_eval(self.conv, self.norm)
            self.norm = nn.Identity()


class Block(nn.Module):
    """Two convolutions; the second adds to the first.

    Here and in :class:`Merge`, the output of a normalisation is modified in place: its backward pass needs only its input.
    """

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.first = ConvNorm(in_channels, out_channels)
        self.second = ConvNorm(out_channels, out_channels)

    def forward(self, x: Tensor) -> Tensor:
        x = functional.relu(self.first(x), inplace=True)
        return functional.relu(self.second(x).add_(x), inplace=True)


class ChannelDropout(nn.Dropout2d):
    """Dropout of whole channels (Tompson et al. 2015), off until enabled in training."""

    def __init__(self) -> None:
        super().__init__(0.0)


class Stem(Block):
    """A block on an image folded 2 x 2 into channels, optionally with its :class:`Surroundings`.

    Maps ``(B, C, H, W)`` to ``(B, channels, H / 2, W / 2)``.
    """

    def __init__(self, in_channels: int, channels: int, local: int) -> None:
        if local % (FOLD * CELLS):
            raise ValueError(f"local is {local}; allowed are multiples of {FOLD * CELLS}")
        super().__init__(in_channels * FOLD**2 * (2 if local else 1), channels)
        self.surroundings = Surroundings(local // FOLD) if local else None

    def forward(self, image: Tensor) -> Tensor:
        x = functional.pixel_unshuffle(image, FOLD)  # (B, C * 4, H / 2, W / 2)
        if self.surroundings is not None:
            each = x.reshape(-1, FOLD**2, *x.shape[2:])  # separate surroundings for every channel
            x = self.surroundings(each).reshape(len(x), -1, *x.shape[2:])
        return super().forward(x.contiguous(memory_format=torch.channels_last))


class Merge(nn.Module):
    """Upsample the level below to twice the size, add the skip connection above and apply one convolution.

    Adding instead of stacking, and one convolution instead of two, halve the time of a step.
    """

    def __init__(self, below: int, above: int) -> None:
        super().__init__()
        self.lift = nn.Conv2d(below, above, 1)
        self.conv = ConvNorm(above, above)

    def forward(self, below: Tensor, above: Tensor) -> Tensor:
        x = functional.interpolate(self.lift(below), scale_factor=2.0, mode="nearest").add_(above)
        return functional.relu(self.conv(x).add_(x), inplace=True)


class Decoded(nn.Module):
    """Base class of the U-Nets here: a decoder with accessible levels and a head to unfold the finest level.

    A subclass sets the modules ``up``, the merges with the finest level first, and ``head``.

    Parameters
    ----------
    depth
        Levels below the first.
    local
        Standard deviation of the surroundings in pixels; 0 disables them.
    """

    up: nn.ModuleList
    head: nn.Conv2d
    widths: list[int]
    """Channels of the decoder's levels, the finest first."""

    def __init__(self, depth: int, local: int) -> None:
        super().__init__()
        self.stride = FOLD * 2**depth
        """Divisor of an image's height and width, in pixels."""
        self.grid = math.lcm(self.stride, max(1, local // CELLS))
        """Divisor of a window's start within a slice, in pixels; aligns the cells of all levels and of the surroundings."""
        self.reach = max(LEAST_REACH, 5 * self.stride, 3 * local)
        """Radius in pixels of noticeable influence on a pixel."""

    def decoded(self, image: Tensor) -> list[Tensor]:
        """Return the decoder's levels, finest first: ``(B, channels, H / 2, W / 2)``, each next half as large.

        ``H`` and ``W`` of the image ``(B, in_channels, H, W)`` are multiples of ``stride``.
        """
        raise NotImplementedError

    def scores(self, finest: Tensor) -> Tensor:
        """Map the finest level to class scores before softmax, ``(B, classes, H, W)``."""
        return functional.pixel_shuffle(self.head(finest), FOLD)

    def forward(self, image: Tensor) -> Tensor:
        """Map an image ``(B, in_channels, H, W)`` to class scores before softmax, ``(B, classes, H, W)``."""
        return self.scores(self.decoded(image)[0])

    def merged(self, x: Tensor, skips: list[Tensor]) -> list[Tensor]:
        """Decode from the deepest level upwards, consuming the skip connections; return levels as :meth:`decoded`."""
        levels = []
        for merge in reversed(self.up):
            x = merge(x, skips.pop())
            levels.append(x)
        return levels[::-1]

    def fuse(self) -> None:
        """Set evaluation mode and fold every frozen normalisation into its convolution, for prediction."""
        self.eval()
        for module in self.modules():
            if isinstance(module, ConvNorm):
                module.fuse()


class UNet(Decoded):
    """A U-Net with class scores for every pixel.

    Parameters
    ----------
    in_channels
        Channels of the image.
    classes
        Number of classes.
    channels
        Channels of the first level; doubled at each level below.
    depth
        Levels below the first.
    local
        Standard deviation of the surroundings in pixels, a multiple of 8. The input gets a second copy of the image, with
        local mean and contrast removed; 0 for no such copy.
    """

    def __init__(self, in_channels: int, classes: int, channels: int = 32, depth: int = 3, local: int = 0) -> None:
        super().__init__(depth, local)
        widths = [channels * 2**level for level in range(depth + 1)]
        self.widths = widths[:-1]
        self.stem = Stem(in_channels, widths[0], local)
        self.down = nn.ModuleList(Block(a, b) for a, b in pairwise(widths))
        self.up = nn.ModuleList(Merge(b, a) for a, b in pairwise(widths))
        self.dropout = ChannelDropout()
        self.head = nn.Conv2d(widths[0], classes * FOLD**2, 1)

    def decoded(self, image: Tensor) -> list[Tensor]:
        """Return the decoder's levels; see :class:`Decoded`."""
        x = self.stem(image)
        skips = []
        for level, block in enumerate(self.down, start=1):
            skips.append(x)
            x = block(functional.max_pool2d(x, 2))
            if level > len(self.down) - DROPPED:
                x = self.dropout(x)
        # x: (B, channels * 2 ** depth, H / stride, W / stride)
        return self.merged(x, skips)
