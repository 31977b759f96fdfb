"""Scores of every class agree: against ground truth, on held-back pixels, in a file, and in tables on the page."""

from __future__ import annotations

import csv
import time
from pathlib import Path

import numpy as np
import pytest

from app.components.score_tables import confusion_html, from_facts
from core.atomic import replace_whole
from core.errors import VolumeError
from core.evaluation.agreement import class_scores
from core.evaluation.boundary_metrics import BoundaryScore
from core.project import Project
from tests.conftest import Files

COUNTS = np.array([[8, 2, 0], [1, 4, 0], [0, 0, 0]])


def test_every_score_of_a_class_by_hand() -> None:
    """Scores computed from counts and boundary distances equal those computed by hand."""
    edges = [BoundaryScore(0.5, 3.0, 9), BoundaryScore(0.0, float("inf"), 9), BoundaryScore(None, None, 0)]
    first, second, third = class_scores(COUNTS, edges, (30, 5, 5))
    assert (first.dice, first.iou, first.precision, first.recall) == pytest.approx((16 / 19, 8 / 11, 8 / 9, 0.8))
    assert (first.truth_pixels, first.predicted_pixels) == (10, 9)
    assert (first.boundary_f, first.hd95_px, first.hd95_nm) == (0.5, 3.0, 15.0)
    assert second.hd95_nm == float("inf")
    assert (third.dice, third.recall, third.boundary_f, third.hd95_px) == (None,) * 4


@pytest.mark.parametrize("voxel", [None, (30, 5, 6)])
def test_nanometres_need_square_pixels_of_a_known_size(voxel: tuple[float, ...] | None) -> None:
    """A distance has nanometres only with square pixels of known size; otherwise its direction would matter."""
    assert class_scores(COUNTS, [BoundaryScore(1.0, 3.0, 9)] * 3, voxel)[0].hd95_nm is None


def test_held_back_pixels_are_kept_by_class(trained_project: Project) -> None:
    """Stored counts of held-back pixels by class reproduce the Dice of the round and its validation pixels."""
    (row,) = trained_project.models.rounds()
    assert row.counts is not None
    assert sum(map(sum, row.counts)) == row.validation_pixels
    assert [score.dice for score in class_scores(np.array(row.counts))] == list(row.validation_dice.values())


def test_a_job_scores_against_a_truth_into_the_results(trained_project: Project, phantom_files: Files) -> None:
    """A job in a process of its own gives the same file and page as `evaluate`."""
    trained_project.jobs.start_evaluate(phantom_files.truth)
    deadline = time.monotonic() + 120
    while trained_project.jobs.current().active and time.monotonic() < deadline:  # type: ignore[union-attr]
        time.sleep(0.2)
    (result,) = trained_project.results()
    found = trained_project.results.evaluate(phantom_files.truth, tolerance=2)
    assert (result.kind, result.facts["pixels"], result.facts["tolerance_px"]) == ("scores", found.pixels, 2)
    assert from_facts(result.facts["classes"]) == (list(found.classes), list(found.classes.values()))
    with result.path.open(newline="") as file:
        lines = list(csv.DictReader(file))
    assert [line["class"] for line in lines] == list(phantom_files.classes)
    assert [float(line["dice"]) for line in lines] == list(found.dice.values())
    assert [int(line["predicted as pore"]) for line in lines] == [row[1] for row in found.confusion]


def test_a_truth_that_does_not_fit_starts_no_job(trained_project: Project, tmp_path: Path) -> None:
    """An unfit truth is refused at once in one sentence, without a failed job."""
    before = trained_project.jobs.current()
    with pytest.raises(VolumeError, match="no file or folder"):
        trained_project.jobs.start_evaluate(tmp_path / "nowhere.tif")
    assert trained_project.jobs.current() == before


def test_a_confusion_says_per_cent_of_the_true_class_and_counts() -> None:
    """Class names are escaped as text, and a class without true pixels shows no percentage."""
    shown = confusion_html(["a<b", "c", "d"], COUNTS.tolist())
    assert "a&lt;b" in shown
    assert "80.0 %<small>8</small>" in shown
    assert "20.0 %<small>2</small>" in shown
    assert shown.count("<td>–</td>") == 3


def test_a_confusion_does_not_round_mistakes_away() -> None:
    """A few wrong pixels among many show neither as 0.0 nor as 100.0 per cent."""
    shown = confusion_html(["a", "b"], [[999_999, 1], [0, 5]])
    assert "> 99.9 %<small>999,999</small>" in shown
    assert "< 0.1 %<small>1</small>" in shown


def test_a_small_file_is_replaced_whole(tmp_path: Path) -> None:
    """Writing a small file replaces the former content and leaves no other file beside it."""
    for content in (b"one", b"two"):
        replace_whole(tmp_path / "file", content)
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("file", b"two")]
