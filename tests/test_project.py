"""The front door: projects, the editor's way in, and the four verbs on a volume with known truth."""

import shutil
import time
from dataclasses import replace

import numpy as np
import pytest
import tifffile
from torch import nn

from core.config import PredictConfig, ProposeConfig, TrainConfig
from core.errors import (
    Cancelled,
    CheckpointError,
    JobError,
    LabelError,
    NetworkError,
    ProjectError,
    TrainingError,
    UnderpaintError,
)
from core.evaluation import z_average_search as z_average_search
from core.evaluation.z_average_search import ZAverageChoice
from core.geometry import Box, SliceId
from core.project import Project, list_projects
from core.proposals.ranking import Proposal
from core.storage.drafts import Patch
from core.storage.labels import Claim, Role
from tests.conftest import TINY
from tests.predicted import add_round


def runs(*triples):
    """Runs of (start, length, value)."""
    return np.array(triples, np.uint32).reshape(-1, 3)


@pytest.fixture(scope="module")
def trained_once(tmp_path_factory, phantom_files):
    """A project with one round that doubts some slices more than others, made once and never changed."""
    workspace = tmp_path_factory.mktemp("trained")
    project = Project.create(workspace, "toy", volumes=[phantom_files.image], classes=phantom_files.classes)
    project.labels.import_file(phantom_files.truth, slices=[2, 8])
    project.train(replace(TINY, epochs=20))
    project.store.records.close()
    return workspace


@pytest.fixture
def trained(tmp_path, trained_once):
    """A copy of the trained project, to be changed at will."""
    workspace = tmp_path / "workspace"
    shutil.copytree(trained_once, workspace)
    return Project.open(workspace, "toy")


# ---- projects


def test_a_project_is_made_and_found_again(phantom_project, tmp_path):
    """It is listed, and opens with its classes and volumes."""
    assert list_projects(tmp_path) == ["toy"]
    again = Project.open(tmp_path, "toy")
    assert [c.name for c in again.classes] == [c.name for c in phantom_project.classes]
    assert again.volumes[0].shape == (12, 1, 160, 160)


def test_a_project_is_never_made_over_another(phantom_project, tmp_path, phantom_files):
    """The one that exists stays as it was."""
    with pytest.raises(ProjectError, match="exists already"):
        Project.create(tmp_path, "toy", volumes=[phantom_files.image], classes=["a", "b"])
    assert len(phantom_project.labels.slices()) == 2


def test_a_project_that_cannot_be_made_leaves_nothing(tmp_path):
    """Whole or absent."""
    with pytest.raises(UnderpaintError):
        Project.create(tmp_path, "toy", volumes=[tmp_path / "none.tif"], classes=["a", "b"])
    assert list_projects(tmp_path) == []
    assert list((tmp_path / "data").iterdir()) == []


# ---- labels


def test_imported_labels_come_back_on_export(phantom_project, phantom_files, tmp_path):
    """Labelled slices hold the truth, all others 255."""
    phantom_project.labels.export_file(tmp_path / "out.tif")
    out, truth = tifffile.imread(tmp_path / "out.tif"), tifffile.imread(phantom_files.truth)
    assert (out[2] == truth[2]).all()
    assert (out[8] == truth[8]).all()
    assert (np.delete(out, [2, 8], axis=0) == 255).all()


def test_a_bad_page_imports_nothing(phantom_project, tmp_path):
    """All pages are checked before the first is stored."""
    pages = np.zeros((2, 160, 160), np.uint8)
    pages[1, 0, 0] = 9
    tifffile.imwrite(tmp_path / "bad.tif", pages, photometric="minisblack")
    with pytest.raises(LabelError, match="holds the value 9"):
        phantom_project.labels.import_file(tmp_path / "bad.tif", slices=[0, 1])
    assert [r.z for r in phantom_project.labels.slices()] == [2, 8]


def test_an_unknown_role_is_refused(phantom_project, phantom_files):
    """The sentence lists the roles."""
    with pytest.raises(LabelError, match="train, validation, audit"):
        phantom_project.labels.import_file(phantom_files.truth, slices=[1], role="test")


def test_validation_is_told_in_a_sentence(phantom_project):
    """From the first labels on, with pixels per class."""
    summary = phantom_project.labels.validation_summary()
    assert summary.pixels == sum(summary.class_pixels.values()) > 0
    assert "held back for validation and never trained on" in summary.sentence


