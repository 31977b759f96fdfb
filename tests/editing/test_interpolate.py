"""Masks between masks."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.ndimage import distance_transform_edt

from core.editing import interpolate as module
from core.editing.interpolate import REACH, interpolate


def drawn(*rows):
    """A mask as it is drawn, a digit a pixel."""
    return np.array([[int(c) for c in row] for row in rows], np.uint8)


def distance(members):
    """Distance to the nearest member, clipped at ``REACH``."""
    return np.minimum(distance_transform_edt(~members), REACH) if members.any() else np.full(members.shape, float(REACH))


def plain(below, above, weight):
    """The method as the papers have it: whole distance transforms, no tiles, nothing left out."""
    classes = [c for c in range(255) if (below == c).any() or (above == c).any()]
    scores = np.zeros((len(classes), *below.shape))
    for mask, share in ((below, 1 - weight), (above, weight)):
        for i, c in enumerate(classes):
            others = distance((mask != c) & (mask != 255))
            scores[i] += share * np.where(mask == c, others - 0.5, 0.5 - distance(mask == c))
    known = (below != 255) & (above != 255)
    ordered = np.sort(scores, axis=0)
    decided = np.ones(below.shape, bool) if len(classes) < 2 else ordered[-1] - ordered[-2] > 1e-4
    winner = np.array(classes or [255], np.uint8)[np.argmax(scores, axis=0)] if classes else below
    return np.where(known, winner, np.uint8(255)), decided | ~known


def test_a_shape_grows_from_one_slice_to_the_other():
    """Half way between a bar of one pixel and one of five lies one of three; a third of the way, still one."""
    narrow, wide = drawn("00010000", "00010000"), drawn("01111100", "01111100")
    assert (interpolate(narrow, wide, 0.5) == drawn("00111000", "00111000")).all()
    assert (interpolate(narrow, wide, 0.2) == narrow).all()
    assert (interpolate(narrow, wide, 0.8) == wide).all()


def test_a_class_may_come_between_two_others():
    """Where 1 gives way to 2 and both lie at the border of 3, the border moves and no pixel is lost."""
    below, above = drawn("1111333322", "1111333322"), drawn("1133332222", "1133332222")
    assert (interpolate(below, above, 0.5) == drawn("1113333222", "1113333222")).all()


def test_a_disc_that_moves_is_in_between():
    """A disc that overlaps itself in both slices lies half way, very nearly as large as it was."""
    y, x = np.mgrid[:200, :200]
    below, above = (((y - 100) ** 2 + (x - cx) ** 2 < 30**2).astype(np.uint8) for cx in (90, 110))
    wanted = ((y - 100) ** 2 + (x - 100) ** 2 < 30**2).astype(np.uint8)
    got = interpolate(below, above, 0.5)
    assert 2 * (got & wanted).sum() / (got.sum() + wanted.sum()) > 0.95


@pytest.mark.parametrize("weight", [0, 0.3, 1])
def test_where_both_say_the_same_so_does_the_result(weight):
    """And where one says nothing, nothing is said; at the ends the result is the slice there."""
    rng = np.random.default_rng(3)
    below, above = rng.choice(np.array([0, 1, 2, 255], np.uint8), (2, 30, 40))
    got = interpolate(below, above, weight)
    assert (got[below == above] == below[below == above]).all()
    assert ((got == 255) == ((below == 255) | (above == 255))).all()
    if weight in (0, 1):
        known = got != 255
        assert (got[known] == (above if weight else below)[known]).all()


masks = arrays(np.uint8, (17, 23), elements=st.sampled_from([0, 0, 0, 1, 2, 7, 255]))


@settings(max_examples=60, deadline=None)
@given(masks, masks, st.floats(0, 1), st.sampled_from([8, 64]))
def test_the_result_is_that_of_whole_distance_transforms(below, above, weight, tile):
    """Working in tiles, and only as far as a decision asks, changes no decision; equal scores go to the lower class."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_TILE", tile)
        got = interpolate(below, above, weight)
    expected, decided = plain(below, above, weight)
    assert (got[decided] == expected[decided]).all()


@pytest.mark.parametrize("seed", range(3))
def test_large_shapes_are_decided_as_whole_distance_transforms_do(seed):
    """Also for borders farther apart than ``REACH``, and across tiles."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:330, :420]
    below, above = np.zeros((2, 330, 420), np.uint8)
    for mask in (below, above):
        for c in (1, 2, 3, 255):
            cy, cx, r = rng.integers(0, 330), rng.integers(0, 420), rng.integers(20, 160)
            mask[(y - cy) ** 2 + (x - cx) ** 2 < r * r] = c
    got = interpolate(below, above, 0.4)
    expected, decided = plain(below, above, 0.4)
    assert decided.mean() > 0.9
    assert (got[decided] == expected[decided]).all()


def test_masks_of_one_row_and_of_nothing_are_no_trouble():
    """The thinnest slices, and slices that are labelled nowhere."""
    assert interpolate(np.array([[0, 0, 1, 1]], np.uint8), np.array([[1, 1, 1, 1]], np.uint8), 0.5).shape == (1, 4)
    nothing = np.full((4, 1), 255, np.uint8)
    assert (interpolate(nothing, np.zeros((4, 1), np.uint8), 0.5) == 255).all()


def test_misuse_is_told():
    """Both masks need one shape, and the weight lies between them."""
    with pytest.raises(ValueError, match="one shape"):
        interpolate(np.zeros((2, 2), np.uint8), np.zeros((2, 3), np.uint8), 0.5)
    with pytest.raises(ValueError, match="between 0 and 1"):
        interpolate(np.zeros((2, 2), np.uint8), np.zeros((2, 2), np.uint8), 1.5)
