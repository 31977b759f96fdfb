"""A slice in a person's hands: strokes, saves, other predictions and taking back, also over a crash."""

from dataclasses import dataclass, field

import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import CheckpointError, LabelError, NetworkError
from core.geometry import SliceId
from core.models.loaded import LoadedModels
from core.project import Project
from core.storage.drafts import Patch
from core.storage.labels import Claim, LabelStore
from core.storage.prediction_cache import Predicted
from core.storage.rounds import CurvePoint
from tests.predicted import add_round, score

SHAPE, DEPTH = (3, 5), 2000
ROUNDS = (1, 2)
FULL = Claim.slice()


def predicted(z, round_):
    """Return random classes as the prediction of a slice by a round without a model."""
    return np.random.default_rng([z, round_]).integers(0, 3, SHAPE, dtype=np.uint8)


def enter_round(project, slices=range(12)):
    """One more round, with its prediction of some slices."""
    number = add_round(project)
    for z in slices:
        project.store.predictions.save(SliceId(0, z), Predicted(predicted(z, number), np.full(SHAPE, 99, np.uint8), number))


def runs(*triples):
    """Runs of (start, length, value)."""
    return np.array(triples, np.uint32).reshape(-1, 3)


def make(folder):
    """A project of many tiny slices and three classes."""
    path = folder / "toy.tif"
    tifffile.imwrite(path, np.zeros((DEPTH, *SHAPE), np.uint8), photometric="minisblack", metadata={"axes": "ZYX"})
    return Project.create(folder, "toy", volumes=[path], classes=["matrix", "pore", "phase"])


@pytest.fixture
def project(tmp_path):
    """A project before its first round."""
    return make(tmp_path)


@pytest.fixture
def rounds(project):
    """The same after two rounds."""
    for _ in ROUNDS:
        enter_round(project)
    return project


def paint(project, z, number, *triples, **more):
    """One stroke; its number."""
    return project.labels.apply(0, z, Patch(number, runs(*triples), **more))


# ---- labels from elsewhere


def test_a_mask_from_elsewhere_outdates_every_window(rounds):
    """A window that has not seen it can neither vouch for it nor paint on."""
    seen = rounds.labels.sync_state(0, 5)
    imported = rounds.labels.submit_mask(0, 5, np.full(SHAPE, 2, np.uint8), FULL)
    assert rounds.labels.sync_state(0, 5).sequence == seen.sequence + 1
    for known in ({"sequence": seen.sequence}, {"seen": 0}):
        with pytest.raises(LabelError, match="reload it, check it"):
            rounds.submit(0, 5, FULL, **known)
    with pytest.raises(LabelError, match="no longer fits; reload"):
        paint(rounds, 5, 1, (0, 1, 257))
    assert rounds.submit(0, 5, FULL, sequence=1, seen=imported.id).previous == imported.id


def test_an_import_outdates_every_window(project, tmp_path):
    """So does each of its slices."""
    truth = np.full((2, *SHAPE), 1, np.uint8)
    tifffile.imwrite(tmp_path / "truth.tif", truth, photometric="minisblack", metadata={"axes": "ZYX"})
    project.labels.import_file(tmp_path / "truth.tif", slices=[3, 5])
    assert [project.labels.sync_state(0, z).sequence for z in (3, 4, 5)] == [1, 0, 1]
    with pytest.raises(LabelError, match="reload it, check it"):
        project.submit(0, 5, FULL, sequence=0)


def test_a_save_in_another_window_outdates_what_was_seen(rounds):
    """Though it is no stroke, and takes no number."""
    paint(rounds, 5, 1, (0, 1, 257))
    first = rounds.submit(0, 5, Claim.strokes(), sequence=1, seen=0)
    with pytest.raises(LabelError, match="saved or labelled elsewhere"):
        rounds.submit(0, 5, FULL, sequence=1, seen=0)
    rounds.submit(0, 5, FULL, sequence=1, seen=first.id)


