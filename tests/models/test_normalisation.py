"""Grey values of any unit come out alike."""

from __future__ import annotations

import numpy as np
import pytest

from core.models.normalisation import LIMIT, measure

RNG = np.random.default_rng(0)
IMAGE = RNG.normal(100, 20, (1, 64, 64)).clip(0, 255)


@pytest.mark.parametrize(
    "image",
    [
        IMAGE.astype(np.uint8),
        (IMAGE * 256).astype(np.uint16),
        (IMAGE * 1e-6).astype(np.float32),
        IMAGE * 1e-6 - 5e-5,
        IMAGE.astype(np.int16) - 300,
    ],
)
def test_any_unit_comes_to_mean_0_and_deviation_1(image: np.ndarray) -> None:
    """8 bit, 16 bit, floats around 1e-4 and negative values give the same grey values."""
    grey = measure(image).apply(image)
    assert grey.dtype == np.float32
    assert abs(float(grey.mean())) < 0.05
    assert abs(float(grey.std()) - 1) < 0.05


def test_a_jump_in_brightness_vanishes() -> None:
    """Gain and offset of a slice do not reach the network."""
    brighter = IMAGE * 1.7 + 12
    np.testing.assert_allclose(measure(brighter).apply(brighter), measure(IMAGE).apply(IMAGE), atol=1e-4)


@pytest.mark.parametrize("value", [0, 7.3, 1e-4, -1e9])
def test_a_constant_image_comes_to_0(value: float) -> None:
    """A constant image is 0 everywhere, not NaN."""
    image = np.full((1, 8, 8), value)
    assert (abs(measure(image).apply(image)) < 1e-6).all()


def test_a_hot_pixel_changes_little() -> None:
    """One pixel far out of range neither moves the others nor goes far itself."""
    image = IMAGE.copy()
    image[0, 3, 3] = 1e12
    grey = measure(image).apply(image)
    assert grey[0, 3, 3] == LIMIT
    assert abs(float(grey.std()) - 1) < 0.1


def test_channels_are_measured_apart() -> None:
    """A dark channel beside a bright one has its own scale."""
    image = np.concatenate([IMAGE, IMAGE * 1000 + 5])
    grey = measure(image).apply(image)
    np.testing.assert_allclose(grey[0], grey[1], atol=1e-4)