def test_an_import_does_not_touch_unsaved_strokes(phantom_project, phantom_files):
    """It is refused, by name, and nothing is imported."""
    phantom_project.labels.apply(0, 5, Patch(1, runs((0, 3, 1 | 256))))
    with pytest.raises(LabelError, match="Slice 5 has strokes that are not saved yet"):
        phantom_project.labels.import_file(phantom_files.truth, slices=[4, 5])
    assert phantom_project.labels.drafts() == {(0, 5)}
    assert (phantom_project.labels.of(0, 4) == 255).all()


def test_a_role_conflict_imports_nothing(phantom_project, phantom_files):
    """All pages are checked before the first is stored."""
    with pytest.raises(LabelError, match=r"Slice 8 has .* pixels whose role is already"):
        phantom_project.labels.import_file(phantom_files.truth, slices=[5, 8], role="validation")
    assert (phantom_project.labels.of(0, 5) == 255).all()


def test_validation_lies_in_the_working_region(tmp_path, phantom_files):
    """A tile outside the sample would never be scored, so it is placed inside; a new region gets its own."""
    project = Project.create(tmp_path, "part", volumes=[phantom_files.image], classes=phantom_files.classes)
    project.set_region(0, [((0, 80), (0, 160), (160, 160), (160, 80))])
    project.labels.import_file(phantom_files.truth, slices=[2])
    assert project.labels.validation_summary().pixels > 0
    assert project.store.labels.tiles(0)[0].x0 >= 80


def test_raw_data_is_never_changed(phantom_files, tmp_path):
    """Everything a project does leaves the volume's bytes as they were."""
    image = shutil.copy(phantom_files.image, tmp_path / "image.tif")
    before = image.read_bytes()
    project = Project.create(tmp_path, "toy", volumes=[image], classes=phantom_files.classes)
    project.labels.import_file(phantom_files.truth, slices=[2])
    project.labels.apply(0, 3, Patch(1, runs((0, 9, 1 | 256))))
    project.submit(0, 3, Claim.slice())
    assert image.read_bytes() == before


# ---- the editor


def test_before_any_model_a_slice_starts_empty(phantom_project):
    """Background everywhere, nothing touched, and the origin says so."""
    editing = phantom_project.labels.editing(0, 5)
    assert (editing.origin, editing.sequence, editing.round) == ("empty", 0, None)
    assert not editing.mask.any()


def test_saving_strokes_stores_exactly_these_pixels(phantom_project):
    """The rest of the slice stays unlabelled."""
    phantom_project.labels.apply(0, 5, Patch(1, runs((320, 4, 1 | 256), (480, 4, 2 | 256)), active_ms=700))
    revision = phantom_project.submit(0, 5, Claim.strokes())
    label = phantom_project.labels.of(0, 5)
    assert label[2, :4].tolist() == [1] * 4
    assert label[3, :4].tolist() == [2] * 4
    assert (label != 255).sum() == 8
    assert (revision.changed_pixels, revision.active_seconds) == (8, 0.7)
    assert phantom_project.labels.drafts() == set()


def test_saving_without_a_stroke_is_told(phantom_project):
    """And no revision is made."""
    with pytest.raises(LabelError, match="Nothing is painted yet"):
        phantom_project.submit(0, 5, Claim.strokes())


def test_a_draft_survives_a_crash(phantom_project, tmp_path):
    """Another process finds the strokes."""
    phantom_project.labels.apply(0, 5, Patch(1, runs((0, 3, 1 | 256))))
    assert phantom_project.labels.drafts() == {(0, 5)}
    again = Project.open(tmp_path, "toy").labels.editing(0, 5)
    assert again.origin == "draft"
    assert again.mask[0, :4].tolist() == [1, 1, 1, 0]


def test_a_label_lies_over_the_prediction(trained):
    """Opening a labelled slice shows what was claimed, and the model's view elsewhere."""
    trained.labels.apply(0, 5, Patch(1, runs((0, 40, 2 | 256))))
    trained.submit(0, 5, Claim.strokes())
    editing, predicted = trained.labels.editing(0, 5), trained.models.predict_slice(0, 5)
    assert (editing.origin, editing.round) == ("label", 1)
    assert (editing.mask[0, :40] == 2).all()
    assert (editing.mask.ravel()[40:] == predicted.mask.ravel()[40:]).all()


def test_unsure_pixels_stay_unsure(trained):
    """255 that somebody claimed is not painted over by the prediction when the slice is opened again."""
    trained.labels.apply(0, 5, Patch(1, runs((0, 9, 255 | 256))))
    trained.submit(0, 5, Claim.strokes())
    assert (trained.labels.editing(0, 5).mask[0, :9] == 255).all()
    assert (trained.labels.of(0, 5) == 255).all()


