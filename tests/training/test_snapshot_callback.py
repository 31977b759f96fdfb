"""A training predicts its watched region repeatedly within its share of the time."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from core.config import TrainConfig
from core.errors import Cancelled
from core.evaluation.validation import Scores
from core.geometry import Box
from core.models.predictor import Predictor
from core.storage.checkpoints import load, load_card
from core.storage.snapshots import Snapshot, SnapshotStore, WatchedRegion, picture
from core.training.learning.callbacks import VALIDATION_SHARE, Clock, Validation
from core.training.learning.fit import FitResult, fit
from core.training.learning.snapshot_callback import SNAPSHOTS, Feedback, SnapshotSource, affordable, due
from core.training.learning.task import Progress
from tests.slices import disc_task, discs

REGION = WatchedRegion(0, 7, Box(8, 16, 72, 88))
UNSEEN = discs(7)


def trained(
    folder: Path, seconds: float = 3.0, *, report: Callable[[Progress], bool] = lambda progress: False, resume: bool = False
) -> FitResult:
    """A short training, watched on a slice it is not trained on."""
    config = TrainConfig(seconds=seconds, patch=64, batch=4, channels=8, depth=2)
    source = SnapshotSource(REGION, UNSEEN.pixels, SnapshotStore(folder).folder(1))
    task = disc_task(folder / "round-001", config, card={"label_revisions": [1]}, snapshots=source)
    return fit(task, report=report, resume=resume)


def snapshots(folder: Path) -> list[Snapshot]:
    """The training snapshots kept."""
    return SnapshotStore(folder).of(1)


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a training watched to its end."""
    folder = tmp_path_factory.mktemp("watched")
    trained(folder, 6.0)
    return folder


def test_snapshots_are_closer_at_the_beginning() -> None:
    """The first of ten snapshots comes after a hundredth of the training, the last at its end, with growing gaps."""
    times = [due(number) for number in range(SNAPSHOTS)]
    assert times[0] == pytest.approx(0.01)
    assert times[-1] == pytest.approx(1)
    assert (np.diff(times, n=2) > 0).all()


def test_a_training_keeps_several_snapshots_and_its_end(watched: Path) -> None:
    """At most ten snapshots are kept, from the first steps on; the last has the checkpoint's weights."""
    kept = snapshots(watched)
    assert 2 <= len(kept) <= SNAPSHOTS
    assert [snapshot.end for snapshot in kept] == [False] * (len(kept) - 1) + [True]
    (_, of_snapshot), (_, of_round) = load(kept[-1].folder), load(watched / "round-001")
    assert all(torch.equal(of_snapshot[name], tensor) for name, tensor in of_round.items())
    assert kept[-1].validation_loss == load_card(watched / "round-001").scores["loss"]


def test_a_snapshot_shows_what_its_own_weights_predict(watched: Path) -> None:
    """A snapshot's mask and confidence equal a prediction of the whole slice with its stored weights."""
    for snapshot in (snapshots(watched)[0], snapshots(watched)[-1]):
        whole, confidence = Predictor.load(snapshot.folder, device=torch.device("cpu")).labels(UNSEEN.pixels)
        seen, sure = picture(snapshot)
        assert (seen == whole[REGION.box.slices]).mean() > 0.99
        assert np.abs(sure.astype(int) - confidence[REGION.box.slices]).mean() < 3


def test_the_model_is_seen_to_learn(watched: Path) -> None:
    """The last prediction is closer to the truth than the first."""
    truth = UNSEEN.mask[REGION.box.slices]
    first, last = ((picture(snapshot)[0] == truth).mean() for snapshot in (snapshots(watched)[0], snapshots(watched)[-1]))
    assert last > first + 0.05


@pytest.mark.parametrize(
    ("took", "box"),
    [(0.1, Box(100, 0, 1124, 1024)), (2.4, Box(356, 256, 868, 768)), (99.0, Box(484, 384, 740, 640))],
)
def test_a_slow_machine_watches_the_middle_of_the_frame(took: float, box: Box) -> None:
    """Ten snapshots in 108 s afford 0.6 s each; the region is cropped to that, to no less than 256 pixels."""
    assert affordable(WatchedRegion(0, 3, Box(100, 0, 1124, 1024)), took, 108.0) == WatchedRegion(0, 3, box)


def test_a_small_frame_stays_as_it_is() -> None:
    """A region of no more than 256 pixels is never cropped."""
    assert affordable(REGION, 99.0, 1.0) == REGION


