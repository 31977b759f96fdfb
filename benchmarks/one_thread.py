"""Train as a round does and score, by the seconds of one processor thread, so that a busy machine does not matter."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from cells import Results
from numpy.typing import NDArray
from report import Report, Section, mean
from torch import Tensor, nn

from core.config import Architecture, TrainConfig
from core.evaluation.metrics import confusion, dice
from core.models import normalisation
from core.models.device import autocast
from core.models.networks import arguments, build
from core.models.predictor import Predictor, ready
from core.storage.checkpoints import Card
from core.training.learning.augmentation import augment
from core.training.learning.lightning_module import SegmentationModule
from core.training.learning.patches import Patches, drawn_side


@dataclass(frozen=True)
class Slice:
    """A painted slice as training reads it."""

    grey: NDArray[Any]
    truth: NDArray[np.uint8]
    weight: float = 1.0

    def image(self, neighbours: int = 0) -> NDArray:
        """``(1, H, W)``."""
        return self.grey[None]

    def label(self) -> NDArray:
        """``(H, W)`` uint8."""
        return self.truth

    def closed(self) -> NDArray[np.bool_]:
        """``(H, W)``: nowhere."""
        return np.zeros(self.truth.shape, bool)


def train(
    painted: Sequence[Slice], classes: int, config: TrainConfig, begins_with: Mapping[str, Tensor] | None = None
) -> tuple[nn.Module, dict[str, Any]]:
    """Train for ``config.seconds`` of the processor.

    Parameters
    ----------
    painted
        Wholly labelled slices, of which no pixel is held back.
    classes
        Number of classes.
    config
        How to train; stop rules but the seconds are not looked at.
    begins_with
        Weights of an earlier training; random ones if None.

    Returns
    -------
    network
        With averaged weights.
    facts
        ``steps``, and ``augment_ms``: milliseconds of augmentation a step.
    """
    torch.manual_seed(config.seed)
    patches = Patches(painted, classes, side=drawn_side(config.patch), inner=config.patch, batch=config.batch, seed=config.seed)
    network = build(Architecture.UNET, arguments(config, 1, classes))
    if begins_with is not None:
        network.load_state_dict(dict(begins_with))
    module = SegmentationModule(network, config, patches.counts, patches.epoch)
    optimiser = module.configure_optimizers()
    began, step, augmenting = time.process_time(), 0, 0.0
    while (used := time.process_time() - began) < config.seconds:
        module.share_used = used / config.seconds
        module.set_rates(step)
        images, labels = patches.draw(step)
        before = time.process_time()
        generator = torch.Generator().manual_seed(config.seed * 1_000_003 + step)
        batch = augment(images, labels, generator, config.patch, config.augment)
        augmenting += time.process_time() - before
        with autocast(torch.device("cpu")):
            loss = module.training_step(batch, step)["loss"]
        loss.backward()
        module.configure_gradient_clipping(optimiser)
        optimiser.step()
        optimiser.zero_grad()
        module.average.update_parameters(module.network)
        step += 1
    return module.average.module, {"steps": step, "augment_ms": 1000 * augmenting / step}


def predictor(network: nn.Module, classes: Sequence[str], seed: int) -> Predictor:
    """Predicts with a trained network, one view of each slice."""
    card = Card(Architecture.UNET, {}, tuple(classes), 1, normalisation.NAME, {}, seed)
    return Predictor(ready(network, torch.device("cpu")), card)


def score(predictor: Predictor, scored: Sequence[int], slices: Callable[[int], Slice]) -> dict[str, float | None]:
    """Dice of every class over all scored slices."""
    names = predictor.card.class_names
    counts = np.zeros((len(names),) * 2, np.int64)
    for z in scored:
        one = slices(z)
        counts += confusion(predictor.labels(one.image())[0], one.truth, len(names))
    return dict(zip(names, dice(counts), strict=True))


def mean_dice(by_class: Mapping[str, float | None]) -> float:
    """Of all classes but the first, which is the background."""
    return mean(list(by_class.values())[1:]) or 0.0


Told = Callable[[str, float, argparse.Namespace, Results], Section]
"""Measures a volume by its name with so many seconds for each training."""


def run(options: argparse.ArgumentParser, volumes: Sequence[str], quick: str, seconds: tuple[float, float], told: Told) -> None:
    """Read the command line, measure the volumes asked for in one thread, and print what was found.

    Parameters
    ----------
    options
        Those of the benchmark, to which the ones that all such have are added.
    volumes
        All there are.
    quick
        The one that ``--quick`` measures.
    seconds
        Of a training, by default and with ``--quick``.
    told
        Measures one volume.
    """
    usual, few = seconds
    options.add_argument("--seconds", type=float, default=usual, help="processor seconds of a training")
    options.add_argument("--results", type=Path, help="file of measured cells, carried on")
    options.add_argument("--only", choices=volumes, help="one volume")
    chosen = options.parse_args()
    torch.set_num_threads(1)
    report, results = Report(chosen.quick, chosen.seeds), Results(chosen.results)
    for name in [chosen.only] if chosen.only else [quick] if chosen.quick else volumes:
        report.sections.append(told(name, few if chosen.quick else chosen.seconds, chosen, results))
    report.tell(as_json=chosen.json)
