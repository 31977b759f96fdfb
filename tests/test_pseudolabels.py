"""What the averaged network is sure of stands in for labels where there are few, and nowhere else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from core.config import UNLABELLED, Architecture, TrainConfig
from core.dataset import Patches
from core.losses import masked_loss
from core.networks import arguments, build
from core.pseudolabels import FROM, FULL, SURE, pseudo_labels, weight
from core.segmenter import FINEST, Segmenter
from core.train import fit
from tests.slices import discs

FEW, MANY = 0.01, 0.9
SIDE = 64


class Teacher(nn.Module):
    """Says of every pixel class 1 with the probability that is its grey value, else class 0; in evaluation mode alone."""

    def forward(self, image: Tensor) -> Tensor:
        assert not self.training
        return torch.cat([1 - image, image], dim=1).log()


def segmenter(labelled: float, **settings: Any) -> Segmenter:
    """A small network of two classes, near the end of its budget."""
    config = TrainConfig(channels=4, depth=2, patch=SIDE, **settings)
    torch.manual_seed(0)
    one = Segmenter(build(Architecture.UNET, arguments(config, 1, 2)), config, np.array([5, 5]), labelled=labelled)
    one.share_used = 0.9
    return one


def batch(*, all_labelled: bool = False) -> tuple[Tensor, Tensor]:
    """Two patches with a row of labels."""
    images = torch.randn(2, 1, SIDE, SIDE, generator=torch.Generator().manual_seed(0))
    labels = torch.full((2, SIDE, SIDE), 1 if all_labelled else UNLABELLED, dtype=torch.uint8)
    labels[:, 3] = 0
    return images, labels


def test_the_likeliest_class_is_taken_where_the_teacher_is_sure_and_nothing_is_labelled() -> None:
    """Who painted a pixel knows better, and a guess is no label."""
    image = torch.tensor([0.99, 0.01, SURE - 0.02, 0.5, 0.99]).reshape(1, 1, 1, 5)
    labels = torch.tensor([UNLABELLED, UNLABELLED, UNLABELLED, UNLABELLED, 0], dtype=torch.uint8).reshape(1, 1, 5)
    found = pseudo_labels(Teacher().train(), image, labels)
    assert found.dtype == torch.uint8
    assert found.tolist() == [[[1, 0, UNLABELLED, UNLABELLED, UNLABELLED]]]


def test_a_patch_that_is_labelled_wholly_is_not_looked_at() -> None:
    """The others are, each in its place."""
    images = torch.tensor([0.99, 0.01, 0.99]).reshape(3, 1, 1, 1)
    labels = torch.tensor([UNLABELLED, 1, UNLABELLED], dtype=torch.uint8).reshape(3, 1, 1)
    teacher, sizes = Teacher(), list[int]()
    teacher.register_forward_pre_hook(lambda _, given: sizes.append(len(given[0])))
    assert pseudo_labels(teacher, images, labels).ravel().tolist() == [1, UNLABELLED, 1]
    assert sizes == [2]


def test_guesses_of_the_beginning_do_not_count() -> None:
    """The weight climbs from nothing to all of it."""
    assert weight(0.0) == weight(FROM) == 0
    assert 0 < weight((FROM + FULL) / 2) < 1
    assert weight(FULL) == weight(1.0) == 1


def test_they_add_to_the_loss_what_cross_entropy_says_of_them() -> None:
    """Beside the loss of the labels, which is shown; the teacher learns nothing from it."""
    one, plain = segmenter(FEW, unlabelled=2.0), segmenter(MANY)
    (images, labels), turned = batch(), torch.zeros(2, 1, SIDE, SIDE)
    given, without = (each.training_step((images, labels, turned), 0) for each in (one, plain))
    assert given[FINEST] == without[FINEST]
    pseudo = pseudo_labels(segmenter(FEW).average.module, turned, labels)
    scores = segmenter(FEW).network(images.contiguous(memory_format=torch.channels_last))
    expected = 2 * masked_loss(scores, pseudo, torch.ones(2), "cross-entropy")
    assert (given["loss"] - without["loss"]).item() == pytest.approx(expected.item(), rel=1e-4)
    assert expected > 0.01
    given["loss"].backward()
    assert all(parameter.grad is None for parameter in one.average.parameters())


@pytest.mark.parametrize(
    ("labelled", "settings", "share", "all_labelled"),
    [(MANY, {}, 0.9, False), (FEW, {"unlabelled": 0.0}, 0.9, False), (FEW, {}, FROM, False), (FEW, {}, 0.9, True)],
)
def test_the_teacher_is_not_asked_in_vain(
    monkeypatch: pytest.MonkeyPatch, labelled: float, settings: dict[str, Any], share: float, all_labelled: bool
) -> None:
    """Where much is labelled, it is switched off, it is early, or every pixel of the patches has a label."""
    one = segmenter(labelled, **settings)
    one.share_used = share
    monkeypatch.setattr("core.segmenter.pseudo_labels", lambda *_: pytest.fail("it was asked"))
    images, labels = batch(all_labelled=all_labelled)
    one.training_step((images, labels, images), 0)


def test_it_sees_the_patch_where_the_network_sees_it_but_without_faults() -> None:
    """Turned and bent alike, before faults and tones."""
    one = segmenter(FEW)
    images = torch.randn(1, 1, 96, 96, generator=torch.Generator().manual_seed(1))
    changed, labels, turned = one.on_after_batch_transfer((images, torch.zeros(1, 96, 96, dtype=torch.uint8)), 0)
    assert changed.shape == turned.shape == (1, 1, SIDE, SIDE)
    assert labels.shape == (1, SIDE, SIDE)
    assert not torch.equal(changed, turned)
    assert np.corrcoef(changed.ravel(), turned.ravel())[0, 1] > 0.5


def test_how_much_is_labelled_is_counted_over_whole_slices() -> None:
    """Of all of them together."""
    whole, half = discs(0), discs(1)
    half.mask[: len(half.mask) // 2] = UNLABELLED
    drawn = Patches([whole, half], 3, side=64, inner=64, batch=1, seed=0)
    assert drawn.labelled == pytest.approx(0.75)


@pytest.mark.parametrize("architecture", [Architecture.UNET, Architecture.UNET_3D])
def test_a_training_on_strokes_takes_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, architecture: Architecture) -> None:
    """Through the front door, and the network learns what the strokes show."""
    asked = list[float]()

    def counted(teacher: nn.Module, images: Tensor, labels: Tensor) -> Tensor:
        asked.append(float((labels != UNLABELLED).float().mean()))
        return pseudo_labels(teacher, images, labels)

    monkeypatch.setattr("core.segmenter.pseudo_labels", counted)
    one = discs(0)
    one.mask[np.indices(one.mask.shape)[0] % 8 != 0] = UNLABELLED
    neighbours = int(architecture == Architecture.UNET_3D)
    config = TrainConfig(
        seconds=2, patch=64, batch=2, channels=4, depth=2, flat=1 if neighbours else None, neighbours=neighbours,
        architecture=architecture,
    )  # fmt: skip
    done = fit(
        [one],
        [],
        class_names=("grey", "disc", "square"),
        in_channels=1,
        config=config,
        folder=tmp_path / "r",
        card={},
        report=lambda _: False,
    )
    assert done.steps > 3
    assert asked
    assert max(asked) < 0.3
