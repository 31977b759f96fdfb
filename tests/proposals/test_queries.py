"""Tests of core.proposals.queries."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from core.errors import CheckpointError, ProjectError
from core.proposals.queries import (
    QUERIES,
    RANDOM_CELL,
    Score,
    entropy,
    foreground_random,
    least_confidence,
    margin,
    query_named,
    random,
)

# three pixels, three classes: certain, a tie of two, all alike
PIXELS = np.array([[[1, 0.5, 1 / 3]], [[0, 0.5, 1 / 3]], [[0, 0, 1 / 3]]], dtype=np.float32)
EVERY = [query.score for query in QUERIES.values()]


def two_classes(foreground: NDArray[np.float32]) -> NDArray[np.float32]:
    """Probabilities of background and one class."""
    return np.stack([1 - foreground, foreground]).astype(np.float32)


def noise(seed: int, shape: tuple[int, int] = (300, 260)) -> NDArray[np.float32]:
    """Some probabilities of two classes."""
    return two_classes(np.random.default_rng(seed).random(shape).astype(np.float32))


def test_least_confidence_looks_at_the_likeliest_class() -> None:
    """Certain is 0, half-half of three classes is 3/4, all alike is 1."""
    np.testing.assert_allclose(least_confidence(PIXELS), [[0, 0.75, 1]], atol=1e-6)


def test_margin_looks_at_the_two_likeliest_classes() -> None:
    """Any tie of the two likeliest is as unsure as can be."""
    np.testing.assert_allclose(margin(PIXELS), [[0, 1, 1]], atol=1e-6)


def test_entropy_looks_at_all_classes() -> None:
    """Certain is 0 (no logarithm of nought), a tie of two among three is log 2 / log 3."""
    np.testing.assert_allclose(entropy(PIXELS), [[0, np.log(2) / np.log(3), 1]], atol=1e-6)


def test_random_repeats_itself_and_ignores_global_state() -> None:
    """The same prediction gets the same draw, another prediction another."""
    first = random(noise(0))
    np.random.random(7)  # noqa: NPY002 - the global state is what must not matter

    np.testing.assert_array_equal(first, random(noise(0)))
    assert not np.array_equal(first, random(noise(1)))


def test_random_draws_whole_places() -> None:
    """All pixels of one place share its draw, between 0 and 1."""
    draw = random(noise(0))

    assert np.unique(draw).size == 3 * 3  # 300 x 260 pixels in places of 128
    assert (draw[:RANDOM_CELL, :RANDOM_CELL] == draw[0, 0]).all()
    assert draw.min() >= 0
    assert draw.max() <= 1


def test_random_knows_nothing_of_the_model() -> None:
    """Over many slices the draw is as high for certain as for unsure predictions."""
    sure = [random(two_classes(noise(seed)[1] * 0.01)).mean() for seed in range(60)]
    unsure = [random(noise(seed)).mean() for seed in range(60)]

    assert np.mean(sure) == pytest.approx(np.mean(unsure), abs=0.08)


def test_foreground_random_draws_only_where_something_is_predicted() -> None:
    """A place without one foreground pixel scores 0; with one it gets the draw of random."""
    foreground = np.zeros((300, 260), dtype=np.float32)
    foreground[200, 200] = 0.9
    probabilities = two_classes(foreground)
    score = foreground_random(probabilities)

    assert (score > 0).sum() == RANDOM_CELL * RANDOM_CELL
    assert score[200, 200] == random(probabilities)[200, 200]


@pytest.mark.parametrize("score", EVERY)
def test_every_query_returns_one_finite_score_per_pixel(score: Score) -> None:
    """(K, h, w) in, (h, w) float32 out."""
    scores = score(noise(3, (70, 33)))

    assert scores.shape == (70, 33)
    assert scores.dtype == np.float32
    assert np.isfinite(scores).all()


@pytest.mark.parametrize("score", EVERY)
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_probabilities_that_are_not_finite_are_refused(score: Score, bad: float) -> None:
    """A broken model is named as such and never ranked."""
    probabilities = noise(0, (8, 8))
    probabilities[1, 3, 3] = bad

    with pytest.raises(CheckpointError, match=r"not numbers.*train another round"):
        score(probabilities)


def test_one_class_is_refused() -> None:
    """Nothing can be unsure between fewer than two classes."""
    with pytest.raises(ValueError, match=r"K >= 2, got \(1, 4, 4\)"):
        least_confidence(np.ones((1, 4, 4), dtype=np.float32))


def test_one_table_holds_every_query() -> None:
    """Each name leads to its query; each query has a function of its own and words for a proposal."""
    assert [query_named(name).name for name in QUERIES] == list(QUERIES)
    assert len({query.score for query in QUERIES.values()}) == len(QUERIES)
    assert all(query.words for query in QUERIES.values())


def test_only_pure_chance_counts_as_random() -> None:
    """Labels of slices chosen by ``random`` may validate; those chosen by the model, even in part, may not."""
    assert [query.name for query in QUERIES.values() if query.random] == ["random"]


def test_an_unknown_name_is_answered_with_the_names_there_are() -> None:
    """One sentence: what was found and what is allowed."""
    with pytest.raises(ProjectError, match="no query 'gut feeling'; choose one of least-confidence, margin"):
        query_named("gut feeling")
