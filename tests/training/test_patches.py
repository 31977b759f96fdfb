"""Patches come from labelled pixels, rare classes included, in bounded memory."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from core.errors import LabelError, TrainingError
from core.training.learning.patches import BLOCK, Patches, SliceCache, index_slice, load_slice
from tests.slices import Drawn, discs


def patches(*slices: Drawn, classes: int = 3, **changes: int) -> Patches:
    settings = {"side": 48, "inner": 32, "batch": 4, "seed": 0} | changes
    return Patches(slices, classes, **settings)


def test_the_index_says_which_blocks_hold_a_class() -> None:
    """One pixel of a class marks its block, even a cut-off block at the edge."""
    label = np.full((BLOCK + 5, 2 * BLOCK + 1), 255, np.uint8)
    label[3, 3] = 0
    label[BLOCK, BLOCK] = label[BLOCK + 4, 2 * BLOCK] = 1
    index = index_slice(label, 3)
    assert index.counts.tolist() == [1, 2, 0]
    assert [index.blocks_of(k).tolist() for k in range(3)] == [[0], [4, 5], []]


def test_a_class_outside_the_list_is_refused() -> None:
    """The message names the class found and those allowed."""
    with pytest.raises(LabelError, match="holds class 7; allowed are 0 to 2 and 255"):
        index_slice(np.full((4, 4), 7, np.uint8), 3)


def test_a_label_of_another_size_is_refused() -> None:
    """Both shapes are named."""
    with pytest.raises(LabelError, match=r"\(1, 8, 8\) has a label of shape \(8, 9\)"):
        load_slice(Drawn(np.zeros((1, 8, 8), np.uint8), np.zeros((8, 9), np.uint8)))


def test_no_labelled_pixel_is_a_training_error() -> None:
    """Labels of 255 only, or no labels at all, are refused."""
    empty = Drawn(np.zeros((1, 40, 40), np.uint8), np.full((40, 40), 255, np.uint8))
    for slices in ((), (empty,)):
        with pytest.raises(TrainingError, match="no labelled pixels"):
            patches(*slices)


def test_every_patch_holds_labelled_pixels() -> None:
    """The inner part of every patch contains the only stroke of a large slice."""
    mask = np.full((400, 500), 255, np.uint8)
    mask[333:336, 41:60] = 2
    stream = patches(Drawn(np.zeros((1, 400, 500), np.uint8), mask), inner=64, side=64, batch=16)
    labels = stream.draw(0)[1]
    assert ((labels == 2).sum(dim=(1, 2)) > 0).all()


def test_a_rare_class_is_in_a_good_share_of_patches() -> None:
    """A class on one pixel in ten thousand is in at least every fifth patch."""
    mask = np.zeros((600, 600), np.uint8)
    mask[100:106, 200:206] = 1
    labels = patches(Drawn(np.zeros((1, 600, 600), np.uint8), mask), classes=2, inner=64, side=64, batch=64).draw(0)[1]
    assert ((labels == 1).sum(dim=(1, 2)) > 0).float().mean() > 0.2


def test_an_empty_class_is_never_drawn() -> None:
    """Patches are drawn even if only one of three classes is labelled."""
    mask = np.full((64, 64), 1, np.uint8)
    assert (patches(Drawn(np.zeros((1, 64, 64), np.uint8), mask)).draw(0)[1] == 1).any()


def test_a_slice_of_weight_0_is_never_drawn() -> None:
    """A slice of weight 0 is never drawn."""
    one, other = discs(0), discs(1)
    other.weight = 0.0
    patches(one, other, batch=32).draw(0)
    assert (one.reads, other.reads) == (1, 0)


def test_a_volume_of_little_weight_is_drawn_little_even_where_only_it_has_a_class() -> None:
    """Weights also hold for patches drawn by class; only the ratio of two weights matters."""
    common, only_here = np.zeros((64, 64), np.uint8), np.zeros((64, 64), np.uint8)
    common[:, 32:] = only_here[:, 32:] = 1
    only_here[:8, :8] = 2

    def share(*weights: float) -> float:
        """Share of the patches from the second slice, of constant grey."""
        grey = (np.arange(64 * 64) % 2).astype(np.uint8).reshape(1, 64, 64)
        slices = [Drawn(grey * brightness, mask, weight) for brightness, mask, weight in
                  zip((1, 0), (common, only_here), weights, strict=True)]  # fmt: skip
        images, _ = patches(*slices, batch=2000).draw(0)
        return float((images.std(dim=(1, 2, 3)) == 0).float().mean())

    assert share(1.0, 1.0) == share(4.0, 4.0) > 0.5
    assert 0.02 < share(1.0, 0.05) < 0.08
    assert share(1.0, 0.001) < 0.01


def test_an_epoch_covers_the_labelled_blocks_once() -> None:
    """Two labelled blocks of 32 x 32 pixels are two patches of that size: half a batch of four."""
    stroked = np.full((96, 96), 255, np.uint8)
    stroked[3, 3:60] = 1
    stroked[20, 3] = 0
    slices = [Drawn(np.zeros((1, 96, 96), np.uint8), stroked), Drawn(np.zeros((1, 96, 96), np.uint8), stroked, weight=0.0)]
    patches = Patches(slices, 3, side=64, inner=32, batch=4, seed=0)
    assert patches.epoch == 2 / 4


def test_a_batch_depends_on_seed_and_number_only() -> None:
    """Batch 5 does not depend on earlier batches, so a resumed training continues unchanged."""
    stream, again, other = patches(discs(0)), patches(discs(0)), patches(discs(0), seed=1)
    for step in range(5):
        stream.draw(step)
    assert (stream.draw(5)[0] == again.draw(5)[0]).all()
    assert not (again.draw(5)[0] == other.draw(5)[0]).all()


def test_the_stream_starts_where_it_is_told() -> None:
    """A resumed training starts with the next batch of the stopped one."""
    stream = patches(discs(0))
    stream.start = 3
    assert (next(iter(stream))[0] == patches(discs(0)).draw(3)[0]).all()


@pytest.mark.parametrize("shape", [(1, 1), (5, 200), (33, 31)])
def test_slices_smaller_than_a_patch_are_mirrored(shape: tuple[int, int]) -> None:
    """Outside the slice, the image is mirrored and the label is 255."""
    rng = np.random.default_rng(0)
    stream = patches(Drawn(rng.integers(0, 255, (1, *shape), np.uint8), np.zeros(shape, np.uint8)), classes=2)
    images, labels = stream.draw(0)
    assert images.shape == (4, 1, 48, 48)
    assert images.isfinite().all()
    assert set(labels.unique().tolist()) <= {0, 255}
    assert (labels == 0).any()


def test_neighbours_are_stacked_as_channels() -> None:
    """Every patch holds the slice and its neighbours, each normalised by its own greys."""

    class Darker(Drawn):
        """A volume half as bright on the slice below."""

        def image(self, neighbours: int = 0) -> NDArray:
            assert neighbours == 1
            return np.concatenate([self.pixels // 2, self.pixels, self.pixels])

    drawn = discs(0)
    images, _ = patches(Darker(drawn.pixels, drawn.mask), neighbours=1).draw(0)
    assert images.shape == (4, 3, 48, 48)
    assert (images[:, 1] == images[:, 2]).all()
    np.testing.assert_allclose(images[:, 0].numpy(), images[:, 1].numpy(), atol=0.03)


def test_the_cache_is_bounded() -> None:
    """The cache holds as many slices as its limit allows, and drops the least recently used first."""
    slices = [discs(n) for n in range(4)]
    size = load_slice(slices[0]).nbytes
    cache = SliceCache(slices, limit=2 * size)
    for number in (0, 1, 0, 2):
        cache.get(number)
    assert cache.held == [0, 2]
    assert cache.full


def test_slices_beyond_the_cache_are_read_seldom() -> None:
    """Patches come from the slices in memory, and another slice is read at intervals."""
    slices = [discs(n) for n in range(8)]
    stream = patches(*slices, batch=64)
    stream._cache = SliceCache(slices, limit=3 * load_slice(discs(0)).nbytes)
    for step in range(12):
        stream.draw(step)
    reads = sum(one.reads for one in slices)
    assert 8 < reads < 100
    assert all(one.reads for one in slices)


def test_slices_held_are_drawn_by_what_is_labelled_on_them() -> None:
    """Slices with a few strokes are drawn no more often than with all slices in memory."""
    whole, strokes = np.ones((64, 64), np.uint8), np.full((64, 64), 255, np.uint8)
    strokes[:2, :2] = 1
    slices = [Drawn(np.zeros((1, 64, 64), np.uint8), mask) for mask in (whole, whole, *[strokes] * 4)]
    stream = patches(*slices, batch=30)
    stream._cache = SliceCache(slices, limit=5 * load_slice(slices[0]).nbytes)
    for number in range(6):  # all but the first stay
        stream._cache.get(number)
    labels = stream.draw(0)[1]
    assert ((labels == 1).sum(dim=(1, 2)) > 4).all()
