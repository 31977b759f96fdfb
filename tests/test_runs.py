"""Masks as runs and back."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from core.errors import LabelError
from core.runs import apply_runs, check_runs, slice_runs, stroke_runs

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
