"""Training keeps to its budget, learns, can be stopped, killed and resumed, and refuses impossible tasks."""

from __future__ import annotations

import json
import math
import signal
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from core.config import StopRule, TrainConfig
from core.errors import CheckpointError, TrainingError, UnderpaintError
from core.evaluation.validation import Scores
from core.models.predictor import Predictor
from core.storage.checkpoints import CARD, load_card
from core.training.learning.callbacks import SMOOTHED_OVER, Clock, StopRules, Validation
from core.training.learning.fit import Cancelled, FitResult, Progress, fit
from core.training.learning.lightning_module import FINEST
from core.training.learning.task import STATE
from core.training.learning.thread_tuning import Threads
from core.training.learning.trainer import TrainingRun
from tests.serving import ROOT
from tests.slices import NAMES, Drawn, disc_task, discs

QUICK: dict[str, Any] = {"seconds": 1.0, "patch": 64, "batch": 2, "channels": 4, "depth": 2}


def trained(
    folder: Path,
    train: Sequence[Drawn] = (discs(0),),
    validation: Sequence[Drawn] = (discs(1),),
    *,
    names: Sequence[str] = NAMES,
    report: Callable[[Progress], bool] = lambda progress: False,
    resume: bool = False,
    logs: Path | None = None,
    network: nn.Module | None = None,
    begins_with: Path | None = None,
    **config: Any,
) -> FitResult:
    """A training of one second on drawn discs."""
    task = disc_task(
        folder, TrainConfig(**(QUICK | config)), train=train, validation=validation, class_names=tuple(names),
        card={"project": "toy"}, logs=logs, network=network, begins_with=begins_with,
    )  # fmt: skip
    return fit(task, report=report, resume=resume)


def stopped(folder: Path, logs: Path | None = None, begins_with: Path | None = None, **config: Any) -> Progress:
    """A training cancelled after a few steps; its last progress."""
    seen: list[Progress] = []

    def report(progress: Progress) -> bool:
        seen.append(progress)
        return progress.step >= 3

    with pytest.raises(Cancelled):
        trained(folder, report=report, logs=logs, begins_with=begins_with, **({"seconds": 60.0} | config))
    return seen[-1]


@pytest.mark.timeout(180)
def test_a_hundred_steps_teach_discs_and_squares(tmp_path: Path) -> None:
    """The checkpoint segments a new slice, and its scores are those of the validation pixels."""
    result = trained(tmp_path / "r", seconds=600.0, epochs=133, channels=8, batch=4)
    unseen = discs(7)
    mask, _ = Predictor.load(result.checkpoint).labels(unseen.pixels)
    assert (mask == unseen.mask).mean() > 0.9
    assert result.validation_pixels == discs(1).mask.size
    assert all(d is not None and d > 0.6 for d in result.validation_dice)


def test_the_folder_holds_weights_and_a_full_card(tmp_path: Path) -> None:
    """The folder holds weights and card and nothing else; the resume state is gone."""
    result = trained(tmp_path / "r")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["r"]
    card = load_card(tmp_path / "r")
    assert card.class_names == NAMES
    assert card.config == {**card.config, **QUICK}
    assert card.scores["dice"].keys() == set(NAMES)
    assert card.training["steps"] == result.steps > 0
    assert card.training["labelled_pixels"]["grey"] == int((discs(0).mask == 0).sum())
    assert {"device", "precision", "seconds"} <= card.training.keys()
    assert {"torch", "pytorch-lightning", "python"} <= card.versions.keys()
    assert card.extra == {"project": "toy"}


def test_training_seconds_keep_to_the_budget(tmp_path: Path) -> None:
    """Training stops at its budget in seconds; progress rises to the budget and ends with the scores."""
    seen: list[Progress] = []
    result = trained(tmp_path / "r", seconds=2.0, report=lambda p: bool(seen.append(p)))
    assert 2.0 <= result.seconds < 4.0
    assert [p.seconds for p in seen] == sorted(p.seconds for p in seen)
    assert seen[-1].validation_dice == result.validation_dice
    assert seen[-1].step == result.steps
    assert seen[0].train_loss is not None


