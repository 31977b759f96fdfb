"""Confident predictions of the averaged network replace labels where these are few, and nowhere else."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from core.config import UNLABELLED, Architecture, AugmentConfig, TrainConfig
from core.geometry import SliceId
from core.models.networks import arguments, build
from core.project import Project
from core.storage.drafts import Patch
from core.storage.labels import Claim, Role
from core.training.learning.fit import fit
from core.training.learning.lightning_module import FINEST, SegmentationModule
from core.training.learning.losses import masked_loss
from core.training.learning.patches import EXCLUDED, Patches
from core.training.learning.pseudo_labels import FROM, FULL, SURE, pseudo_labels, weight
from tests.slices import Drawn, disc_task, discs

FEW, MANY = True, False
SIDE = 64


class Teacher(nn.Module):
    """Predicts class 1 with the grey value as its probability, else class 0; only in evaluation mode."""

    def forward(self, image: Tensor) -> Tensor:
        assert not self.training
        return torch.cat([1 - image, image], dim=1).log()


def segmenter(few: bool, **settings: Any) -> SegmentationModule:
    """A small network of two classes, near the end of its budget."""
    config = TrainConfig(channels=4, depth=2, patch=SIDE, **settings)
    torch.manual_seed(0)
    one = SegmentationModule(build(Architecture.UNET, arguments(config, 1, 2)), config, np.array([5, 5]), few=few)
    one.share_used = 0.9
    return one


def batch(*, all_labelled: bool = False) -> tuple[Tensor, Tensor]:
    """Two patches with a row of labels."""
    images = torch.randn(2, 1, SIDE, SIDE, generator=torch.Generator().manual_seed(0))
    labels = torch.full((2, SIDE, SIDE), 1 if all_labelled else UNLABELLED, dtype=torch.uint8)
    labels[:, 3] = 0
    return images, labels


def test_the_likeliest_class_is_taken_where_the_teacher_is_sure_and_nothing_is_labelled() -> None:
    """Labels are never overridden, and unsure predictions are dropped."""
    image = torch.tensor([0.99, 0.01, SURE - 0.02, 0.5, 0.99]).reshape(1, 1, 1, 5)
    labels = torch.tensor([UNLABELLED, UNLABELLED, UNLABELLED, UNLABELLED, 0], dtype=torch.uint8).reshape(1, 1, 5)
    found = pseudo_labels(Teacher().train(), image, labels)
    assert found.dtype == torch.uint8
    assert found.tolist() == [[[1, 0, UNLABELLED, UNLABELLED, UNLABELLED]]]


def test_a_patch_that_is_labelled_wholly_is_not_looked_at() -> None:
    """Fully labelled patches are not predicted; results of the others stay in place."""
    images = torch.tensor([0.99, 0.01, 0.99]).reshape(3, 1, 1, 1)
    labels = torch.tensor([UNLABELLED, 1, UNLABELLED], dtype=torch.uint8).reshape(3, 1, 1)
    teacher, sizes = Teacher(), list[int]()
    teacher.register_forward_pre_hook(lambda _, given: sizes.append(len(given[0])))
    assert pseudo_labels(teacher, images, labels).ravel().tolist() == [1, UNLABELLED, 1]
    assert sizes == [2]


def test_guesses_of_the_beginning_do_not_count() -> None:
    """The weight of pseudo-labels climbs from 0 to 1 during training."""
    assert weight(0.0) == weight(FROM) == 0
    assert 0 < weight((FROM + FULL) / 2) < 1
    assert weight(FULL) == weight(1.0) == 1


def test_they_add_to_the_loss_what_cross_entropy_says_of_them() -> None:
    """Pseudo-labels add cross-entropy to the loss, not to the reported one; the teacher gets no gradient."""
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
    ("few", "settings", "share", "all_labelled"),
    [(MANY, {}, 0.9, False), (FEW, {"unlabelled": 0.0}, 0.9, False), (FEW, {}, FROM, False), (FEW, {}, 0.9, True)],
)
def test_the_teacher_is_not_asked_in_vain(
    monkeypatch: pytest.MonkeyPatch, few: bool, settings: dict[str, Any], share: float, all_labelled: bool
) -> None:
    """No teacher runs with many labels, with the setting off, early in training, or on fully labelled patches."""
    one = segmenter(few, **settings)
    one.share_used = share
    monkeypatch.setattr("core.training.learning.lightning_module.pseudo_labels", lambda *_: pytest.fail("it was asked"))
    images, labels = batch(all_labelled=all_labelled)
    one.training_step((images, labels, images), 0)


def test_it_sees_the_patch_where_the_network_sees_it_but_without_faults() -> None:
    """The teacher's input has the geometry of the network's, without artefacts and tones."""
    one = segmenter(FEW)
    images = torch.randn(1, 1, 96, 96, generator=torch.Generator().manual_seed(1))
    changed, labels, turned = one.on_after_batch_transfer((images, torch.zeros(1, 96, 96, dtype=torch.uint8)), 0)
    assert changed.shape == turned.shape == (1, 1, SIDE, SIDE)
    assert labels.shape == (1, SIDE, SIDE)
    assert not torch.equal(changed, turned)
    assert np.corrcoef(changed.ravel(), turned.ravel())[0, 1] > 0.5


@dataclass
class Partly(Drawn):
    """A slice with labelled rows at the top and closed rows at the bottom."""

    rows: int = 0
    shut: int = 0

    def label(self) -> NDArray[np.uint8]:
        label = self.mask.copy()
        label[self.rows :] = UNLABELLED
        return label

    def closed(self) -> NDArray[np.bool_]:
        return np.indices(self.mask.shape)[0] >= len(self.mask) - self.shut


def partly(seed: int, rows: int, shut: int = 0) -> Partly:
    """A slice of 96 rows."""
    one = discs(seed)
    return Partly(one.pixels, one.mask, rows=rows, shut=shut)


@pytest.mark.parametrize(
    ("slices", "few"),
    [
        ([partly(0, 12)], {0}),
        ([partly(0, 40)], set()),
        ([partly(0, 12, shut=60)], set()),  # a third of what could be labelled
        ([partly(0, 12, shut=20)], {0}),
        ([partly(0, 96), *(partly(seed, 4) for seed in range(1, 8))], set(range(1, 8))),
        ([partly(0, 96), partly(1, 4)], set()),  # all together are labelled by half
        ([discs(0)], set()),
    ],
)
def test_slices_are_labelled_in_small_part_by_what_could_be_labelled(slices: list[Drawn], few: set[int]) -> None:
    """The share excludes held-back pixels and those outside the working region, over all slices together."""
    assert Patches(slices, 3, side=64, inner=64, batch=1, seed=0).few == few


def test_nothing_is_learnt_of_what_is_closed_nor_between_the_labels_of_other_slices() -> None:
    """Closed pixels, and unlabelled ones of well-labelled slices, are excluded from pseudo-labels."""
    rest = [partly(seed, 4) for seed in range(2, 9)]
    cut = partly(0, 80)
    patches = Patches([cut, partly(1, 4, shut=30), *rest], 3, side=96, inner=96, batch=1, seed=0)
    first, second = (patches._cache.get(number).label for number in (0, 1))
    assert set(np.unique(first[80:])) == {EXCLUDED}
    assert (first[:80] < 3).all()
    assert (second[-30:] == EXCLUDED).all()
    assert (second[4:-30] == UNLABELLED).all()
    assert (second[:4] < 3).all()


def test_what_is_closed_counts_neither_for_the_labels_nor_for_the_teacher() -> None:
    """Excluded pixels have no effect on the loss."""
    one, (images, labels) = segmenter(FEW), batch()
    shut = labels.clone()
    shut[labels == UNLABELLED] = EXCLUDED
    assert one.pseudo_labels(images, shut) is None
    given = segmenter(FEW).training_step((images, shut, images), 0)
    assert given["loss"] == segmenter(MANY).training_step((images, labels, images), 0)["loss"]


def test_what_is_closed_is_turned_with_the_patch() -> None:
    """Augmentation moves excluded pixels with the patch and keeps their value."""
    labels = torch.full((1, 96, 96), EXCLUDED, dtype=torch.uint8)
    one = segmenter(FEW, augment=AugmentConfig(share=0.0))
    _, turned, _ = one.on_after_batch_transfer((torch.zeros(1, 1, 96, 96), labels), 0)
    assert set(turned.ravel().tolist()) == {EXCLUDED}


def test_held_back_unsure_and_outside_pixels_of_a_project_are_closed(phantom_project: Project) -> None:
    """Pixels held back, marked unsure or outside the working region are closed; untouched ones are open."""
    painted = np.full((160, 160), UNLABELLED, np.uint8)
    painted[:8] = 1
    phantom_project.labels.submit_mask(0, 5, painted, Claim.strokes())
    unsure = (10 * 160, 40, UNLABELLED | 1 << 8)  # touched, of no class
    phantom_project.labels.apply(0, 5, Patch(2, np.array([unsure], np.uint32), 10))
    phantom_project.submit(0, 5, Claim.strokes())
    phantom_project.set_region(0, [((0, 0), (0, 99), (159, 99), (159, 0))])
    head = phantom_project.store.labels.head(SliceId(0, 5))
    assert head is not None
    closed = phantom_project.store.frozen(head, Role.TRAIN).closed()
    (tile,) = phantom_project.store.labels.tiles(0)
    assert closed[tile.slices].all()
    expected = ~phantom_project.store.labels.trainable(SliceId(0, 5), (160, 160))
    expected[10, :40] = True
    expected |= ~phantom_project.region_mask(0)
    assert np.array_equal(closed, expected)
    assert 0.1 < closed[:, :90].mean() < 0.9


@pytest.mark.parametrize("architecture", [Architecture.UNET, Architecture.UNET_3D])
def test_a_training_on_strokes_takes_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, architecture: Architecture) -> None:
    """A project with strokes only trains with pseudo-labels, and learns the painted structure."""
    asked = list[float]()

    def counted(teacher: nn.Module, images: Tensor, labels: Tensor) -> Tensor:
        asked.append(float((labels != UNLABELLED).float().mean()))
        return pseudo_labels(teacher, images, labels)

    monkeypatch.setattr("core.training.learning.lightning_module.pseudo_labels", counted)
    one = discs(0)
    one.mask[np.indices(one.mask.shape)[0] % 8 != 0] = UNLABELLED
    neighbours = int(architecture == Architecture.UNET_3D)
    config = TrainConfig(
        seconds=2, patch=64, batch=2, channels=4, depth=2, flat=1 if neighbours else None, neighbours=neighbours,
        architecture=architecture,
    )  # fmt: skip
    done = fit(disc_task(tmp_path / "r", config, train=[one], validation=()), report=lambda _: False)
    assert done.steps > 3
    assert asked
    assert max(asked) < 0.3
