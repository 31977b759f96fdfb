"""A trained round stays trained, whatever is wrong with earlier rounds."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from core.config import ProposeConfig
from core.errors import Cancelled, TrainingError
from core.evaluation.validation import Scores
from core.models.loaded import LoadedModels
from core.progress import silent
from core.project import Project
from core.storage.checkpoints import CARD, WEIGHTS, load_card
from core.storage.jobs import Handle
from core.storage.labels import Role
from core.storage.rounds import NewRound
from core.training.learning.task import Progress, TrainingTask
from core.training.learning.trainer import TrainingRun
from core.training.plan import Plan, make_plan
from core.training.round import _Reporter, score_all_rounds
from core.worker import _round
from tests.conftest import TINY, Files

MEASURED = Scores(0.25, (0.9, 0.8, 0.7), 1234)


@pytest.fixture
def project(tmp_path: Path, phantom_files: Files) -> Project:
    """A project on a copy of the small volume, with one round trained and more pixels held back since."""
    image = tmp_path / "image.tif"
    image.write_bytes(phantom_files.image.read_bytes())
    made = Project.create(tmp_path, "toy", volumes=[image], classes=phantom_files.classes)
    made.labels.import_file(phantom_files.truth, slices=[2, 8])
    made.train(TINY)
    made.labels.import_file(phantom_files.truth, slices=[5])
    return made


@pytest.fixture
def handle(project: Project) -> Iterator[Handle]:
    """A running job."""
    with project.store.jobs.here("train", {}) as at_work:
        yield at_work


def test_logs_without_tensorboard_are_refused_before_training(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """One sentence names the missing package; training without logs does not need it."""
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(TrainingError, match="need the package tensorboard, which is not installed"):
        project.train(TINY, tensorboard=True)
    assert project.train(TINY).logs is None


def test_a_resume_writes_the_logs_that_were_wanted(project: Project) -> None:
    """The plan records the request for logs, and they lie beside the checkpoint."""
    with pytest.raises(Cancelled):
        project.train(TINY, tensorboard=True, report=lambda share, said: True)
    done = project.train(resume=True)
    assert done.logs == project.workspace / "checkpoints" / "toy" / "logs" / "round-002"
    assert list(done.logs.glob("events.*"))


def test_a_weight_is_part_of_the_plan(project: Project, phantom_files: Files) -> None:
    """Weights are fixed when a round begins, so that a resume does the same work."""
    project.add_volume(phantom_files.image)
    project.labels.import_file(phantom_files.truth, slices=[3], volume=1)
    project.set_weight(1, 2.5)
    with pytest.raises(Cancelled):
        project.train(TINY, report=lambda share, said: True)
    project.set_weight(1, 0)
    done = project.train(resume=True)
    assert done.resumed
    assert load_card(done.checkpoint).extra["volume_weights"] == [1.0, 2.5]
    frozen = project.store.frozen(project.labels.slices()[0], Role.TRAIN, 2.5)
    assert frozen.weight == 2.5


def test_a_volume_of_weight_0_is_left_out_of_training_and_still_validates(project: Project, phantom_files: Files) -> None:
    """An error says so if nothing else is labelled; its held-back pixels are scored."""
    alone = load_card(project.train(TINY).checkpoint).training["labelled_pixels"]
    project.add_volume(phantom_files.image)
    project.labels.import_file(phantom_files.truth, slices=[3], volume=1)
    project.set_weight(1, 0)
    before = project.models.rounds()[-1].validation_pixels
    done = project.train(TINY)
    assert load_card(done.checkpoint).training["labelled_pixels"] == alone
    assert done.validation_pixels > before
    project.set_weight(0, 0)
    with pytest.raises(TrainingError, match="volumes with the weight 0, which are left out of training"):
        project.train(TINY)


def test_a_training_is_begun_once_the_state_before_it_is_gone(project: Project) -> None:
    """A training stopped before its first step replaces the interrupted one before it."""
    with pytest.raises(Cancelled):
        project.train(replace(TINY, seconds=30, epochs=None), report=lambda share, said: project.models.curve()[-1].step > 2)
    with pytest.raises(Cancelled):
        project.train(replace(TINY, seconds=40), report=lambda share, said: True)
    stopped = project.models.interrupted()
    assert stopped is not None
    assert stopped.budget == 40
    assert project.store.rounds.begun_by() == project.jobs.current().id  # type: ignore[union-attr]


def test_a_round_begins_with_the_one_before(project: Project) -> None:
    """Plan, report and card name the round of the initial weights; the first round has none."""
    plan = make_plan(project.store, TINY)
    assert plan.begins_with == 1
    assert Plan.from_json(project.store, plan.as_json()) == plan
    done = project.train(TINY)
    assert (done.begins_with, done.fresh_because) == (1, None)
    cards = [load_card(project.store.checkpoint(number)) for number in (1, 2)]
    assert [card.extra["begins_with"] for card in cards] == [None, 1]
    assert [card.config["initial_weights"] for card in cards] == ["previous", "previous"]


def test_a_round_begins_with_the_model_that_was_gone_back_to(project: Project) -> None:
    """A round begins with the newest model, even a restored one."""
    project.train(TINY)
    project.models.restore(1)
    assert make_plan(project.store, TINY).begins_with == 3


def test_a_plan_settles_from_which_level_on_slices_are_joined(project: Project) -> None:
    """Card, table and resume know the level chosen by the plan."""
    project.set_voxel_size(0, (8.0, 8.0, 8.0))
    config = replace(TINY, architecture="unet-3d", neighbours=1, depth=3, patch=64)
    done = project.train(config)
    card = load_card(done.checkpoint)
    assert (card.config["flat"], card.network["flat"]) == (1, 1)
    assert project.models.rounds()[-1].network == "unet-3d, 1 + 1 + 1 slices joined after level 1"
    assert "flat" not in project.models.rounds()[-1].changed


def test_a_round_is_told_its_number(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """A round of the same seed draws other patches than the round before."""
    told: list[int] = []

    class SliceInput(TrainingRun):
        def __init__(self, task: TrainingTask, *given: Any) -> None:
            told.append(task.number)
            super().__init__(task, *given)

    monkeypatch.setattr("core.training.learning.trainer.TrainingRun", SliceInput)
    project.train(replace(TINY, initial_weights="random"))
    assert told == [2]


def test_a_class_may_be_added_between_two_rounds(project: Project) -> None:
    """A round begins with the weights of matching shape."""
    project.set_classes([*(c.name for c in project.classes), "crack"])
    done = project.train(TINY)
    assert (done.begins_with, done.fresh_because) == (1, None)
    assert len(load_card(done.checkpoint).class_names) == len(project.classes)


def test_a_round_whose_beginning_is_damaged_is_trained_and_says_so(project: Project) -> None:
    """Report, card and the job's result give the reason for random weights, beside the regression warning."""
    (project.store.checkpoint(1) / WEIGHTS).write_bytes(b"nonsense")
    plan = make_plan(project.store, TINY)
    handed: Any = SimpleNamespace(id=1, report=lambda share, message: False, result=None)
    arguments = {"plan": plan.as_json(), "propose": asdict(ProposeConfig(number=1, scan_seconds=0)), "resume": False}
    _round(LoadedModels(project.store), handed, arguments)
    because = "the checkpoint round-001 is missing or damaged"
    assert handed.result["caution"].split("; ")[0] == f"it began with random weights, because {because}"
    card = load_card(project.store.checkpoint(2))
    assert (card.extra["begins_with"], card.extra["fresh_because"]) == (None, because)
    done = project.train(replace(TINY, channels=8))
    assert done.begins_with is None
    assert done.fresh_because == "round-002 has another network, or one of another size"


