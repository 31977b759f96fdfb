"""Predicted slices on disk."""

import os

import numpy as np
import pytest
import tifffile

from core.geometry import SliceId
from core.storage.prediction_cache import Predicted, PredictionStore


def predicted(round_=1, value=3):
    """A small prediction."""
    return Predicted(np.full((5, 7), value, np.uint8), np.full((5, 7), 200, np.uint8), round_)


@pytest.fixture
def store(tmp_path):
    """An empty store."""
    return PredictionStore(tmp_path / "predictions")


def test_what_is_kept_comes_back(store):
    """Mask, confidence and round."""
    store.save(SliceId(0, 12), predicted())
    back = store.load(1, SliceId(0, 12))
    assert (back.mask == 3).all()
    assert (back.confidence == 200).all()
    assert back.round == 1


def test_any_viewer_can_read_it(store, tmp_path):
    """Two plain pages in a TIFF with a name a person understands."""
    store.save(SliceId(0, 12), predicted())
    assert tifffile.imread(tmp_path / "predictions/round-001/volume-0/slice-00012.tif").shape == (2, 5, 7)


def test_a_torn_file_is_absent(store, tmp_path):
    """A truncated prediction counts as missing and is computed again."""
    store.save(SliceId(0, 12), predicted())
    file = tmp_path / "predictions/round-001/volume-0/slice-00012.tif"
    file.write_bytes(file.read_bytes()[:40])
    assert store.load(1, SliceId(0, 12)) is None
    assert store.load(1, SliceId(0, 13)) is None


def test_only_the_last_two_rounds_are_kept(store, tmp_path):
    """Older ones go when a newer round is saved."""
    for round_ in (1, 2, 3):
        PredictionStore(tmp_path / "predictions").save(SliceId(0, 0), predicted(round_))
    assert store.load(1, SliceId(0, 0)) is None
    assert store.load(2, SliceId(0, 0)) is not None
    assert store.load(3, SliceId(0, 0)) is not None


def test_the_oldest_go_when_there_are_too_many(tmp_path):
    """The kept bytes have a limit, and the newest stay."""
    store = PredictionStore(tmp_path / "predictions")
    for z in range(4):
        store.save(SliceId(0, z), predicted())
        file = tmp_path / f"predictions/round-001/volume-0/slice-{z:05d}.tif"
        os.utime(file, (z, z))
    PredictionStore(tmp_path / "predictions", kept_bytes=2 * file.stat().st_size).tidy(1)
    assert [store.load(1, SliceId(0, z)) is not None for z in range(4)] == [False, False, True, True]
