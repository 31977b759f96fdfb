"""Restoring makes a training snapshot or an earlier round the newest model, and loses nothing."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from core.config import ProposeConfig
from core.errors import Cancelled, CheckpointError, JobError, ProjectError
from core.evaluation.validation import score
from core.models.loaded import LoadedModels
from core.models.predictor import Predictor
from core.project import Project
from core.storage.checkpoints import load, load_card
from core.storage.labels import Role
from core.storage.rounds import Origin
from core.training.restore import nearest
from core.worker import run_job
from tests.conftest import TINY, Files
from tests.planted import plant


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory, phantom_files: Files) -> Path:
    """A workspace with a project of two rounds with snapshots, more labels for the second, and proposals."""
    workspace = tmp_path_factory.mktemp("original")
    project = Project.create(workspace, "toy", volumes=[phantom_files.image], classes=phantom_files.classes)
    project.labels.import_file(phantom_files.truth, slices=[2, 8])
    project.train(TINY)
    project.labels.import_file(phantom_files.truth, slices=[5])
    project.train(TINY)
    plant(project, 1)
    plant(project, 2, source=2, times=(1.0, 1.5, 2.0))
    project.propose(ProposeConfig(number=2))
    project.store.records.close()
    return workspace


@pytest.fixture
def project(original: Path, tmp_path: Path) -> Project:
    """A working copy of the original."""
    shutil.copytree(original, tmp_path / "copy")
    return Project.open(tmp_path / "copy", "toy")


def same_weights(one: Path, other: Path) -> bool:
    """Return whether two checkpoints predict the same."""
    (_, first), (_, second) = load(one), load(other)
    return all(torch.equal(first[name], second[name]) for name in first)


def test_a_snapshot_becomes_the_newest_round(project: Project) -> None:
    """The new round has the weights, labels and seconds of the snapshot, and records its origin."""
    snapshot = project.models.snapshots(2)[1]
    done = project.models.restore(2, seconds=snapshot.seconds)
    assert done.round == 3
    _, second, third = project.models.rounds()
    assert third.origin == Origin(2, snapshot.seconds)
    assert (third.seconds, third.revisions, third.labelled_slices) == (snapshot.seconds, second.revisions, 3)
    assert same_weights(snapshot.folder, project.workspace / third.checkpoint)
    card = load_card(project.workspace / third.checkpoint)
    assert card.extra["restored"] == {"round": 2, "seconds": snapshot.seconds}
    assert card.extra["round"] == 3
    assert "moment" not in card.extra


def test_its_loss_is_measured_on_the_pixels_of_all_rounds(project: Project) -> None:
    """The restored weights are scored on every held-back pixel, unlike the quick validation during training."""
    snapshot = project.models.snapshots(2)[0]
    done = project.models.restore(2, seconds=snapshot.seconds)
    held = [project.store.frozen(head, Role.VALIDATION) for head in project.labels.slices()]
    measured = score(Predictor.load(snapshot.folder), held)
    assert done.validation_loss == pytest.approx(measured.loss)
    assert len({row.validation_pixels for row in project.models.rounds()}) == 1
    assert done.validation_pixels == measured.pixels > 0
    assert load_card(done.checkpoint).scores["loss"] == pytest.approx(measured.loss)


def test_all_rounds_are_scored_on_the_labels_as_they_are(project: Project, phantom_files: Files) -> None:
    """Scores use the current labels, including corrections made since the restored round."""
    project.labels.import_file(phantom_files.truth, slices=[10])
    held = project.labels.validation_summary().pixels
    assert held > project.models.rounds()[0].validation_pixels
    project.models.restore(1)
    assert [row.validation_pixels for row in project.models.rounds()] == [held] * 3
    validating = [head.id for head in project.labels.slices() if head.validation_pixels]
    assert sorted(project.models.rounds()[0].validation_revisions) == sorted(validating)
    assert project.models.rounds()[2].revisions == project.models.rounds()[0].revisions
    assert project.labels.preview_choice().pixels == held


def test_nothing_of_the_other_rounds_changes(project: Project) -> None:
    """Other rounds keep checkpoints, scores, curves, proposals and snapshots, and can be restored again."""
    before, curve = project.models.rounds(), project.models.curve(2)
    proposals, snapshots = project.store.proposals.of(2), project.models.snapshots(2)
    project.models.restore(2, seconds=snapshots[0].seconds)
    assert project.models.rounds()[:2] == before
    assert (project.models.curve(2), project.store.proposals.of(2), project.models.snapshots(2)) == (curve, proposals, snapshots)
    again = project.models.restore(2)
    assert again.round == 4
    assert again.validation_loss == pytest.approx(before[1].validation_loss)
    assert same_weights(again.checkpoint, project.workspace / before[1].checkpoint)


def test_predictions_and_proposals_are_of_the_snapshot_from_then_on(project: Project) -> None:
    """No cached prediction or proposal of the former round is used for the restored one."""
    of_round_two = project.models.predict_slice(0, 6)
    snapshot = project.models.snapshots(2)[0]
    project.models.restore(2, seconds=snapshot.seconds)
    assert project.proposals() == []
    assert project.proposals.scanned() == []
    assert project.models.cached_prediction(0, 6) is None
    predicted = project.models.predict_slice(0, 6)
    assert predicted.round == 3
    mask, _ = Predictor.load(snapshot.folder).labels(project.image(0, 6))
    np.testing.assert_array_equal(predicted.mask, mask)
    assert not np.array_equal(predicted.mask, of_round_two.mask)
    assert project.models.predict_slice(0, 6, round_=2).round == 2
    assert project.propose(ProposeConfig(number=2))


def test_its_curve_ends_at_the_snapshot(project: Project) -> None:
    """The restored round's curve ends at the snapshot, so its training steps are comparable."""
    snapshot = project.models.snapshots(2)[-2]
    project.models.restore(2, seconds=snapshot.seconds)
    assert project.models.curve(3) == [point for point in project.models.curve(2) if point.seconds <= snapshot.seconds]


