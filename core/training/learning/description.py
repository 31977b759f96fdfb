"""Describe a training in JSON types: the card of its checkpoint, and the fingerprint of its resume state."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from torch import nn

from core.config import StopRule
from core.evaluation.validation import Scores
from core.models import normalisation
from core.models.networks import arguments
from core.models.networks.own import name_of
from core.storage.checkpoints import Card, library_versions, now
from core.training.learning.lightning_module import OPTIMISER
from core.training.learning.patches import SliceIndex
from core.training.learning.task import TrainingTask


def card_of(task: TrainingTask, training: Mapping[str, Any], scores: Scores | None, *, fresh_because: str) -> Card:
    """Return the card of the weights of a training.

    Parameters
    ----------
    training
        Facts of the training so far, as in :class:`core.storage.checkpoints.Card`.
    scores
        Scores of these weights; None if not measured.
    fresh_because
        Reason to begin with random weights in place of an earlier checkpoint's; empty otherwise.
    """
    corrected = {"begins_with": None, "fresh_because": fresh_because} if fresh_because else {}
    return Card(
        architecture=task.config.architecture,
        network=arguments(task.config, task.in_channels, len(task.class_names)),
        class_names=task.class_names,
        in_channels=task.in_channels,
        neighbours=task.config.neighbours,
        own_class=_own_class(task),
        normalisation=normalisation.NAME,
        config=asdict(task.config),
        seed=task.config.seed,
        scores={} if scores is None else _named(scores, task.class_names),
        training=dict(training),
        versions=library_versions(),
        created=now(),
        extra={**task.card, **corrected},
    )


def _own_class(task: TrainingTask) -> str:
    return "" if task.network is None else name_of(task.network)


def _named(scores: Scores, class_names: Sequence[str]) -> dict[str, Any]:
    return {"loss": scores.loss, "dice": dict(zip(class_names, scores.dice, strict=True)), "pixels": scores.pixels}


def fingerprint(task: TrainingTask, index: Sequence[SliceIndex], network: nn.Module) -> str:
    """Hash labels, classes, weights and settings, without the stop rules, to match a resume state with a training.

    Parameters
    ----------
    index
        The class index of every slice to train on.
    network
        The network in training.
    """
    config = task.config
    apart = [*StopRule, "initial_weights"]  # initial weights are part of ``begun`` below
    if config.devices == 1:  # matches resume states of earlier versions
        apart.append("devices")
    if config.flat is None:
        apart.append("flat")
    if not config.unlabelled:
        apart.append("unlabelled")
    settings = {name: value for name, value in asdict(config).items() if name not in apart}
    labels = [(one.shape, one.counts.tolist(), one.digest) for one in index]
    parameters = [(name, list(weight.shape)) for name, weight in network.named_parameters()]
    built = arguments(config, task.in_channels, len(task.class_names))
    own = [_own_class(task), parameters]
    begun = [] if task.inherited is None else [config.initial_weights, task.inherited.name]
    weights = [one.weight for one in task.train]
    facts = json.dumps([settings, OPTIMISER, task.class_names, built, *own, labels, weights, *begun])
    return hashlib.sha256(facts.encode()).hexdigest()
