"""Drafts: every acknowledged stroke is stored, once, in order."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.drafts import Drafts, Editing, Patch, apply_runs, check_runs
from core.errors import LabelError
from core.records import Records

SHAPE = (3, 4)
IDS = frozenset({0, 1, 2})


def blank(sequence=0):
    """A slice where nothing is painted."""
    return Editing(np.zeros(SHAPE, np.uint8), np.zeros(SHAPE, np.uint8), sequence, "empty", None)


def runs(*triples):
    """Runs of (start, length, value)."""
    return np.array(triples, np.uint32).reshape(-1, 3)


def stroke(drafts, patch):
    """Apply one patch to slice 7 of volume 0."""
    start = blank(drafts.sequence(0, 7))
    return drafts.apply(0, 7, patch, shape=SHAPE, class_ids=IDS, start=lambda: start)


@pytest.fixture
def records(tmp_path):
    """An empty project's records."""
    return Records(tmp_path / "project.sqlite", create=True)


def test_a_stroke_is_there_for_a_new_process(records):
    """What was acknowledged is read back by another reader of the same file."""
    assert stroke(Drafts(records), Patch(1, runs((5, 2, 2 | 256)))) == 1
    seen = Drafts(records).get(0, 7, SHAPE)
    assert seen.mask.tolist() == [[0, 0, 0, 0], [0, 2, 2, 0], [0, 0, 0, 0]]
    assert seen.touched.tolist() == [[0, 0, 0, 0], [0, 1, 1, 0], [0, 0, 0, 0]]
    assert (seen.sequence, seen.origin) == (1, "draft")


def test_a_repeated_patch_is_acknowledged_and_not_applied_again(records):
    """A retry after a lost answer changes nothing."""
    drafts = Drafts(records)
    stroke(drafts, Patch(1, runs((0, 4, 1 | 256))))
    stroke(drafts, Patch(2, runs((0, 4, 2 | 256))))
    assert stroke(drafts, Patch(1, runs((0, 4, 1 | 256)))) == 1
    assert drafts.get(0, 7, SHAPE).mask[0].tolist() == [2, 2, 2, 2]


def test_another_patch_with_a_used_number_is_refused(records):
    """Two windows on one slice: the second is told, nobody's stroke is overwritten silently."""
    drafts = Drafts(records)
    stroke(drafts, Patch(1, runs((0, 1, 1 | 256))))
    with pytest.raises(LabelError, match="another window"):
        stroke(drafts, Patch(1, runs((3, 1, 2 | 256))))
    assert drafts.get(0, 7, SHAPE).mask[0].tolist() == [1, 0, 0, 0]


def test_a_gap_is_refused(records):
    """A patch whose forerunner is missing is not applied."""
    with pytest.raises(LabelError, match="Action 3 of slice 7 does not follow action 0"):
        stroke(Drafts(records), Patch(3, runs((0, 1, 1))))


def test_numbers_go_on_after_the_draft_ends(records):
    """A window that missed the save cannot smuggle old strokes into the next draft."""
    drafts = Drafts(records)
    stroke(drafts, Patch(1, runs((0, 1, 1 | 256))))
    drafts.discard(0, 7)
    assert drafts.get(0, 7, SHAPE) is None
    with pytest.raises(LabelError):
        stroke(drafts, Patch(1, runs((0, 1, 1 | 256))))
    assert stroke(drafts, Patch(2, runs((0, 1, 1 | 256)))) == 2


def test_two_readers_see_the_same_draft(records):
    """A draft kept in memory is read again when another process has gone on with it."""
    one, other = Drafts(records), Drafts(records)
    stroke(one, Patch(1, runs((0, 1, 1 | 256))))
    assert other.get(0, 7, SHAPE).mask[0, 0] == 1
    stroke(one, Patch(2, runs((0, 1, 2 | 256))))
    assert other.get(0, 7, SHAPE).mask[0, 0] == 2


def test_active_time_adds_up(records):
    """The editor's milliseconds are summed over the draft."""
    drafts = Drafts(records)
    stroke(drafts, Patch(1, runs((0, 1, 1)), active_ms=1500))
    stroke(drafts, Patch(2, runs((1, 1, 1)), active_ms=500))
    assert drafts.active_seconds(0, 7) == 2.0


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
