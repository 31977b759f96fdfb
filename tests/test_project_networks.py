"""Whole rounds of networks other than the default, a user's own among them, through the front door."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import torch
from torch import Tensor, nn

from core.errors import Cancelled, NetworkError
from core.models.predictor import Predictor
from core.progress import Report
from core.project import Project
from core.storage.checkpoints import load_card
from tests.conftest import TINY, Files


@pytest.fixture
def project(trained_project: Project) -> Project:
    """Two slices labelled, and a first round that looks at one slice at a time."""
    return trained_project


def test_a_round_with_neighbours_goes_all_the_way_round(project: Project, phantom_files: Files, tmp_path: Path) -> None:
    """It trains, is scored beside the round without, predicts slice by slice, proposes, and is evaluated."""
    done = project.train(replace(TINY, neighbours=1))
    assert load_card(done.checkpoint).neighbours == 1
    assert [row.validation_pixels for row in project.models.rounds()] == [done.validation_pixels] * 2
    stack = tifffile.imread(phantom_files.image)
    model = Predictor.load(done.checkpoint)
    expected = [model.labels(stack[[abs(z - 1), z, 11 - abs(10 - z)]])[0] for z in range(12)]
    project.predict(tmp_path / "whole.tif", views=1, across=0)
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "whole.tif"), expected)
    project.results.export_confidence(tmp_path / "confidence.tif")
    alone = project.models.predict_slice(0, 11)
    assert alone is not None
    np.testing.assert_array_equal(alone.mask, expected[11])
    assert len(project.propose()) == 5
    scanned = project.models.cached_prediction(0, 4)
    assert scanned is not None
    np.testing.assert_array_equal(scanned.mask, expected[4])
    assert project.results.evaluate(phantom_files.truth).round == 2


def test_a_volume_is_read_once_whatever_the_neighbours(project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Segmenting in order asks the disk for every slice one time, also where slices are averaged."""
    project.train(replace(TINY, neighbours=2))
    volume, reads = project.volume(0), list[int]()
    read = volume._read
    monkeypatch.setattr(volume, "_read", lambda z: (reads.append(z), read(z))[1])
    project.predict(tmp_path / "whole.tif", across=0)
    assert reads == list(range(12))
    project.predict(tmp_path / "averaged.tif", across=2)
    assert reads == 2 * list(range(12))


# ---- a network of the user's own


class Thresholds(nn.Module):
    """A user's own: two convolutions of one pixel, given to any size."""

    def __init__(self, classes: int, width: int = 16) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Conv2d(1, width, 1), nn.ReLU(), nn.Conv2d(width, classes, 1))

    def forward(self, image: Tensor) -> Tensor:
        return torch.as_tensor(self.layers(image))


@pytest.fixture
def own(project: Project) -> Thresholds:
    """A network that the second round was trained with."""
    torch.manual_seed(1)
    network = Thresholds(len(project.classes))
    before = network.state_dict()["layers.0.weight"].clone()
    project.train(TINY, network=network)
    assert torch.equal(network.state_dict()["layers.0.weight"], before), "it is copied"
    return network


def test_the_card_names_the_class_of_an_own_network(project: Project, own: Thresholds) -> None:
    """For people to read; and the weights are under the names of the user's module."""
    card = load_card(project.store.checkpoint_folder(2))
    assert card.architecture == card.config["architecture"] == "own"
    assert card.own_class == f"{Thresholds.__module__}.Thresholds"
    assert [row.validation_loss is not None for row in project.models.rounds()] == [True, True]


def test_an_own_network_predicts_where_it_is_given_again(project: Project, own: Thresholds, tmp_path: Path) -> None:
    """In another process one sentence says what is missing; with the network it predicts what it did."""
    expected = project.models.predict_slice(0, 1)
    again = Project.open(tmp_path, "toy")
    for verb in (lambda: again.models.predict_slice(0, 3), lambda: again.predict(tmp_path / "o.tif"), lambda: again.propose()):
        with pytest.raises(NetworkError, match=r"Thresholds, which only Python can give: call project.models.use\(network\)"):
            verb()
    again.models.use(Thresholds(len(project.classes)))
    again.store.predictions.tidy(99)
    found = again.models.predict_slice(0, 1)
    assert expected is not None
    assert found is not None
    np.testing.assert_array_equal(found.mask, expected.mask)
    assert len(again.propose()) == 5