def test_epochs_end_the_training(tmp_path: Path) -> None:
    """Training ends after its epochs over 12 labelled blocks of 32 x 32 pixels, with the learning rate down."""
    seen: list[Progress] = []
    result = trained(tmp_path / "r", seconds=600.0, epochs=5, report=lambda p: bool(seen.append(p)))
    assert result.ended_by == StopRule.EPOCHS
    assert result.steps == math.ceil(5 * 12 * 32**2 / 64**2 / 2)
    assert seen[-1].share == 1
    assert seen[-1].epochs == pytest.approx(5, abs=0.5)
    assert seen[-1].learning_rate < 0.2 * TrainConfig.learning_rate
    assert seen[-1].validation_dice == result.validation_dice
    facts = load_card(tmp_path / "r").training
    assert (facts["ended_by"], facts["epochs"]) == ("epochs", pytest.approx(seen[-1].epochs, abs=1e-3))


def test_seconds_are_a_rule_among_others(tmp_path: Path) -> None:
    """The first stop rule to fire ends the training, and the card names it."""
    result = trained(tmp_path / "r", epochs=10_000, stop_loss=1e-9, patience=10_000)
    assert result.ended_by == StopRule.SECONDS
    assert load_card(tmp_path / "r").training["ended_by"] == "seconds"


def test_a_low_validation_loss_ends_the_training(tmp_path: Path) -> None:
    """A low validation loss, measured at intervals on the averaged weights, ends the training."""
    seen: list[Progress] = []
    result = trained(tmp_path / "r", seconds=600.0, epochs=400, stop_loss=0.9, report=lambda p: bool(seen.append(p)))
    assert result.ended_by == StopRule.LOSS
    assert result.validation_loss is not None
    assert result.validation_loss <= 0.9
    assert seen[-1].share < 1


def test_a_low_training_loss_ends_the_training_where_nothing_is_held_back(tmp_path: Path) -> None:
    """The training loss is averaged over some steps, so that one lucky batch does not end the training."""
    result = trained(tmp_path / "r", validation=(), seconds=600.0, epochs=400, stop_loss=1.2)
    assert result.ended_by == StopRule.LOSS
    assert result.validation_loss is None
    assert result.steps >= SMOOTHED_OVER


class Told:
    """The parts of a trainer read by a rule."""

    should_stop = False


def followed(rules: StopRules, validation: Validation, *losses: float | None) -> list[bool]:
    """Return whether the rules end a training after each of these validation losses, with a step between them."""
    ended = []
    for loss in losses:
        trainer: Any = Told()
        validation.newest, validation.number = Scores(loss, (), 9), validation.number + 1
        for _ in range(2):
            rules.on_train_batch_end(trainer, None, {FINEST: torch.tensor(0.01)}, None, 0)
        ended.append(trainer.should_stop)
    return ended


def rules_for(**config: Any) -> tuple[StopRules, Validation]:
    """Stop rules and their validation."""
    validation = Validation(Clock(10), lambda: Scores(None, (), 0))
    return StopRules(validation, TrainConfig(**config)), validation


def test_patience_counts_validations_without_a_lower_loss() -> None:
    """The count restarts after each lower loss; training ends at the allowed number in a row."""
    rules, validation = rules_for(patience=2)
    assert followed(rules, validation, 0.5, 0.6, 0.4, 0.4, 0.5) == [False, False, False, False, True]
    assert rules.ended_by == StopRule.PATIENCE


def test_a_resume_goes_on_with_the_state_of_the_rules() -> None:
    """A resume keeps the rules' counts, and does not restart a training ended by a rule."""
    rules, validation = rules_for(patience=3)
    followed(rules, validation, 0.5, 0.6, 0.7)
    anew, validated = rules_for(patience=3)
    anew.load_state_dict(rules.state_dict())
    validated.load_state_dict(validation.state_dict())
    assert followed(anew, validated, 0.6) == [True]
    over, _ = rules_for(patience=3)
    over.load_state_dict(anew.state_dict())
    trainer: Any = Told()
    over.on_train_start(trainer, None)  # type: ignore[arg-type]
    assert trainer.should_stop


def test_the_training_loss_is_not_looked_at_where_validation_is() -> None:
    """With held-back pixels, the training loss never ends the training, not even before the first validation."""
    rules, validation = rules_for(stop_loss=0.1)
    trainer: Any = Told()
    for _ in range(3 * SMOOTHED_OVER):
        rules.on_train_batch_end(trainer, None, {FINEST: torch.tensor(0.01)}, None, 0)
    assert not trainer.should_stop
    assert followed(rules, validation, 0.2, 0.1) == [False, True]


def test_a_long_training_is_validated_every_minute() -> None:
    """Training of any length validates every minute, within a tenth of its time."""
    clock = Clock(86_400)
    validation = Validation(clock, lambda: Scores(0.1, (), 9))
    due = []
    for seconds in (59, 61, 100, 122):
        clock.load_state_dict({"seconds": seconds})
        due.append(validation.number)
        trainer: Any = Told()
        trainer.global_step = 1
        validation.on_train_batch_end(trainer, None, {}, None, 0)
        clock.on_train_end(trainer, None)  # type: ignore[arg-type]
        due[-1] = validation.number - due[-1]
    assert due == [0, 1, 0, 1]


