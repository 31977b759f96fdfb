"""Features of a slice are independent of the request and finite for any slice."""

import numpy as np
import pytest

from core.geometry import Box
from core.models.features import TILE, SliceFeatures, halved


def everything(features):
    """The features of every pixel, ``(H, W, F)``."""
    rows, columns = np.indices(features.shape).reshape(2, -1)
    return features.at(rows, columns).reshape(*features.shape, -1)


@pytest.mark.parametrize("shape", [(1, 1), (1, 37), (2, 3), (65, 17), (128, 130)])
@pytest.mark.parametrize("kind", ["flat", "noise", "volts"])
def test_slices_of_any_shape_have_finite_features(shape, kind):
    """One-pixel, thin and constant slices and floats around 1e-4 have finite features."""
    noise = np.random.default_rng(0).normal(1e-4, 1e-6, (2, *shape)).astype(np.float32)
    image = {"flat": np.full((2, *shape), 900, np.uint16), "noise": (noise * 1e8).astype(np.uint16), "volts": noise}[kind]
    features = SliceFeatures(image)
    made = everything(features)
    assert made.shape == (*shape, features.number)
    assert made.dtype == np.float32
    assert np.isfinite(made).all()
    assert (kind == "flat" or min(shape) == 1) or made[..., :2].std() > 0.5


def test_the_unit_of_the_grey_values_does_not_matter():
    """8-bit values and the same values as floats around 1e-4 have the same features."""
    grey = np.random.default_rng(1).integers(0, 256, (1, 64, 64), dtype=np.uint8)
    volts = grey.astype(np.float64) * 1e-6 + 1e-4
    assert np.allclose(everything(SliceFeatures(grey)), everything(SliceFeatures(volts)), atol=1e-3)


def test_an_order_or_a_tile_border_changes_nothing():
    """Features are the same for pixels alone, in any order and across tiles."""
    image = np.random.default_rng(2).integers(0, 256, (1, TILE + 61, TILE + 35), dtype=np.uint8)
    features = SliceFeatures(image, tile_bytes=1)  # one tile is kept at a time
    rows, columns = np.array([TILE - 1, TILE, 3, TILE + 60, TILE]), np.array([TILE, TILE - 1, 5, TILE + 34, TILE])
    together = features.at(rows, columns)
    for one, (row, column) in enumerate(zip(rows, columns, strict=True)):
        assert (features.at(np.array([row]), np.array([column])) == together[one]).all()


def test_a_tile_sees_across_its_border():
    """The fine features of a tile are those of the whole slice, computed in one piece."""
    image = np.random.default_rng(3).integers(0, 256, (1, TILE + 64, 96), dtype=np.uint8)
    shifted = SliceFeatures(image[:, 64:])  # row TILE of the first is row TILE - 64 of this: no border near
    rows, columns = np.arange(TILE - 8, TILE + 8), np.full(16, 40)
    fine = 1 + 2 * 6
    mine, theirs = SliceFeatures(image).at(rows, columns), shifted.at(rows - 64, columns)
    scale = np.abs(mine[:, :fine]).mean()
    assert np.abs(mine[:, :fine] - theirs[:, :fine]).max() < 0.05 * scale  # the grey range is measured on other pixels


def test_a_level_lies_where_the_slice_does():
    """A bright spot is brightest at its own pixel on every level, not shifted by half a block."""
    image = np.zeros((1, 129, 129), np.float32)
    image[0, 64, 64] = 1
    grey = everything(SliceFeatures(image))
    for smooth in (1, 7, 13, 19):  # the smoothed greys of levels 0 to 3
        peak = np.argwhere(grey[..., smooth] == grey[..., smooth].max()).mean(axis=0)
        assert np.abs(peak - 64).max() <= 4


def test_edges_ridges_and_flat_places_differ():
    """The gradient responds to an edge, the larger curvature to a dark line, neither to a flat region."""
    image = np.zeros((1, 64, 96), np.float32)
    image[0, :, 48:] = 1
    image[0, :, 20] = -1
    made = everything(SliceFeatures(image))[32]
    slope, curvature = made[:, 2], made[:, 3]
    assert slope[47] == pytest.approx(slope[24:].max())
    assert curvature.argmax() == 20
    assert slope[80] == pytest.approx(0, abs=1e-5)
    assert curvature[80] == pytest.approx(0, abs=1e-5)


def test_memory_is_bounded():
    """Fine tiles beyond the limit are dropped, and the features stay the same."""
    image = np.random.default_rng(4).integers(0, 256, (1, 2 * TILE, 2 * TILE), dtype=np.uint8)
    tight, wide = SliceFeatures(image, tile_bytes=20 << 20), SliceFeatures(image)
    for features in (tight, wide):
        features.prepare(Box(0, 0, 2 * TILE, 2 * TILE))
    place = np.array([10]), np.array([10])
    assert (tight.at(*place) == wide.at(*place)).all()
    everything(tight)
    assert tight.nbytes < (20 << 20) + 2 * image.nbytes + image.size * 4
    assert tight.nbytes < wide.nbytes


def test_halving_repeats_an_odd_edge():
    """Three pixels become two; the second is the last pixel alone."""
    assert halved(np.array([[[0, 2, 4], [4, 6, 8]]], np.float32)).tolist() == [[[3, 6]]]