def test_without_the_network_the_editor_goes_on(project: Project, own: Thresholds, tmp_path: Path) -> None:
    """A slice that was predicted is shown; others begin empty, no newer prediction is offered, and rounds are trained."""
    project.models.predict_slice(0, 1)
    again = Project.open(tmp_path, "toy")
    assert (again.labels.editing(0, 1).origin, again.labels.sync_state(0, 1).round) == ("prediction", 2)
    assert (again.labels.editing(0, 3).origin, again.labels.sync_state(0, 3).round) == ("empty", None)
    done = again.train(TINY)
    assert done.round == 3
    assert again.labels.sync_state(0, 3).round == 3
    assert all(row.validation_pixels == done.validation_pixels for row in again.models.rounds())


def test_an_own_network_of_another_size_is_told(project: Project, own: Thresholds) -> None:
    """The sentence names the class and the weight that does not fit."""
    project.models.use(Thresholds(len(project.classes), width=4))
    with pytest.raises(NetworkError, match=r"Thresholds given does not fit the weights of the round \(size mismatch for layers"):
        project.models.predict_slice(0, 3)


def test_an_own_round_is_resumed_with_its_network_alone(phantom_project: Project) -> None:
    """A training of one's own goes on where it is given again, and nowhere else."""
    network = Thresholds(len(phantom_project.classes))

    def until(step: int) -> Report:
        return lambda share, said: phantom_project.models.curve()[-1].step >= step

    with pytest.raises(Cancelled):
        phantom_project.train(replace(TINY, seconds=60, epochs=None), network=network, report=until(3))
    with pytest.raises(NetworkError, match="which only Python can give"):
        phantom_project.jobs.start_round(resume=True)
    with pytest.raises(NetworkError, match="which only Python can give"):
        phantom_project.train(resume=True)
    with pytest.raises(Cancelled):
        phantom_project.train(resume=True, network=network, report=until(6))


class Failing(nn.Module):
    """Takes images of another size."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1))

    def forward(self, image: Tensor) -> Tensor:
        return image.reshape(1, 7)


def saying(**attributes: Any) -> nn.Module:
    network = Thresholds(4)
    for name, value in attributes.items():
        setattr(network, name, value)
    return network


@pytest.mark.parametrize(
    ("network", "message"),
    [
        (Failing(), r"Failing failed on two patches, a tensor of shape \(2, 1, 64, 64\) \(RuntimeError"),
        (Thresholds(7), r"gives a tensor of shape \(2, 7, 64, 64\); it must give scores of shape \(2, "),
        (nn.Identity(), "Identity gives a tensor of shape"),
        (saying(stride=48), "stride of .*Thresholds is 48; it must be a whole number that divides the patch of 64"),
        (saying(stride=(2, 2)), r"stride of .*Thresholds is \(2, 2\)"),
        (saying(reach=1.5), "reach of .*Thresholds is 1.5; it must be a whole number, 0 or more"),
    ],
)
def test_a_network_that_cannot_be_trained_is_told(phantom_project: Project, network: nn.Module, message: str) -> None:
    """Before a second of training is spent."""
    with pytest.raises(NetworkError, match=message):
        phantom_project.train(TINY, network=network)
    assert phantom_project.models.rounds() == []


def test_frozen_weights_are_no_training(phantom_project: Project) -> None:
    """At least one must be free."""
    network = Thresholds(len(phantom_project.classes)).requires_grad_(False)
    with pytest.raises(NetworkError, match="has no weight that may be trained"):
        phantom_project.train(TINY, network=network)