class Small(nn.Module):
    """A network with memory for a limited number of patches at once, from some step on."""

    stride = 8

    def __init__(self, patches: int, after: int = 0) -> None:
        super().__init__()
        self.first, self.last = nn.Conv2d(1, 8, 3, padding=1), nn.Conv2d(8, 3, 1)
        self.patches, self.after, self.asked = patches, after, list[int]()

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Return scores, or run out of memory."""
        if self.training and torch.is_grad_enabled():  # not when it is only looked at
            self.asked.append(len(image))
            if len(image) > self.patches and len(self.asked) > self.after:
                raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB.")
        return torch.as_tensor(self.last(torch.relu(self.first(image))))


@pytest.mark.parametrize("after", [0, 7])
def test_memory_too_small_for_a_step_is_answered_by_fewer_patches(
    tmp_path: Path, after: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After lack of memory, training continues with fewer patches to the end of its epochs; the card gives their number."""
    asked: list[int] = []
    monkeypatch.setattr(Small, "__deepcopy__", lambda self, memo: _sharing(self, asked), raising=False)
    result = trained(tmp_path / "r", seconds=600.0, epochs=10, batch=4, architecture="own", network=Small(1, after))
    card = load_card(tmp_path / "r")
    assert card.training["batch"] == 1
    assert asked[: after + 2] == [4] * (after + 1) + [2]
    assert set(asked[after + 2 :]) == {1}
    epoch = 12 * 32**2 / 64**2  # steps of one patch
    steps = after + math.ceil(10 * epoch - 4 * after)
    assert result.steps == steps == asked.count(1) + after
    assert card.training["epochs"] == round((4 * after + asked.count(1)) / epoch, 3)
    assert result.ended_by == StopRule.EPOCHS


def begun(folder: Path, **config: Any) -> TrainingRun:
    """The parts of a training of a drawn slice, assembled but not started."""
    return TrainingRun(disc_task(folder / "r", TrainConfig(**(QUICK | config)), validation=()))


def test_fewer_patches_make_a_longer_epoch(tmp_path: Path) -> None:
    """Halving the batch doubles the steps of an epoch in reports and in the dropout schedule."""
    run = begun(tmp_path, batch=4)
    before = run.module.epoch
    run._halve()
    assert run.module.epoch == run.clock.epoch == run.patches.epoch == 2 * before


def test_what_goes_on_beside_the_steps_is_not_timed_as_theirs(tmp_path: Path) -> None:
    """The timing of steps for the choice of threads excludes validation, storing and reports."""
    run = begun(tmp_path)
    run.device = torch.device("cpu")
    assert isinstance(run._callbacks()[0], Threads)


def test_epochs_that_are_over_stay_counted_when_epochs_grow_longer() -> None:
    """Finished epochs stay counted in this training, and in one resumed with the former batch."""
    clock = Clock(600, 20, epoch=10)
    trainer: Any = Told()
    trainer.global_step = 100
    clock.on_train_batch_end(trainer, None, None, None, 0)  # type: ignore[arg-type]
    clock.load_state_dict(clock.state_dict())  # as the training goes on with fewer patches
    clock.epoch = 20
    assert (clock.epochs_after(100), clock.epochs_after(250), clock.share(250)) == (10, 17.5, 17.5 / 20)
    trainer.global_step = 250
    clock.on_train_batch_end(trainer, None, None, None, 0)  # type: ignore[arg-type]
    assert not trainer.should_stop
    resumed = Clock(600, 20, epoch=10)
    resumed.load_state_dict(clock.state_dict())
    assert (resumed.epochs_after(250), resumed.epochs_after(275)) == (17.5, 20)


def test_a_state_of_an_earlier_version_counts_its_epochs_alike() -> None:
    """A state without a count of epochs resumes with the right count, even after lack of memory at the first step."""
    clock = Clock(600, 20, epoch=10)
    clock.load_state_dict({"seconds": 3.0})
    trainer: Any = Told()
    trainer.global_step = 100
    clock.on_train_start(trainer, None)  # type: ignore[arg-type]
    clock.load_state_dict(clock.state_dict())
    clock.epoch = 20
    assert (clock.epochs_after(100), clock.epochs_after(120)) == (10, 11)


