"""The closed list of architectures that a card may name."""

from __future__ import annotations

from collections.abc import Mapping

from torch import nn

from core.networks.unet import UNet

UNET = "unet"


def build(architecture: str, arguments: Mapping[str, int]) -> nn.Module:
    """Make a network with random weights.

    Raises
    ------
    ValueError
        If the architecture is not in the list or does not take the arguments.
    """
    if architecture != UNET:
        raise ValueError(f"architecture is {architecture!r}; allowed is {UNET!r}")
    if arguments.keys() != UNet.LIMITS.keys():
        raise ValueError(f"{UNET} takes {', '.join(UNet.LIMITS)}, got {', '.join(arguments)}")
    return UNet(**arguments)
