"""Masks as runs and back."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from core.errors import LabelError
from core.storage.rle import apply_runs, check_runs, slice_numbers, slice_runs, stroke_runs

SHAPE = (3, 4)
IDS = frozenset({0, 1, 2})

classes = st.sampled_from([0, 1, 2, 63, 255])
masks = arrays(np.uint8, SHAPE, elements=classes)
marks = arrays(np.uint8, SHAPE, elements=st.integers(0, 1))


def runs(*triples):
    """Runs of (start, length, value)."""
    return np.array(triples, np.uint32).reshape(-1, 3)


@settings(max_examples=200, deadline=None)
@given(masks, marks, marks)
def test_runs_give_the_slice_back(mask, touched, saved):
    """Repeating every value as often as its length says is the slice with both marks; no run could be longer."""
    pairs = slice_runs(mask, touched, saved.astype(bool))
    values = np.repeat(pairs[:, 1], pairs[:, 0]).reshape(SHAPE)
    assert (values == mask | touched.astype(np.uint32) << 8 | saved.astype(np.uint32) << 9).all()
    assert (pairs[:, 0] > 0).all()
    assert (pairs[1:, 1] != pairs[:-1, 1]).all()
    assert pairs.dtype == np.dtype("<u4")


@given(masks)
def test_marks_may_be_left_out(mask):
    """A mask alone travels as its classes."""
    pairs = slice_runs(mask)
    assert (np.repeat(pairs[:, 1], pairs[:, 0]) == mask.ravel()).all()


def rasters(numbers, count):
    """The rasters that follow 0 and their count."""
    assert numbers[:2].tolist() == [0, count]
    stride = -(-SHAPE[0] * SHAPE[1] // 4)
    assert numbers.size == 2 + count * stride
    planes = numbers[2:].tobytes()
    return [np.frombuffer(planes, np.uint8, 12, 4 * stride * n).reshape(SHAPE) for n in range(count)]


@settings(max_examples=200, deadline=None)
@given(masks, marks, marks)
def test_a_slice_travels_as_runs_or_as_bytes_whichever_are_fewer(mask, touched, saved):
    """Either way class and marks of every pixel arrive, in no more than the bytes of the rasters and one pair."""
    numbers = slice_numbers(mask, touched, saved.astype(bool))
    marked = touched.any() or saved.any()
    assert numbers.nbytes <= (2 if marked else 1) * mask.size + 8 or numbers[0] != 0
    if numbers[0] != 0:
        assert (numbers == slice_runs(mask, touched, saved.astype(bool)).reshape(-1)).all()
        return
    classes, *planes = rasters(numbers, 2 if marked else 1)
    assert (classes == mask).all()
    assert ((planes[0] if marked else 0) == touched | saved << 1).all()


def test_speckle_travels_as_bytes_and_an_area_as_runs():
    """A checkerboard has a run for every pixel, half of a slice has two runs."""
    speckle = np.indices(SHAPE).sum(axis=0).astype(np.uint8) % 2
    assert (rasters(slice_numbers(speckle), 1)[0] == speckle).all()
    assert rasters(slice_numbers(speckle, speckle), 2)[1].tolist() == speckle.tolist()
    half = np.zeros(SHAPE, np.uint8)
    half[:1] = 2
    assert slice_numbers(half).tolist() == [4, 2, 8, 0]


@settings(max_examples=200, deadline=None)
@given(masks, marks, marks, masks)
def test_chosen_pixels_painted_on_another_mask_are_the_chosen_pixels(mask, touched, chosen, other):
    """Strokes cut out of a slice bring class and touched with them, and leave every other pixel alone."""
    cut = stroke_runs(mask, touched, chosen.astype(bool))
    painted, marked = other.copy(), np.zeros(SHAPE, np.uint8)
    apply_runs(cut, painted, marked)
    assert (painted == np.where(chosen, mask, other)).all()
    assert (marked == np.where(chosen, touched, 0)).all()
    assert cut.dtype == np.uint32


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        (runs((0, 13, 1)), "leaves the slice"),
        (runs((11, 2, 1)), "leaves the slice"),
        (runs((0, 0, 1)), "leaves the slice"),
        (runs((2**32 - 1, 2**32 - 1, 1)), "leaves the slice"),
        (runs((0, 1, 3)), r"paints class \[3\]"),
        (runs((0, 1, 1 | 512)), "touched 0 or 1"),
        (np.zeros((0, 3), np.uint32), "1 to 1000000 runs"),
    ],
)
def test_nonsense_runs_are_refused(bad, words):
    """Every bound is checked before anything is stored."""
    with pytest.raises(LabelError, match=words):
        check_runs(bad, 12, IDS)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 11), st.integers(1, 12), st.sampled_from([0, 1, 2, 255]), st.integers(0, 1))))
def test_runs_paint_what_a_plain_loop_paints(actions):
    """Painting by runs equals painting pixel by pixel."""
    mask, touched = np.zeros(SHAPE, np.uint8), np.zeros(SHAPE, np.uint8)
    slow_mask, slow_touched = [0] * 12, [0] * 12
    painted = [(s, min(n, 12 - s), c | t << 8) for s, n, c, t in actions]
    if painted:
        apply_runs(runs(*painted), mask, touched)
    for s, n, c, t in actions:
        for i in range(s, min(s + n, 12)):
            slow_mask[i], slow_touched[i] = c, t
    assert mask.ravel().tolist() == slow_mask
    assert touched.ravel().tolist() == slow_touched