def test_after_undo_the_prediction_is_shown_again(trained):
    """What was claimed and taken back is no claim any more; only the strokes, a draft again, lie over the prediction."""
    expected = trained.models.predict_slice(0, 5).mask.copy()
    trained.labels.apply(0, 5, Patch(1, runs((0, 40, 2 | 256))))
    trained.submit(0, 5, Claim.slice())
    trained.labels.undo(0, 5)
    expected.ravel()[:40] = 2
    assert (trained.labels.editing(0, 5).mask == expected).all()
    assert not trained.labels.claimed(0, 5).any()


def test_a_stroke_painted_while_the_slice_is_saved_is_not_lost(phantom_project, monkeypatch):
    """Saving in one window refuses rather than throw away what another window has just painted."""
    phantom_project.labels.apply(0, 5, Patch(1, runs((0, 3, 1 | 256))))
    pixels = Claim.pixels

    def late(claim, touched):
        phantom_project.labels.apply(0, 5, Patch(2, runs((9, 3, 2 | 256))))
        return pixels(claim, touched)

    monkeypatch.setattr(Claim, "pixels", late)
    with pytest.raises(LabelError, match="painted on in another window while it was saved"):
        phantom_project.submit(0, 5, Claim.strokes())
    monkeypatch.undo()
    phantom_project.submit(0, 5, Claim.strokes())
    assert (phantom_project.labels.of(0, 5) != 255).sum() == 6


def test_time_since_the_last_stroke_counts(phantom_project):
    """Looking hard before claiming a slice is work too."""
    phantom_project.labels.apply(0, 5, Patch(1, runs((0, 3, 1 | 256)), active_ms=500))
    phantom_project.submit(0, 5, Claim.strokes(), more_seconds=2)
    assert phantom_project.labels.active_seconds() == 2.5


def test_a_slice_that_is_not_there_is_told(phantom_project):
    """Volume and slice are checked before anything else."""
    for volume, z in [(0, 12), (0, -1), (1, 0), (-1, 0)]:
        with pytest.raises(ProjectError, match="There is no"):
            phantom_project.labels.editing(volume, z)


def test_looked_at_is_never_a_label(phantom_project):
    """The mark is kept and taken back, the label stays empty."""
    phantom_project.proposals.look(0, 5)
    assert phantom_project.proposals.looked() == {(0, 5)}
    assert (phantom_project.labels.of(0, 5) == 255).all()
    phantom_project.proposals.look(0, 5, looked=False)
    assert phantom_project.proposals.looked() == set()


# ---- train


def test_a_round_is_recorded_with_its_scores(trained):
    """Loss, Dice by class name, held-back pixels and a checkpoint with its card."""
    (row,) = trained.models.rounds()
    assert (row.round, row.labelled_slices) == (1, 2)
    assert row.validation_loss > 0
    assert set(row.validation_dice) == {"matrix", "pore", "phase"}
    assert row.validation_pixels == trained.labels.validation_summary().pixels
    assert (trained.workspace / row.checkpoint / "card.json").is_file()
    assert trained.jobs.current().state == "done"
    assert len(trained.models.curve(1)) >= 1


def test_training_without_labels_is_told(tmp_path, phantom_files):
    """Before a process is started, in one sentence."""
    project = Project.create(tmp_path, "bare", volumes=[phantom_files.image], classes=phantom_files.classes)
    with pytest.raises(TrainingError, match="no labelled pixels to train on; paint"):
        project.train(TINY)
    with pytest.raises(TrainingError):
        project.jobs.start_round(TINY)
    assert project.jobs.current() is None


def test_labels_outside_the_working_region_do_not_train(phantom_project):
    """The region limits training: only its pixels are handed to the trainer."""
    phantom_project.set_region(0, [((0, 0), (0, 80), (160, 80), (160, 0))])
    frozen = phantom_project.store.frozen(phantom_project.labels.slices()[0], Role.TRAIN)
    assert (frozen.label()[:, 90:] == 255).all()
    assert frozen.any()


def test_all_rounds_are_scored_on_the_same_pixels(trained, phantom_files):
    """When validation labels grow, earlier checkpoints are scored again."""
    before = trained.models.rounds()[0]
    trained.labels.import_file(phantom_files.truth, slices=[5])
    trained.train(TINY)
    first, second = trained.models.rounds()
    assert first.validation_pixels == second.validation_pixels > before.validation_pixels
    assert (len(first.revisions), len(second.revisions)) == (2, 3)


