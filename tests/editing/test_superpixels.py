"""Superpixels: whole, connected, and true to the edges of noisy images."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from skimage.measure import label

from core.editing.superpixels import SIZE, superpixels
from core.volumes.display import display_window
from core.volumes.phantom import PhantomConfig, make_phantom


def best_dice(ids, truth):
    """Mean Dice of the foreground classes if every superpixel were painted with its commonest class."""
    classes = int(truth.max()) + 1
    counts = np.bincount(ids.ravel().astype(int) * classes + truth.ravel(), minlength=(int(ids.max()) + 1) * classes)
    best = counts.reshape(-1, classes).argmax(axis=1)[ids]
    return np.mean([2 * ((best == c) & (truth == c)).sum() / ((best == c).sum() + (truth == c).sum()) for c in range(1, classes)])


def test_they_keep_to_the_edges_of_a_noisy_image():
    """Painting superpixels of the phantom gives its classes back far better than painting squares as large would."""
    stack, truth = make_phantom(PhantomConfig(depth=4, height=256, width=256))
    image, classes = stack[2], truth[2]
    ids = superpixels(image, display_window(image))
    squares = (np.arange(256) // SIZE)[:, None] * (256 // SIZE) + np.arange(256) // SIZE
    assert best_dice(ids, classes) > 0.93
    assert best_dice(squares, classes) < 0.85
    assert 0.6 < len(np.unique(ids)) / len(np.unique(squares)) < 1.1


@pytest.mark.parametrize("shape", [(1, 1), (1, 300), (300, 1), (2, 3), (65, 17), (128, 512)])
@pytest.mark.parametrize("kind", ["flat", "noise"])
def test_every_pixel_has_one_in_a_tile_of_any_shape(shape, kind):
    """Ids run from 0 without a gap and each is one connected patch, in the thinnest tile and on the emptiest image."""
    rng = np.random.default_rng(0)
    image = np.full(shape, 900, np.uint16) if kind == "flat" else rng.integers(0, 60000, shape, dtype=np.uint16)
    ids = superpixels(image, (0, 60000))
    assert (ids.shape, ids.dtype) == (shape, np.uint16)
    assert (np.unique(ids) == np.arange(ids.max() + 1)).all()
    assert label(ids.astype(int) + 1, connectivity=1).max() == ids.max() + 1


def borders(ids):
    """How many neighbouring pixels have different ids."""
    return (ids[1:] != ids[:-1]).sum() + (ids[:, 1:] != ids[:, :-1]).sum()


def test_a_flat_corner_is_not_cut_along_faint_stains():
    """A tile that holds little of the slice's contrast is cut as part of that slice: into squares, more or less."""
    stains = gaussian_filter(np.random.default_rng(0).normal(0, 1, (128, 128)), 3)
    stains /= np.abs(stains).max()
    by_themselves, in_slice = (superpixels(100 + stains, window) for window in ((99, 101), (0, 255)))
    squares = (np.arange(128) // SIZE)[:, None] * (128 // SIZE) + np.arange(128) // SIZE
    assert borders(in_slice) < 1.05 * borders(squares)
    assert borders(by_themselves) > 1.2 * borders(squares)


def test_the_window_is_what_counts_and_not_the_dtype():
    """The same picture in 8 bit, in 16 bit and in floats is cut the same way, and what is not finite is black."""
    rng = np.random.default_rng(1)
    grey = rng.integers(0, 256, (64, 64), dtype=np.uint8)
    first = superpixels(grey, (0, 255))
    assert (superpixels(grey.astype(np.uint16) * 100, (0, 25500)) == first).all()
    holes = grey.astype(np.float32)
    holes[5:9, 5:9] = np.nan
    holes[9, 9] = np.inf
    black = np.where(np.isfinite(holes), holes, 0)
    assert (superpixels(holes, (0, 255)) == superpixels(black, (0, 255))).all()


@pytest.mark.parametrize(
    ("shape", "window", "words"),
    [
        ((2, 2, 2), (0, 1), "one tile"),
        ((1100, 1100), (0, 1), "one tile"),
        ((0, 4), (0, 1), "one tile"),
        ((4, 4), (1, 1), "black < white"),
    ],
)
def test_misuse_is_told(shape, window, words):
    """One tile, and a window in order."""
    with pytest.raises(ValueError, match=words):
        superpixels(np.zeros(shape), window)
