"""Augmentation moves labels with their pixels and stays within bounds."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from core.config import AugmentConfig
from core.models.normalisation import LIMIT
from core.training.learning.augmentation import augment, tone, warp

STILL = AugmentConfig(**dict.fromkeys(AugmentConfig.kinds(), 0.0))
TURNED = replace(STILL, flips=1.0)
WARPED = AugmentConfig(share=1.0)
"""Every patch is turned by any angle, stretched and bent."""


def drawn(number: int = 32, side: int = 16) -> tuple[torch.Tensor, torch.Tensor]:
    """Patches with grey values equal to the class ids of their pixels."""
    rng = np.random.default_rng(0)
    labels = torch.from_numpy(rng.integers(0, 5, (number, side, side), dtype=np.uint8))
    return labels[:, None].float(), labels


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_flips_and_turns_keep_every_pixel_with_its_label() -> None:
    """Without stretch, a patch and its labels become the same one of eight mirror images."""
    images, labels = drawn()
    turned, moved = warp(images, labels, generator(), 16, TURNED)
    torch.testing.assert_close(turned[:, 0], moved.float(), atol=1e-3, rtol=0)
    seen = set()
    for before, after in zip(labels, moved, strict=True):
        eight = [torch.rot90(m, k) for m in (before, before.flip(1)) for k in range(4)]
        found = [n for n, one in enumerate(eight) if torch.equal(one, after)]
        assert found
        seen.update(found)
    assert seen == set(range(8))


def test_the_result_is_the_centre_of_a_larger_patch() -> None:
    """The surplus is cut off on all sides."""
    labels = torch.full((4, 24, 24), 255, dtype=torch.uint8)
    labels[:, 4:20, 4:20] = 1
    _, moved = warp(labels[:, None].float(), labels, generator(), 16, STILL)
    assert moved.shape == (4, 16, 16)
    assert (moved == 1).all()


def test_unlabelled_stays_unlabelled() -> None:
    """255 is never mixed into a class, and no class comes from outside a patch."""
    labels = torch.full((16, 24, 24), 255, dtype=torch.uint8)
    labels[:, 10:14, 10:14] = 3
    _, moved = warp(labels[:, None].float(), labels, generator(), 24, WARPED)
    assert set(moved.unique().tolist()) == {3, 255}
    filled = torch.zeros(16, 24, 24, dtype=torch.uint8)
    _, moved = warp(filled[:, None].float(), filled, generator(), 16, WARPED)
    assert set(moved.unique().tolist()) <= {0, 255}


def test_a_turned_patch_with_surplus_is_mostly_filled() -> None:
    """With a surplus of 3/8 almost no pixel of a turned patch comes from outside."""
    labels = torch.zeros(64, 88, 88, dtype=torch.uint8)
    _, moved = warp(labels[:, None].float(), labels, generator(), 64, WARPED)
    assert (moved == 255).float().mean() < 0.02


def test_tones_stay_finite_and_within_the_limit() -> None:
    """Extreme and constant patches stay within the range of normalised values."""
    images = torch.stack([torch.full((1, 32, 32), v) for v in (-LIMIT, 0.0, LIMIT)])
    changed = tone(images, generator())
    assert changed.isfinite().all()
    assert changed.abs().max() <= LIMIT


def test_no_strength_changes_nothing() -> None:
    """With every strength at 0 the tones stay as they are."""
    images = torch.randn(4, 2, 32, 32).clamp(-LIMIT, LIMIT)
    torch.testing.assert_close(tone(images, generator(), STILL), images, atol=1e-4, rtol=1e-4)


def test_everything_off_returns_the_centre_of_the_patch() -> None:
    """Pixels and labels come back as they were."""
    images, labels = drawn(side=24)
    same, still = augment(images, labels, generator(), 16, STILL)
    torch.testing.assert_close(same, images[:, :, 4:-4, 4:-4], atol=1e-3, rtol=0)
    assert torch.equal(still, labels[:, 4:-4, 4:-4])


def test_bending_takes_labels_along() -> None:
    """Bending moves pixels and their labels together."""
    labels = torch.zeros(8, 96, 96, dtype=torch.uint8)
    labels[:, :, 48:] = 1
    images = labels[:, None].float()
    bent, moved = augment(images, labels, generator(), 64, replace(STILL, elastic=1.0, share=1.0))
    agree = (bent[:, 0] > 0.5) == (moved == 1)
    assert agree.float().mean() > 0.99
    border = (moved == 1).float().argmax(dim=2)  # first column of the class in every row
    assert border.float().std() > 1
    assert (border - 32).abs().max() < 20


def test_a_share_of_zero_bends_and_blurs_nothing() -> None:
    """With a share of 0, no patch is bent or blurred at any strength."""
    images, labels = drawn(side=24)
    loud = AugmentConfig(flips=0, scale=0, noise=0, gamma=0, brightness=0, share=0)
    assert torch.equal(augment(images, labels, generator(), 16, loud)[0], augment(images, labels, generator(), 16, STILL)[0])


def test_every_strength_changes_patches() -> None:
    """Every kind of change has an effect, and stays finite and within the limit at full strength."""
    images, labels = drawn(side=48)
    for kind in AugmentConfig.kinds():
        most = 1.0 if kind == "flips" else 3.0
        changed, _ = augment(images, labels, generator(), 32, replace(STILL, share=1.0, **{kind: most}))
        assert changed.isfinite().all()
        assert changed.abs().max() <= LIMIT
        assert (changed - images[:, :, 8:-8, 8:-8]).abs().mean() > 0.01, kind


@pytest.mark.parametrize("kind", sorted(set(AugmentConfig.kinds()) - {"noise"}))  # half of all patches have no more noise
def test_one_kind_alone_is_on_every_patch(kind: str) -> None:
    """A preview of a single kind shows it on every patch, at any share."""
    images, labels = drawn(side=48)
    images = 2 * (images - 2)  # bright and dark, so that whatever charges is there
    changed, _ = augment(images, labels, generator(), 32, AugmentConfig(flips=0.1, share=0.05).alone(kind))
    assert ((changed - images[:, :, 8:-8, 8:-8]).abs().amax(dim=(1, 2, 3)) > 1e-3).all()


def test_one_seed_gives_one_result() -> None:
    """Equal generator states give equal patches, other states other ones."""
    images, labels = drawn()
    first, second, other = (augment(images, labels, generator(seed), 16)[0] for seed in (1, 1, 2))
    assert torch.equal(first, second)
    assert not torch.equal(first, other)