def test_a_resumed_round_begins_with_what_it_began_with(project: Project) -> None:
    """A resume does not need the checkpoint of the initial weights."""
    with pytest.raises(Cancelled):
        project.train(TINY, report=lambda share, said: True)
    shutil.rmtree(project.store.checkpoint(1))
    done = project.train(resume=True)
    assert (done.resumed, done.begins_with, done.fresh_because) == (True, 1, None)
    assert load_card(done.checkpoint).extra["begins_with"] == 1


def enter_second_round(project: Project) -> None:
    """Enter a round whose training has just ended."""
    heads = [head.id for head in project.labels.slices()]
    project.store.rounds.add(NewRound(2, heads, {}, "checkpoints/toy/round-002", seconds=1, active_seconds=0, job=1))


def test_the_score_of_a_round_is_that_of_its_checkpoint(project: Project) -> None:
    """The trainer's last scores are used as they are, and the round before is scored on the same pixels."""
    done = project.train(TINY)
    first, second = project.models.rounds()
    card = load_card(done.checkpoint)
    assert (done.checkpoint / CARD).is_file()
    assert second.validation_loss == done.validation_loss == card.scores["loss"]
    assert second.validation_dice == done.validation_dice == card.scores["dice"]
    assert first.validation_pixels == second.validation_pixels == card.scores["pixels"]


