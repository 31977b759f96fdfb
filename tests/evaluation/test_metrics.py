"""Tests of core.evaluation.metrics."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torchmetrics.functional.classification import multiclass_jaccard_index, multiclass_precision, multiclass_recall

from core.evaluation.metrics import confusion, dice, iou, mean_dice, precision, recall


def raster(*rows: str) -> NDArray[np.uint8]:
    """A drawn mask; a dot is not labelled."""
    return np.array([[255 if mark == "." else int(mark) for mark in row] for row in rows], dtype=np.uint8)


TRUTH = raster("0011", "0.22")
PREDICTION = raster("0111", "0022")


def test_confusion_counts_truth_in_rows_and_prediction_in_columns() -> None:
    """A background pixel predicted as class 1 counts in row 0, column 1."""
    expected = [[2, 1, 0], [0, 2, 0], [0, 0, 2]]

    np.testing.assert_array_equal(confusion(PREDICTION, TRUTH, 3), expected)


def test_unlabelled_truth_is_not_counted() -> None:
    """Pixels without a truth are never counted, whatever their prediction."""
    assert confusion(raster("0."), raster(".."), 2).sum() == 0


def test_dice_is_twice_the_hits_over_both_sizes() -> None:
    """2 TP / (2 TP + FP + FN) of the drawn example, class by class."""
    assert dice(confusion(PREDICTION, TRUTH, 3)) == pytest.approx((4 / 5, 4 / 5, 1.0))


def test_an_absent_class_is_not_measured() -> None:
    """A class in neither truth nor prediction scores None; one only predicted scores 0."""
    assert dice(confusion(raster("0111"), raster("0000"), 3)) == (pytest.approx(2 / 5), 0.0, None)


def test_iou_precision_and_recall_by_hand() -> None:
    """In the drawn example, class 0 has 2 hits and 1 miss; class 1 has 2 hits and 1 false positive."""
    counts = confusion(PREDICTION, TRUTH, 3)
    assert iou(counts) == pytest.approx((2 / 3, 2 / 3, 1.0))
    assert precision(counts) == pytest.approx((1.0, 2 / 3, 1.0))
    assert recall(counts) == pytest.approx((2 / 3, 1.0, 1.0))


def test_what_is_absent_has_no_iou_precision_or_recall() -> None:
    """Precision needs a prediction, recall needs a truth; a class in neither has no score."""
    counts = confusion(raster("0111"), raster("0000"), 3)
    assert iou(counts) == (0.25, 0.0, None)
    assert precision(counts) == (1.0, 0.0, None)
    assert recall(counts) == (0.25, None, None)


def test_iou_precision_and_recall_agree_with_torchmetrics() -> None:
    """Scores equal torchmetrics' on random masks; both leave out unlabelled pixels."""
    rng = np.random.default_rng(0)
    truth, prediction = rng.integers(0, 4, (2, 30, 30)).astype(np.uint8)
    truth[rng.random(truth.shape) < 0.3] = 255
    counts = confusion(prediction, truth, 4)
    both = torch.from_numpy(prediction).long(), torch.from_numpy(truth).long()
    compared = ((iou, multiclass_jaccard_index), (precision, multiclass_precision), (recall, multiclass_recall))
    for ours, theirs in compared:
        expected = theirs(*both, num_classes=4, average=None, ignore_index=255)
        assert ours(counts) == pytest.approx(expected.tolist(), rel=1e-5)


def test_mean_leaves_out_the_background_and_what_was_not_measured() -> None:
    """The mean covers measured classes after the first; it is None without any."""
    assert mean_dice((0.1, 0.5, None, 0.7)) == pytest.approx(0.6)
    assert mean_dice((0.9, None)) is None


def test_counts_are_added_before_the_score() -> None:
    """Two slices of unlike size are scored pixel by pixel, not as the mean of two scores."""
    small = confusion(raster("1"), raster("0"), 2)
    large = confusion(raster("111"), raster("111"), 2)

    assert dice(small + large)[1] == pytest.approx(6 / 7)


def test_unlike_shapes_are_refused_with_both_shapes() -> None:
    """The message names both shapes."""
    with pytest.raises(ValueError, match=r"got \(1, 2\) and \(1, 3\)"):
        confusion(raster("00"), raster("000"), 2)


@pytest.mark.parametrize(("prediction", "truth"), [("02", "00"), ("00", "02"), ("0.", "00")])
def test_a_class_outside_the_list_is_refused(prediction: str, truth: str) -> None:
    """An unknown class is refused in prediction and truth, never counted silently."""
    with pytest.raises(ValueError, match="classes are 0 to 1, got"):
        confusion(raster(prediction), raster(truth), 2)