def _sharing(small: Small, asked: list[int]) -> Small:
    """Copy a network for training, sharing the list of batch sizes."""
    made = Small(small.patches, small.after)
    made.load_state_dict(small.state_dict())
    made.asked = asked
    return made


def test_memory_too_small_for_one_patch_is_said(tmp_path: Path) -> None:
    """A batch of one patch cannot be halved: the error says so and keeps the resume state."""
    with pytest.raises(TrainingError, match="not enough free memory for one patch of 64 x 64 pixels"):
        trained(tmp_path / "r", seconds=60.0, batch=2, architecture="own", network=Small(0, 3))
    assert (tmp_path / "r.partial" / STATE).exists()


def test_nothing_is_printed(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Neither Lightning nor PyTorch prints anything or creates a folder of logs."""
    with warnings.catch_warnings():
        warnings.simplefilter("default")
        trained(tmp_path / "r")
    assert capfd.readouterr() == ("", "")
    assert not list(tmp_path.rglob("lightning_logs"))


def test_an_empty_class_and_empty_validation_are_no_obstacle(tmp_path: Path) -> None:
    """A class without pixels and a validation without labels score None, not NaN."""
    blank = Drawn(discs(1).pixels, np.full(discs(1).mask.shape, 255, np.uint8))
    result = trained(tmp_path / "r", validation=[blank], names=(*NAMES, "nobody"))
    assert result.validation_loss is None
    assert result.validation_dice == (None,) * 4
    assert load_card(tmp_path / "r").scores["dice"]["nobody"] is None


def test_small_constant_and_stroked_slices_train(tmp_path: Path) -> None:
    """Training on a constant slice smaller than a patch, with one labelled stroke, gives finite weights."""
    mask = np.full((31, 45), 255, np.uint8)
    mask[10, 5:30] = 1
    slices = [Drawn(np.full((1, 31, 45), 3.5e-5, np.float32), mask)]
    result = trained(tmp_path / "r", slices, slices)
    assert result.validation_loss is not None
    assert np.isfinite(result.validation_loss)


def test_no_labelled_pixels_is_one_sentence(tmp_path: Path) -> None:
    """Training without labelled pixels is refused in one sentence."""
    with pytest.raises(TrainingError, match="no labelled pixels"):
        trained(tmp_path / "r", train=[])


def test_a_loss_that_is_not_finite_ends_training(tmp_path: Path) -> None:
    """A loss that overflows ends the training with an error and without a checkpoint."""
    broken = discs(0)
    broken.pixels = broken.pixels.astype(np.float32)
    broken.pixels[0, ::2] = np.nan
    with pytest.raises(TrainingError, match="must stay finite"):
        trained(tmp_path / "r", train=[broken])
    assert not (tmp_path / "r").exists()


def test_an_existing_checkpoint_is_not_trained_over(tmp_path: Path) -> None:
    """The folder of an earlier checkpoint is refused before training."""
    (tmp_path / "r").mkdir()
    with pytest.raises(CheckpointError, match="never overwritten"):
        trained(tmp_path / "r")


def test_a_cancelled_training_is_carried_on(tmp_path: Path) -> None:
    """Cancelling keeps the state; resuming continues its steps and seconds within the rest of the budget."""
    last = stopped(tmp_path / "r")
    assert (tmp_path / "r.partial" / STATE).exists()
    assert not (tmp_path / "r").exists()
    seen: list[Progress] = []
    result = trained(tmp_path / "r", resume=True, seconds=last.seconds + 1, report=lambda p: bool(seen.append(p)))
    assert result.resumed
    assert seen[0].step > last.step
    assert seen[0].seconds >= last.seconds
    assert result.steps == seen[-1].step
    assert not (tmp_path / "r.partial").exists()


def test_a_budget_used_up_before_the_kill_only_needs_finishing(tmp_path: Path) -> None:
    """A resume with no seconds left validates and stores at once."""
    last = stopped(tmp_path / "r", seconds=60.0)
    result = trained(tmp_path / "r", resume=True, seconds=max(1.0, last.seconds / 2))
    assert result.steps - last.step <= 1 or last.seconds < 1


def test_resume_without_a_state_starts_anew(tmp_path: Path) -> None:
    """A resume without an interrupted training starts a new one."""
    assert not trained(tmp_path / "r", resume=True).resumed


def test_other_labels_classes_or_settings_cannot_be_carried_on(tmp_path: Path) -> None:
    """Every difference refuses the resume in one sentence, and the state stays."""
    stopped(tmp_path / "r")
    others: list[dict[str, Any]] = [{"train": [discs(5)]}, {"names": ("grey", "disc", "box")}, {"seed": 1},
                                    {"train": [Drawn(discs(0).pixels, discs(0).mask, weight=0.5)]}]  # fmt: skip
    for other in others:
        with pytest.raises(TrainingError, match="had other labels, classes or settings"):
            trained(tmp_path / "r", resume=True, **other)
    assert (tmp_path / "r.partial" / STATE).exists()


def test_a_call_that_is_refused_leaves_what_a_resume_needs(tmp_path: Path) -> None:
    """Refusing a new training, of no labels or an unknown class, keeps the state of the interrupted one."""
    last = stopped(tmp_path / "r")
    for refused in ({"train": []}, {"names": NAMES[:2]}):
        with pytest.raises(UnderpaintError):
            trained(tmp_path / "r", **refused)
    result = trained(tmp_path / "r", resume=True, seconds=last.seconds + 1)
    assert result.resumed
    assert result.steps > last.step


def test_a_new_training_does_not_take_up_an_old_state(tmp_path: Path) -> None:
    """A new training deletes the state of an interrupted one."""
    stopped(tmp_path / "r")
    stopped(tmp_path / "r", seed=1)
    with pytest.raises(TrainingError, match="had other labels, classes or settings"):
        trained(tmp_path / "r", resume=True)


def test_ctrl_c_cancels(tmp_path: Path) -> None:
    """Ctrl-C cancels the training, and works again afterwards."""

    def interrupt(progress: Progress) -> bool:
        raise KeyboardInterrupt

    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(Cancelled):
        trained(tmp_path / "r", report=interrupt)
    assert signal.getsignal(signal.SIGINT) is before


class Payload:
    """An object that runs a call when unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.mark,)