@pytest.mark.parametrize("gone", [None, CheckpointError])
def test_strokes_that_are_not_saved_stay_above_a_mask_from_elsewhere(rounds, monkeypatch, gone):
    """The rest of the slice is the new label, also where the model of the prediction before is gone."""
    paint(rounds, 5, 1, (0, 2, 1 | 256))
    if gone is not None:
        monkeypatch.setattr(LoadedModels, "predicted", lambda *_: (_ for _ in ()).throw(gone("gone")))
    rounds.labels.submit_mask(0, 5, np.full(SHAPE, 2, np.uint8), FULL)
    shown = rounds.labels.editing(0, 5)
    assert (shown.origin, shown.sequence) == ("draft", 2)
    assert shown.mask.ravel().tolist() == [1] * 2 + [2] * 13
    assert shown.touched.sum() == 2
    paint(rounds, 5, 3, (2, 1, 257))
    saved = rounds.submit(0, 5, Claim.strokes(), sequence=3)
    assert rounds.labels.of(0, 5).ravel().tolist() == [1] * 3 + [2] * 12
    rounds.labels.undo(0, 5, revision=saved.id)
    assert rounds.labels.editing(0, 5).mask.ravel().tolist() == [1] * 3 + [2] * 12


def test_a_mask_from_elsewhere_waits_for_strokes_that_come_between(rounds, monkeypatch):
    """It is stored once the slice stands still for a moment; nothing of either is lost."""
    claim, number = LabelStore.claim, iter((1, 2))

    def painted_meanwhile(self, *args, **kwargs):
        for n in number:
            paint(rounds, 5, n, (n, 1, 257))
            break
        return claim(self, *args, **kwargs)

    monkeypatch.setattr(LabelStore, "claim", painted_meanwhile)
    rounds.labels.submit_mask(0, 5, np.full(SHAPE, 2, np.uint8), FULL)
    assert rounds.labels.editing(0, 5).mask.ravel().tolist() == [2, 1, 1] + [2] * 12
    assert (rounds.labels.of(0, 5) == 2).all()


def test_a_mask_from_elsewhere_does_not_wait_for_ever(rounds, monkeypatch):
    """Where strokes come between every time, its sender is told; none of them is lost."""
    claim = LabelStore.claim

    def painted_meanwhile(self, *args, **kwargs):
        paint(rounds, 5, rounds.labels.sync_state(0, 5).sequence + 1, (1, 1, 257))
        return claim(self, *args, **kwargs)

    monkeypatch.setattr(LabelStore, "claim", painted_meanwhile)
    with pytest.raises(LabelError, match="at the same moment"):
        rounds.labels.submit_mask(0, 5, np.full(SHAPE, 2, np.uint8), FULL)
    assert rounds.labels.sync_state(0, 5).sequence == 20
    assert (rounds.labels.of(0, 5) == 255).all()


# ---- what lies under the strokes


def test_a_slice_is_opened_over_the_prediction_that_is_asked_for(rounds):
    """By default the newest, on request an older one or none; an unknown round raises."""
    for asked, under in ((None, 2), (2, 2), (1, 1)):
        editing = rounds.labels.editing(0, 5, round_=asked)
        assert (editing.round, editing.origin) == (under, "prediction")
        assert (editing.mask == predicted(5, under)).all()
        assert (editing.base == editing.mask).all()
    blank = rounds.labels.editing(0, 5, round_=0)
    assert (blank.round, blank.origin, blank.mask.any()) == (None, "empty", False)
    with pytest.raises(CheckpointError, match="There is no round 3"):
        rounds.labels.editing(0, 5, round_=3)


