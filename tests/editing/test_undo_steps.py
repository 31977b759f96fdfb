"""Steps that undo takes back, from what is stored of a draft."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from core.editing.undo_steps import packed, steps_of
from core.storage.rle import apply_runs, inverse_runs

BASE = np.array([[0, 0, 1, 1], [2, 2, 0, 0]], np.uint8)


def runs(*triples: tuple[int, int, int]) -> np.ndarray:
    """Runs to paint."""
    return np.array(triples, np.uint32).reshape(-1, 3)


def test_a_step_is_undone_by_what_lay_below_it():
    """Pixels of one value next to one another are one run, also where they were painted by two."""
    (step,) = steps_of(BASE, [runs((1, 2, 257), (3, 2, 258))], 10)
    assert step.inverse.tolist() == [[1, 1, 0], [2, 2, 1], [4, 1, 2]]


def test_what_was_undone_is_no_step_and_what_was_done_again_is_one():
    """Undo is stored as an action like any other, and so is redo."""
    one, two = runs((0, 2, 257)), runs((4, 2, 257))
    back = runs((4, 2, 2))
    assert [s.forward.tolist() for s in steps_of(BASE, [one, two, back], 10)] == [one.tolist()]
    assert len(steps_of(BASE, [one, two, back, two], 10)) == 2
    assert steps_of(BASE, [one, runs((0, 2, 0))], 10) == []


def test_only_the_last_steps_are_kept():
    """As many as are asked for."""
    painted = [runs((at, 1, 257)) for at in range(5)]
    assert [s.forward[0, 0] for s in steps_of(BASE, painted, 2)] == [3, 4]


def test_steps_travel_as_one_list_of_runs():
    """Forward, back, forward, back; the counts say where each ends."""
    counts, body = packed(steps_of(BASE, [runs((1, 2, 257)), runs((0, 1, 257))], 10))
    assert counts == [(1, 2), (1, 1)]
    assert np.frombuffer(body, "<u4").reshape(-1, 3).tolist() == [[1, 2, 257], [1, 1, 0], [2, 1, 1], [0, 1, 257], [0, 1, 0]]


@st.composite
def strokes(draw):
    """Runs that rise and never overlap, on a slice of 40 pixels."""
    cuts = sorted(draw(st.sets(st.integers(0, 40), min_size=2, max_size=10)))
    pairs = list(zip(cuts[::2], cuts[1::2], strict=False))
    return runs(*((a, b - a, draw(st.sampled_from([0, 1, 2, 255, 256, 257, 258, 511]))) for a, b in pairs))


@given(st.lists(strokes(), max_size=8))
def test_undoing_every_step_leads_back_to_the_start(painted):
    """Whatever was painted, and however often over the same pixels."""
    base = (np.arange(40, dtype=np.uint8) // 7 % 3).reshape(5, 8)
    mask, touched = base.copy(), np.zeros_like(base)
    for stroke in painted:
        apply_runs(stroke, mask, touched)
    for step in reversed(steps_of(base, painted, 100)):
        apply_runs(step.inverse, mask, touched)
    assert (mask == base).all()
    assert not touched.any()


def test_nothing_is_undone_by_nothing():
    """An empty stroke has an empty inverse."""
    assert inverse_runs(runs(), BASE, np.zeros_like(BASE)).shape == (0, 3)
