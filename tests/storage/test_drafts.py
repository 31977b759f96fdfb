"""Drafts: every acknowledged stroke is stored, once, in order."""

import threading

import numpy as np
import pytest

from core.errors import LabelError
from core.geometry import SliceId
from core.storage.database import Records, pack
from core.storage.drafts import Base, Drafts, Patch, save_draft

SHAPE = (3, 4)
IDS = frozenset({0, 1, 2})


def blank():
    """A slice where nothing is painted."""
    return Base.of(np.zeros(SHAPE, np.uint8), "empty", None)


def runs(*triples):
    """Runs of (start, length, value)."""
    return np.array(triples, np.uint32).reshape(-1, 3)


def stroke(drafts, patch):
    """Apply one patch to slice 7 of volume 0."""
    return drafts.apply(SliceId(0, 7), patch, shape=SHAPE, class_ids=IDS, start=blank)


def save(records):
    """The draft of slice 7 becomes revision 1."""
    with records.transaction() as db:
        save_draft(db, SliceId(0, 7), 1)


@pytest.fixture
def records(tmp_path):
    """An empty project's records."""
    return Records(tmp_path / "project.sqlite", create=True)


def test_a_stroke_is_there_for_a_new_process(records):
    """Another reader of the same file reads every acknowledged stroke."""
    assert stroke(Drafts(records), Patch(1, runs((5, 2, 2 | 256)))) == 1
    seen = Drafts(records).get(SliceId(0, 7), SHAPE)
    assert seen.mask.tolist() == [[0, 0, 0, 0], [0, 2, 2, 0], [0, 0, 0, 0]]
    assert seen.touched.tolist() == [[0, 0, 0, 0], [0, 1, 1, 0], [0, 0, 0, 0]]
    assert (seen.sequence, seen.origin) == (1, "draft")


def test_a_repeated_patch_is_acknowledged_and_not_applied_again(records):
    """A retry after a lost answer changes nothing."""
    drafts = Drafts(records)
    stroke(drafts, Patch(1, runs((0, 4, 1 | 256))))
    stroke(drafts, Patch(2, runs((0, 4, 2 | 256))))
    assert stroke(drafts, Patch(1, runs((0, 4, 1 | 256)))) == 1
    assert drafts.get(SliceId(0, 7), SHAPE).mask[0].tolist() == [2, 2, 2, 2]


def test_another_patch_with_a_used_number_is_refused(records):
    """Of two windows on one slice the second gets an error; no stroke is overwritten silently."""
    drafts = Drafts(records)
    stroke(drafts, Patch(1, runs((0, 1, 1 | 256))))
    with pytest.raises(LabelError, match="another window"):
        stroke(drafts, Patch(1, runs((3, 1, 2 | 256))))
    assert drafts.get(SliceId(0, 7), SHAPE).mask[0].tolist() == [1, 0, 0, 0]


def test_a_gap_is_refused(records):
    """A patch whose forerunner is missing is not applied."""
    with pytest.raises(LabelError, match="Slice 7 was changed or saved in another window"):
        stroke(Drafts(records), Patch(3, runs((0, 1, 1))))


def test_numbers_go_on_after_the_draft_ends(records):
    """A window that missed the save cannot add old strokes to the next draft."""
    drafts = Drafts(records)
    stroke(drafts, Patch(1, runs((0, 1, 1 | 256))))
    save(records)
    assert drafts.get(SliceId(0, 7), SHAPE) is None
    with pytest.raises(LabelError):
        stroke(drafts, Patch(1, runs((0, 1, 1 | 256))))
    assert stroke(drafts, Patch(2, runs((0, 1, 1 | 256)))) == 2


def test_a_window_that_shows_a_discarded_draft_cannot_go_on_with_it(records):
    """Its next stroke is refused. Without a draft, discarding changes nothing."""
    drafts = Drafts(records)
    drafts.discard(SliceId(0, 7))
    stroke(drafts, Patch(1, runs((0, 1, 1 | 256))))
    drafts.discard(SliceId(0, 7))
    with pytest.raises(LabelError, match="was changed or saved in another window"):
        stroke(drafts, Patch(2, runs((1, 1, 1 | 256))))
    assert drafts.slices() == set()


