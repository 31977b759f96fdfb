"""The records of rounds: numbers, scores on the same pixels, and curves that are cut and copied."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.config import StopRule
from core.errors import CheckpointError, JobError
from core.storage.database import Records
from core.storage.rounds import CurvePoint, NewRound, Origin, Rounds

NAMES = ("matrix", "pore")


@pytest.fixture
def rounds(tmp_path: Path) -> Rounds:
    """The rounds of a project without any."""
    return Rounds(Records(tmp_path / "project.sqlite", create=True))


def enter(rounds: Rounds, number: int, **given: object) -> None:
    """Enter a round trained on two revisions."""
    told = {"config": {}, "checkpoint": f"checkpoints/toy/round-{number:03d}", "seconds": 1.5, "active_seconds": 60.0, "job": 9}
    rounds.add(NewRound(number, (4, 7), **{**told, **given}))  # type: ignore[arg-type]


def points(rounds: Rounds, number: int, *seconds: float) -> None:
    """Store points of a training, ten steps a second."""
    for second in seconds:
        rounds.add_point(number, CurvePoint(second, round(10 * second), 0.5, None, None))


def times(rounds: Rounds, number: int) -> list[float]:
    """When the points of a round's curve are."""
    return [point.seconds for point in rounds.curve(number)]


def test_rounds_are_numbered_from_one_and_the_newest_is_meant(rounds: Rounds) -> None:
    """Before the first, whoever asks for a model is told what to do."""
    assert (rounds.last(), rounds.following(), rounds.checkpoint(1), rounds.trained_on(1)) == (None, 1, None, ())
    with pytest.raises(CheckpointError, match="No model is trained yet; label a slice and train a round first"):
        rounds.chosen(None)
    enter(rounds, 1)
    enter(rounds, 2)
    assert (rounds.last(), rounds.following(), rounds.chosen(None), rounds.chosen(1)) == (2, 3, 2, 1)
    assert (rounds.checkpoint(2), rounds.trained_on(2)) == ("checkpoints/toy/round-002", (4, 7))


def test_a_round_is_entered_once(rounds: Rounds) -> None:
    """A job that finds it entered goes on; a job that finds that of another is told, and changes nothing."""
    enter(rounds, 1)
    enter(rounds, 1, seconds=7.0)
    with pytest.raises(JobError, match="Round 1 was trained by another program meanwhile"):
        enter(rounds, 1, job=10)
    assert [row.seconds for row in rounds.rows(NAMES)] == [1.5]


def test_a_row_says_how_the_round_was_trained_and_how_it_ended(rounds: Rounds) -> None:
    """In words; settings that are the usual ones are left out."""
    config = {"architecture": "unet-3d", "neighbours": 2, "flat": 1, "batch": 3, "seconds": 7}
    enter(rounds, 1, config=config, ended_by=StopRule.LOSS, origin=Origin(1, 0.5))
    (row,) = rounds.rows(NAMES)
    assert row.network == "unet-3d, 2 + 1 + 2 slices joined after level 1"
    assert row.changed["batch"] == 3
    assert not {"seconds", "architecture", "neighbours", "flat"} & row.changed.keys()
    assert (row.labelled_slices, row.ended_by, row.origin) == (2, StopRule.LOSS, Origin(1, 0.5))


def test_all_rounds_are_shown_with_their_scores_on_the_same_pixels(rounds: Rounds) -> None:
    """Scores on other pixels are kept aside; a round that has none here is not measured, and is known to lack it."""
    enter(rounds, 1)
    enter(rounds, 2)
    rounds.score(1, "few pixels", 0.4, [0.9, 0.5], 10)
    rounds.score(1, "more pixels", 0.6, [0.8, None], 99, [[5, 1], [2, 3]])
    rounds.score(2, "few pixels", 0.3, [0.95, 0.7], 10)
    rounds.show_scores_on("few pixels", [7])
    assert [row.validation_dice["pore"] for row in rounds.rows(NAMES)] == [0.5, 0.7]
    rounds.show_scores_on("more pixels", [7])
    first, second = rounds.rows(NAMES)
    assert (first.validation_loss, first.validation_dice, first.validation_pixels) == (0.6, {"matrix": 0.8, "pore": None}, 99)
    assert first.counts == ((5, 1), (2, 3))
    assert (second.scored, second.validation_loss, second.validation_pixels) == (False, None, 0)
    assert (rounds.unscored("more pixels"), rounds.unscored("few pixels")) == ([2], [])
    assert [standing.dice for standing in rounds.standings()] == [(0.8, None), ()]


def test_a_class_that_is_newer_than_a_score_is_not_measured(rounds: Rounds) -> None:
    """Not zero: nobody looked."""
    enter(rounds, 1)
    rounds.score(1, "held", 0.4, [0.9, 0.5], 10)
    rounds.show_scores_on("held", [])
    assert rounds.rows((*NAMES, "crack"))[0].validation_dice == {"matrix": 0.9, "pore": 0.5, "crack": None}


def test_a_resume_draws_the_curve_anew_from_where_it_goes_on(rounds: Rounds) -> None:
    """What lies before stays."""
    points(rounds, 1, 1.0, 2.0, 3.0)
    rounds.cut_curve(1, 2.0)
    assert times(rounds, 1) == [1.0]


def test_who_goes_back_takes_the_curve_up_to_there(rounds: Rounds) -> None:
    """Into another round, in the place of what that had; into the same round by cutting."""
    points(rounds, 1, 1.0, 2.0, 3.0)
    points(rounds, 2, 9.0)
    rounds.copy_curve(1, 2, 2.0)
    assert (times(rounds, 1), times(rounds, 2)) == ([1.0, 2.0, 3.0], [1.0, 2.0])
    rounds.copy_curve(1, 1, 1.5)
    assert times(rounds, 1) == [1.0]


def test_steps_are_those_of_the_last_point(rounds: Rounds) -> None:
    """None where no curve is kept, as of a network that came from elsewhere."""
    enter(rounds, 1)
    enter(rounds, 2)
    points(rounds, 1, 1.0, 2.5)
    assert [standing.steps for standing in rounds.standings()] == [25, None]


def test_the_job_that_trained_last_is_noted(rounds: Rounds) -> None:
    """None before the first, as in records of earlier versions."""
    assert rounds.begun_by() is None
    rounds.begin(3)
    rounds.begin(5)
    assert rounds.begun_by() == 5
