"""A finished training becomes a round, whatever comes between its checkpoint and its record."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from threading import Barrier, Thread

import pytest

from core.errors import Cancelled, CheckpointError, JobError, StorageError
from core.project import Project
from core.storage.checkpoints import CARD, WEIGHTS, load_card
from core.storage.rounds import NewRound, Origin, Rounds
from core.storage.workspace import open_store
from core.training.finished import enter_finished, set_aside
from core.training.plan import make_plan
from tests.conftest import TINY, Files

ROOT = Path(__file__).resolve().parents[2]
KILLED = """
import os, sys
from pathlib import Path
from core.project import Project
from core.storage.rounds import Rounds
from tests.conftest import TINY

Rounds.add = lambda self, new: os._exit(9)
Project.open(Path(sys.argv[1]), "toy").train(TINY)
"""


def full(self: Rounds, new: object) -> None:
    raise StorageError("Could not write project.sqlite (database or disk is full).")


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory, phantom_files: Files) -> Path:
    """A workspace whose first training met a full disk between its checkpoint and its record, with a resume state."""
    workspace = tmp_path_factory.mktemp("original")
    project = Project.create(workspace, "toy", volumes=[phantom_files.image], classes=phantom_files.classes)
    project.labels.import_file(phantom_files.truth, slices=[2, 8])
    with pytest.raises(Cancelled):
        project.train(TINY, report=lambda share, said: True)
    with pytest.MonkeyPatch.context() as patch, pytest.raises(StorageError, match="full"):
        patch.setattr(Rounds, "add", full)
        project.train(resume=True)
    project.store.records.close()
    return workspace


@pytest.fixture
def workspace(original: Path, tmp_path: Path) -> Path:
    """A working copy of it."""
    return Path(shutil.copytree(original, tmp_path / "copy"))


@pytest.fixture
def checkpoint(workspace: Path) -> Path:
    """The checkpoint that was never entered."""
    return workspace / "checkpoints" / "toy" / "round-001"


def test_a_training_that_could_not_be_entered_keeps_its_state(workspace: Path, checkpoint: Path) -> None:
    """Nothing of it is deleted before it is a round."""
    assert open_store(workspace, "toy").rounds.last() is None
    assert (checkpoint / WEIGHTS).is_file()
    assert checkpoint.with_name("round-001.partial").is_dir()


def test_opening_the_project_enters_it(workspace: Path, checkpoint: Path) -> None:
    """With labels, settings, seconds and scores as the training itself would have entered them; its state is gone."""
    card, project = load_card(checkpoint), Project.open(workspace, "toy")
    (row,) = project.models.rounds()
    assert (row.round, row.seconds, row.revisions) == (1, card.training["seconds"], (1, 2))
    assert row.checkpoint == "checkpoints/toy/round-001"
    assert (row.validation_loss, row.validation_dice) == (card.scores["loss"], card.scores["dice"])
    assert (row.scored, row.validation_pixels) == (True, card.scores["pixels"])
    assert row.active_seconds == project.labels.active_seconds()
    assert not checkpoint.with_name("round-001.partial").exists()
    assert project.models.interrupted() is None
    with pytest.raises(JobError, match="had finished and is round 1 now, so there is nothing to resume"):
        project.train(resume=True)
    assert project.train(TINY).round == 2


@pytest.mark.parametrize("asks", ["plan", "interrupted", "restore"])
def test_a_project_that_is_open_already_enters_it_before_the_next_job(workspace: Path, asks: str) -> None:
    """The app keeps projects open: there the next plan, the Rounds page or a restore enters it."""
    project = Project(open_store(workspace, "toy"))
    if asks == "plan":
        plan = make_plan(project.store, TINY)
        assert (plan.round, plan.begins_with) == (2, 1)
    elif asks == "interrupted":
        assert project.models.interrupted() is None
    else:
        with pytest.raises(Exception, match="is the newest model already"):
            project.models.restore(1)
    assert project.store.rounds.last() == 1


def test_a_killed_training_is_entered(workspace: Path) -> None:
    """kill -9 between checkpoint and record, in a second round; the first keeps its scores."""
    project = Project.open(workspace, "toy")
    before = project.models.rounds()[0]
    ended = subprocess.run([sys.executable, "-c", KILLED, str(workspace)], cwd=ROOT, check=False)
    assert ended.returncode == 9
    assert project.store.rounds.last() == 1
    first, second = Project.open(workspace, "toy").models.rounds()
    assert first == before
    assert (second.round, second.scored) == (2, True)
    assert not list((workspace / "checkpoints" / "toy").glob("*.partial"))


def test_several_processes_enter_it_once(workspace: Path) -> None:
    """Every one of four looks at the same moment; one enters it."""
    gate, done = Barrier(4), list[int | None]()

    def enter() -> None:
        store = open_store(workspace, "toy")
        gate.wait()
        done.append(enter_finished(store))
        store.records.close()

    threads = [Thread(target=enter) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(done, key=str) == [1, None, None, None]


def test_a_training_at_work_enters_its_round_itself(workspace: Path) -> None:
    """Between its checkpoint and its record nobody else does."""
    store = open_store(workspace, "toy")
    with store.jobs.here("train", {}):
        assert enter_finished(open_store(workspace, "toy")) is None
    assert enter_finished(store) == 1


def of_a_deleted_project(project: Project, checkpoint: Path) -> None:
    project.store.records.set_meta("created", "1.5")


def of_another_round(project: Project, checkpoint: Path) -> None:
    shutil.copytree(checkpoint, checkpoint.with_name("round-002"))
    assert enter_finished(project.store) == 1


def of_an_earlier_version(project: Project, checkpoint: Path) -> None:
    card = load_card(checkpoint)
    earlier = {name: value for name, value in card.extra.items() if name != "project_created"}
    (checkpoint / "card.json").write_text(replace(card, extra=earlier).to_json())


@pytest.mark.parametrize("made", [of_a_deleted_project, of_another_round, of_an_earlier_version])
def test_a_checkpoint_from_elsewhere_is_not_entered(
    workspace: Path, checkpoint: Path, made: Callable[[Project, Path], None]
) -> None:
    """Nor is it an obstacle: the next training sets it aside."""
    project = Project(open_store(workspace, "toy"))
    made(project, checkpoint)
    last = project.store.rounds.last()
    assert enter_finished(project.store) is None
    assert project.train(TINY).round == (last or 0) + 1


@pytest.mark.parametrize("file", [WEIGHTS, CARD])
def test_a_checkpoint_that_cannot_be_read_for_a_moment_is_not_pushed_away(workspace: Path, checkpoint: Path, file: str) -> None:
    """The project opens all the same, a training waits; the checkpoint is entered as soon as its disk answers."""
    (checkpoint / file).rename(workspace / file)
    project = Project.open(workspace, "toy")
    assert (project.models.rounds(), project.models.interrupted()) == ([], None)
    for resume in (False, True):
        with pytest.raises(CheckpointError, match="may be a finished training of round 1, but cannot be read now"):
            project.train(resume=True) if resume else project.train(TINY)
    assert checkpoint.is_dir()
    (workspace / file).rename(checkpoint / file)
    assert make_plan(project.store, TINY).round == 2


def test_a_damaged_checkpoint_is_set_aside_by_a_person_alone(workspace: Path, checkpoint: Path) -> None:
    """The sentence says how; then the round is trained again."""
    (checkpoint / WEIGHTS).write_bytes(b"nonsense")
    project = Project.open(workspace, "toy")
    with pytest.raises(CheckpointError, match="if it is damaged, move the folder elsewhere and train again"):
        project.train(TINY)
    checkpoint.rename(workspace / "elsewhere")
    assert project.train(TINY).round == 1


def test_a_training_does_not_push_away_one_that_finished_after_its_plan(workspace: Path, checkpoint: Path) -> None:
    """Its own checkpoint would have the same place."""
    with pytest.raises(JobError, match="Round 1 was trained by another program meanwhile"):
        set_aside(open_store(workspace, "toy"), 1)
    assert checkpoint.is_dir()


def test_a_training_that_was_suspended_goes_on_after_another_process_entered_it(
    workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was taken for dead in its container; the round is entered once, and the job ends well."""
    project, add = Project.open(workspace, "toy"), Rounds.add

    def suspended(self: Rounds, new: NewRound) -> None:
        project.store.records.write("UPDATE jobs SET state = 'dead', ended = 1 WHERE id = ?", (new.job,))
        assert enter_finished(open_store(workspace, "toy")) == 2
        add(self, new)

    monkeypatch.setattr(Rounds, "add", suspended)
    assert project.train(TINY).round == 2
    assert [row.round for row in project.models.rounds()] == [1, 2]
    job = project.store.jobs.last()
    assert job is not None
    assert job.state == "done"