def test_what_was_saved_can_be_had_again(records):
    """All of its actions in order, over the base that is given; of a save without strokes there is nothing."""
    drafts = Drafts(records)
    stroke(drafts, Patch(1, runs((0, 3, 1 | 256))))
    stroke(drafts, Patch(2, runs((1, 1, 2 | 256), (2, 1, 0))))
    save(records)
    base = Base.of(np.zeros(SHAPE, np.uint8), "empty", 4)
    again = drafts.saved(1, lambda: base)
    assert again.mask.ravel()[:4].tolist() == [1, 2, 0, 0]
    assert again.touched.ravel()[:4].tolist() == [1, 1, 0, 0]
    assert (again.base is base.mask, again.round) == (True, 4)
    assert drafts.saved(2, lambda: base) is None


def test_two_readers_see_the_same_draft(records):
    """A draft kept in memory is read again when another process has gone on with it."""
    one, other = Drafts(records), Drafts(records)
    stroke(one, Patch(1, runs((0, 1, 1 | 256))))
    assert other.get(SliceId(0, 7), SHAPE).mask[0, 0] == 1
    stroke(one, Patch(2, runs((0, 1, 2 | 256))))
    assert other.get(SliceId(0, 7), SHAPE).mask[0, 0] == 2


def test_active_time_adds_up(records):
    """The editor's milliseconds are summed over the draft."""
    drafts = Drafts(records)
    stroke(drafts, Patch(1, runs((0, 1, 1)), active_ms=1500))
    stroke(drafts, Patch(2, runs((1, 1, 1)), active_ms=500))
    assert drafts.active_seconds(SliceId(0, 7)) == 2.0


def test_a_base_is_packed_once_and_never_written_to(records):
    """The first stroke stores the packed base; a write to the base raises instead of going unnoticed."""
    base = blank()
    assert base.packed == pack(np.zeros(SHAPE, np.uint8))
    with pytest.raises(ValueError, match="read-only"):
        base.mask[0, 0] = 1


def test_the_last_bases_are_kept(records):
    """A slice that was opened is not made again at its first stroke; those opened longest ago are forgotten."""
    drafts, made = Drafts(records), []

    def make(name):
        made.append(name)
        return blank()

    for name in ("a", "b", "a", "c", "d", "a", "b"):
        drafts.base(name, lambda name=name: make(name))
    assert made == ["a", "b", "c", "d", "b"]


def test_a_slow_start_keeps_no_other_slice_waiting(records):
    """While the first stroke of one slice waits for a prediction, another slice takes its stroke."""
    drafts, waiting, done = Drafts(records), threading.Event(), threading.Event()

    def slow():
        waiting.set()
        assert done.wait(10)
        return blank()

    patch = Patch(1, runs((0, 1, 1 | 256)))
    first = threading.Thread(target=lambda: drafts.apply(SliceId(0, 3), patch, shape=SHAPE, class_ids=IDS, start=slow))
    first.start()
    assert waiting.wait(10)
    assert stroke(drafts, patch) == 1
    done.set()
    first.join()
    assert drafts.slices() == {(0, 3), (0, 7)}


def test_a_stroke_on_a_draft_that_has_just_ended_is_refused(records, monkeypatch):
    """A save between reading a draft and its next stroke ends the draft; the stroke must not revive it."""
    drafts = Drafts(records)
    stroke(drafts, Patch(1, runs((0, 1, 1 | 256))))
    load = drafts._load

    def late(*place):
        found = load(*place)
        save(records)
        return found

    monkeypatch.setattr(drafts, "_load", late)
    with pytest.raises(LabelError, match="saved in another window at the same moment"):
        stroke(drafts, Patch(2, runs((1, 1, 1 | 256))))
    assert drafts.slices() == set()
    assert drafts.sequence(SliceId(0, 7)) == 1


def test_a_number_beyond_every_integer_is_refused(records):
    """A sequence number that the records could not even hold is out of order like any other."""
    with pytest.raises(LabelError, match="was changed or saved in another window"):
        stroke(Drafts(records), Patch(2**70, runs((0, 1, 1))))