def test_a_slice_painted_while_it_is_opened_is_shown_as_out_of_date(rounds, monkeypatch):
    """It carries the earlier sequence number, so the next stroke on the old state is refused."""
    load = rounds.store.predictions.load

    def late(*asked):
        monkeypatch.undo()
        paint(rounds, 5, 1, (0, 1, 2 | 256))
        rounds.submit(0, 5, Claim.strokes())
        return load(*asked)

    monkeypatch.setattr(rounds.store.predictions, "load", late)
    assert rounds.labels.editing(0, 5).sequence == 0


def test_a_slice_whose_first_stroke_comes_while_it_is_opened_is_shown_as_out_of_date(rounds, monkeypatch):
    """The window that loaded it has not seen the stroke, so it cannot vouch for it either."""
    read = rounds.store.drafts.get

    def late(*place):
        found = read(*place)
        monkeypatch.undo()
        rounds.labels.apply(0, 4, Patch(1, runs((0, 2, 258))))
        return found

    monkeypatch.setattr(rounds.store.drafts, "get", late)
    opened = rounds.labels.editing(0, 4)
    assert (opened.origin, opened.sequence) == ("prediction", 0)
    assert rounds.labels.sync_state(0, 4).sequence == 1
    with pytest.raises(LabelError, match="another window"):
        rounds.submit(0, 4, FULL, sequence=opened.sequence)


def test_a_first_stroke_begins_on_the_prediction_that_was_seen(rounds):
    """A round that ended meanwhile does not slip under the strokes, and so never into a claim of the whole slice."""
    paint(rounds, 5, 1, (0, 1, 2 | 256), round=1)
    expected = predicted(5, 1)
    expected[0, 0] = 2
    assert (rounds.labels.editing(0, 5).mask == expected).all()
    rounds.submit(0, 5, FULL)
    assert (rounds.labels.of(0, 5) == expected).all()


def test_a_slice_that_nobody_painted_is_claimed_as_it_was_seen(rounds):
    """The whole slice over the first round's prediction, though there is a second."""
    revision = rounds.submit(0, 5, FULL, round_=1)
    assert (rounds.labels.of(0, 5) == predicted(5, 1)).all()
    assert (revision.round, revision.changed_pixels) == (1, 0)


@pytest.mark.parametrize("seen", [0, 2])
def test_a_slice_that_was_painted_meanwhile_is_not_saved(rounds, seen):
    """A claim needs the number of the last stroke; otherwise nothing is stored."""
    paint(rounds, 5, 1, (0, 1, 2 | 256))
    with pytest.raises(LabelError, match="changed in another window"):
        rounds.submit(0, 5, FULL, sequence=seen)
    assert rounds.labels.drafts() == {(0, 5)}
    assert rounds.submit(0, 5, FULL, sequence=1).pixels == 15


def test_a_class_may_be_added_while_a_draft_is_open(rounds):
    """The draft stays as it is and takes strokes of the new class."""
    paint(rounds, 5, 1, (0, 1, 2 | 256))
    rounds.set_classes(["matrix", "pore", "phase", "crack"])
    paint(rounds, 5, 2, (1, 1, 3 | 256))
    assert rounds.labels.editing(0, 5).mask[0, :2].tolist() == [2, 3]


def test_a_save_while_a_slice_is_opened_leaves_no_trace_when_it_is_taken_back(rounds, monkeypatch):
    """The cached base belongs to the label at opening, not to the one saved meanwhile."""
    load = rounds.store.predictions.load

    def late(*asked):
        monkeypatch.undo()
        rounds.labels.submit_mask(0, 5, np.full(SHAPE, 2, np.uint8), FULL)
        return load(*asked)

    monkeypatch.setattr(rounds.store.predictions, "load", late)
    rounds.labels.editing(0, 5)
    rounds.labels.undo(0, 5)
    assert (rounds.labels.editing(0, 5).mask == predicted(5, 2)).all()


# ---- another prediction


