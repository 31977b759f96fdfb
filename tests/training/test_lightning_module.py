"""Learning rate, dropout and weight average follow their schedules."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from core.config import TrainConfig
from core.models.networks import arguments, build
from core.training.learning.lightning_module import DROPOUT, SegmentationModule, _average, dropout, schedule


def test_the_learning_rate_climbs_and_falls() -> None:
    """It starts low, peaks early and ends at 0 with the budget."""
    rates = [schedule(share) for share in (0.0, 0.02, 0.04, 0.5, 0.9, 1.0)]
    assert rates[0] == 0.02
    assert rates[2] == 1.0
    assert rates[2] > rates[3] > rates[4] > rates[5] == 0.0


def test_channels_are_dropped_only_in_long_trainings_of_few_labels() -> None:
    """Dropout is on only in a long training of few labels, fully and from early on."""
    few, many = 8.0, 1000.0  # steps of an epoch
    assert dropout(700, 0.5, few) == 0
    assert dropout(3000, 0.5, many) == 0
    assert 0 < dropout(1000, 0.5, few) < DROPOUT
    assert dropout(300, 0.05, few) == dropout(6000, 1.0, few) == DROPOUT
    assert dropout(10_000, 1.0, float("inf")) == 0
    assert dropout(0, 0.0, few) == 0


def test_the_networks_own_dropout_is_set_before_a_step(monkeypatch: pytest.MonkeyPatch) -> None:
    """Dropout affects training and never prediction."""
    config = TrainConfig(channels=4, depth=2, patch=64)
    network = build("unet", arguments(config, 1, 2))
    segmenter = SegmentationModule(network, config, np.array([5, 5]), epoch=1.0)
    segmenter.configure_optimizers()
    monkeypatch.setattr(SegmentationModule, "global_step", 10_000)
    segmenter.share_used = 0.5
    segmenter.on_train_batch_start(None, 0)
    image = torch.randn(1, 1, 64, 64)
    assert not torch.equal(network(image), network(image))
    network.eval()
    assert torch.equal(network(image), network(image))


def test_the_average_follows_quickly_at_first() -> None:
    """After one step the average is mostly the new weights; later it changes slowly."""
    early, late = torch.zeros(3), torch.zeros(3)
    _average([early], [torch.ones(3)], 1)
    _average([late], [torch.ones(3)], 100_000)
    assert early[0] > 0.8
    assert late[0] == pytest.approx(0.001)


def test_counters_are_copied_not_averaged() -> None:
    """Batch normalisation's integer counters are copied."""
    counter = torch.tensor(3)
    _average([counter], [torch.tensor(9)], 100)
    assert counter == 9