def test_a_class_may_be_added_between_rounds(trained, phantom_files):
    """The older model is scored on the new class too, where it is simply wrong, and the loop goes on."""
    trained.set_classes(["matrix", "pore", "phase", "crack"])
    mask = tifffile.imread(phantom_files.truth)[5]
    mask[trained.store.labels.tiles(0)[0].slices] = 3
    trained.labels.submit_mask(0, 5, mask, Claim.slice())
    trained.train(TINY)
    first, second = trained.models.rounds()
    assert first.validation_dice["crack"] == 0
    assert first.validation_pixels == second.validation_pixels
    assert second.validation_dice["crack"] is not None


def test_a_checkpoint_that_was_never_entered_is_no_obstacle(trained):
    """A kill between writing it and entering it leaves a folder that the next training moves aside."""
    orphan = trained.store.checkpoint_folder(2)
    shutil.copytree(trained.store.checkpoint_folder(1), orphan)
    assert trained.train(TINY).round == 2


def test_a_cancelled_training_resumes_with_its_own_labels(phantom_project, phantom_files):
    """What was frozen at the start is what the resume trains on, with its own settings."""
    long = TrainConfig(seconds=3, patch=64, batch=2, channels=8, depth=2, seed=3)
    with pytest.raises(Cancelled):
        phantom_project.train(long, report=lambda share, said: share > 0.17)
    assert phantom_project.jobs.current().state == "cancelled"
    assert phantom_project.models.rounds() == []
    phantom_project.labels.import_file(phantom_files.truth, slices=[5])
    done = phantom_project.train(resume=True)
    assert (done.round, done.resumed) == (1, True)
    (row,) = phantom_project.models.rounds()
    assert len(row.revisions) == 2
    assert row.seconds >= 2.5


def test_nothing_to_resume_is_told(trained):
    """A finished round is not resumed."""
    with pytest.raises(JobError, match="nothing to resume"):
        trained.train(resume=True)


def test_a_background_round_trains_and_proposes(phantom_project):
    """A process of its own, followed through the records; its proposals appear by themselves."""
    job = phantom_project.jobs.start_round(TINY, ProposeConfig(number=2))
    with pytest.raises(JobError, match="is running on this project"):
        phantom_project.jobs.start_round(TINY)
    deadline = time.monotonic() + 240
    while phantom_project.jobs.current().active and time.monotonic() < deadline:
        time.sleep(0.3)
    assert (phantom_project.jobs.current().id, phantom_project.jobs.current().state) == (job.id, "done"), (
        phantom_project.jobs.current().error
    )
    assert len(phantom_project.models.rounds()) == 1
    assert len(phantom_project.proposals()) == 2
    assert len(phantom_project.proposals.scanned()) == 12


# ---- predict, propose, evaluate


def test_first_proposals_are_spread_evenly(phantom_project):
    """Before there is a model, unlabelled slices through the whole volume, and the reason says so."""
    proposals = phantom_project.propose(ProposeConfig(number=4))
    places = [p.z for p in proposals]
    assert places == [1, 4, 7, 10]
    assert "no model yet" in proposals[0].reason
    many = [p.z for p in phantom_project.propose(ProposeConfig(number=50))]
    assert many == [z for z in range(12) if z not in (2, 8)]


def test_painting_a_first_proposal_does_not_move_the_others(phantom_project):
    """The list gets shorter; it does not creep to the neighbour of the slice just painted."""
    before = [p.z for p in phantom_project.proposals()]
    phantom_project.labels.apply(0, before[0], Patch(1, runs((0, 9, 1 | 256))))
    phantom_project.submit(0, before[0], Claim.strokes())
    assert [p.z for p in phantom_project.proposals()] == before[1:]


def test_proposals_skip_labelled_and_excluded_slices(trained):
    """What has a label, and what is kept for a test, is not proposed."""
    exclude = {(0, 0), (0, 1), (0, 5)}
    proposals = trained.propose(ProposeConfig(number=20), exclude=exclude)
    places = {(p.volume, p.z) for p in proposals}
    assert places == {(0, z) for z in range(12)} - exclude - {(0, 2), (0, 8)}
    assert {(s.volume, s.z) for s in trained.proposals.scanned()} & exclude == set()


def test_a_proposal_goes_once_its_slice_is_labelled(trained):
    """The list a person works through gets shorter."""
    first = trained.propose(ProposeConfig(number=3))[0]
    trained.submit(0, first.z, Claim.slice())
    assert first.z not in {p.z for p in trained.proposals()}
    assert len(trained.proposals()) == 2


