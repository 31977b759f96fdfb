"""Whole rounds of networks other than the default, through the front door."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tifffile

from core.checkpoints import load_card
from core.config import TrainConfig
from core.predict import Predictor
from core.project import Project
from tests.conftest import Files

TINY = TrainConfig(seconds=1, patch=64, batch=2, channels=4, depth=2)


@pytest.fixture
def project(phantom_project: Project) -> Project:
    """Two slices labelled, and a first round that looks at one slice at a time."""
    phantom_project.train(TINY)
    return phantom_project


def test_a_round_with_neighbours_goes_all_the_way_round(project: Project, phantom_files: Files, tmp_path: Path) -> None:
    """It trains, is scored beside the round without, predicts slice by slice, proposes, and is evaluated."""
    done = project.train(replace(TINY, neighbours=1))
    assert load_card(done.checkpoint).neighbours == 1
    assert [row.validation_pixels for row in project.rounds()] == [done.validation_pixels] * 2
    stack = tifffile.imread(phantom_files.image)
    model = Predictor.load(done.checkpoint)
    expected = [model.labels(stack[[abs(z - 1), z, 11 - abs(10 - z)]])[0] for z in range(12)]
    project.predict(tmp_path / "whole.tif")
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "whole.tif"), expected)
    project.export_confidence(tmp_path / "confidence.tif")
    alone = project.predict_slice(0, 11)
    assert alone is not None
    np.testing.assert_array_equal(alone.mask, expected[11])
    assert len(project.propose()) == 5
    scanned = project.cached_prediction(0, 4)
    assert scanned is not None
    np.testing.assert_array_equal(scanned.mask, expected[4])
    assert project.evaluate(phantom_files.truth).round == 2


def test_a_volume_is_read_once_whatever_the_neighbours(project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Segmenting in order asks the disk for every slice one time."""
    project.train(replace(TINY, neighbours=2))
    volume, reads = project.volume(0), list[int]()
    read = volume._read
    monkeypatch.setattr(volume, "_read", lambda z: (reads.append(z), read(z))[1])
    project.predict(tmp_path / "whole.tif")
    assert reads == list(range(12))
