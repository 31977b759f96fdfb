"""Check and load a user-supplied network, passed as an object from Python, never imported from a card."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

from core.errors import NetworkError


def name_of(network: nn.Module) -> str:
    """Return the name of a network in a card: module and class, readable and used to match the network later."""
    return f"{type(network).__module__}.{type(network).__qualname__}"


def prepared(network: nn.Module, in_channels: int, classes: int, side: int) -> nn.Module:
    """Check a network and return a copy to train.

    Parameters
    ----------
    network
        Maps images ``(B, in_channels, H, W)`` to scores ``(B, classes, H, W)``. ``H`` and ``W`` are multiples of its
        attribute ``stride`` (default 32). Its optional attribute ``reach`` is the number of pixels around a pixel with an
        influence on it. Training begins with its weights; the network itself stays unchanged.
    side
        Side of a training patch in pixels.

    Raises
    ------
    NetworkError
        If it cannot be copied, has no weights to train, fails on a patch or returns another shape.
    """
    name = name_of(network)
    stride = getattr(network, "stride", 1)
    if type(stride) is not int or stride < 1 or side % stride:
        raise NetworkError(
            f"The stride of {name} is {stride!r}; it must be a whole number that divides the patch of {side} pixels, so change "
            "one of them."
        )
    reach = getattr(network, "reach", 0)
    if type(reach) is not int or reach < 0:
        raise NetworkError(
            f"The reach of {name} is {reach!r}; it must be a whole number, 0 or more: the pixels around a pixel with an "
            "influence on it."
        )
    try:
        made, tried = copy.deepcopy(network), copy.deepcopy(network)
        with torch.no_grad():
            answers = [tried.train(mode)(torch.zeros(2, in_channels, side, side)) for mode in (True, False)]
    except Exception as error:  # user code may raise anything
        reason = (str(error).splitlines() or [""])[0]
        raise NetworkError(
            f"{name} failed on two patches, a tensor of shape (2, {in_channels}, {side}, {side}) ({type(error).__name__}: "
            f"{reason}); give a network that takes such images, in main memory."
        ) from error
    wanted = (2, classes, side, side)
    for answer in answers:
        if not isinstance(answer, Tensor) or tuple(answer.shape) != wanted:
            found = f"a tensor of shape {tuple(answer.shape)}" if isinstance(answer, Tensor) else f"a {type(answer).__name__}"
            raise NetworkError(f"{name} gives {found}; it must give scores of shape {wanted}, one for each class and pixel.")
    if not any(p.requires_grad for p in made.parameters()):
        raise NetworkError(f"{name} has no weight that may be trained; set requires_grad on some.")
    return made.train()


def loaded(network: nn.Module, name: str, state: dict[str, Tensor]) -> nn.Module:
    """Return a copy of a user-supplied network with the weights of a round.

    Raises
    ------
    NetworkError
        If the weights do not fit the network.
    """
    made = copy.deepcopy(network)
    try:
        made.load_state_dict(state)
    except RuntimeError as error:
        lines = str(error).splitlines()
        raise NetworkError(
            f"The {name} given does not fit the weights of the round ({lines[min(1, len(lines) - 1)].strip()}); give it built as "
            "it was for that round."
        ) from error
    return made