def test_another_prediction_goes_under_the_strokes(rounds):
    """Strokes stay and all else changes; this counts as an action, and can be reversed the same way."""
    paint(rounds, 5, 1, (0, 4, 2 | 256), round=1, active_ms=700)
    paint(rounds, 5, 2, (2, 2, int(predicted(5, 1)[0, 2])), (3, 1, 1 | 256), active_ms=300)
    for round_, number in ((2, 3), (1, 4)):
        assert rounds.labels.rebase(0, 5, round_, sequence=number - 1) == number
        editing = rounds.labels.editing(0, 5)
        expected = predicted(5, round_)
        expected[0, [0, 1, 3]] = 2, 2, 1
        assert (editing.mask == expected).all()
        assert (editing.base == predicted(5, round_)).all()
        assert editing.touched.sum() == 3
        assert (editing.round, editing.sequence, editing.origin) == (round_, number, "draft")
    assert rounds.store.drafts.active_seconds(SliceId(0, 5)) == 1.0


def test_a_mask_that_was_taken_over_stays_though_it_counts_as_not_painted(rounds):
    """A suggestion changes pixels without touching them; another prediction does not throw it away."""
    free = int(np.flatnonzero(predicted(5, 1).ravel() != 2)[0])
    paint(rounds, 5, 1, (free, 1, 2), round=1)
    rounds.labels.rebase(0, 5, 2, sequence=1)
    editing = rounds.labels.editing(0, 5)
    assert editing.mask.ravel()[free] == 2
    assert not editing.touched.any()


def test_a_saved_label_lies_over_every_prediction(rounds):
    """Only what is neither saved nor painted changes."""
    paint(rounds, 5, 1, (0, 3, 2 | 256))
    rounds.submit(0, 5, Claim.strokes())
    paint(rounds, 5, 2, (7, 1, 1 | 256))
    rounds.labels.rebase(0, 5, 1, sequence=2)
    expected = predicted(5, 1)
    expected[0, :3], expected[1, 2] = 2, 1
    editing = rounds.labels.editing(0, 5)
    assert (editing.mask == expected).all()
    assert np.flatnonzero(editing.touched).tolist() == [7]


def test_without_strokes_only_the_number_goes_on(rounds):
    """There is nothing to keep then, and no slice is said to have strokes; other windows see that something happened."""
    assert rounds.labels.rebase(0, 5, 1, sequence=0) == 1
    assert rounds.labels.drafts() == set()
    assert rounds.labels.editing(0, 5, round_=1).sequence == 1


def test_a_prediction_can_be_taken_away(rounds):
    """Strokes from before the first model return to that state too."""
    paint(rounds, 5, 1, (0, 1, 2 | 256))
    rounds.labels.rebase(0, 5, 0, sequence=1)
    editing = rounds.labels.editing(0, 5)
    assert (editing.mask.ravel()[1:] == 0).all()
    assert (editing.mask[0, 0], editing.round) == (2, None)


@pytest.mark.parametrize("sequence", [0, 2, 3])
def test_a_prediction_is_not_changed_for_a_window_that_is_out_of_date(rounds, sequence):
    """Neither for a window that missed the last stroke, nor for one ahead of the stored strokes."""
    paint(rounds, 5, 1, (0, 1, 2 | 256))
    with pytest.raises(LabelError, match="changed in another window"):
        rounds.labels.rebase(0, 5, 2, sequence=sequence)
    assert rounds.labels.editing(0, 5).sequence == 1


def test_a_prediction_that_is_not_there_changes_nothing(rounds):
    """An unknown round raises, and the draft stays unchanged."""
    paint(rounds, 5, 1, (0, 1, 2 | 256))
    with pytest.raises(CheckpointError, match="There is no round 7"):
        rounds.labels.rebase(0, 5, 7, sequence=1)
    assert rounds.labels.sync_state(0, 5).sequence == 1


