"""Boundaries are compared exactly and over all slices together; unlabelled pixels are never guessed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from core.evaluation.boundary_metrics import Boundaries, BoundaryScore, boundary
from tests.evaluation.test_metrics import raster


def scored(*pairs: tuple[NDArray[np.uint8], NDArray[np.uint8]], classes: int = 2, tolerance: float = 1.0) -> list[BoundaryScore]:
    """Scores of (prediction, truth) pairs, one for each slice."""
    gathered = Boundaries(classes, tolerance)
    for prediction, truth in pairs:
        gathered.add(prediction, truth)
    return list(gathered.scores())


def test_a_boundary_lies_between_two_known_pixels() -> None:
    """Neither the border of a slice nor the edge of the labelled area is a boundary."""
    labels = raster("00111", "0011.", ".111.")
    found = boundary(labels == 1, labels != 255)
    np.testing.assert_array_equal(found, raster("00100", "00100", "01000").astype(bool))


def test_the_same_mask_is_perfect() -> None:
    """Equal masks give F-score 1 and distance 0, counted on both boundaries."""
    mask = raster("0000", "0110", "0110", "0000")
    assert scored((mask, mask))[1] == BoundaryScore(1.0, 0.0, 8)


def test_a_shifted_edge_is_as_far_as_it_was_shifted() -> None:
    """An edge shifted by three columns is within a tolerance of 3, not of 2; its Hausdorff distance is 3."""
    truth, prediction = raster(*["0000011111"] * 4), raster(*["0011111111"] * 4)
    assert scored((prediction, truth), tolerance=3)[1] == BoundaryScore(1.0, 3.0, 8)
    assert scored((prediction, truth), tolerance=2)[1] == BoundaryScore(0.0, 3.0, 8)


def test_what_is_absent_from_both_is_not_measured() -> None:
    """An absent class is not measured, nor is one without a boundary because it fills the slice."""
    zeros = raster("000", "000")
    assert scored((zeros, zeros)) == [BoundaryScore(None, None, 0)] * 2


def test_a_class_that_is_missed_has_no_distance_but_infinity() -> None:
    """Its F-score is 0; one good slice beside it makes the F-score better, and the distance finite where 95 % are near."""
    truth, nothing = raster("0000", "0110", "0000"), raster("0000", "0000", "0000")
    assert scored((nothing, truth))[1] == BoundaryScore(0.0, float("inf"), 2)
    many = [(truth, truth)] * 30
    score = scored((nothing, truth), *many)[1]
    assert score.hd95 == 0
    assert score.f_score == pytest.approx(2 * (30 / 31) / (1 + 30 / 31))


def test_a_boundary_beside_what_is_unlabelled_is_not_counted() -> None:
    """A boundary pixel within the tolerance of an unlabelled pixel is not counted; one farther away is."""
    truth = raster(*["00000.1111"] * 3)
    prediction = raster(*["0000011111"] * 3)
    assert scored((prediction, truth))[1] == BoundaryScore(None, None, 0)
    prediction = raster(*["0011111111"] * 3)
    assert scored((prediction, truth))[1] == BoundaryScore(0.0, None, 3)


_MASKS = hnp.arrays(np.uint8, (9, 11), elements=st.integers(0, 2))
_LABELS = hnp.arrays(np.uint8, (9, 11), elements=st.sampled_from([0, 0, 1, 1, 2, 255]))


@settings(max_examples=60, deadline=None)
@given(pairs=st.lists(st.tuples(_MASKS, _LABELS), min_size=1, max_size=3), tolerance=st.sampled_from([0.0, 1.0, 1.5]))
def test_scores_are_those_of_all_pairs_of_pixels(pairs: list[tuple[NDArray[Any], NDArray[Any]]], tolerance: float) -> None:
    """Scores equal a reference over all pairs of boundary pixels, with numpy's percentile."""
    for number, score in enumerate(scored(*pairs, classes=3, tolerance=tolerance)):
        there, back = Reference(tolerance), Reference(tolerance)
        for prediction, truth in pairs:
            known = np.argwhere(truth != 255)
            hidden = np.argwhere(truth == 255)
            true, predicted = (edge(mask, known, number) for mask in (truth, prediction))
            there.add(true, predicted, hidden)
            back.add(predicted, true, hidden)
        ends = [np.percentile(one.distances, 95) for one in (there, back) if one.distances and np.isfinite(one.distances).all()]
        if all(np.isfinite(one.distances).all() for one in (there, back)):
            assert score.hd95 == (pytest.approx(max(ends)) if ends else None)
        assert score.pixels == len(there.near) + len(back.near)
        if there.near and back.near:
            recall, precision = np.mean(there.near), np.mean(back.near)
            assert score.f_score == pytest.approx(2 * recall * precision / (recall + precision) if recall + precision else 0)


def edge(mask: NDArray[Any], known: NDArray[Any], number: int) -> list[tuple[int, int]]:
    """Boundary pixels of a class, pixel by pixel."""
    places = {(int(y), int(x)) for y, x in known}
    found = []
    for y, x in sorted(places):
        beside = [(y - 1, x), (y + 1, x), (y, x - 1), (y, x + 1)]
        if mask[y, x] == number and any(one in places and mask[one] != number for one in beside):
            found.append((y, x))
    return found


class Reference:
    """Distances from one list of pixels to another, and whether each is within the tolerance, where labels allow."""

    def __init__(self, tolerance: float) -> None:
        self.tolerance = tolerance
        self.distances: list[float] = []
        self.near: list[bool] = []

    def add(self, of: list[tuple[int, int]], to: list[tuple[int, int]], hidden: NDArray[Any]) -> None:
        for pixel in of:
            distance = min((float(np.hypot(*np.subtract(pixel, other))) for other in to), default=float("inf"))
            unseen = min((float(np.hypot(*(pixel - one))) for one in hidden), default=float("inf"))
            if distance <= unseen:
                self.distances.append(distance)
            if unseen > self.tolerance:
                self.near.append(distance <= self.tolerance)


@given(mask=_MASKS, other=_MASKS, truth=_LABELS)
@settings(max_examples=40, deadline=None)
def test_predictions_where_nothing_is_labelled_change_nothing(
    mask: NDArray[Any], other: NDArray[Any], truth: NDArray[Any]
) -> None:
    """Predictions on unlabelled pixels do not change the scores."""
    assert scored((mask, truth), classes=3) == scored((np.where(truth == 255, other, mask), truth), classes=3)


def test_unlike_shapes_are_refused() -> None:
    """The message names both shapes."""
    with pytest.raises(ValueError, match=r"got \(1, 2\) and \(1, 3\)"):
        scored((raster("00"), raster("000")))
