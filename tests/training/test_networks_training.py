"""Every architecture learns with the default settings, can be stored and loaded, and predicts without seams."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from core.config import Architecture, PredictConfig, TrainConfig
from core.models import normalisation
from core.models.networks import LIMITS, arguments, build
from core.models.predictor import Predictor, ready
from core.storage.checkpoints import Card
from core.training.learning import callbacks
from core.training.learning.fit import fit
from tests.slices import disc_task, discs
from tests.steps import StepsCounted

CPU = torch.device("cpu")


def neighbours(architecture: str) -> int:
    """One neighbour for a 3D network, else none."""
    return 1 if architecture == Architecture.UNET_3D else 0


def settings(architecture: str) -> dict[str, Any]:
    """Settings of a narrow network; the 3D one joins slices in its second level, with one more level below."""
    depth = 3 if architecture == Architecture.UNET_3D else 2
    return {"patch": 64, "batch": 4, "channels": 8, "depth": depth, "neighbours": neighbours(architecture)}


@pytest.fixture(params=list(LIMITS))
def architecture(request: pytest.FixtureRequest) -> Architecture:
    """Each architecture in turn."""
    if request.param == Architecture.MONAI_UNETR:
        pytest.importorskip("einops")
    return Architecture(request.param)


@pytest.mark.timeout(180)
def test_every_architecture_learns_at_the_default_rate(
    tmp_path: Path, architecture: Architecture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Few steps teach discs and squares; the checkpoint segments a new slice of odd size."""
    monkeypatch.setattr(callbacks, "Clock", StepsCounted)
    steps = 40 if architecture == Architecture.MONAI_UNETR else 80  # the slowest of them, and quick to learn this
    config = TrainConfig(seconds=steps, architecture=architecture, **settings(architecture))
    task = disc_task(tmp_path / "r", config, train=[discs(seed) for seed in range(3)], validation=[discs(8)])
    result = fit(task, report=lambda progress: False)
    unseen = discs(7, (97, 121))
    mask, _ = Predictor.load(result.checkpoint, device=CPU).labels(unseen.image(neighbours(architecture)))
    assert result.steps == steps
    for class_id in range(3):
        found, truth = mask == class_id, unseen.mask == class_id
        assert 2 * (found & truth).sum() / (found.sum() + truth.sum()) > 0.7


def predictor(architecture: Architecture, tile: int, context: int | None, depth: int = 2) -> Predictor:
    """A network of random weights, its batch normalisation adapted to noise."""
    torch.manual_seed(0)
    config = TrainConfig(
        architecture=architecture, neighbours=neighbours(architecture), patch=max(64, 4 * 2**depth), channels=4, depth=depth
    )
    given = arguments(config, 1, 3)
    network = build(architecture, given)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = None  # measured once is known
    with torch.no_grad():
        network(torch.randn(4, given["in_channels"], 128, 128))
    card = Card(architecture, given, ("a", "b", "c"), 1, normalisation.NAME, {}, 0, neighbours=config.neighbours)
    return Predictor(ready(network, CPU), card, PredictConfig(tile=tile, context=context))


def test_convolutions_leave_no_seams(architecture: Architecture) -> None:
    """Tiles of 64 pixels predict the same as one tile, except for transformers, with windows relative to the tile."""
    channels = 2 * neighbours(architecture) + 1
    image = np.random.default_rng(0).integers(0, 256, (channels, 301, 320), dtype=np.uint8)  # no tile sees all
    context, allowed = (32, 0.3) if architecture == Architecture.MONAI_UNETR else (96, 0.02)
    whole, cut = (predictor(architecture, tile, context).probabilities(image) for tile in (256, 64))
    assert abs(cut - whole).max() < allowed


@pytest.mark.parametrize("architecture", [one for one in LIMITS if one != Architecture.MONAI_UNETR])
def test_deeper_networks_see_further_and_leave_no_seams_either(architecture: Architecture) -> None:
    """Tiles of 64 pixels with the network's full context predict the same as one tile."""
    channels = 2 * neighbours(architecture) + 1
    image = np.random.default_rng(0).integers(0, 256, (channels, 700, 70), dtype=np.uint8)
    whole, cut = (predictor(architecture, tile, None, depth=5).probabilities(image) for tile in (1024, 64))
    assert abs(cut - whole).max() < 0.02


@pytest.mark.timeout(180)
def test_the_default_leaves_no_seams(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The default network, trained briefly, predicts the same with tiles of 256 pixels as with one, except for rounding."""
    monkeypatch.setattr(callbacks, "Clock", StepsCounted)
    wide = [discs(seed, (300, 300)) for seed in range(3)]
    task = disc_task(tmp_path / "r", TrainConfig(seconds=30), train=wide, validation=())
    result = fit(task, report=lambda progress: False)
    image = discs(7, (600, 700)).image(0)
    whole, cut = (Predictor.load(result.checkpoint, PredictConfig(tile=tile), CPU).probabilities(image) for tile in (1024, 256))
    assert abs(cut - whole).max() < 0.03  # 0.04 with 32 pixels of context
    assert (cut.argmax(axis=0) != whole.argmax(axis=0)).mean() < 0.001
