"""Z-averaging gives the mean over neighbouring slices in any order, and predicts no slice twice."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from core.config import PredictConfig
from core.errors import StorageError
from core.models import normalisation
from core.models.networks import build
from core.models.predictor import Predictor, ready
from core.models.z_average import ZAveraged
from core.storage.checkpoints import Card

NETWORK = {"in_channels": 1, "classes": 3, "channels": 4, "depth": 2}
CARD = Card("unet", NETWORK, ("a", "b", "c"), 1, normalisation.NAME, {}, 0)
SHAPE = (9, 70, 131)
VOLUME = np.random.default_rng(0).integers(0, 256, SHAPE, dtype=np.uint8)


class SliceInput:
    """Slices of the volume; remembers which were asked for."""

    def __init__(self) -> None:
        self.asked: list[int] = []

    def __call__(self, z: int) -> NDArray:
        self.asked.append(z)
        return VOLUME[z][None]


@pytest.fixture(scope="module")
def predictor() -> Predictor:
    """A network with random weights, in tiles of 64."""
    torch.manual_seed(0)
    return Predictor(ready(build("unet", NETWORK), torch.device("cpu")), CARD, PredictConfig(tile=64, context=16))


@pytest.fixture(scope="module")
def single(predictor: Predictor) -> NDArray[np.float32]:
    """The probabilities of every slice by itself, each in its own view."""
    return np.stack([predictor.in_turn(z).probabilities(one[None]) for z, one in enumerate(VOLUME)])


def expected(single: NDArray[np.float32], z: int, across: int) -> NDArray[np.float32]:
    reach = min(across, z, len(single) - 1 - z)
    return np.asarray(single[z - reach : z + reach + 1].mean(axis=0), np.float32)


@pytest.mark.parametrize("across", [1, 2, 6, 16])
@pytest.mark.parametrize("order", [range(9), [3, 4], [0, 1, 7, 8], [5, 2, 8], [4, 4], [3, 2, 1], [8, 0]], ids=str)
def test_a_slice_is_the_mean_over_its_neighbours(
    predictor: Predictor, single: NDArray[np.float32], tmp_path: Path, across: int, order: Any
) -> None:
    """A slice is the mean over equally many slices on both sides, in any order of requests, within rounding."""
    with ZAveraged(predictor, SliceInput(), SHAPE, across, tmp_path) as model:
        for z in order:
            wanted = expected(single, z, across)
            found = model.probabilities(z)
            np.testing.assert_allclose(found, wanted, atol=1 / 255)
            np.testing.assert_allclose(found.sum(axis=0), 1, atol=1e-5)
            mask, confidence = model.labels(z)
            np.testing.assert_allclose(confidence / 255, wanted.max(axis=0), atol=1.5 / 255)
            clear = np.diff(np.sort(wanted, axis=0)[1:], axis=0)[0] > 2 / 255
            np.testing.assert_array_equal(mask[clear], wanted.argmax(axis=0)[clear])


def test_every_slice_is_predicted_once(predictor: Predictor, tmp_path: Path) -> None:
    """Probabilities and labels of all slices in order need one prediction per slice."""
    seen = SliceInput()
    with ZAveraged(predictor, seen, SHAPE, 2, tmp_path) as model:
        for z in range(9):
            model.labels(z)
            model.probabilities(z)

    assert seen.asked == list(range(9))


def test_part_of_a_volume_is_as_in_all_of_it(predictor: Predictor, tmp_path: Path) -> None:
    """Slices outside the requested part contribute to the mean."""
    with ZAveraged(predictor, SliceInput(), SHAPE, 2, tmp_path) as model:
        whole = [model.labels(z)[1] for z in range(9)]
    with ZAveraged(predictor, SliceInput(), SHAPE, 2, tmp_path) as model:
        np.testing.assert_array_equal(model.labels(4)[1], whole[4])


@pytest.mark.parametrize(("asked", "views"), [(None, 2), (1, 1), (8, 8)])
def test_none_on_each_side_is_the_slice_itself(predictor: Predictor, tmp_path: Path, asked: int | None, views: int) -> None:
    """Without neighbours the result is the slice's own, exactly and without a file; two views by default."""
    expected = predictor.with_config(replace(predictor.config, views=views))
    with ZAveraged(
        predictor.with_config(replace(predictor.config, views=asked)), SliceInput(), SHAPE, 0, tmp_path / "nowhere"
    ) as model:
        assert model.views == views
        np.testing.assert_array_equal(model.probabilities(3), expected.probabilities(VOLUME[3][None]))
        np.testing.assert_array_equal(model.labels(3)[0], expected.labels(VOLUME[3][None])[0])


def test_nothing_is_left_behind(predictor: Predictor, tmp_path: Path) -> None:
    """No file remains, even after an interruption."""
    with pytest.raises(KeyboardInterrupt), ZAveraged(predictor, SliceInput(), SHAPE, 2, tmp_path) as model:
        model.labels(0)
        raise KeyboardInterrupt

    assert not list(tmp_path.iterdir())
    with pytest.raises(ValueError, match="closed file"):
        model.labels(1)


@pytest.mark.parametrize("side", [9, 70])
def test_a_full_disk_is_told(predictor: Predictor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, side: int) -> None:
    """A full disk raises one error, even if small tiles are buffered and written later."""
    monkeypatch.setattr(tempfile, "TemporaryFile", lambda dir: open("/dev/full", "r+b"))  # noqa: SIM115
    seen = SliceInput()
    told = pytest.raises(StorageError, match="the disk is full")
    with told, ZAveraged(predictor, lambda z: seen(z)[:, :side, :side], (9, side, side), 2, tmp_path) as model:
        model.labels(4)
