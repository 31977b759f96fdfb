"""Queries: scores for the pixels most worth labelling.

A query has one function from class probabilities to a score, higher = more worth labelling. The first three measure
uncertainty from 0, certain, to 1, all classes equally likely (Settles 2009, *Active Learning Literature Survey*).
The random ones are the controls: plain uncertainty often fails to beat foreground-aware random choice (nnActive, Lüth et
al. 2025). They seed the draw from the probabilities, so the same prediction gets the same draw.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.errors import CheckpointError, ProjectError

Score = Callable[[NDArray[np.float32]], NDArray[np.float32]]
"""Probabilities ``(K, h, w)`` with sum 1 over ``K`` -> score ``(h, w)``; raises on values that are not finite."""

RANDOM_CELL = 128
"""Side in pixels of the cells drawn by the random queries: about one proposed box."""


def least_confidence(probabilities: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the least-confidence score: 0 certain, 1 all classes equally likely."""
    classes = len(_finite(probabilities))
    return np.asarray((1 - probabilities.max(axis=0)) * (classes / (classes - 1)), dtype=np.float32)


def margin(probabilities: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the margin score, 1 minus the gap between the two likeliest classes: 0 certain, 1 a tie."""
    best = _finite(probabilities).max(axis=0)
    second = np.partition(probabilities, -2, axis=0)[-2]
    return np.asarray(1 - (best - second), dtype=np.float32)


def entropy(probabilities: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the Shannon entropy over the logarithm of the number of classes: 0 certain, 1 all classes equally likely."""
    tiny = np.finfo(np.float32).tiny
    logarithms = np.log(np.maximum(_finite(probabilities), tiny))
    bits = -(probabilities * logarithms).sum(axis=0)
    return np.asarray(bits / np.log(len(probabilities)), dtype=np.float32)


def random(probabilities: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return a random draw between 0 and 1 for every cell of 128 x 128 pixels, independent of uncertainty."""
    seed = zlib.crc32(np.ascontiguousarray(_finite(probabilities)).tobytes())
    draws = np.random.default_rng(seed).random(_cells(probabilities.shape[1:]), dtype=np.float32)
    return _spread(draws, probabilities.shape[1:])


def foreground_random(probabilities: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the draw of ``random`` in cells with any pixel predicted as foreground (not class 0), else 0."""
    foreground = probabilities.argmax(axis=0) > 0
    height, width = foreground.shape
    rows = np.logical_or.reduceat(foreground, np.arange(0, height, RANDOM_CELL), axis=0)
    cells = np.logical_or.reduceat(rows, np.arange(0, width, RANDOM_CELL), axis=1)
    return random(probabilities) * _spread(cells, foreground.shape)


@dataclass(frozen=True)
class Query:
    """One way to choose what to label next.

    Attributes
    ----------
    name
        The name on the command line, in settings and in stored proposals.
    score
        The function that scores each pixel.
    words
        What a proposal says of its boxes, as in "least sure in 2 places"; of a random query, the whole reason.
    random
        Whether chance alone ranks slices; labels of such slices may also score a model.
    """

    name: str
    score: Score
    words: str
    random: bool = False


QUERIES: Mapping[str, Query] = {
    query.name: query
    for query in (
        Query("least-confidence", least_confidence, "least sure"),
        Query("margin", margin, "closest to a tie"),
        Query("entropy", entropy, "most undecided"),
        Query("random", random, "picked at random, regardless of the model", random=True),
        Query("foreground-random", foreground_random, "picked at random"),
    )
}
"""Every available query by name."""


def query_named(name: str) -> Query:
    """Return a query by its name.

    Raises
    ------
    ProjectError
        If there is no query of that name.
    """
    if name not in QUERIES:
        raise ProjectError(f"There is no query {name!r}; choose one of {', '.join(QUERIES)}.")
    return QUERIES[name]


def _finite(probabilities: NDArray[np.float32]) -> NDArray[np.float32]:
    if probabilities.ndim != 3 or len(probabilities) < 2:
        raise ValueError(f"probabilities need shape (K, h, w) with K >= 2, got {probabilities.shape}")
    if not np.isfinite(probabilities).all():
        raise CheckpointError(
            "The model gives probabilities that are not numbers (NaN or infinite), where 0 to 1 is allowed; "
            "train another round or go back to an earlier one."
        )
    return probabilities


def _cells(shape: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(-(-side // RANDOM_CELL) for side in shape)


def _spread(cells: NDArray, shape: tuple[int, ...]) -> NDArray:
    """Repeat every cell's value over its pixels, cropped to ``shape``."""
    wide = cells.repeat(RANDOM_CELL, axis=0).repeat(RANDOM_CELL, axis=1)
    return np.asarray(wide[: shape[0], : shape[1]])
