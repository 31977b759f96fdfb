"""The coarse levels of the decoder learn from the labels directly, and leave no trace after training."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from core.config import UNLABELLED, Architecture, TrainConfig
from core.models.networks import arguments, build
from core.models.networks.unet import Decoded
from core.training.learning.deep_supervision import WEIGHT, CoarseHeads, thinned
from core.training.learning.lightning_module import FINEST, SegmentationModule
from core.training.learning.losses import masked_loss

LOSS = TrainConfig.loss
LABELS = torch.randint(3, (2, 64, 64), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
IMAGES = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))


def segmenter(architecture: str = Architecture.UNET, depth: int = 3) -> SegmentationModule:
    """A small network of three classes on a slice with its two neighbours."""
    config = TrainConfig(architecture=architecture, channels=4, depth=depth, patch=64, neighbours=1)
    torch.manual_seed(0)
    return SegmentationModule(build(architecture, arguments(config, 1, 3)), config, np.array([5, 5, 5]))


@pytest.mark.parametrize("architecture", [Architecture.UNET, Architecture.UNET_3D])
def test_the_decoder_shows_its_levels(architecture: Architecture) -> None:
    """The decoder returns its levels from the finest on, each half as large; scores come from the finest."""
    network = segmenter(architecture).network.eval()
    assert isinstance(network, Decoded)
    with torch.no_grad():
        levels = network.decoded(IMAGES)
        assert torch.equal(network(IMAGES), network.scores(levels[0]))
    assert [(len(level[0]), level.shape[-1]) for level in levels] == [(4, 32), (8, 16), (16, 8)]


def test_a_coarse_level_sees_the_label_in_its_middle() -> None:
    """A pixel of a coarse level takes the label at its centre; unlabelled stays unlabelled."""
    labels = torch.full((1, 8, 8), UNLABELLED, dtype=torch.uint8)
    labels[0, 2, 6] = 1
    assert thinned(labels, 2).tolist() == [[[UNLABELLED, 1], [UNLABELLED, UNLABELLED]]]
    assert thinned(labels, 8) is not labels
    assert torch.equal(thinned(labels, 8), labels)


def test_coarse_levels_are_told_apart_from_the_finest() -> None:
    """The loss of coarse levels trains them and their heads, not the finest level or the network's head."""
    one = segmenter()
    finest, coarse = one.losses(IMAGES, LABELS)
    coarse.backward()
    assert [merge.conv.conv.weight.grad is not None for merge in one.network.up] == [False, True, True]
    assert one.network.head.weight.grad is None
    assert all(head.weight.grad.abs().sum() > 0 for head in one.coarse.heads)
    levels = one.network.decoded(IMAGES)[1:]
    alone = [
        masked_loss(head(level), thinned(LABELS, level.shape[-1]), one.class_weights, LOSS)
        for head, level in zip(one.coarse.heads, levels, strict=True)
    ]
    assert coarse.item() == pytest.approx(WEIGHT * sum(alone).item(), rel=1e-4)
    assert finest.item() == pytest.approx(masked_loss(one.network(IMAGES), LABELS, one.class_weights, LOSS).item(), rel=1e-4)


def test_the_loss_that_is_shown_is_that_of_every_pixel() -> None:
    """The reported loss leaves out the coarse levels, because they say nothing about a mask."""
    given = segmenter().training_step((IMAGES, LABELS), 0)
    assert 0 < given[FINEST].item() < given["loss"].item()


def test_nothing_labelled_costs_nothing() -> None:
    """Without labelled pixels the loss is 0 at every level."""
    given = segmenter().training_step((IMAGES, torch.full_like(LABELS, UNLABELLED)), 0)
    assert given["loss"].item() == 0


def test_heads_belong_to_the_training_alone() -> None:
    """The optimiser trains the coarse heads, but no stored network contains them."""
    one = segmenter()
    before = [head.weight.clone() for head in one.coarse.heads]
    optimiser = one.configure_optimizers()
    one.training_step((IMAGES, LABELS), 0)["loss"].backward()
    optimiser.step()
    assert all(not torch.equal(head.weight, old) for head, old in zip(one.coarse.heads, before, strict=True))
    assert one.average.module.state_dict().keys() == one.network.state_dict().keys()
    assert not [name for name in one.network.state_dict() if "coarse" in name]


def test_a_network_whose_levels_are_not_known_is_asked_for_pixels_only() -> None:
    """MONAI's networks and the user's own train without coarse levels."""
    torch.manual_seed(0)
    one = SegmentationModule(nn.Conv2d(3, 3, 3, padding=1), TrainConfig(patch=64), np.array([5, 5, 5]))
    given = one.training_step((IMAGES, LABELS), 0)
    assert one.coarse is None
    assert given["loss"].item() == given[FINEST].item()


def test_a_network_of_one_level_has_no_coarse_ones() -> None:
    """A network of one level adds no loss."""
    network = segmenter(depth=1).network
    assert isinstance(network, Decoded)
    assert CoarseHeads(network, 3).loss([], LABELS, torch.ones(3), LOSS) == 0
