"""What a training begins with: the weights of an earlier checkpoint, all of them or by half."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import nn

from core.config import InitialWeights, TrainConfig
from core.errors import CheckpointError
from core.models import normalisation
from core.models.networks import completed
from core.storage.checkpoints import load

KEPT = 0.5
"""Share of the old weights that shrink and perturb keeps; the rest is drawn at random."""


def inherit(network: nn.Module, folder: Path, config: TrainConfig, given: Mapping[str, int]) -> str:
    """Give a network that was just built the weights of a checkpoint; those that do not fit stay as they were drawn.

    So with a class added, only the last layer is new. With ``shrink-perturb`` weights with two axes or more become half
    old and half new, which learns new labels more readily: shrink and perturb, Ash & Adams 2020, arXiv:1910.08475.

    Parameters
    ----------
    network
        With random weights; changed in place.
    folder
        Of the checkpoint. No code in it is run.
    config, given
        How the network is trained, and the arguments it was built with.

    Returns
    -------
    str
        Why the network was left as it is, to follow "because"; empty where it has the weights.
    """
    try:
        card, old = load(folder)
    except CheckpointError:
        return f"the checkpoint {folder.name} is missing or damaged"
    if card.normalisation != normalisation.NAME:
        return f"{folder.name} was trained on grey values of another normalisation"
    if (card.architecture, _size(card.architecture, card.network)) != (config.architecture, _size(config.architecture, given)):
        return f"{folder.name} has another network, or one of another size"
    new = network.state_dict()
    fitting = [name for name in new if name in old and old[name].shape == new[name].shape]
    if not fitting:
        return f"{folder.name} holds no weights of its network"
    with torch.no_grad():
        for name in fitting:
            half = config.initial_weights == InitialWeights.SHRINK_PERTURB and new[name].ndim >= 2
            new[name].copy_(KEPT * old[name] + (1 - KEPT) * new[name] if half else old[name])
    return ""


def _size(architecture: str, given: Mapping[str, int]) -> dict[str, int]:
    """The arguments of a network but for its classes."""
    return {name: value for name, value in completed(architecture, given).items() if name != "classes"}
