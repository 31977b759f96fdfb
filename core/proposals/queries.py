"""Queries: what makes a pixel worth a person's look.

A query is one function from class probabilities to a score, higher = more worth labelling. The first three are ways to
be unsure, scaled so that 0 is certain and 1 is every class alike (Settles 2009, *Active Learning Literature Survey*).
The random ones are the honest controls: plain uncertainty often fails to beat foreground-aware random choice
(nnActive, Lüth et al. 2025). They draw from the probabilities themselves, so the same prediction gets the same draw.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from core.errors import CheckpointError, ProjectError

Query = Callable[[NDArray[np.float32]], NDArray[np.float32]]
"""Probabilities ``(K, h, w)`` that sum to 1 over ``K`` -> score ``(h, w)``; raises on values that are not finite."""

RANDOM_CELL = 128
"""Side in pixels of the places that the random queries draw: about one proposed box."""


def least_confidence(probabilities: NDArray[np.float32]) -> NDArray[np.float32]:
    """How far the likeliest class is from certain; 0 certain, 1 all classes alike."""
    classes = len(_finite(probabilities))
    return np.asarray((1 - probabilities.max(axis=0)) * (classes / (classes - 1)), dtype=np.float32)


def margin(probabilities: NDArray[np.float32]) -> NDArray[np.float32]:
    """How close the two likeliest classes are; 0 certain, 1 a tie."""
    best = _finite(probabilities).max(axis=0)
    second = np.partition(probabilities, -2, axis=0)[-2]
    return np.asarray(1 - (best - second), dtype=np.float32)


def entropy(probabilities: NDArray[np.float32]) -> NDArray[np.float32]:
    """Shannon entropy over the logarithm of the number of classes; 0 certain, 1 all classes alike."""
    tiny = np.finfo(np.float32).tiny
    logarithms = np.log(np.maximum(_finite(probabilities), tiny))
    bits = -(probabilities * logarithms).sum(axis=0)
    return np.asarray(bits / np.log(len(probabilities)), dtype=np.float32)


def random(probabilities: NDArray[np.float32]) -> NDArray[np.float32]:
    """A draw between 0 and 1 for every place of ``RANDOM_CELL`` pixels, whatever the model thinks of it."""
    seed = zlib.crc32(np.ascontiguousarray(_finite(probabilities)).tobytes())
    draws = np.random.default_rng(seed).random(_cells(probabilities.shape[1:]), dtype=np.float32)
    return _spread(draws, probabilities.shape[1:])


def foreground_random(probabilities: NDArray[np.float32]) -> NDArray[np.float32]:
    """The draw of ``random`` in places where some pixel is predicted as another class than the first, else 0."""
    foreground = probabilities.argmax(axis=0) > 0
    height, width = foreground.shape
    rows = np.logical_or.reduceat(foreground, np.arange(0, height, RANDOM_CELL), axis=0)
    cells = np.logical_or.reduceat(rows, np.arange(0, width, RANDOM_CELL), axis=1)
    return random(probabilities) * _spread(cells, foreground.shape)


QueryName = Literal["least-confidence", "margin", "entropy", "random", "foreground-random"]

QUERIES: Mapping[QueryName, Query] = {
    "least-confidence": least_confidence,
    "margin": margin,
    "entropy": entropy,
    "random": random,
    "foreground-random": foreground_random,
}
"""Every query a person can choose, by the name they choose it by."""


def query_named(name: str) -> Query:
    """The query of that name.

    Raises
    ------
    ProjectError
        If there is none, with the names there are.
    """
    for known, query in QUERIES.items():
        if known == name:
            return query
    raise ProjectError(f"There is no query {name!r}; choose one of {', '.join(get_args(QueryName))}.")


def is_random(query: Query) -> bool:
    """Whether chance alone ranks slices, so that their labels may also score a model."""
    return query is random


def name_of(query: Query) -> QueryName | None:
    """The name a query is chosen by; ``None`` for a function that is not in the list."""
    return next((name for name, known in QUERIES.items() if known is query), None)


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
    """Every cell's value over its pixels, cut to ``shape``."""
    wide = cells.repeat(RANDOM_CELL, axis=0).repeat(RANDOM_CELL, axis=1)
    return np.asarray(wide[: shape[0], : shape[1]])