def test_a_resume_state_runs_no_code(tmp_path: Path) -> None:
    """A state with code to run, or a damaged one, is refused."""
    stopped(tmp_path / "r")
    state, mark = tmp_path / "r.partial" / STATE, tmp_path / "mark"
    torch.save({"underpaint": Payload(mark)}, state)
    with pytest.raises(CheckpointError, match="damaged and cannot be resumed"):
        trained(tmp_path / "r", resume=True)
    assert not mark.exists()
    state.write_bytes(b"nonsense")
    with pytest.raises(CheckpointError, match="damaged and cannot be resumed"):
        trained(tmp_path / "r", resume=True)


KILLED = """
import sys
from pathlib import Path
from tests.training.test_fit import trained
trained(Path(sys.argv[1]), seconds=12.0)  # its state is first written after a quarter of them
"""


@pytest.mark.timeout(300)
def test_a_killed_training_is_carried_on(tmp_path: Path) -> None:
    """After kill -9 the last complete state resumes with its seconds."""
    state = tmp_path / "r.partial" / STATE
    process = subprocess.Popen([sys.executable, "-c", KILLED, str(tmp_path / "r")], cwd=ROOT)
    try:
        deadline = time.monotonic() + 200
        while not state.exists():
            assert process.poll() is None, "training ended by itself"
            assert time.monotonic() < deadline, "no resume state was written"
            time.sleep(0.1)
    finally:
        process.kill()
        process.wait()
    used = torch.load(state, weights_only=True)
    seconds = next(value["seconds"] for key, value in used["callbacks"].items() if "Clock" in key)
    result = trained(tmp_path / "r", resume=True, seconds=seconds + 1)
    assert result.resumed
    assert result.steps > used["global_step"]
    assert seconds < result.seconds < seconds + 4


def test_the_card_is_valid_json_even_without_scores(tmp_path: Path) -> None:
    """The card never contains NaN."""
    trained(tmp_path / "r", validation=())
    assert json.loads((tmp_path / "r" / CARD).read_text())["scores"]["loss"] is None


def test_importing_the_trainer_does_not_import_lightning() -> None:
    """The command line's help does not import Lightning."""
    code = "import sys, core.training.learning.fit; sys.exit('pytorch_lightning' in sys.modules or 'torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 0


def test_pytorch_lightning_alone_is_enough(tmp_path: Path) -> None:
    """Training runs without the package `lightning`, which holds the same code."""
    code = (
        "import sys; from pathlib import Path; from importlib.util import find_spec\n"
        "sys.modules['lightning'] = None  # as if it were not installed\n"
        "assert find_spec('lightning') is None\n"
        f"from tests.training.test_fit import trained; trained(Path({str(tmp_path / 'r')!r}), seconds=600.0, epochs=1)\n"
        "assert 'pytorch_lightning' in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)
    assert load_card(tmp_path / "r").training["steps"] > 0