def test_a_proposal_stays_until_the_last_of_its_boxes_is_checked(trained):
    """Who vouches for one box goes on to the next of the same slice; undo brings the box back."""
    boxes = (Box(0, 0, 16, 16), Box(20, 8, 36, 24), Box(40, 0, 56, 16))
    trained.store.proposals.replace(
        1, [Proposal(0, 5, 0.5, "unsure", boxes), Proposal(0, 7, 0.4, "unsure", boxes)], model_selected=True
    )

    def left() -> list:
        return [(p.z, p.boxes) for p in trained.proposals()]

    trained.submit(0, 5, Claim.region(boxes[1]))
    assert left() == [(5, (boxes[0], boxes[2])), (7, boxes)]
    second = trained.submit(0, 5, Claim.region(boxes[0]))
    assert left() == [(5, (boxes[2],)), (7, boxes)]
    trained.labels.undo(0, 5, revision=second.id)
    assert left() == [(5, (boxes[0], boxes[2])), (7, boxes)]
    assert "2 of them left to check" in trained.proposals()[0].reason
    trained.submit(0, 5, Claim.slice())
    assert left() == [(7, boxes)]


def test_saved_strokes_answer_only_for_the_boxes_they_lie_in(trained):
    """Strokes elsewhere on the slice leave every box to check; what one save has answered stays so after another."""
    boxes = (Box(0, 0, 16, 16), Box(20, 8, 36, 24))
    trained.store.proposals.replace(1, [Proposal(0, 5, 0.5, "unsure", boxes)], model_selected=True)

    def painted(start: int) -> list:
        trained.labels.apply(0, 5, Patch(trained.labels.sync_state(0, 5).sequence + 1, runs((start, 9, 1 | 256))))
        trained.submit(0, 5, Claim.strokes())
        return [p.boxes for p in trained.proposals()]

    width = trained.volumes[0].slice_shape[1]
    assert painted(30) == [boxes]
    assert painted(0) == [boxes[1:]]
    assert painted(60 * width) == [boxes[1:]]
    trained.submit(0, 5, Claim.region(Box(40, 0, 44, 4)))
    assert [p.boxes for p in trained.proposals()] == [boxes[1:]]
    assert painted(20 * width) == []


def test_what_is_put_off_is_asked_again_at_the_end(trained):
    """Boxes go behind the others of their slice, a slice with none but such behind the other slices, round after round."""
    boxes = (Box(0, 0, 16, 16), Box(20, 8, 36, 24))
    trained.store.proposals.replace(1, [Proposal(0, z, 0.5, "unsure", boxes) for z in (5, 7, 9)], model_selected=True)

    def left() -> list:
        return [(p.z, [boxes.index(box) for box in p.boxes], p.put_off) for p in trained.proposals()]

    trained.proposals.put_off(0, 5, boxes[0])
    assert left() == [(5, [1, 0], False), (7, [0, 1], False), (9, [0, 1], False)]
    trained.proposals.put_off(0, 5, boxes[1])
    assert left() == [(7, [0, 1], False), (9, [0, 1], False), (5, [0, 1], True)]
    trained.proposals.put_off(0, 7)
    trained.proposals.put_off(0, 9)
    assert [z for z, _, _ in left()] == [5, 7, 9]
    trained.proposals.put_off(0, 5)
    assert [z for z, _, _ in left()] == [7, 9, 5]


def test_a_first_slice_can_be_put_off_too(phantom_project):
    """Before there is a model the list is as good as any other."""
    first, *others = [p.z for p in phantom_project.proposals()]
    phantom_project.proposals.put_off(0, first)
    assert [p.z for p in phantom_project.proposals()] == [*others, first]
    with pytest.raises(ProjectError, match="no slice 99"):
        phantom_project.proposals.put_off(0, 99)


def test_a_proposed_slice_does_not_validate_but_a_slice_of_ones_own_choice_does(trained, phantom_files):
    """Validation is never chosen by uncertainty."""
    before = trained.labels.validation_summary().pixels
    sought = trained.propose(ProposeConfig(number=1))[0].z
    truth = tifffile.imread(phantom_files.truth)
    trained.labels.submit_mask(0, sought, truth[sought], Claim.slice())
    assert trained.labels.validation_summary().pixels == before
    own = next(z for z in range(12) if z not in (2, 8) and not trained.store.proposals.is_model_selected(SliceId(0, z)))
    trained.labels.submit_mask(0, own, truth[own], Claim.slice())
    assert trained.labels.validation_summary().pixels > before


def test_a_round_that_is_refused_leaves_the_stopped_one_to_be_resumed(trained):
    """With its own settings, though the refused one was asked for later."""
    with pytest.raises(Cancelled):
        trained.train(
            replace(TINY, seconds=30, epochs=None, channels=4), report=lambda share, said: trained.models.curve()[-1].step > 2
        )
    stopped = trained.models.interrupted()
    assert stopped.budget == 30
    with pytest.raises(NetworkError):
        trained.train(replace(TINY, seconds=50), network=nn.Conv2d(9, 3, 1))
    assert trained.models.interrupted() == stopped
    done = []
    with pytest.raises(Cancelled):
        trained.train(resume=True, report=lambda share, said: done.append((share, said)) or True)
    assert done[0][0] > 0
    assert " of 30 s" in done[0][1]


