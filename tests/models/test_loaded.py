"""A project's models at work: what two windows ask for at once is computed once, and nobody waits for another slice."""

from __future__ import annotations

import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Barrier, Event
from typing import Any

import numpy as np
import pytest
import torch

from core.geometry import SliceId
from core.models.loaded import LoadedModels
from core.project import Project
from core.storage.checkpoints import save
from tests.predicted import add_round
from tests.storage.test_checkpoints import SAMPLE


class Slow:
    """A model that notes what it is asked, and waits where a test wants it to."""

    def __init__(self) -> None:
        self.asked: list[int] = []
        self.wait: dict[int, Event] = {}

    def labels(self, image: np.ndarray[Any, Any]) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
        z = int(image[0, 0, 0])
        self.asked.append(z)
        if z in self.wait:
            assert self.wait[z].wait(20)
        return np.full(image.shape[1:], z % 3, np.uint8), np.full(image.shape[1:], 200, np.uint8)


class NumberedModels(LoadedModels):
    """Models whose slices are filled with their own number."""

    def __init__(self, project: Project) -> None:
        super().__init__(project.store)
        self.model = Slow()

    def predictor(self, round_: int) -> Any:
        return self.model

    def inputs(self, round_: int, volume: int) -> Any:
        return lambda z: np.full((1, 8, 8), z, np.uint8)


@pytest.fixture
def models(project: Project) -> NumberedModels:
    return NumberedModels(project)


def test_a_slice_wanted_by_two_threads_is_computed_once(models: NumberedModels) -> None:
    """The second waits for the first and takes what it has kept."""
    both = Barrier(2)

    def predicted(_: int) -> int:
        both.wait(20)
        return int(models.predicted(SliceId(0, 1), 1).mask[0, 0])

    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(predicted, range(2))) == [1, 1]
    assert models.model.asked == [1]
    assert models._locks == {}


def test_a_slow_slice_holds_up_no_other(models: NumberedModels) -> None:
    """Slice 2 is there while slice 1 is still being computed."""
    models.model.wait[1] = Event()
    with ThreadPoolExecutor(2) as pool:
        slow = pool.submit(models.predicted, SliceId(0, 1), 1)
        assert pool.submit(models.predicted, SliceId(0, 2), 1).result(20).mask[0, 0] == 2
        assert not slow.done()
        models.model.wait[1].set()
        assert slow.result(20).mask[0, 0] == 1


def test_a_failed_computation_leaves_the_slice_free(models: NumberedModels, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever asks next tries again."""
    with monkeypatch.context() as broken, pytest.raises(ValueError, match="no"):
        broken.setattr(models.model, "labels", lambda image: (_ for _ in ()).throw(ValueError("no")))
        models.predicted(SliceId(0, 1), 1)
    assert models.predicted(SliceId(0, 1), 1).mask[0, 0] == 1


def test_a_damaged_card_is_read_again_once_it_is_replaced(project: Project) -> None:
    """Then the round turns out to be of an own network, which is not given yet."""
    models, number = LoadedModels(project.store), add_round(project)
    folder = project.store.checkpoint(number)
    folder.mkdir()
    (folder / "card.json").write_text("torn")
    assert models.has_network(number)
    shutil.rmtree(folder)
    save(folder, {"weight": torch.zeros(1)}, replace(SAMPLE, own_class="mine.Network"))
    assert not models.has_network(number)
