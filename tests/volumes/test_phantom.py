"""The generated concrete with known truth and configured artefacts."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from scipy.ndimage import label

from core.volumes.phantom import CLASS_NAMES, MATRIX, PHASE, PORE, Phantom, PhantomConfig, make_phantom, phantom_slices

SMALL = PhantomConfig(depth=12, height=128, width=160)
CLEAN = {"shine_through": 0, "curtain": 0, "shadow": 0, "jumps": 0, "poisson": 0, "gaussian": 0}


def test_the_default_has_all_classes_in_the_fractions_asked_for() -> None:
    """Pores and grains fill about the configured fractions."""
    truth = np.stack([Phantom().truth(z) for z in range(0, 64, 8)])
    fraction = np.bincount(truth.ravel(), minlength=3) / truth.size
    assert CLASS_NAMES == ("matrix", "pore", "phase")
    assert 0.06 < fraction[PORE] < 0.2
    assert 0.1 < fraction[PHASE] < 0.3


def test_the_seed_fixes_everything() -> None:
    """The same seed gives the same volume, another seed another."""
    image, truth = make_phantom(SMALL)
    again, same_truth = make_phantom(SMALL)
    other, _ = make_phantom(PhantomConfig(depth=12, height=128, width=160, seed=1))
    assert image.shape == truth.shape == (12, 128, 160)
    assert image.dtype == truth.dtype == np.uint8
    assert np.array_equal(image, again)
    assert np.array_equal(truth, same_truth)
    assert not np.array_equal(image, other)


def test_any_slice_can_be_made_by_itself() -> None:
    """A slice out of order, or of a deeper phantom, equals that of the stream."""
    streamed = list(phantom_slices(SMALL))
    deeper = Phantom(PhantomConfig(depth=2000, height=128, width=160))
    for z in (9, 2):
        assert np.array_equal(deeper.image(z), streamed[z][0])
        assert np.array_equal(deeper.truth(z), streamed[z][1])


def test_shapes_go_on_from_slice_to_slice() -> None:
    """Neighbouring slices agree far better than distant ones, and most of a pore is pore in the next slice."""
    truth = np.stack([Phantom(SMALL).truth(z) for z in (0, 1, 60)])
    assert (truth[0] == truth[1]).mean() > 0.95
    assert (truth[0] == truth[1]).mean() > (truth[0] == truth[2]).mean() + 0.1
    pore = truth[:2] == PORE
    assert (pore[0] & pore[1]).sum() / pore[0].sum() > 0.8


def test_pores_are_of_mixed_sizes() -> None:
    """One slice has pores from a few pixels to hundreds."""
    parts, number = label(Phantom().truth(5) == PORE)
    sizes = np.sort(np.bincount(parts.ravel())[1:])
    assert number > 15
    assert sizes[number // 4] < 60
    assert sizes[-1] > 800


def test_grey_values_tell_the_classes_apart_but_not_alone() -> None:
    """Pores are darker than the matrix and grains brighter, yet no threshold separates them."""
    image, truth = make_phantom(SMALL)
    pore, matrix, phase = (image[truth == c] for c in (PORE, MATRIX, PHASE))
    assert pore.mean() + 30 < matrix.mean() < phase.mean() - 20
    assert np.percentile(phase, 10) < np.percentile(matrix, 90)


@pytest.mark.parametrize("artefact", ["shine_through", "curtain", "shadow", "jumps", "poisson", "gaussian"])
def test_each_artefact_can_be_turned_on_alone(artefact: str) -> None:
    """Every artefact changes the clean image and leaves the truth as it is."""
    size = {"depth": 2, "height": 96, "width": 96}
    clean = Phantom(PhantomConfig(**size, **CLEAN))
    with_it = Phantom(PhantomConfig(**size, **(CLEAN | {artefact: getattr(PhantomConfig(), artefact)})))
    assert np.array_equal(clean.truth(1), with_it.truth(1))
    assert not np.array_equal(clean.image(1), with_it.image(1))


def test_curtains_run_along_y_and_shadow_across() -> None:
    """Stripes show in the mean of columns, the shadow darkens the far corner."""
    plain = {
        "depth": 1,
        "height": 128,
        "width": 128,
        "pore_fraction": 0,
        "thin_fraction": 0,
        "phase_fraction": 0,
        "texture": 0,
    }
    curtain = Phantom(PhantomConfig(**plain, **(CLEAN | {"curtain": 0.1}))).image(0).astype(float)
    assert curtain.mean(axis=0).std() > 4
    assert curtain.mean(axis=1).std() < 0.1
    shadow = Phantom(PhantomConfig(**plain, **(CLEAN | {"shadow": 0.5}))).image(0).astype(float)
    assert shadow[-16:, -16:].mean() < 0.65 * shadow[:16, :16].mean()


def test_jumps_change_brightness_between_slices() -> None:
    """The mean grey value steps from slice to slice."""
    size = {"depth": 24, "height": 64, "width": 64}
    means = [image.mean() for image, _ in phantom_slices(PhantomConfig(**size, **(CLEAN | {"jumps": 0.1})))]
    still = [image.mean() for image, _ in phantom_slices(PhantomConfig(**size, **CLEAN))]
    assert np.abs(np.diff(means)).mean() > 4 * np.abs(np.diff(still)).mean()


def test_memory_does_not_grow_with_depth() -> None:
    """After the first slices, a longer stream takes no more memory."""
    stream = phantom_slices(PhantomConfig(depth=40, height=48, width=48, pore_radius=6, phase_radius=12))
    tracemalloc.start()
    for _ in range(20):
        next(stream)
    tracemalloc.reset_peak()
    early = tracemalloc.get_traced_memory()[0]
    for _ in stream:
        pass
    late = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert late < early + 1_000_000


@pytest.mark.parametrize(("name", "value"), [("depth", 0), ("shadow", 1.5), ("pore_radius", 0.5), ("seed", -1)])
def test_settings_out_of_range(name: str, value: float) -> None:
    """The error for a setting out of range names the setting and its limits."""
    with pytest.raises(ValueError, match=rf"{name} is {value}; allowed is"):
        PhantomConfig(**{name: value})
