"""The U-Net of ``core.models.networks.unet`` over a stack of slices, for volumes with slices thicker than their pixels.

Fine levels process every slice separately. In coarse levels, pixels are as wide as the distance of slices; there
3 x 3 x 3 convolutions join three slices. Each shortens the stack by one slice at both ends, down to the middle slice,
the only one decoded. After Lee et al. 2017, who begin in 2D for the same reason.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from core.models.networks.unet import DROPPED, FOLD, Block, ChannelDropout, Decoded, Merge, Stem

FLAT = 2
"""Default number of levels for separate slices, if the slice thickness is unknown."""


class UNet3D(Decoded):
    """A U-Net over a stack of slices, with class scores for every pixel of the middle one.

    Parameters
    ----------
    in_channels
        Channels of all slices together, the lowest slice first.
    classes
        Number of classes.
    channels
        Channels of the first level; doubled at each level below.
    depth
        Levels below the first.
    slices
        An odd number of slices, 3 or more.
    local
        As for :class:`core.models.networks.unet.UNet`.
    flat
        Levels for separate slices, including the first; levels below join slices.

    Raises
    ------
    ValueError
        If the number of slices is even, does not divide the channels or is too large for the levels.
    """

    def __init__(
        self, in_channels: int, classes: int, channels: int, depth: int, slices: int, local: int = 0, flat: int = FLAT
    ) -> None:
        super().__init__(depth, local)
        if slices % 2 == 0 or in_channels % slices:
            raise ValueError(f"slices is {slices}; allowed is an odd divisor of the {in_channels} channels")
        least = flat - 1 + slices // 2
        if depth < least:
            raise ValueError(f"depth is {depth}; with {slices} slices and {flat} flat levels allowed is {least} or more")
        widths = [channels * 2**level for level in range(depth + 1)]
        self.widths = widths[:-1]
        self.slices = slices
        self.joining = range(flat, flat + slices // 2)
        """Numbers of the levels joining three slices."""
        self.stem = Stem(in_channels // slices, widths[0], local)
        self.down = nn.ModuleList(
            Block(3 * above if level in self.joining else above, below)
            for level, (above, below) in enumerate(pairwise(widths), start=1)
        )
        self.up = nn.ModuleList(Merge(below, above) for above, below in pairwise(widths))
        self.dropout = ChannelDropout()
        self.head = nn.Conv2d(widths[0], classes * FOLD**2, 1)

    def decoded(self, image: Tensor) -> list[Tensor]:
        """Return the decoder's levels of the middle slice; see :class:`core.models.networks.unet.Decoded`."""
        slices = self.slices
        x = image.reshape(len(image) * slices, -1, *image.shape[2:])  # (B * slices, C, H, W)
        x = self.stem(x)
        skips = []
        for level, block in enumerate(self.down, start=1):
            skips.append(x.unflatten(0, (-1, slices))[:, slices // 2])
            x = functional.max_pool2d(x, 2)
            if level in self.joining:
                x = joined(x, slices)
                slices -= 2
            x = block(x)
            if level > len(self.down) - DROPPED:
                x = self.dropout(x)
        return self.merged(x, skips)


def joined(x: Tensor, slices: int) -> Tensor:
    """Stack every three neighbouring slices as channels, to make a 2D convolution act as a 3D one.

    Maps ``(B * slices, C, h, w)`` to ``(B * (slices - 2), 3 * C, h, w)``.
    """
    stack = x.unflatten(0, (-1, slices))  # (B, slices, C, h, w)
    threes = torch.cat([stack[:, :-2], stack[:, 1:-1], stack[:, 2:]], dim=2)
    return threes.flatten(0, 1).contiguous(memory_format=torch.channels_last)