@pytest.mark.parametrize("meanwhile", ["stroke", "save", "save the whole slice", "undo", "discard"])
def test_a_prediction_is_not_changed_across_what_happens_meanwhile(rounds, monkeypatch, meanwhile):
    """Whatever is done between reading the draft and storing it wins; no stroke is lost or comes back."""
    rounds.submit(0, 5, FULL)
    if meanwhile != "save the whole slice":
        paint(rounds, 5, 1, (0, 1, 2 | 256))
    load = rounds.store.predictions.load

    def late(*asked):
        monkeypatch.undo()
        if meanwhile == "stroke":
            paint(rounds, 5, 2, (4, 1, 2 | 256))
        elif meanwhile == "undo":
            rounds.labels.undo(0, 5)
        elif meanwhile == "discard":
            rounds.labels.discard_draft(0, 5)
        else:
            rounds.submit(0, 5, Claim.strokes() if meanwhile == "save" else FULL)
        return load(*asked)

    monkeypatch.setattr(rounds.store.predictions, "load", late)
    with pytest.raises(LabelError, match="in another window"):
        rounds.labels.rebase(0, 5, 1, sequence=rounds.labels.sync_state(0, 5).sequence)
    assert rounds.labels.drafts() == ({(0, 5)} if meanwhile in {"stroke", "undo"} else set())


def test_news_say_what_speaks_against_the_newest_round(rounds):
    """Nothing while it is not measured; then that it is worse, on the pixels that all rounds are scored on."""
    assert rounds.labels.sync_state(0, 5).regression_warning is None
    score(rounds, (0.9, 0.9, 0.98), (0.9, 0.7, 0.76))
    said = "it is less accurate than round 1 (mean Dice without the first class 0.73, was 0.94, on 38,988 held-back pixels)"
    assert rounds.labels.sync_state(0, 5).regression_warning == rounds.models.regression_warning() == said


def test_news_say_that_a_round_had_few_steps(rounds):
    """From the curves of both rounds; that of a round at work does not count yet."""
    for number, steps in ((1, 40), (1, 80), (2, 9), (3, 1)):
        rounds.store.rounds.add_point(number, CurvePoint(steps / 80, steps, 0.5, None, None))
    assert "only 9 training steps in 1 s, round 1 for 80 in 1 s" in rounds.labels.sync_state(0, 5).regression_warning


# ---- taking a save back


def test_a_save_is_taken_back_step_by_step(rounds):
    """The label before counts again, down to none, and every step makes other windows out of date."""
    paint(rounds, 5, 1, (0, 1, 1 | 256))
    first = rounds.submit(0, 5, Claim.strokes())
    paint(rounds, 5, 2, (0, 2, 2 | 256))
    second = rounds.submit(0, 5, Claim.strokes())
    assert rounds.labels.undo(0, 5, revision=second.id) == first
    assert rounds.labels.of(0, 5)[0, :2].tolist() == [1, 255]
    assert rounds.labels.sync_state(0, 5).sequence == 3
    with pytest.raises(LabelError, match="a newer saved label than the one to undo"):
        rounds.labels.undo(0, 5, revision=second.id)
    assert rounds.labels.undo(0, 5, revision=first.id) is None
    assert not rounds.labels.claimed(0, 5).any()
    assert rounds.labels.sync_state(0, 5).sequence == 4
    with pytest.raises(LabelError, match="nothing to undo"):
        rounds.labels.undo(0, 5)
    with pytest.raises(LabelError, match="was changed or saved in another window"):
        paint(rounds, 5, 3, (0, 1, 1 | 256))


def test_a_save_that_is_taken_back_is_a_draft_again(rounds):
    """Its strokes and adopted pixels return over the same prediction, and their time counts once."""
    paint(rounds, 5, 1, (0, 3, 2 | 256), round=1, active_ms=4000)
    paint(rounds, 5, 2, (9, 1, 2))
    before = rounds.labels.editing(0, 5)
    rounds.submit(0, 5, FULL)
    assert len(rounds.store.records.rows("SELECT sequence FROM saved_actions")) == 2
    rounds.labels.undo(0, 5)
    assert rounds.store.records.rows("SELECT sequence FROM saved_actions") == []
    after = rounds.labels.editing(0, 5)
    for raster in ("mask", "touched", "base"):
        assert (getattr(after, raster) == getattr(before, raster)).all()
    assert (after.sequence, after.round, after.origin) == (3, 1, "draft")
    assert rounds.submit(0, 5, Claim.strokes()).pixels == 3
    assert rounds.labels.active_seconds() == 4.0