def test_an_earlier_round_can_be_gone_back_to(project: Project) -> None:
    """The end of a round can be restored, even after its snapshots are swept, with the labels it learnt from."""
    project.store.snapshots.forget(1)
    first = project.models.rounds()[0]
    done = project.models.restore(1)
    assert same_weights(done.checkpoint, project.workspace / first.checkpoint)
    assert project.models.rounds()[2].revisions == first.revisions


def test_the_next_training_goes_on_from_the_records(project: Project) -> None:
    """A round trained after a restore has the next number and all labels."""
    project.models.restore(1)
    done = project.train(TINY)
    assert done.round == 4
    assert project.models.rounds()[-1].labelled_slices == 3
    assert project.models.rounds()[-1].origin is None


def test_a_stopped_training_can_be_kept_as_it_was_at_a_snapshot(project: Project) -> None:
    """A snapshot of a cancelled training can be restored; the rest of the training can no longer be resumed."""
    with pytest.raises(Cancelled):
        project.train(replace(TINY, seconds=60, epochs=None), report=lambda share, said: bool(project.models.snapshots(3)))
    snapshots = project.models.snapshots(3)
    done = project.models.restore(3, seconds=snapshots[0].seconds)
    assert done.round == 3
    assert same_weights(done.checkpoint, snapshots[0].folder)
    assert project.models.snapshots(3) == snapshots
    assert all(point.seconds <= snapshots[0].seconds for point in project.models.curve(3))
    with pytest.raises(JobError, match="No training was interrupted"):
        project.train(resume=True)


def test_going_back_gives_an_interrupted_training_up(project: Project) -> None:
    """A restore takes the number of an interrupted training and deletes its snapshots."""
    with pytest.raises(Cancelled):
        project.train(replace(TINY, seconds=60, epochs=None), report=lambda share, said: bool(project.models.snapshots(3)))
    assert project.models.snapshots(3)
    project.models.restore(1)
    assert project.models.snapshots(3) == []
    assert not list((project.workspace / "checkpoints" / "toy").glob("*.partial"))


@pytest.mark.parametrize(
    ("round_", "seconds", "error", "said"),
    [
        (2, None, ProjectError, "The end of round 2 is the newest model already"),
        (2, 99.0, CheckpointError, r"Round 2 has no snapshot at 99 s; kept are those at \d"),
        (7, 1.0, CheckpointError, "Round 7 has no snapshot at 1 s; none of it is kept"),
        (7, None, CheckpointError, "There is no round 7; the project has rounds 1 to 2"),
    ],
)
def test_what_cannot_be_gone_back_to_is_one_sentence(
    project: Project, round_: int, seconds: float | None, error: type[Exception], said: str
) -> None:
    """An impossible restore is refused in one sentence and enters no round."""
    with pytest.raises(error, match=said):
        project.models.restore(round_, seconds=seconds)
    with pytest.raises(error, match=said):
        project.jobs.start_restore(round_, seconds=seconds)
    assert len(project.models.rounds()) == 2


def test_a_damaged_snapshot_is_refused_and_nothing_is_entered(project: Project) -> None:
    """The weights are read before any change."""
    snapshot = project.models.snapshots(2)[0]
    (snapshot.folder / "weights.safetensors").write_bytes(b"torn")
    with pytest.raises(CheckpointError, match="missing or damaged"):
        project.models.restore(2, seconds=snapshot.seconds)
    assert len(project.models.rounds()) == 2


def test_going_back_waits_for_the_job_at_work(project: Project) -> None:
    """The newest model does not change during a training or a scan."""
    with project.store.jobs.here("scan", {}), pytest.raises(JobError, match="A scan job is running"):
        project.models.restore(1)


def test_a_job_goes_back_and_looks_through_the_volume(project: Project) -> None:
    """The page's job leaves the restored round with scores and proposals."""
    job = project.store.jobs._enter("restore", {"round": 1, "seconds": None, "propose": {"number": 2}}, "queued")
    run_job(LoadedModels(project.store), job)
    assert project.jobs.current().state == "done"
    assert project.jobs.current().result["round"] == 3
    assert len(project.proposals()) == 2


def test_the_snapshot_meant_is_the_nearest_within_a_second(project: Project) -> None:
    """Seconds may be given without decimals, as the page shows them."""
    snapshots = project.models.snapshots(1)
    assert nearest(snapshots, round(snapshots[-1].seconds)) == snapshots[-1]
    assert nearest(snapshots, snapshots[-1].seconds + 1.5) is None