def test_only_what_is_proposed_in_the_end_is_barred_from_validating(trained, monkeypatch):
    """While the volume is looked through the list changes; slices that were on it in between stay free."""
    monkeypatch.setattr("core.proposals.scan._REFRESH_SECONDS", 0.0)
    listed = set()
    found = trained.store.proposals.replace
    monkeypatch.setattr(
        trained.store.proposals,
        "replace",
        lambda round_, proposals, **more: listed.update(p.z for p in proposals) or found(round_, proposals, **more),
    )
    trained.proposals.scan(ProposeConfig(number=2))
    last = {p.z for p in trained.proposals()}
    assert listed > last
    assert {z for z in range(12) if trained.store.proposals.is_model_selected(SliceId(0, z))} == last


@pytest.mark.parametrize("opened", [True, False])
def test_who_is_led_to_a_slice_while_the_list_still_changes_is_not_a_judge(trained, phantom_files, opened):
    """It is noted when the slice is opened or labelled, and stays when the slice leaves the list."""
    truth, proposals = tifffile.imread(phantom_files.truth), trained.store.proposals
    proposals.replace(1, [Proposal(0, 5, 0.5, "unsure", ())], model_selected=True, settled=False)
    assert [p.model_selected for p in trained.proposals()] == [True]
    assert trained.labels.may_validate(0, 5), "as long as nobody has gone there"
    if opened:
        trained.labels.mark_model_selected(0, 5)
    else:
        trained.labels.submit_mask(0, 5, truth[5], Claim.strokes())
    proposals.replace(1, [Proposal(0, 7, 0.5, "unsure", ())], model_selected=True, settled=False)
    before = trained.labels.validation_summary().pixels
    trained.labels.submit_mask(0, 5, truth[5], Claim.slice())
    assert trained.labels.validation_summary().pixels == before


def test_chance_bars_nothing_from_validating(trained, phantom_files):
    """A slice that was picked at random is as good as any."""
    trained.store.proposals.replace(1, [Proposal(0, 5, 0.5, "at random", ())], model_selected=False)
    truth = tifffile.imread(phantom_files.truth)
    trained.labels.submit_mask(0, 5, truth[5], Claim.slice())
    assert trained.labels.may_validate(0, 5)
    assert trained.store.labels.head(SliceId(0, 5)).validation_pixels


def test_a_list_that_was_left_unfinished_bars_nothing_once_there_is_a_newer_round(trained, phantom_files):
    """As after a scan that was cancelled."""
    trained.store.proposals.replace(1, [Proposal(0, 5, 0.5, "unsure", ())], model_selected=True, settled=False)
    add_round(trained)
    truth = tifffile.imread(phantom_files.truth)
    trained.labels.submit_mask(0, 5, truth[5], Claim.slice())
    assert trained.store.labels.head(SliceId(0, 5)).validation_pixels


def test_an_imported_label_of_a_proposed_slice_does_not_validate(trained, phantom_files):
    """Nor does one that a person was led to on the Review page."""
    before = trained.labels.validation_summary().pixels
    sought = trained.propose(ProposeConfig(number=1))[0].z
    other = next(z for z in range(12) if z not in (2, 8, sought))
    trained.labels.mark_model_selected(0, other)
    trained.labels.import_file(phantom_files.truth, slices=[sought, other])
    assert trained.labels.validation_summary().pixels == before


def test_hot_boxes_and_fractions_stay_in_the_working_region(trained):
    """The region limits scanning."""
    trained.set_region(0, [((0, 0), (0, 79), (159, 79), (159, 0))])
    trained.proposals.scan(ProposeConfig())
    assert all(box.x1 <= 80 for s in trained.proposals.scanned() for box in s.boxes)


def test_prediction_streams_into_a_file(trained, tmp_path):
    """The slices asked for, as class ids, with speed and memory told."""
    done = trained.predict(tmp_path / "out.tif", slices=range(3, 7), views=1, across=0)
    out = tifffile.imread(tmp_path / "out.tif")
    assert out.shape == (4, 160, 160)
    assert (out[0] == trained.models.predict_slice(0, 3).mask).all()
    assert (done.slices, done.round, done.views) == (4, 1, 1)
    assert trained.predict(tmp_path / "again.tif", slices=range(3, 7), across=0).views == 2
    assert done.megapixels_per_second > 0
    assert sum(a.pixels for a in done.amounts.values()) == 4 * 160 * 160


