"""What a job's own process does with what was entered."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import tifffile

from core.project import Project
from core.worker import main
from tests.toy import make_toy


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """The toy project."""
    return make_toy(tmp_path)


def run(project: Project, kind: str, **arguments: object) -> int:
    """Enter a job and do it as its own process would; the exit status."""
    project.store.records.write(
        "INSERT INTO jobs (kind, arguments, state, created) VALUES (?, ?, 'queued', 0)", (kind, json.dumps(arguments))
    )
    row = project.store.records.row("SELECT MAX(id) id FROM jobs")
    assert row is not None
    return main([str(project.workspace), project.name, str(row["id"])])


def test_a_kind_of_a_newer_version_is_one_line(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    """On stderr, with what to do about it."""
    assert run(project, "measure") == 1
    assert capsys.readouterr() == ("", "There is no job of the kind 'measure'; update Underpaint.\n")


def test_a_job_that_cannot_be_done_is_recorded_with_its_sentence(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    """The page shows the same sentence that stderr has."""
    assert run(project, "segment", round=1, volume=0) == 1
    said = capsys.readouterr().err
    assert said == "There is no round 1; none is trained yet.\n"
    job = project.store.jobs.last()
    assert job is not None
    assert (job.kind, job.state, f"{job.error}\n") == ("segment", "failed", said)


def test_a_cancelled_job_is_no_failure(trained_project: Project) -> None:
    """It ends with status 0 and is recorded as cancelled; nothing is entered."""
    trained_project.store.records.write("CREATE TRIGGER at_once AFTER UPDATE OF state ON jobs WHEN NEW.state = 'running' "
                                "BEGIN UPDATE jobs SET cancel = 1 WHERE id = NEW.id; END")  # fmt: skip
    assert run(trained_project, "segment", round=1, volume=0) == 0
    job = trained_project.store.jobs.last()
    assert job is not None
    assert job.state == "cancelled"
    assert trained_project.store.results.all() == []


def test_what_a_segmentation_enters_says_how_it_was_made(trained_project: Project) -> None:
    """Also a job of an earlier version, which does not say how many views are averaged."""
    assert run(trained_project, "segment", round=1, volume=0) == 0
    (result,) = trained_project.store.results.all()
    assert (result.kind, result.round, result.volume) == ("segmentation", 1, 0)
    assert (result.facts["in_region"], result.facts["region"]) == (False, [])
    masks = tifffile.imread(result.path)
    counted = [result.facts["amounts"][c.name]["pixels"] for c in trained_project.classes]
    assert counted == np.bincount(masks.ravel(), minlength=len(counted)).tolist()


def test_scores_against_a_truth_keep_the_order_of_the_classes(trained_project: Project, tmp_path: Path) -> None:
    """Though records sort what has names."""
    tifffile.imwrite(tmp_path / "truth.tif", np.zeros((12, 160, 160), np.uint8), photometric="minisblack")
    assert run(trained_project, "evaluate", round=1, volume=0, truth=str(tmp_path / "truth.tif"), tolerance=None) == 0
    (result,) = trained_project.store.results.all()
    assert [name for name, _ in result.facts["classes"]] == [c.name for c in trained_project.classes]
    assert result.facts["slices"] == [z for z in range(12) if z not in (2, 8)]
    assert result.path.suffix == ".csv"


def test_a_restore_says_which_round_it_made(trained_project: Project) -> None:
    """And looks for proposals with it."""
    first = trained_project.models.snapshots(1)[0]
    assert run(trained_project, "restore", round=1, seconds=first.seconds, propose={"number": 2}) == 0
    job = trained_project.store.jobs.last()
    assert job is not None
    assert job.result is not None
    assert job.result["round"] == 2
    assert len(trained_project.proposals()) == 2
