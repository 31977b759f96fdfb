"""Predictions kept on disk, as pages and pictures need them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from app.api import cached_predictions
from core.geometry import SliceId
from core.storage.prediction_cache import PredictionStore
from tests.predicted import add_round, keep

if TYPE_CHECKING:
    from core.project import Project

MASK = np.arange(160 * 160, dtype=np.uint8).reshape(160, 160) % 3
CONFIDENCE = np.full((160, 160), 200, np.uint8)


@pytest.fixture
def predicted(phantom_project: Project) -> Project:
    """A project with one round and one predicted slice, the fifth."""
    keep(phantom_project, 4, MASK, CONFIDENCE)
    return phantom_project


def test_only_what_lies_on_the_disk_has_a_stamp(phantom_project: Project) -> None:
    """Neither a slice before the first round nor one that nobody has predicted has one."""
    assert cached_predictions.stamp(phantom_project, SliceId(0, 4)) is None
    assert cached_predictions.predicted(phantom_project, SliceId(0, 4)) is None


def test_a_kept_prediction_is_read_once(predicted: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """The rasters are those on the disk, and the second time the file is left alone."""
    first = cached_predictions.predicted(predicted, SliceId(0, 4))
    monkeypatch.setattr(PredictionStore, "load", lambda *_: pytest.fail("it was read again"))
    second = cached_predictions.predicted(predicted, SliceId(0, 4))
    for found in (first, second):
        assert found is not None
        assert found.round == 1
        np.testing.assert_array_equal(found.mask, MASK)
        np.testing.assert_array_equal(found.confidence, CONFIDENCE)
    assert cached_predictions.stamp(predicted, SliceId(0, 5)) is None


def test_a_prediction_that_is_gone_is_not_shown_from_memory(predicted: Project) -> None:
    """A new round has none yet, and where a file was tidied away there is none any more."""
    assert cached_predictions.predicted(predicted, SliceId(0, 4)) is not None
    add_round(predicted)
    assert cached_predictions.stamp(predicted, SliceId(0, 4)) is None
    assert cached_predictions.predicted(predicted, SliceId(0, 4)) is None
    keep(predicted, 4, MASK[::-1], CONFIDENCE)
    found = cached_predictions.predicted(predicted, SliceId(0, 4))
    assert found is not None
    np.testing.assert_array_equal(found.mask, MASK[::-1])
    next(predicted.folder.glob("predictions/round-002/*/slice-00004.tif")).unlink()
    assert cached_predictions.predicted(predicted, SliceId(0, 4)) is None


def test_a_torn_file_is_no_prediction(predicted: Project) -> None:
    """It cannot be read, so there is nothing to show, and no fault."""
    (file,) = predicted.folder.glob("predictions/*/*/slice-00004.tif")
    file.write_bytes(b"torn")
    assert cached_predictions.stamp(predicted, SliceId(0, 4)) is not None
    assert cached_predictions.predicted(predicted, SliceId(0, 4)) is None
