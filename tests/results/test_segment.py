"""A segmentation is written slice by slice, whole or not at all."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from core.config import PredictConfig
from core.errors import Cancelled, CheckpointError, ProjectError, UnderpaintError, VolumeError
from core.evaluation.z_average_search import ZAverageChoice
from core.progress import Report, silent
from core.project import Project
from core.results.amounts import Amount
from core.results.segment import PredictReport, export_confidence, predict
from core.volumes import open_volume
from tests.thresholding import ThresholdModels, threshold
from tests.toy import HEIGHT, WIDTH, make_toy

HALVES = [[0] * WIDTH] * 3 + [[1] * WIDTH] * 3
"""Every slice of the toy project as the network sees it: the brighter lower half is pore."""

ALONE = PredictConfig(across=0)


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """A file to be, in a folder of its own."""
    (tmp_path / "results").mkdir()
    return tmp_path / "results" / "out.tif"


def segment(models: ThresholdModels, out: Path, config: PredictConfig = ALONE, **given: Any) -> PredictReport:
    """Segment all slices of the first volume with the newest round, or as given."""
    usual: dict[str, Any] = {"slices": None, "probabilities": False, "round_": None, "volume": 0, "report": silent}
    return predict(models, out, config, **{**usual, **given})


def listener() -> tuple[list[tuple[float, str]], Report]:
    """Shares and sentences as they are reported, and who takes them."""
    told: list[tuple[float, str]] = []
    return told, lambda share, said: told.append((round(share, 2), said)) is not None


def files(project: Project) -> list[Path]:
    """Everything in the workspace."""
    return sorted(project.workspace.rglob("*"))


def test_classes_are_written_and_counted(project: Project, models: ThresholdModels, out: Path) -> None:
    """With the voxel size in the file, and the volume of each class in the report."""
    project.set_voxel_size(0, (1000.0, 100.0, 100.0))
    done = segment(models, out)
    with open_volume(out) as written:
        assert written.voxel_nm == (1000.0, 100.0, 100.0)
        assert [written.read(z)[0].tolist() for z in range(3)] == [HALVES] * 3
    assert (done.slices, done.round, done.path, done.views, done.across) == (3, 1, out, 2, ZAverageChoice(0))
    assert done.amounts == {"matrix": Amount(72, 0.5, pytest.approx(0.72)), "pore": Amount(72, 0.5, pytest.approx(0.72))}
    assert done.seconds > 0
    assert done.megapixels_per_second == pytest.approx(3 * HEIGHT * WIDTH / 1e6 / done.seconds)


def test_probabilities_sum_to_one(models: ThresholdModels, out: Path) -> None:
    """One channel per class, and the same amounts as of the classes."""
    done = segment(models, out, probabilities=True)
    written = tifffile.imread(out)
    assert (written.shape, written.dtype) == ((3, 2, HEIGHT, WIDTH), np.float32)
    np.testing.assert_allclose(written.sum(axis=1), 1, atol=1e-6)
    assert written.argmax(axis=1).tolist() == [HALVES] * 3
    assert {name: amount.pixels for name, amount in done.amounts.items()} == {"matrix": 72, "pore": 72}


@pytest.mark.parametrize(
    ("slices", "order"),
    [(None, [0, 1, 2]), (range(1, 2), [1]), (range(0, 3, 2), [0, 2]), (range(2, -1, -1), [2, 1, 0])],
)
def test_slices_are_written_in_the_order_asked_for(
    models: ThresholdModels, out: Path, slices: range | None, order: list[int]
) -> None:
    """All of them, some of them, or backwards; each is read once."""
    assert segment(models, out, slices=slices).slices == len(order)
    assert [z for _, z in models.seen] == order
    assert tifffile.imread(out).reshape(len(order), HEIGHT, WIDTH).tolist() == [HALVES] * len(order)


@pytest.mark.parametrize("across", [0, 1])
def test_slices_backwards_are_those_forwards(models: ThresholdModels, out: Path, across: int) -> None:
    """Averaged or not."""
    config = PredictConfig(across=across)
    segment(models, out, config, probabilities=True)
    forwards = tifffile.imread(out)
    segment(models, out, config, probabilities=True, slices=range(2, -1, -1))
    np.testing.assert_allclose(tifffile.imread(out)[::-1], forwards, atol=1 / 255)


@pytest.mark.parametrize(
    ("slices", "told"),
    [
        (range(0), "0:0"),
        (range(2, 2), "2:2"),
        (range(1, 4), "1:4"),
        (range(-1, 2), "-1:2"),
        (range(3, 0, -1), "3:0"),
        (range(2, -2, -1), "2:-2"),
    ],
)
def test_slices_out_of_range_are_told(project: Project, models: ThresholdModels, out: Path, slices: range, told: str) -> None:
    """Whichever end lies outside; nothing is written."""
    before = files(project)
    with pytest.raises(ProjectError) as error:
        segment(models, out, slices=slices)
    assert str(error.value) == f"Slices {told} do not exist; volume 0 has 0:3."
    assert files(project) == before


def test_without_a_round_there_is_nothing_to_segment_with(tmp_path: Path, out: Path) -> None:
    """The error says what to do."""
    bare = ThresholdModels(make_toy(tmp_path).store)
    with pytest.raises(CheckpointError, match="No model is trained yet; label a slice and train a round first"):
        segment(bare, out)
    with pytest.raises(CheckpointError, match="No model is trained yet"):
        export_confidence(bare, out, ALONE, volume=0, round_=None, report=silent)


@pytest.mark.parametrize("confidence", [False, True])
@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("out.png", '"out.png" cannot be written; allowed are names that end in'),
        ("gone/out.tif", "The folder .* does not exist, so out.tif cannot be written"),
        ("theirs.tif", "exists and was not written by Underpaint"),
        ("../toy.tif", "is raw data of volume 0, which is never changed"),
    ],
)
def test_a_file_that_cannot_be_written_is_told_before_any_work(
    models: ThresholdModels, out: Path, name: str, message: str, confidence: bool
) -> None:
    """Before slices are predicted to find out how many to average."""
    tifffile.imwrite(out.with_name("theirs.tif"), np.zeros((2, 2), np.uint8))
    told, report = listener()
    with pytest.raises(ProjectError, match=message):
        if confidence:
            export_confidence(models, out.parent / name, PredictConfig(), volume=0, round_=None, report=report)
        else:
            segment(models, out.parent / name, PredictConfig(), report=report)
    assert (told, models.seen) == ([], [])


def test_a_segmentation_tells_how_far_it_is(models: ThresholdModels, out: Path) -> None:
    """First that it looks how many slices to average, unless that is asked for."""
    told, report = listener()
    segment(models, out, PredictConfig(), report=report)
    assert list(dict.fromkeys(told)) == [
        (0.0, "finding out how many slices to average"),
        (0.33, "segmenting: 1 of 3 slices"),
        (0.67, "segmenting: 2 of 3 slices"),
        (1.0, "segmenting: 3 of 3 slices"),
    ]
    told.clear()
    export_confidence(models, out, ALONE, volume=0, round_=None, report=report)
    assert [said for _, said in told] == [f"writing confidence: {z} of 3 slices" for z in (1, 2, 3)]


@pytest.mark.parametrize("across", [0, 1])
def test_a_cancelled_segmentation_leaves_the_one_before(
    project: Project, models: ThresholdModels, out: Path, across: int
) -> None:
    """Unless it is whole, nothing is replaced, and nothing else is left."""
    config = replace(ALONE, across=across)
    segment(models, out, config, slices=range(1))
    before, content = files(project), out.read_bytes()
    with pytest.raises(Cancelled) as told:
        segment(models, out, config, report=lambda share, said: said.startswith("segmenting: 2"))
    assert str(told.value) == "Segmenting was cancelled; nothing was written."
    with pytest.raises(Cancelled) as told:
        export_confidence(models, out, config, volume=0, round_=None, report=lambda share, said: share > 0.5)
    assert str(told.value) == "The export was cancelled; nothing was written."
    assert (files(project), out.read_bytes()) == (before, content)


@pytest.mark.parametrize("across", [0, 1])
def test_an_unreadable_slice_is_told_and_nothing_is_left(
    project: Project, models: ThresholdModels, out: Path, across: int
) -> None:
    """The error names slice and volume."""
    image = np.zeros((3, HEIGHT, WIDTH), np.float32)
    image[:, :3], image[2, 4, 4] = 1, np.inf
    tifffile.imwrite(project.workspace / "bad.tif", image, photometric="minisblack")
    project.add_volume(project.workspace / "bad.tif")
    before = files(project)
    with pytest.raises(VolumeError, match=r"Slice 2 of .*bad\.tif has 1 pixels that are NaN or infinite"):
        segment(models, out, replace(ALONE, across=across), volume=1)
    assert files(project) == before


def test_an_absent_volume_is_told(project: Project, models: ThresholdModels, out: Path) -> None:
    """Before anything is written."""
    before = files(project)
    for work in (
        lambda: segment(models, out, volume=1),
        lambda: export_confidence(models, out, ALONE, volume=1, round_=None, report=silent),
    ):
        with pytest.raises(UnderpaintError, match="no volume 1"):
            work()
    assert files(project) == before


def test_confidence_is_that_of_the_likeliest_class(project: Project, models: ThresholdModels, out: Path) -> None:
    """uint8 for every slice, 255 for certain, with the voxel size in the file."""
    project.set_voxel_size(0, (20.0, 5.0, 5.0))
    export_confidence(models, out, ALONE, volume=0, round_=1, report=silent)
    with open_volume(out) as written:
        assert (written.shape, written.dtype, written.voxel_nm) == ((3, 1, HEIGHT, WIDTH), np.uint8, (20.0, 5.0, 5.0))
        likeliest = threshold().alone().probabilities(project.image(0, 1)).max(axis=0)
        np.testing.assert_array_equal(written.read(1)[0], np.rint(255 * likeliest))
        assert (written.read(1)[0, [0, 5]] == 255).all()
        assert written.read(1).min() < 250
