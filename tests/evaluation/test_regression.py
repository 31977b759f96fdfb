"""The regression warning gives the reasons to distrust the newest round, from literal scores and steps."""

from __future__ import annotations

import pytest

from core.evaluation.regression import regression_warning
from core.storage.rounds import Standing


def standing(
    round_: int,
    *dice: float | None,
    pixels: int = 38_988,
    steps: int | None = 200,
    seconds: float = 60.0,
    channels: int = 32,
) -> Standing:
    """A round with these scores, the background's first."""
    return Standing(round_, dice, pixels, steps, seconds, {"channels": channels})


@pytest.mark.parametrize(
    "rounds",
    [
        [],
        [standing(1, 0.9, 0.5)],
        [standing(1), standing(2)],
        [standing(1, 0.9, 0.9), standing(2)],
        [standing(1, 0.9, None, 0.9), standing(2, 0.1, 0.1, None)],
    ],
)
def test_where_no_class_is_measured_for_both_nothing_is_said(rounds: list[Standing]) -> None:
    """There is no warning without a class, other than the background, measured for both rounds."""
    assert regression_warning(rounds) is None


def test_a_worse_round_is_told_with_both_scores_and_what_they_were_measured_on() -> None:
    """The warning gives mean Dice of both rounds over the classes measured for both, without the background."""
    worse = [standing(1, 0.90, 0.96, 0.92, 0.3), standing(2, 0.99, 0.70, 0.76, None)]
    assert (
        regression_warning(worse)
        == "it is less accurate than round 1 (mean Dice without the first class 0.73, was 0.94, on 38,988 held-back pixels)"
    )


def test_the_best_round_before_is_named() -> None:
    """The warning compares with the best earlier round, not with the last one."""
    said = regression_warning([standing(1, 0.9, 0.8), standing(2, 0.9, 0.9), standing(3, 0.9, 0.5), standing(4, 0.9, 0.7)])
    assert said is not None
    assert said.startswith("it is less accurate than round 2 (mean Dice without the first class 0.70, was 0.90")


@pytest.mark.parametrize(("now", "told"), [(0.95, False), (0.90, False), (0.89, False), (0.875, True)])
def test_a_small_loss_is_not_told(now: float, told: bool) -> None:
    """A loss below two hundredths of Dice gives no warning."""
    assert (regression_warning([standing(1, 0.9, 0.9), standing(2, 0.9, now)]) is not None) == told


def test_a_class_that_was_added_since_is_left_out() -> None:
    """A class added after the older round is left out, because that round has no score of it."""
    assert regression_warning([standing(1, 0.9, 0.9), standing(2, 0.9, 0.9, 0.1)]) is None


def test_a_round_with_few_steps_is_told() -> None:
    """Fewer than a third of an earlier round's steps in the same time give a warning, even without held-back pixels."""
    said = "it had time for only 24 training steps in 60 s, round 1 for 210 in 60 s: the machine was busy, it seems"
    assert regression_warning([standing(1, steps=210), standing(2, steps=24)]) == said


@pytest.mark.parametrize(
    ("earlier", "newest"),
    [
        (standing(1, steps=210), standing(2, steps=70)),
        (standing(1, steps=210), standing(2, steps=24, seconds=7)),
        (standing(1, steps=210), standing(2, steps=24, channels=64)),
        (standing(1, steps=None), standing(2, steps=24)),
        (standing(1, steps=210), standing(2, steps=None)),
        (standing(1, steps=210, seconds=0.0), standing(2, steps=24)),
    ],
)
def test_steps_are_compared_only_where_they_can_be(earlier: Standing, newest: Standing) -> None:
    """A third is enough; a short training, a larger network or a round without a curve gives no warning."""
    assert regression_warning([earlier, newest]) is None


def test_both_reasons_are_given() -> None:
    """A round with few steps and worse scores gets both reasons."""
    said = regression_warning([standing(1, 0.9, 0.9), standing(2, 0.9, 0.5, steps=24)])
    assert said is not None
    assert said.startswith("it is less accurate than round 1 (")
    assert "; it had time for only 24 training steps" in said
