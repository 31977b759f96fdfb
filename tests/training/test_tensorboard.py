"""TensorBoard's own reader finds the scalars of a training."""

from __future__ import annotations

from pathlib import Path

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from core.evaluation.validation import Scores
from core.training.learning.callbacks import Clock, Validation
from core.training.learning.fit import Progress
from core.training.learning.tensorboard import Scalars
from tests.slices import NAMES
from tests.training.test_fit import stopped, trained


def scalars(folder: Path) -> dict[str, dict[int, float]]:
    """Values of every tag by step."""
    read = EventAccumulator(str(folder))
    read.Reload()
    return {tag: {one.step: one.value for one in read.Scalars(tag)} for tag in read.Tags()["scalars"]}


def test_losses_dice_and_learning_rate_are_logged(tmp_path: Path) -> None:
    """Scalars are logged by step; the last point equals the scores of the checkpoint."""
    seen: list[Progress] = []
    done = trained(tmp_path / "r", seconds=60.0, epochs=20, logs=tmp_path / "logs", report=lambda p: bool(seen.append(p)))
    found = scalars(tmp_path / "logs")
    assert set(found) == {"loss/training", "loss/validation", "learning rate", *(f"dice/{name}" for name in NAMES)}
    assert max(found["loss/training"]) == max(found["learning rate"]) == done.steps
    assert found["loss/training"][10] > found["loss/training"][done.steps]
    assert found["learning rate"][done.steps] == min(found["learning rate"].values())
    assert round(found["loss/validation"][done.steps], 5) == round(done.validation_loss or 0, 5)
    assert round(found["dice/disc"][done.steps], 5) == round(done.validation_dice[1] or 0, 5)


def test_what_is_not_measured_is_not_logged(tmp_path: Path) -> None:
    """Without held-back pixels no validation is logged, and an absent class has no Dice."""
    trained(tmp_path / "a", epochs=2, validation=(), logs=tmp_path / "none")
    assert set(scalars(tmp_path / "none")) == {"loss/training", "learning rate"}
    log = Scalars(tmp_path / "some", Validation(Clock(1), lambda: Scores(None, (), 0)), NAMES)
    log.validated(Scores(0.5, (0.9, None, 0.0), 7), 3)
    log.close()
    assert {tag: set(values) for tag, values in scalars(tmp_path / "some").items()} == {
        "loss/validation": {3}, "dice/grey": {3}, "dice/square": {3},
    }  # fmt: skip


def test_a_resume_goes_on_with_its_log_and_a_new_training_does_not(tmp_path: Path) -> None:
    """A resume keeps the scalars before the stop; a new training deletes the former ones."""
    stopped(tmp_path / "r", tmp_path / "logs", epochs=100, seed=1)
    before = stopped(tmp_path / "r", tmp_path / "logs", epochs=100)
    done = trained(tmp_path / "r", resume=True, seconds=60.0, epochs=before.epochs + 20, logs=tmp_path / "logs")
    steps = list(scalars(tmp_path / "logs")["loss/training"])
    assert steps == sorted(set(steps))
    assert steps[0] <= before.step < steps[-1] == done.steps
    assert len(list((tmp_path / "logs").glob("events.*"))) >= 2
