"""Callbacks validate, store the state and report at the right times, by a clock set by hand."""

from __future__ import annotations

import errno
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from core.errors import StorageError
from core.evaluation.validation import Scores
from core.training.learning.callbacks import Clock, ProgressReports, ResumeState, Validation
from core.training.learning.lightning_module import FINEST
from core.training.learning.task import Progress

MEASURED = Scores(0.25, (0.9, None), 12)


@dataclass
class Trained:
    """The parts of a trainer used by a callback; its step is its state."""

    global_step: int = 1
    should_stop: bool = False
    is_global_zero: bool = True
    optimizers: Any = field(default_factory=lambda: [SimpleNamespace(param_groups=[{"lr": 0.02}])])

    def save_checkpoint(self, path: Path, weights_only: bool) -> None:
        path.write_text(str(self.global_step))


class ByHand(Clock):
    """A clock set by hand."""

    now = 0.0

    @property
    def seconds(self) -> float:
        return self.now


def after_step(callback: Any, trainer: Trained, loss: float = 1.0) -> None:
    """Call a callback at the end of a step."""
    callback.on_train_batch_end(trainer, None, {FINEST: torch.tensor(loss)}, None, 0)


def test_validation_begins_after_a_tenth_and_comes_back_after_a_twentieth() -> None:
    """A cheap validation comes after a tenth of the seconds, then about every twentieth."""
    clock = ByHand(100)
    validation, measured = Validation(clock, lambda: MEASURED), []
    for second in range(100):
        clock.now = float(second)
        before = validation.number
        after_step(validation, Trained())
        measured += [second] if validation.number > before else []
    assert measured[0] == 10
    assert min(np.diff(measured)) >= 5
    assert len(measured) > 8
    assert (validation.newest, validation.measured) == (MEASURED, measured[-1])


def test_a_slow_look_is_paid_for_with_time_until_the_next() -> None:
    """Delays of ten times the duration add up, and a resume keeps them."""
    clock = ByHand(100)
    validation = Validation(clock, lambda: MEASURED)
    clock.now = 20.0
    validation.put_off(2.0)
    validation.put_off(1.0)
    resumed = Validation(clock, lambda: MEASURED)
    resumed.load_state_dict(validation.state_dict())
    for one in (validation, resumed):
        clock.now = 49.0
        after_step(one, Trained())
        assert not one.affordable
        assert one.number == 0
        clock.now = 50.0
        after_step(one, Trained())
        assert one.number == 1


def test_a_training_that_has_ended_is_not_validated_once_more() -> None:
    """The end of a training is scored separately, on all held-back pixels."""
    clock = ByHand(10)
    clock.now = 10.0
    validation = Validation(clock, lambda: MEASURED)
    after_step(validation, Trained(should_stop=True))
    assert validation.number == 0


def test_the_state_is_due_after_its_time_and_from_then_on_until_it_is_written(tmp_path: Path) -> None:
    """In a short training the state is due after a quarter, until it is written."""
    state = ResumeState(ByHand(0.0), tmp_path / "last.ckpt")
    after_step(state, Trained())
    assert state.due
    state.write(Trained(global_step=7))
    assert (state.due, state.step) == (False, 7)
    after_step(state, Trained(global_step=8))
    assert not state.due, "the next is due in ten seconds"
    assert [path.name for path in tmp_path.iterdir()] == ["last.ckpt"]
    assert (tmp_path / "last.ckpt").read_text() == "7"


@pytest.mark.parametrize(("at_start", "stored", "due"), [(True, None, True), (True, 3, False), (False, None, False)])
def test_the_state_before_the_first_step_is_stored_where_it_could_be_lost(
    tmp_path: Path, at_start: bool, stored: int | None, due: bool
) -> None:
    """The state is due at the start if requested, unless one is on disk already."""
    state = ResumeState(Clock(600), tmp_path / "last.ckpt", at_start=at_start)
    state.step = stored
    state.on_train_start(Trained(), None)  # type: ignore[arg-type]
    assert state.due is due


@pytest.mark.parametrize(
    ("error", "kept"),
    [
        (KeyboardInterrupt(), True),
        (torch.OutOfMemoryError("CUDA out of memory."), True),
        (ValueError("The loss is nan."), False),
    ],
)
def test_an_interrupt_and_too_little_memory_keep_the_state_and_a_fault_does_not(
    tmp_path: Path, error: BaseException, kept: bool
) -> None:
    """After any other error, the state on disk stays as it was."""
    state = ResumeState(Clock(600), tmp_path / "last.ckpt")
    state.on_exception(Trained(), None, error)  # type: ignore[arg-type]
    assert (tmp_path / "last.ckpt").exists() is kept


class FullDisk(Trained):
    """A trainer on a full disk."""

    def save_checkpoint(self, path: Path, weights_only: bool) -> None:
        path.write_text("ha")
        raise OSError(errno.ENOSPC, "No space left on device")


def test_a_full_disk_is_one_sentence_and_the_state_before_stays(tmp_path: Path) -> None:
    """A failed write raises one sentence and leaves the former state whole."""
    state = ResumeState(Clock(600), tmp_path / "last.ckpt")
    state.write(Trained(global_step=7))  # type: ignore[arg-type]
    with pytest.raises(StorageError, match=r"Could not write .*last.ckpt"):
        state.write(FullDisk(global_step=8))  # type: ignore[arg-type]
    assert ((tmp_path / "last.ckpt").read_text(), state.step) == ("7", 7)


def reporting(tmp_path: Path, answers: list[bool], *, every: float) -> tuple[ProgressReports, list[Progress], ResumeState]:
    """Progress reports with given answers, the list of their progress, and the resume state."""
    clock, told = ByHand(50), list[Progress]()
    clock.now = 20.0
    validation, state = Validation(clock, lambda: MEASURED), ResumeState(clock, tmp_path / "last.ckpt")
    validation.measure(1)

    def report(progress: Progress) -> bool:
        told.append(progress)
        return answers[len(told) - 1]

    return ProgressReports(clock, validation, state, report, batch=4, every=every), told, state


def test_a_report_tells_the_mean_of_the_losses_since_the_last(tmp_path: Path) -> None:
    """A report also gives the newest scores, the learning rate and the used share of the budget."""
    report, told, _ = reporting(tmp_path, [False] * 2, every=3600.0)
    for step, loss in enumerate((3.0, 1.0, 2.0), start=1):
        after_step(report, Trained(global_step=step), loss)
    assert [(one.step, one.train_loss) for one in told] == [(1, 3.0)]
    report.tell(3)
    assert (told[-1].step, told[-1].train_loss, told[-1].learning_rate) == (3, 1.5, 0.02)
    assert (told[-1].validation_loss, told[-1].validation_dice, told[-1].batch) == (0.25, (0.9, None), 4)
    assert (told[-1].seconds, told[-1].budget, told[-1].share) == (20.0, 50, 0.4)


def test_who_answers_yes_or_cancels_stops_the_training_and_has_it_stored(tmp_path: Path) -> None:
    """Training stops after the current step, and a later answer does not revoke it."""
    for cancelled in (False, True):
        report, _, state = reporting(tmp_path, [not cancelled, False], every=0.0)
        if cancelled:
            report.cancel()
        trainer = Trained()
        after_step(report, trainer)
        assert (report.cancelled, trainer.should_stop, state.due) == (True, True, True)
        after_step(report, trainer)
        assert report.cancelled