def test_a_restored_round_that_could_not_be_entered_is_entered(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With its origin and the curve up to there; the interrupted training whose number it took is gone only then."""
    project = Project.open(workspace, "toy")
    project.train(TINY)
    with pytest.raises(Cancelled):
        project.train(TINY, report=lambda share, said: True)
    with monkeypatch.context() as patch, pytest.raises(StorageError, match="full"):
        patch.setattr(Rounds, "add", full)
        project.models.restore(1)
    partial = workspace / "checkpoints" / "toy" / "round-003.partial"
    assert partial.is_dir()
    third = Project.open(workspace, "toy").models.rounds()[2]
    assert third.origin == Origin(1, third.seconds)
    assert third.scored
    assert project.models.curve(3) == [point for point in project.models.curve(1) if point.seconds <= third.seconds]
    assert not partial.exists()


def test_the_state_of_a_round_that_was_entered_is_removed_when_the_project_is_opened(workspace: Path, checkpoint: Path) -> None:
    """A kill may come between the record and the removal; a training that can be resumed keeps its state."""
    Project.open(workspace, "toy")
    entered, resumable = (checkpoint.with_name(f"round-00{n}.partial") for n in (1, 2))
    for state in (entered, resumable):
        state.mkdir()
    Project.open(workspace, "toy")
    assert (entered.exists(), resumable.exists()) == (False, True)