def test_measuring_counts_the_working_region_only(trained, tmp_path):
    """The region limits measuring."""
    trained.set_region(0, [((0, 0), (0, 79), (159, 79), (159, 0))])
    inside = int(trained.region_mask(0).sum())
    done = trained.predict(tmp_path / "out.tif", slices=range(2))
    assert sum(a.pixels for a in done.amounts.values()) == 2 * inside < 2 * 160 * 160


def test_raw_data_is_never_a_target(trained, tmp_path):
    """Neither a prediction nor labels are written over a volume, or into its folder."""
    image = trained.volumes[0].path
    before = image.read_bytes()
    with pytest.raises(ProjectError, match="raw data of volume 0, which is never changed"):
        trained.predict(image)
    with pytest.raises(ProjectError, match="raw data"):
        trained.labels.export_file(image, overwrite=True)
    assert image.read_bytes() == before


def test_slices_are_averaged_where_that_is_asked_for(trained, tmp_path):
    """Classes, probabilities and confidence alike, and the report says so; a part of the volume as in all of it."""
    single = [trained._loaded.predictor(1).in_turn(z).probabilities(trained.store.image(SliceId(0, z))) for z in range(1, 6)]
    expected = np.mean(single, axis=0)
    done = trained.predict(tmp_path / "part.tif", slices=range(3, 5), probabilities=True, across=2)
    assert done.across == ZAverageChoice(2)
    np.testing.assert_allclose(tifffile.imread(tmp_path / "part.tif")[0], expected, atol=1 / 255)
    trained.predict(tmp_path / "whole.tif", across=2)
    differ = tifffile.imread(tmp_path / "whole.tif")[3] != expected.argmax(axis=0)
    assert (np.diff(np.sort(expected, axis=0)[1:], axis=0)[0][differ] < 2 / 255).all()
    trained.results.export_confidence(tmp_path / "confidence.tif", across=2)
    np.testing.assert_allclose(tifffile.imread(tmp_path / "confidence.tif")[3] / 255, expected.max(axis=0), atol=1.5 / 255)


def test_one_configuration_says_how_slices_are_predicted(trained, tmp_path):
    """Of segmentation, confidence and scores, tiles included; a keyword wins over it, and one that is not there is refused."""
    config = PredictConfig(tile=64, context=0, views=1, across=0)
    done = trained.predict(tmp_path / "asked.tif", slices=range(3, 4), probabilities=True, config=config)
    assert (done.views, done.across) == (1, ZAverageChoice(0))
    small = trained._loaded.predictor(1).with_config(config).probabilities(trained.store.image(SliceId(0, 3)))
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "asked.tif"), small)
    assert trained.predict(tmp_path / "two.tif", slices=range(3, 4), config=config, views=2).views == 2
    trained.results.export_confidence(tmp_path / "confidence.tif", config=config)
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "confidence.tif")[3], np.rint(255 * small.max(axis=0)))
    with pytest.raises(TypeError, match="turns"):
        trained.predict(tmp_path / "out.tif", turns=2)


@pytest.mark.parametrize(
    ("across", "words"), [(None, "finding out how many slices to average"), (2, "segmenting: 5 of 12 slices")]
)
def test_a_segmentation_can_be_stopped(trained, tmp_path, across, words):
    """Whatever it is at; nothing is left of it."""
    before = sorted(trained.store.folder.rglob("*"))
    with pytest.raises(Cancelled):
        trained.predict(tmp_path / "out.tif", across=across, report=lambda share, said: said == words)
    assert not (tmp_path / "out.tif").exists()
    assert sorted(trained.store.folder.rglob("*")) == before


@pytest.mark.parametrize("across", [-1, 17])
def test_how_many_can_be_averaged_is_limited(trained, tmp_path, across):
    """From Python as on the command line."""
    with pytest.raises(ValueError, match=f"across is {across}; allowed is 0 to 16"):
        trained.predict(tmp_path / "out.tif", across=across)


