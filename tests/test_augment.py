"""Augmentation moves labels with their pixels and stays within bounds."""

from __future__ import annotations

import numpy as np
import torch

from core.augment import Ranges, augment, tone, warp
from core.normalisation import LIMIT

STILL = Ranges(warped=0.0, stretch=0.0, gain=0.0, offset=0.0, gamma=0.0, noise=0.0, shading=0.0)


def drawn(number: int = 32, side: int = 16) -> tuple[torch.Tensor, torch.Tensor]:
    """Patches whose grey value is the class id of the pixel."""
    rng = np.random.default_rng(0)
    labels = torch.from_numpy(rng.integers(0, 5, (number, side, side), dtype=np.uint8))
    return labels[:, None].float(), labels


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_flips_and_turns_keep_every_pixel_with_its_label() -> None:
    """Without stretch a patch is one of its eight mirror images, labels alike."""
    images, labels = drawn()
    turned, moved = warp(images, labels, generator(), 16, STILL)
    torch.testing.assert_close(turned[:, 0], moved.float(), atol=1e-3, rtol=0)
    seen = set()
    for before, after in zip(labels, moved, strict=True):
        eight = [torch.rot90(m, k) for m in (before, before.flip(1)) for k in range(4)]
        found = [n for n, one in enumerate(eight) if torch.equal(one, after)]
        assert found
        seen.update(found)
    assert seen == set(range(8))


def test_the_result_is_the_centre_of_a_larger_patch() -> None:
    """A surplus is cut off on all sides."""
    labels = torch.full((4, 24, 24), 255, dtype=torch.uint8)
    labels[:, 4:20, 4:20] = 1
    _, moved = warp(labels[:, None].float(), labels, generator(), 16, STILL)
    assert moved.shape == (4, 16, 16)
    assert (moved == 1).all()


def test_unlabelled_stays_unlabelled() -> None:
    """255 is never mixed into a class, nor a class made from the outside of a patch."""
    labels = torch.full((16, 24, 24), 255, dtype=torch.uint8)
    labels[:, 10:14, 10:14] = 3
    _, moved = warp(labels[:, None].float(), labels, generator(), 24, Ranges(warped=1.0))
    assert set(moved.unique().tolist()) == {3, 255}
    filled = torch.zeros(16, 24, 24, dtype=torch.uint8)
    _, moved = warp(filled[:, None].float(), filled, generator(), 16, Ranges(warped=1.0))
    assert set(moved.unique().tolist()) <= {0, 255}


def test_a_turned_patch_with_surplus_is_mostly_filled() -> None:
    """With a surplus of 3/8 almost no pixel of a turned patch comes from outside."""
    labels = torch.zeros(64, 88, 88, dtype=torch.uint8)
    _, moved = warp(labels[:, None].float(), labels, generator(), 64, Ranges(warped=1.0))
    assert (moved == 255).float().mean() < 0.02


def test_tones_stay_finite_and_within_the_limit() -> None:
    """Extreme and constant patches stay within the range of normalised values."""
    images = torch.stack([torch.full((1, 32, 32), v) for v in (-LIMIT, 0.0, LIMIT)])
    changed = tone(images, generator(), Ranges())
    assert changed.isfinite().all()
    assert changed.abs().max() <= LIMIT


def test_no_range_changes_nothing() -> None:
    """With every range at 0 the tones stay as they are."""
    images = torch.randn(4, 2, 32, 32).clamp(-LIMIT, LIMIT)
    torch.testing.assert_close(tone(images, generator(), STILL), images, atol=1e-4, rtol=1e-4)


def test_one_seed_gives_one_result() -> None:
    """The same generator state gives the same patches, another one others."""
    images, labels = drawn()
    first, second, other = (augment(images, labels, generator(seed), 16)[0] for seed in (1, 1, 2))
    assert torch.equal(first, second)
    assert not torch.equal(first, other)
