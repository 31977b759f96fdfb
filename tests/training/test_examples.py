"""The patches shown before training equal those drawn in training."""

from __future__ import annotations

import time

import numpy as np
import pytest

from core.config import AugmentConfig
from core.errors import ProjectError
from core.models.normalisation import LIMIT
from core.project import Project
from core.training.examples import make_examples

OFF = AugmentConfig(**dict.fromkeys(AugmentConfig.kinds(), 0.0))


@pytest.fixture
def slice_() -> tuple[np.ndarray, np.ndarray]:
    """16-bit noise with two channels, and one small labelled square of class 2."""
    image = np.random.default_rng(0).integers(0, 4096, (2, 200, 260), dtype=np.uint16)
    label = np.full((200, 260), 255, np.uint8)
    label[100:110, 200:210] = 2
    return image, label


def test_with_everything_off_every_patch_is_the_first(slice_: tuple[np.ndarray, np.ndarray]) -> None:
    """With every change off, all patches equal the unchanged one."""
    made = make_examples(*slice_, OFF, side=64, number=3, seed=0)
    assert made.images.shape == (4, 2, 64, 64)
    assert made.labels.shape == (4, 64, 64)
    np.testing.assert_allclose(made.images[1:], made.images[:1].repeat(3, axis=0), atol=1e-3)
    np.testing.assert_array_equal(made.labels[1:], made.labels[:1].repeat(3, axis=0))


def test_a_patch_holds_labelled_pixels(slice_: tuple[np.ndarray, np.ndarray]) -> None:
    """A patch contains a label of ten pixels wherever it lies, and its pixels keep their class."""
    for seed in range(5):
        made = make_examples(*slice_, OFF, side=64, number=1, seed=seed)
        assert (made.labels == 2).any(axis=(1, 2)).all()
        assert set(np.unique(made.labels)) == {2, 255}


def test_the_place_stays_when_strengths_change(slice_: tuple[np.ndarray, np.ndarray]) -> None:
    """The position depends on the seed, not on the strengths."""
    still, changed, other = (
        make_examples(*slice_, config, side=64, number=1, seed=seed).images[0]
        for config, seed in ((OFF, 1), (AugmentConfig(), 1), (OFF, 2))
    )
    np.testing.assert_array_equal(still, changed)
    assert not np.array_equal(still, other)


def test_a_slice_smaller_than_a_patch_without_labels_is_shown(slice_: tuple[np.ndarray, np.ndarray]) -> None:
    """Outside a small slice, the patch is mirrored and unlabelled."""
    image, _ = slice_
    made = make_examples(image[:, :20, :30], np.zeros((20, 30), np.uint8), AugmentConfig(), side=64, number=2, seed=0)
    assert np.isfinite(made.images).all()
    assert np.abs(made.images).max() <= LIMIT
    assert (made.labels[0] == 0).sum() == 600
    unlabelled = make_examples(image, np.full((200, 260), 255, np.uint8), AugmentConfig(), side=64, number=2, seed=0)
    assert (unlabelled.labels == 255).all()


def test_a_project_shows_what_it_will_train_on(phantom_project: Project) -> None:
    """Labelled slices come with their training labels, others without, in well under a second once PyTorch is loaded."""
    made = phantom_project.models.augmentation_examples(0, 2, number=1, side=64)
    assert set(np.unique(made.labels)) & {0, 1, 2}
    assert (phantom_project.models.augmentation_examples(0, 5, number=1, side=64).labels == 255).all()
    started = time.perf_counter()
    phantom_project.models.augmentation_examples(0, 2, side=256)
    assert time.perf_counter() - started < 1
    with pytest.raises(ProjectError, match="no slice 99"):
        phantom_project.models.augmentation_examples(0, 99)