def test_all_snapshots_of_a_training_show_the_same_part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The region is cropped before the first snapshot, and every mask is of the cropped region."""
    monkeypatch.setattr("core.training.learning.snapshot_callback.SMALLEST_SIDE", 32)
    monkeypatch.setattr("core.training.learning.snapshot_callback.REGION_SHARE", 1e-9)
    trained(tmp_path, 1.0)
    (first, *_), end = snapshots(tmp_path), snapshots(tmp_path)[-1]
    assert first.watched == end.watched == WatchedRegion(0, 7, Box(24, 36, 56, 68))
    whole, _ = Predictor.load(end.folder, device=torch.device("cpu")).labels(UNSEEN.pixels)
    assert (picture(end)[0] == whole[24:56, 36:68]).mean() > 0.99


def test_a_loss_says_when_it_was_measured(watched: Path) -> None:
    """The validation of a snapshot is no later than the snapshot."""
    end = snapshots(watched)[-1]
    assert end.validated == pytest.approx(end.seconds, abs=0.01)
    assert all(snapshot.validated <= snapshot.seconds for snapshot in snapshots(watched) if snapshot.validated is not None)


def test_a_resume_keeps_the_snapshots_before_and_does_the_later_ones_again(tmp_path: Path) -> None:
    """A resume continues the snapshots; a new training starts them anew."""
    with pytest.raises(Cancelled):
        trained(tmp_path, 6.0, report=lambda progress: progress.seconds > 1.5)
    before = snapshots(tmp_path)
    assert before
    trained(tmp_path, 6.0, resume=True)
    after = snapshots(tmp_path)
    assert [snapshot.folder for snapshot in after[: len(before)]] == [snapshot.folder for snapshot in before]
    assert len(after) > len(before)
    assert [snapshot.seconds for snapshot in after] == sorted({snapshot.seconds for snapshot in after})


def test_a_fresh_start_forgets_the_snapshots_of_an_interrupted_training(tmp_path: Path) -> None:
    """A new training deletes the snapshots of an interrupted one."""
    with pytest.raises(Cancelled):
        trained(tmp_path, 60.0, report=lambda progress: progress.seconds > 1.0)
    for snapshot in snapshots(tmp_path):
        (snapshot.folder / "old").touch()
    assert list(tmp_path.rglob("old"))
    trained(tmp_path, 1.0)
    assert snapshots(tmp_path)[-1].end
    assert not list(tmp_path.rglob("old"))


class Hours:
    """A clock moved by hand."""

    def __init__(self) -> None:
        self.now = 0.0

    def perf_counter(self) -> float:
        return self.now

    monotonic = perf_counter


class Paced(Feedback):
    """Record the time of a snapshot in place of a slow prediction."""

    def __init__(self, clock: Clock, validation: Validation, hours: Hours, takes: float) -> None:
        source = SnapshotSource(REGION, UNSEEN.pixels, Path("nowhere"))
        super().__init__(clock, validation, source, lambda scores: pytest.fail("no model is asked for"))
        self._hours, self._takes, self._now = hours, takes, clock
        self.times = list[float]()

    def keep(self, step: int, *, end: bool = False) -> None:
        self.times.append(self._now.seconds)
        self._hours.now += self._takes


@pytest.mark.parametrize(("frame_takes", "validation_takes", "least"), [(0.15, 0.2, 9), (0.3, 1.0, 8), (2.0, 3.0, 2)])
def test_looking_keeps_within_a_tenth_of_the_training(
    monkeypatch: pytest.MonkeyPatch, frame_takes: float, validation_takes: float, least: int
) -> None:
    """Snapshots and validations take a tenth of the time; a slow machine keeps fewer, but always the first."""
    hours, budget = Hours(), 120.0
    monkeypatch.setattr("core.training.learning.callbacks.time", hours)
    monkeypatch.setattr("core.training.learning.snapshot_callback.time", hours)
    validated = list[float]()

    def validate() -> Scores:
        validated.append(clock.seconds)
        hours.now += validation_takes
        return Scores(1.0, (None,), 1)

    clock = Clock(budget)
    validation = Validation(clock, validate)
    feedback = Paced(clock, validation, hours, frame_takes)
    trainer = SimpleNamespace(should_stop=False, global_step=0)
    clock.on_train_start(trainer, None)
    feedback.on_train_start(trainer, None)
    while not trainer.should_stop:
        hours.now += 0.3
        for callback in (clock, validation, feedback):
            callback.on_train_batch_end(trainer, None, None, None, 0)
    assert least <= len(feedback.times) < SNAPSHOTS
    assert feedback.times[0] == pytest.approx(1.2, abs=0.31)
    assert len(validated) >= 2, "moments leave time for validations"
    spent = frame_takes * len(feedback.times) + validation_takes * len(validated)
    assert hours.now - clock.seconds == pytest.approx(spent), "the clock stands still meanwhile"
    assert spent <= VALIDATION_SHARE * budget + frame_takes + validation_takes