@pytest.mark.parametrize("fault", ["a moved volume", "a damaged label", "a missing checkpoint"])
def test_an_old_round_that_cannot_be_scored_does_not_fail_the_new_one(project: Project, handle: Handle, fault: str) -> None:
    """The old round is shown as not measured, the new one with the trainer's scores."""
    revisions = project.labels.slices()
    enter_second_round(project)
    if fault == "a moved volume":
        project.volumes[0].path.rename(project.workspace / "elsewhere.tif")
        project.store.catalog._open.clear()
    elif fault == "a damaged label":
        project.store.records.write("UPDATE revisions SET label = x'00'")
    else:
        (project.workspace / project.models.rounds()[0].checkpoint / CARD).unlink()
    validation = [project.store.frozen(revision, Role.VALIDATION) for revision in revisions]
    score_all_rounds(LoadedModels(project.store), handle, revisions, validation, {2: MEASURED})
    first, second = project.models.rounds()
    assert (first.validation_loss, first.validation_pixels) == (None, 0)
    assert (second.validation_loss, second.validation_pixels) == (MEASURED.loss, MEASURED.pixels)


def test_a_round_that_could_not_be_scored_is_scored_when_it_can_be(project: Project, handle: Handle) -> None:
    """The next training scores a round without scores on the current pixels."""
    revisions = project.labels.slices()
    validation = [project.store.frozen(revision, Role.VALIDATION) for revision in revisions]
    there = project.volumes[0].path
    away = there.rename(project.workspace / "elsewhere.tif")
    project.store.catalog._open.clear()
    score_all_rounds(LoadedModels(project.store), handle, revisions, validation, {})
    assert project.models.rounds()[0].validation_loss is None
    away.rename(there)
    score_all_rounds(LoadedModels(project.store), handle, revisions, validation, {})
    assert project.models.rounds()[0].validation_loss > 0


def test_the_curve_goes_back_with_the_training(project: Project) -> None:
    """After lack of memory, the curve is cut back to the stored state and continued from there."""
    store = project.store
    plan = replace(make_plan(store, replace(TINY, seconds=1)), round=2)
    handle: Any = SimpleNamespace(report=lambda share, message: False)
    reporter = _Reporter(store, handle, plan, silent)
    for seconds in (0.1, 0.4, 0.7, 0.5, 0.8):
        reporter(Progress(seconds, 1.0, 1 + round(10 * seconds), 0.5, None, None, 0.05, seconds, 0.0, TINY.batch))
    assert [point.seconds for point in store.rounds.curve(2)] == [0.1, 0.4, 0.5, 0.8]


def test_a_step_of_fewer_patches_than_asked_for_is_told(project: Project) -> None:
    """Progress names a reduced batch and the reason, and no other batch."""
    told = list[str]()
    handle: Any = SimpleNamespace(report=lambda share, message: told.append(message) is not None)
    plan = replace(make_plan(project.store, replace(TINY, batch=4)), round=2)
    reporter = _Reporter(project.store, handle, plan, silent)
    for batch in (4, 2):
        reporter(Progress(0.5, 1.0, 6, 0.5, None, None, 0.05, 0.5, 0.0, batch))
    assert "patches" not in told[0]
    assert told[1].endswith(", 2 patches at once instead of 4 (memory holds no more)")


def test_a_training_says_its_time_and_its_losses(project: Project) -> None:
    """The job's record and the caller get the same share and sentence; a loss not measured yet is left out."""
    record, caller = list[tuple[float, str]](), list[tuple[float, str]]()
    handle: Any = SimpleNamespace(report=lambda share, said: record.append((share, said)) is not None)
    plan = replace(make_plan(project.store, replace(TINY, seconds=60, epochs=9)), round=2)
    reporter = _Reporter(project.store, handle, plan, lambda share, said: caller.append((share, said)) is not None)
    reporter(Progress(12.2, 60.0, 40, 0.4119, None, None, 0.05, 0.2, 1.25, TINY.batch))
    reporter(Progress(30.4, 60.0, 99, 0.2, 0.301, (None, 0.8), 0.05, 0.5, 4.5, TINY.batch))
    assert record == caller
    assert record == [
        (0.2, "training round 2: 12 of 60 s, 1.2 of 9 epochs, loss 0.412"),
        (0.5, "training round 2: 30 of 60 s, 4.5 of 9 epochs, loss 0.200, validation loss 0.301"),
    ]


@pytest.mark.parametrize("asking", ["record", "caller", "follower"])
def test_whoever_follows_a_training_may_stop_it(project: Project, asking: str) -> None:
    """The page by the job's record, the caller, or a script of version 0.1; the others are told all the same."""
    told = list[str]()

    def answer(name: str) -> bool:
        told.append(name)
        return name == asking

    handle: Any = SimpleNamespace(report=lambda share, said: answer("record"))
    plan = replace(make_plan(project.store, TINY), round=2)
    reporter = _Reporter(project.store, handle, plan, lambda share, said: answer("caller"), lambda now: answer("follower"))
    assert reporter(Progress(0.5, 1.0, 6, 0.5, None, None, 0.05, 0.5, 0.0, TINY.batch))
    assert told[:2] == ["record", "caller"]