@pytest.mark.parametrize("error", [CheckpointError, NetworkError])
def test_a_save_can_be_taken_back_when_its_model_is_gone(rounds, monkeypatch, error):
    """Without its checkpoint or network the strokes return over the background."""

    def gone(*_):
        raise error("It is not here.")

    monkeypatch.setattr(LoadedModels, "predictor", gone)
    paint(rounds, 5, 1, (0, 1, 2 | 256), round=1)
    rounds.submit(0, 5, Claim.strokes())
    next(rounds.folder.glob("predictions/round-001/*/slice-00005.tif")).unlink()
    rounds.labels.undo(0, 5)
    editing = rounds.labels.editing(0, 5)
    assert editing.mask.ravel().tolist() == [2] + [0] * 14
    assert (editing.round, editing.touched.sum()) == (None, 1)


def test_strokes_since_the_save_lie_over_those_that_come_back(rounds):
    """Restoring what was saved and painting it over are both kept."""
    paint(rounds, 5, 1, (0, 3, 2 | 256), round=1)
    rounds.submit(0, 5, Claim.strokes())
    paint(rounds, 5, 2, (2, 2, 1 | 256), round=1)
    rounds.labels.undo(0, 5)
    editing = rounds.labels.editing(0, 5)
    expected = predicted(5, 1)
    expected[0, :4] = 2, 2, 1, 1
    assert (editing.mask == expected).all()
    assert np.flatnonzero(editing.touched).tolist() == [0, 1, 2, 3]
    assert (editing.base == predicted(5, 1)).all()
    assert (editing.sequence, editing.round) == (3, 1)


def test_taking_back_waits_for_no_stroke_that_comes_between(rounds, monkeypatch):
    """A stroke that is stored meanwhile makes it start over; nothing has changed then."""
    paint(rounds, 5, 1, (0, 1, 2 | 256))
    revision = rounds.submit(0, 5, Claim.strokes())
    undo = LabelStore.undo

    def late(store, slice_id, **more):
        paint(rounds, 5, 2, (4, 1, 1 | 256))
        return undo(store, slice_id, **more)

    with monkeypatch.context() as patch, pytest.raises(LabelError, match="another window"):
        patch.setattr(LabelStore, "undo", late)
        rounds.labels.undo(0, 5)
    assert rounds.labels.sync_state(0, 5).revision == revision.id
    assert rounds.labels.editing(0, 5).mask[0, [0, 4]].tolist() == [2, 1]


# ---- all of it, in any order, against a plain model


