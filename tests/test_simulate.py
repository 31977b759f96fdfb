"""Tests of core.simulate."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
import tifffile
import torch
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from core.config import AnnotatorConfig, SimulateConfig, TrainConfig
from core.errors import Cancelled, LabelError, ProjectError
from core.project import Project, list_projects
from core.simulate import (
    Simulation,
    default_test_slices,
    gap_around_tests,
    kept_out,
    simulate,
    start_slices,
)
from core.storage.checkpoints import load_card
from core.training.learning import callbacks
from tests.steps import StepsCounted

CLASS_NAMES = ("matrix", "grain", "pore")
GREYS = np.array([120, 200, 40], dtype=np.uint8)
QUICK = TrainConfig(seconds=120, patch=64, batch=4, channels=8, depth=2)
THREE_ROUNDS = SimulateConfig(rounds=3, start=1, per_round=2, train=QUICK)


def toy_volume() -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Blobs of two classes in noise, (24, 96, 96); the middle slices, where the replay starts, have no pore."""
    rng = np.random.default_rng(0)
    grain, pore = (gaussian_filter(rng.standard_normal((24, 96, 96)), (2, 5, 5)) for _ in range(2))
    truth = np.zeros(grain.shape, dtype=np.uint8)
    truth[grain > np.quantile(grain, 0.8)] = 1
    truth[pore > np.quantile(pore, 0.8)] = 2
    truth[10:15][truth[10:15] == 2] = 0
    noise = rng.normal(0, 10, truth.shape)
    return np.clip(GREYS[truth] + noise, 0, 255).astype(np.uint8), truth


