"""Artefacts have the appearance of their namesakes and depend on the random generator alone."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Generator, Tensor

from core.config import AugmentConfig
from core.training.learning import artefacts

SIDE = 64
GREY = torch.zeros(16, 1, SIDE, SIDE)

FAULTS: dict[str, Callable[[Tensor, Generator, float], Tensor]] = {
    "blur": artefacts.blur,
    "curtain": lambda images, generator, strength: artefacts.curtain(images, generator, strength, "both"),
    "shadow": artefacts.shadow,
    "charging": artefacts.charging,
    "exposure": artefacts.exposure,
}


def generator(seed: int = 0) -> Generator:
    return torch.Generator().manual_seed(seed)


def blobs() -> Tensor:
    """Grey patches with a bright square in the first channel and a dark one in the second."""
    images = torch.zeros(16, 2, SIDE, SIDE)
    images[:, 0, 24:40, 24:40] = 2.5
    images[:, 1, 24:40, 24:40] = -2.5
    return images


def along(images: Tensor, dim: int) -> Tensor:
    """Mean absolute difference between neighbours along an axis, for every patch."""
    return images.diff(dim=dim).abs().mean(dim=(1, 2, 3))


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_the_generators_alone(name: str) -> None:
    """Equal generator states give equal results, other states other ones; the input is never changed."""
    images = torch.randn(8, 2, SIDE, SIDE, generator=generator(5))
    before = images.clone()
    first, second, other = (FAULTS[name](images, generator(seed), 1.0) for seed in (1, 1, 2))
    assert torch.equal(first, second)
    assert not torch.equal(first, other)
    assert torch.equal(images, before)
    assert first.shape == images.shape


@pytest.mark.parametrize("name", FAULTS)
def test_more_strength_changes_more(name: str) -> None:
    """Strength 2 goes further than 1, and 1 than 0.2."""
    images = torch.randn(32, 1, SIDE, SIDE, generator=generator(5)) + torch.roll(blobs(), 8, 3).repeat(2, 1, 1, 1)[:, :1]
    little, some, much = ((FAULTS[name](images, generator(3), s) - images).abs().mean() for s in (0.2, 1.0, 2.0))
    assert little < some < much


@pytest.mark.parametrize("name", FAULTS)
@pytest.mark.parametrize("side", [4, 33])
def test_any_side_will_do(name: str, side: int) -> None:
    """Patches smaller than a halo's cell, or not divisible by it, keep their shape and stay finite."""
    changed = FAULTS[name](torch.randn(3, 1, side, side), generator(), 3.0)
    assert changed.shape == (3, 1, side, side)
    assert changed.isfinite().all()


@pytest.mark.parametrize(("direction", "smooth", "rough"), [("vertical", 2, 3), ("horizontal", 3, 2)])
def test_streaks_run_in_the_direction_asked_for(direction: str, smooth: int, rough: int) -> None:
    """Grey values change much less along the streaks than across them."""
    streaked = artefacts.curtain(GREY, generator(), 1.0, direction)
    assert (along(streaked, smooth) < 0.7 * along(streaked, rough)).all()


def test_streaks_run_both_ways_where_both_are_asked_for() -> None:
    """Some patches have vertical streaks, others horizontal ones."""
    streaked = artefacts.curtain(GREY, generator(), 1.0, "both")
    vertical = along(streaked, 2) < along(streaked, 3)
    assert 0 < vertical.sum() < len(vertical)


def test_a_shadow_takes_contrast_with_the_light() -> None:
    """A shadow scales greys about black: two greys are closer together in the dark."""
    dark, bright = (artefacts.shadow(GREY + level, generator(2), 1.0) for level in (-0.5, 0.5))
    middle, contrast = (dark + bright).flatten(1) / 2, (bright - dark).flatten(1)
    for light, step in zip(middle, contrast, strict=True):
        if light.std() > 0.05:
            assert torch.corrcoef(torch.stack([light, step]))[0, 1] > 0.999
    assert contrast.min() < 0.75
    assert contrast.max() > 1.3


def test_a_shadow_is_long() -> None:
    """Neighbouring pixels differ very little under a shadow."""
    assert artefacts.shadow(GREY, generator(), 1.0).diff(dim=3).abs().max() < 0.3


def test_charging_lies_beside_objects() -> None:
    """A patch with an object gets a halo, brightest near the object; a uniform patch stays unchanged."""
    assert torch.equal(artefacts.charging(GREY, generator(), 1.0), GREY)
    added = artefacts.charging(blobs(), generator(), 1.0) - blobs()
    near = added[:, :, 16:48, 16:48].abs().mean(dim=(1, 2, 3))
    far = added[:, :, :8].abs().mean(dim=(1, 2, 3))
    charged = near > 0
    assert charged.any()
    assert (near[charged] > 3 * far[charged]).all()
    assert (added.sum(dim=(1, 2, 3)) > 0).sum() > (added.sum(dim=(1, 2, 3)) < 0).sum()


def test_exposure_saturates_bright_slices_and_grains_dark_ones() -> None:
    """A patch either saturates at some grey value or gains noise, never both."""
    ramp = torch.linspace(-3, 3.5, SIDE).expand(64, 1, SIDE, SIDE)
    changed = artefacts.exposure(ramp, generator(), 1.0)
    grained = changed[:, 0].diff(dim=1).abs().median(dim=1).values.median(dim=1).values > 0  # along a column the ramp is flat
    cut = (changed[:, 0].diff(dim=2).abs() < 1e-6).float().mean(dim=(1, 2)) > 0.02
    assert grained.sum() > 16
    assert cut.sum() > 16
    assert not (grained & cut).any()


def test_every_slice_of_a_stack_is_exposed_by_itself() -> None:
    """One slice of a stack may saturate without the next one."""
    ramp = torch.linspace(-3, 3.5, SIDE).expand(32, 3, SIDE, SIDE)
    cut = (artefacts.exposure(ramp, generator(), 1.0).diff(dim=3).abs() < 1e-6).float().mean(dim=(2, 3)) > 0.02  # (N, C)
    assert (cut.any(dim=1) & ~cut.all(dim=1)).sum() > 8


def test_next_to_no_exposure_does_next_to_nothing() -> None:
    """At a strength of 0.01 no grey value is cut off."""
    images = (2 * torch.randn(32, 1, SIDE, SIDE, generator=generator(5))).clamp(-5.5, 5.5)
    assert (artefacts.exposure(images, generator(), 0.01) - images).abs().max() < 0.1


def test_a_fault_lands_on_a_share_of_the_patches() -> None:
    """A quarter of the patches is changed by default; the others stay untouched."""
    images = torch.randn(400, 1, 16, 16, generator=generator(5))
    config = AugmentConfig(blur=0, curtain=0, charging=0, jumps=0)
    touched = (artefacts.apply(images, generator(), config) != images).any(dim=(1, 2, 3))
    assert 60 < touched.sum() < 140


def test_without_strength_there_is_no_fault() -> None:
    """Artefacts of strength 0 change nothing and draw no random numbers."""
    images = torch.randn(4, 1, 16, 16)
    off = AugmentConfig(blur=0, curtain=0, shadow=0, charging=0, jumps=0)
    state = generator()
    assert artefacts.apply(images, state, off) is images
    assert torch.equal(state.get_state(), generator().get_state())
