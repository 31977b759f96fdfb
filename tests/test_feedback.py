"""While a network trains, it predicts one frame again and again, and costs no more than it may."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from core.callbacks import VALIDATION_SHARE, Clock, Validation
from core.checkpoints import load, load_card
from core.config import TrainConfig
from core.errors import Cancelled
from core.feedback import MOMENTS, Watched, due
from core.geometry import Box
from core.moments import Frame, Moment, MomentStore, picture
from core.predict import Predictor, Scores
from core.progress import Progress
from core.train import FitResult, fit
from tests.slices import discs

FRAME = Frame(0, 7, Box(8, 16, 72, 88))
UNSEEN = discs(7)


def trained(
    folder: Path, seconds: float = 3.0, *, report: Callable[[Progress], bool] = lambda progress: False, resume: bool = False
) -> FitResult:
    """A short training that is watched on a slice it never sees."""
    config = TrainConfig(seconds=seconds, patch=64, batch=2, channels=4, depth=2)
    return fit(
        [discs(0)], [discs(1)], class_names=("grey", "disc", "square"), in_channels=1, config=config, folder=folder / "round-001",
        card={"label_revisions": [1]}, report=report, resume=resume,
        watched=Watched(FRAME, UNSEEN.pixels, MomentStore(folder).place(1)),
    )  # fmt: skip


def moments(folder: Path) -> list[Moment]:
    """What was kept of it."""
    return MomentStore(folder).of(1)


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a training that was watched to its end."""
    folder = tmp_path_factory.mktemp("watched")
    trained(folder)
    return folder


def test_moments_are_closer_at_the_beginning() -> None:
    """The first after a hundredth of the budget, each gap longer than the one before, the end the last of ten."""
    times = [due(number, 120) for number in range(MOMENTS)]
    assert times[0] == pytest.approx(1.2)
    assert times[-1] == pytest.approx(120)
    assert (np.diff(times, n=2) > 0).all()


def test_a_training_keeps_several_moments_and_its_end(watched: Path) -> None:
    """At most ten, in order, spread over the training; the last has the weights of the checkpoint."""
    kept = moments(watched)
    assert 4 <= len(kept) <= MOMENTS
    assert kept[0].seconds < 0.9
    assert [moment.end for moment in kept] == [False] * (len(kept) - 1) + [True]
    (_, of_moment), (_, of_round) = load(kept[-1].folder), load(watched / "round-001")
    assert all(torch.equal(of_moment[name], tensor) for name, tensor in of_round.items())
    assert kept[-1].validation_loss == load_card(watched / "round-001").scores["loss"]


def test_a_moment_shows_what_its_own_weights_predict(watched: Path) -> None:
    """Mask and confidence of the frame are those that its stored weights give in the whole slice."""
    for moment in (moments(watched)[0], moments(watched)[-1]):
        whole, confidence = Predictor.load(moment.folder, device=torch.device("cpu")).labels(UNSEEN.pixels)
        seen, sure = picture(moment)
        assert (seen == whole[FRAME.box.slices]).mean() > 0.99
        assert np.abs(sure.astype(int) - confidence[FRAME.box.slices]).mean() < 3


def test_the_model_is_seen_to_learn(watched: Path) -> None:
    """The frame at the end is nearer to the truth than at the beginning."""
    truth = UNSEEN.mask[FRAME.box.slices]
    first, last = ((picture(moment)[0] == truth).mean() for moment in (moments(watched)[0], moments(watched)[-1]))
    assert last > first + 0.05


def test_a_loss_says_when_it_was_measured(watched: Path) -> None:
    """A moment before the first validation has none; a later one has that of a time that is not after its own."""
    first, *_, end = moments(watched)
    assert (first.validation_loss, first.validated) == (None, None)
    assert end.validated == pytest.approx(end.seconds, abs=0.01)
    assert all(moment.validated <= moment.seconds for moment in moments(watched) if moment.validated is not None)


def test_a_resume_keeps_the_moments_before_and_does_the_later_ones_again(tmp_path: Path) -> None:
    """After an interruption the strip goes on; a fresh start begins it anew."""
    with pytest.raises(Cancelled):
        trained(tmp_path, 6.0, report=lambda progress: progress.seconds > 1.5)
    before = moments(tmp_path)
    assert before
    trained(tmp_path, 6.0, resume=True)
    after = moments(tmp_path)
    assert [moment.folder for moment in after[: len(before)]] == [moment.folder for moment in before]
    assert len(after) > len(before)
    assert [moment.seconds for moment in after] == sorted({moment.seconds for moment in after})


def test_a_fresh_start_forgets_the_moments_of_an_interrupted_training(tmp_path: Path) -> None:
    """They belong to weights that nobody can go on with."""
    with pytest.raises(Cancelled):
        trained(tmp_path, 60.0, report=lambda progress: progress.seconds > 1.0)
    for moment in moments(tmp_path):
        (moment.folder / "old").touch()
    assert list(tmp_path.rglob("old"))
    trained(tmp_path, 1.0)
    assert moments(tmp_path)[-1].end
    assert not list(tmp_path.rglob("old"))


class _Hands:
    """A clock set by hand, which counts what is done beside it."""

    def __init__(self, budget: float) -> None:
        self.clock = Clock(budget)
        self.clock._before = 0.0
        self.validation = Validation(self.clock, lambda: Scores(1.0, (None,), 1))

    def at(self, seconds: float) -> Validation:
        self.clock._before, self.clock._running_since = seconds, None
        return self.validation


def test_what_looks_take_is_paid_with_time_until_the_next() -> None:
    """After a look of two seconds the next validation has to wait for twenty, also if something else looked."""
    hands = _Hands(100.0)
    assert not hands.at(3.9).affordable
    assert hands.at(4.0).affordable
    hands.at(10.0).put_off(2.0)
    wait = 2.0 / VALIDATION_SHARE
    assert not hands.at(10.0 + wait - 0.1).affordable
    assert hands.at(10.0 + wait).affordable