@pytest.fixture(scope="module")
def volume(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The toy volume and its truth as files."""
    folder = tmp_path_factory.mktemp("volume")
    image, truth = toy_volume()
    tifffile.imwrite(folder / "image.tif", image)
    tifffile.imwrite(folder / "truth.tif", truth)
    return folder / "image.tif", folder / "truth.tif"


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the replay leaves its project."""
    return tmp_path_factory.mktemp("workspace")


@pytest.fixture(scope="module")
def played(volume: tuple[Path, Path], workspace: Path) -> Simulation:
    """Three rounds of 120 steps, played on the toy volume with one thread: the machine may be busy with other tests."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(callbacks, "Clock", StepsCounted)
            return simulate(*volume, CLASS_NAMES, THREE_ROUNDS, workspace=workspace)
    finally:
        torch.set_num_threads(threads)


def test_the_loop_improves_on_known_truth(played: Simulation) -> None:
    """The painted slice has no pore; corrections bring pores in, and the Dice on the test slices rises with them."""
    first, *_, last = played.rounds

    assert len(played.rounds) == 3
    assert first.mean_dice is not None
    assert last.mean_dice is not None
    assert last.mean_dice > first.mean_dice + 0.1
    assert (last.dice["pore"] or 0) > (first.dice["pore"] or 0)


def test_every_round_begins_with_the_one_before(played: Simulation, workspace: Path) -> None:
    """As it does for a person."""
    store = Project.open(workspace, "simulation").store
    cards = [load_card(store.checkpoint(r.round)) for r in played.rounds]

    assert [card.extra["begins_with"] for card in cards] == [None, 1, 2]


def test_every_round_labels_more_and_costs_more(played: Simulation) -> None:
    """One slice from nothing, then two corrections a round; the annotator's clock only goes forward."""
    seconds = [r.annotation_seconds for r in played.rounds]

    assert [r.labelled_slices for r in played.rounds] == [1, 3, 5]
    assert [r.round for r in played.rounds] == [1, 2, 3]
    assert 0 < seconds[0] < seconds[1] < seconds[2]
    assert all(r.training_seconds >= 1 for r in played.rounds)


def test_test_slices_and_their_neighbours_are_never_painted(played: Simulation, workspace: Path) -> None:
    """What is scored is far from what was painted, in the records as in the report."""
    painted = {z for r in played.rounds for z in r.slices}
    labelled = {row.z for row in Project.open(workspace, "simulation").labels.slices()}

    assert played.test_slices == (5, 15)
    assert painted == labelled
    assert min(abs(z - t) for z in labelled for t in played.test_slices) > played.gap


def test_the_painted_label_is_the_truth(played: Simulation, workspace: Path, volume: tuple[Path, Path]) -> None:
    """The annotator makes no mistakes, and claims the slice whole; the clock is in the records too."""
    project, truth = Project.open(workspace, "simulation"), tifffile.imread(volume[1])
    rows = project.labels.slices()

    for row in rows:
        np.testing.assert_array_equal(project.labels.of(0, row.z), truth[row.z])
    assert sum(row.active_seconds for row in rows) == pytest.approx(played.rounds[-1].annotation_seconds)


def test_the_first_slice_costs_its_objects(played: Simulation, volume: tuple[Path, Path]) -> None:
    """Painting from nothing changes every pixel that is not background."""
    (z,) = played.rounds[0].slices

    assert played.rounds[0].effort.changed_pixels == np.count_nonzero(tifffile.imread(volume[1])[z])


def test_a_replay_is_fit_for_json(played: Simulation) -> None:
    """Everything in the report can be printed as JSON, with its settings."""
    stored = json.loads(json.dumps(asdict(played)))

    assert stored["rounds"][0]["dice"].keys() == set(CLASS_NAMES)
    assert stored["config"]["annotator"] == asdict(AnnotatorConfig())


def test_a_replay_can_be_stopped(volume: tuple[Path, Path], workspace: Path, played: Simulation) -> None:
    """Answering True to a report ends the training; the other project in the workspace is left alone."""
    with pytest.raises(Cancelled):
        simulate(*volume, CLASS_NAMES, THREE_ROUNDS, workspace=workspace, report=lambda share, words: True)

    assert list_projects(workspace) == ["simulation", "simulation-2"]


def test_an_unknown_query_is_refused_before_anything_is_done(volume: tuple[Path, Path], tmp_path: Path) -> None:
    """No project is made for a query that does not exist."""
    with pytest.raises(ProjectError, match="no query 'gut feeling'"):
        simulate(*volume, CLASS_NAMES, replace(THREE_ROUNDS, query="gut feeling"), workspace=tmp_path)

    assert list_projects(tmp_path) == []


def test_a_truth_with_more_classes_than_names_is_refused(volume: tuple[Path, Path], tmp_path: Path) -> None:
    """Told before the first training, and no project is left behind."""
    with pytest.raises(LabelError, match="holds the value 2; allowed are the class ids 0 to 1"):
        simulate(*volume, CLASS_NAMES[:2], THREE_ROUNDS, workspace=tmp_path)
    assert list_projects(tmp_path) == []


def test_one_test_slice_in_ten_by_default() -> None:
    """The middle of every ten slices, and of a volume of fewer."""
    assert default_test_slices(30) == (5, 15, 25)
    assert default_test_slices(7) == (3,)
    assert default_test_slices(1) == (0,)


def test_the_gap_keeps_neighbours_out() -> None:
    """One slice on either side in a shallow volume, two in a deeper one, within the volume."""
    assert kept_out((0, 5), gap_around_tests(20), 20) == {0, 1, 4, 5, 6}
    assert kept_out((15,), gap_around_tests(100), 100) == {13, 14, 15, 16, 17}


def test_a_test_slice_outside_the_volume_is_refused() -> None:
    """The slices there are, are named."""
    with pytest.raises(ProjectError, match="Test slice 20 is not in the volume; choose from 0 to 19"):
        kept_out((3, 20), 1, 20)


def test_start_slices_are_evenly_spaced_among_the_free_ones() -> None:
    """None of them is kept out, and they lie apart."""
    assert start_slices(20, kept_out((5, 15), 1, 20), 3) == (2, 10, 17)


def test_too_few_slices_to_paint_are_told() -> None:
    """How many there are and how many are wanted."""
    with pytest.raises(ProjectError, match=r"Only 2 of 5 slices are left to paint .* 3 are wanted"):
        start_slices(5, frozenset({1, 2, 3}), 3)
