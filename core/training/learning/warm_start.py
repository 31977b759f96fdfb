"""Begin a training with the weights of an earlier checkpoint, or with a mixture of old and random ones."""

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
"""Share of the old weights in shrink and perturb; the rest is random."""


def inherit(network: nn.Module, folder: Path, config: TrainConfig, given: Mapping[str, int]) -> str:
    """Copy the weights of a checkpoint into a newly built network; weights of another shape stay random.

    With a class added, only the last layer is new. With ``shrink-perturb``, weights with two axes or more become half old
    and half new, to learn new labels more readily: shrink and perturb, Ash & Adams 2020, arXiv:1910.08475.

    Parameters
    ----------
    network
        Network with random weights; changed in place.
    folder
        Folder of the checkpoint. No code in it is run.
    config, given
        Training settings, and the arguments to build the network.

    Returns
    -------
    str
        Reason for leaving the network unchanged, to follow "because"; empty if it has the weights.
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
    """Return the arguments of a network without the number of classes."""
    return {name: value for name, value in completed(architecture, given).items() if name != "classes"}