def test_how_many_to_average_is_asked_of_the_labels(trained, phantom_files, monkeypatch, tmp_path):
    """Those held back and those painted, for a segmentation and for a score; both say what was found."""
    asked = []

    def best(predictor, seen, depth, held, painted, classes, voxel_nm, go_on):
        pixels = ({z: int((label != 255).sum()) for z, label in labels.items()} for labels in (held, painted))
        asked.append([depth, classes, voxel_nm, *pixels])
        return ZAverageChoice(1, 0.9, 0.8, 70)

    catalog, size = trained.store.catalog, (10.0, 5.0, 5.0)
    row = replace(catalog.row(0), voxel_nm=size)
    monkeypatch.setattr(catalog, "row", lambda _: row)
    monkeypatch.setattr(z_average_search, "best", best)
    done = trained.predict(tmp_path / "out.tif")
    assert "On 70 held-back pixels the mean Dice is 0.900 with them and 0.800 without." in done.across.sentence
    assert trained.results.evaluate(phantom_files.truth).across == done.across
    trained.labels.import_file(phantom_files.truth, slices=[5])  # the model has not seen it yet
    assert trained.results.evaluate(phantom_files.truth).across == done.across
    heads = trained.store.labels.heads()
    held = {head.z: head.validation_pixels for head in heads}
    painted = {head.z: int((trained.store.frozen(head, Role.TRAIN).label() != 255).sum()) for head in heads if head.z != 5}
    assert asked[:2] == [[12, 3, size, {z: number for z, number in held.items() if z != 5}, painted]] * 2
    assert asked[2] == [12, 3, size, held, painted]
    trained._loaded.predictor(1).card.extra["volume_weights"] = [0]  # the model was trained on other volumes alone
    trained.results.evaluate(phantom_files.truth)
    assert asked[3] == [12, 3, size, held, {}]
    assert min(held.values()) > 0


def test_only_slices_without_a_label_are_scored(trained, phantom_files):
    """A score on labelled slices would flatter."""
    found = trained.results.evaluate(phantom_files.truth)
    assert found.slices == tuple(z for z in range(12) if z not in (2, 8))
    assert set(found.dice) == {"matrix", "pore", "phase"}


def test_predicting_before_training_is_told(phantom_project, tmp_path, phantom_files):
    """One sentence, and None where a page only asks."""
    assert phantom_project.models.predict_slice(0, 0) is None
    assert phantom_project.models.cached_prediction(0, 0) is None
    with pytest.raises(CheckpointError, match="No model is trained yet"):
        phantom_project.predict(tmp_path / "out.tif")
    with pytest.raises(CheckpointError, match="No model is trained yet"):
        phantom_project.results.evaluate(phantom_files.truth)


def test_a_round_that_is_not_there_is_told(trained, tmp_path):
    """With the rounds there are."""
    with pytest.raises(CheckpointError, match=r"no round 9; the project has rounds 1 to 1"):
        trained.predict(tmp_path / "out.tif", round_=9)


def test_a_damaged_checkpoint_is_told_and_labels_are_safe(trained, tmp_path):
    """The labels are still there and a new round can be trained."""
    weights = trained.workspace / trained.models.rounds()[0].checkpoint / "weights.safetensors"
    weights.write_bytes(weights.read_bytes()[:100])
    with pytest.raises(CheckpointError):
        Project.open(trained.workspace, "toy").predict(tmp_path / "out.tif")
    assert len(trained.labels.slices()) == 2
    assert trained.train(TINY).round == 2


# ---- results


def test_a_background_segmentation_ends_in_the_results(trained):
    """The file, its round, how much of each class, and how it was asked for."""
    with pytest.raises(ValueError, match="across is 17"):
        trained.jobs.start_segment(across=17)
    with pytest.raises(ValueError, match="config= beside views or across"):
        trained.jobs.start_segment(across=2, config=PredictConfig())
    job = trained.jobs.start_segment(views=2, across=2)
    deadline = time.monotonic() + 120
    while trained.jobs.current().active and time.monotonic() < deadline:
        time.sleep(0.2)
    assert (trained.jobs.current().id, trained.jobs.current().state) == (job.id, "done"), trained.jobs.current().error
    (result,) = trained.results()
    assert (result.kind, result.round) == ("segmentation", 1)
    assert tifffile.imread(result.path).shape == (12, 160, 160)
    assert set(result.facts["amounts"]) == {"matrix", "pore", "phase"}
    assert (result.facts["views"], ZAverageChoice(**result.facts["across"])) == (2, ZAverageChoice(2))


def test_confidence_is_exported(trained, tmp_path):
    """uint8, 255 for certain: that of the segmentation, whatever was looked at before."""
    trained.models.predict_slice(0, 4)
    trained.results.export_confidence(tmp_path / "confidence.tif", across=0)
    out = tifffile.imread(tmp_path / "confidence.tif")
    assert out.shape == (12, 160, 160)
    trained.predict(tmp_path / "out.tif", slices=range(4, 5), probabilities=True, across=0)
    assert (out[4] == np.rint(255 * tifffile.imread(tmp_path / "out.tif").max(axis=0))).all()
