"""Build a network from the closed list of architectures and its integer arguments."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from torch import nn

from core.config import EARLIER, LEAST_DEPTH, OWN_NOT_GIVEN, Architecture, TrainConfig
from core.errors import NetworkError
from core.models.networks.own import prepared
from core.models.networks.unet import UNet
from core.models.networks.unet3d import FLAT, UNet3D

Limits = Mapping[str, tuple[int, int]]
"""Lowest and highest value of every argument: a card is a file and must not make the machine allocate all its memory."""

_SIZES: Limits = {"in_channels": (1, 64), "classes": (2, 255), "channels": (4, 256)}

LIMITS: Mapping[str, Limits] = {
    Architecture.UNET: {**_SIZES, "depth": (1, 6), "local": (0, 256)},
    Architecture.UNET_3D: {
        **_SIZES,
        "depth": (LEAST_DEPTH[Architecture.UNET_3D], 6),
        "slices": (3, 7),
        "local": (0, 256),
        "flat": (1, 6),
    },
    Architecture.MONAI_BASIC_UNET: _SIZES,
    Architecture.MONAI_UNET: {**_SIZES, "depth": (1, 6)},
    Architecture.MONAI_DYN_UNET: {**_SIZES, "depth": (LEAST_DEPTH[Architecture.MONAI_DYN_UNET], 6)},
    Architecture.MONAI_SEG_RES_NET: {**_SIZES, "depth": (1, 6)},
    Architecture.MONAI_ATTENTION_UNET: {**_SIZES, "depth": (1, 6)},
    Architecture.MONAI_UNETR: {**_SIZES, "channels": (4, 64), "window": (64, 1024)},
}
"""The arguments of each architecture; :func:`arguments` explains them."""

_BUILT_IN: Mapping[str, Callable[..., nn.Module]] = {Architecture.UNET: UNet, Architecture.UNET_3D: UNet3D}

MAY_LEAVE_UNUSED = frozenset(LIMITS.keys() - _BUILT_IN.keys())
"""Networks that may have weights without influence on their scores; several GPUs must be told.

MONAI's UNETR has some. The others of MONAI have none in the version tried.
"""

_OWN = ("in_channels", "classes")
"""The arguments recorded for a user-supplied network."""


def arguments(config: TrainConfig, in_channels: int, classes: int) -> dict[str, int]:
    """Return the arguments for building the configured architecture.

    They are ``channels`` of the first level, ``depth`` levels below it, and the number of ``slices`` stacked. ``flat``
    levels process each slice separately. ``local`` is the standard deviation of the surroundings in pixels. ``window`` is
    the side of a patch, for networks with images of one size only.

    Parameters
    ----------
    config
        Settings of the training.
    in_channels
        Channels of one slice.
    classes
        Number of classes.
    """
    known = {
        "in_channels": in_channels * (2 * config.neighbours + 1),
        "classes": classes,
        "channels": config.channels,
        "depth": config.depth,
        "window": config.patch,
        "slices": 2 * config.neighbours + 1,
        "local": config.local,
        "flat": FLAT if config.flat is None else config.flat,
    }
    return {name: known[name] for name in LIMITS.get(config.architecture, _OWN)}


def chosen(config: TrainConfig, given: Mapping[str, int], own: nn.Module | None) -> nn.Module:
    """Return the network to train: built with random weights, or a copy of a user-supplied network with its weights.

    Raises
    ------
    NetworkError
        If the network cannot be built or trained. Also if a user-supplied network is missing or unexpected.
    """
    if (config.architecture == Architecture.OWN) != (own is not None):
        raise NetworkError(
            f"A network was given, but the round trains {config.architecture}; leave the network out."
            if own is not None
            else OWN_NOT_GIVEN
        )
    if own is not None:
        return prepared(own, given["in_channels"], given["classes"], config.patch)
    try:
        return build(config.architecture, given)
    except ValueError as error:
        raise NetworkError(f"The network {config.architecture} cannot be built ({error}); change its settings.") from error


def completed(architecture: str, given: Mapping[str, int]) -> dict[str, int]:
    """Return the arguments of a card, with defaults for those missing from cards of earlier versions."""
    earlier = {**EARLIER, "flat": FLAT}
    return {**{name: earlier[name] for name in LIMITS.get(architecture, ()) if name in earlier}, **given}


def build(architecture: str, given: Mapping[str, int]) -> nn.Module:
    """Build a network with random weights.

    It maps images ``(B, in_channels, H, W)`` to class scores ``(B, classes, H, W)``; ``H`` and ``W`` are multiples of
    its attribute ``stride``.

    Raises
    ------
    ValueError
        If the architecture is unknown, or an argument is missing, unknown or out of range.
    NetworkError
        If the network needs a package not installed here.
    """
    if architecture not in LIMITS:
        raise ValueError(f"architecture is {architecture!r}; allowed is one of {', '.join(LIMITS)}")
    limits = LIMITS[architecture]
    given = completed(architecture, given)
    if given.keys() != limits.keys():
        raise ValueError(f"{architecture} takes {', '.join(limits)}, got {', '.join(given)}")
    for name, (low, high) in limits.items():
        if not low <= given[name] <= high:
            raise ValueError(f"{name} is {given[name]}; allowed is {low} to {high}")
    return _maker(architecture)(**given)


def _maker(architecture: str) -> Callable[..., nn.Module]:
    if architecture in _BUILT_IN:
        return _BUILT_IN[architecture]
    try:
        from core.models.networks import monai_nets  # takes seconds to import; few users need it
    except ImportError as error:
        raise NetworkError(
            f"The network {architecture} needs {error.name}, which is not installed; install it with "
            f"`pip install 'underpaint[monai]'`, or train the network {Architecture.UNET}."
        ) from error
    return monai_nets.MAKERS[architecture]