@dataclass
class Plain:
    """A slice in plain arrays: what the engine must agree with after every step."""

    z: int
    labels: list = field(default_factory=lambda: [np.full(SHAPE, 255)])
    saved: list = field(default_factory=list)
    draft: tuple | None = None
    sequence: int = 0

    def over(self, round_):
        """The saved label over a prediction."""
        label = self.labels[-1]
        return np.where(label == 255, predicted(self.z, round_) if round_ else 0, np.where(label == 254, 255, label))

    def begun(self, round_):
        """The draft, or what it would begin with."""
        base = self.over(round_)
        return self.draft or (base, base.copy(), np.zeros(SHAPE, int), round_)

    def stroke(self, triples, round_):
        base, mask, touched, under = self.begun(round_)
        for start, length, value in triples:
            mask.ravel()[start : start + length], touched.ravel()[start : start + length] = value & 255, value >> 8
        self.draft, self.sequence = (base, mask, touched, under), self.sequence + 1

    def rebase(self, round_):
        self.sequence += 1
        if self.draft is not None:
            base, mask, touched, _ = self.draft
            other = self.over(round_)
            self.draft = other, np.where((touched == 1) | (mask != base), mask, other), touched, round_

    def undo(self):
        self.labels.pop()
        self.sequence += 1
        drafts = [draft for draft in (self.saved.pop(), self.draft) if draft is not None]
        if drafts:
            round_ = drafts[-1][3]
            base = self.over(round_)
            mask, touched = base.copy(), np.zeros(SHAPE, int)
            for under, painted, marked, _ in drafts:
                changed = (marked == 1) | (painted != under)
                mask[changed], touched[changed] = painted[changed], marked[changed]
            self.draft = base, mask, touched, round_

    def claim(self, whole, round_):
        _, mask, touched, _ = self.begun(round_)
        claimed = np.where(mask == 255, 254, mask)
        self.labels.append(np.where(whole | (touched == 1), claimed, self.labels[-1]))
        self.saved.append(self.draft)
        self.draft = None


pieces = st.lists(
    st.tuples(st.integers(0, 14), st.integers(1, 6), st.sampled_from([0, 1, 2, 255]), st.integers(0, 1)), min_size=1, max_size=3
).map(lambda drawn: [(start, min(length, 15 - start), cls | mark << 8) for start, length, cls, mark in drawn])
steps = st.one_of(
    st.tuples(st.just("stroke"), pieces, st.sampled_from([0, 1, 2])),
    st.tuples(st.just("rebase"), st.sampled_from([0, 1, 2])),
    st.tuples(st.just("claim"), st.booleans(), st.sampled_from([0, 1, 2])),
    st.tuples(st.just("undo")),
    st.tuples(st.just("crash")),
)


@pytest.fixture(scope="module")
def stage(tmp_path_factory):
    """A project with two rounds, whose slices are used up one by one, each with its predictions."""
    folder = tmp_path_factory.mktemp("stage")
    project = make(folder)
    for _ in ROUNDS:
        enter_round(project, slices=())
    return {"folder": folder, "project": project, "z": 0}


@settings(max_examples=60, deadline=None)
@given(st.lists(steps, min_size=1, max_size=12))
def test_any_course_of_work_ends_as_a_plain_model_says_also_after_a_crash(stage, course):
    """Strokes, predictions, saves, undo and crashes in any order: memory, records and a plain model agree throughout."""
    stage["z"] += 1
    z, project, plain = stage["z"], stage["project"], Plain(stage["z"])
    for round_ in ROUNDS:
        project.store.predictions.save(SliceId(0, z), Predicted(predicted(z, round_), np.zeros(SHAPE, np.uint8), round_))
    for verb, *drawn in course:
        if verb == "stroke":
            paint(project, z, plain.sequence + 1, *drawn[0], round=drawn[1])
            plain.stroke(*drawn)
        elif verb == "rebase":
            project.labels.rebase(0, z, drawn[0], sequence=plain.sequence)
            plain.rebase(*drawn)
        elif verb == "claim" and (drawn[0] or (plain.draft is not None and plain.draft[2].any())):
            project.submit(0, z, FULL if drawn[0] else Claim.strokes(), round_=drawn[1])
            plain.claim(*drawn)
        elif verb == "undo" and len(plain.labels) > 1:
            project.labels.undo(0, z)
            plain.undo()
        elif verb == "crash":
            project = stage["project"] = Project.open(stage["folder"], "toy")
        for seen in (project, Project.open(stage["folder"], "toy")):
            editing = seen.labels.editing(0, z, round_=1)
            base, mask, touched, _ = plain.begun(1)
            assert editing.sequence == plain.sequence
            assert (editing.mask == mask).all()
            assert (editing.touched == touched).all()
            assert (editing.base == base).all()
            assert (seen.labels.claimed(0, z) == (plain.labels[-1] != 255)).all()
