"""A project made by an earlier version opens with everything in it, and goes on where it stopped.

``tests/data/project-0.1.zip`` holds a workspace as version 0.1 of 30 November 2026 left it: two rounds, a scan, proposals, a
segmentation, a label with unsure pixels, an unsaved draft, and a third training that was stopped. Expected values were printed by
that version.
"""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import pytest

from core.config import TrainConfig
from core.errors import Cancelled
from core.project import Project
from tests.shell import run

pytestmark = pytest.mark.filterwarnings("ignore:project.* is an earlier name of:DeprecationWarning")

ARCHIVE = Path(__file__).parent / "data" / "project-0.1.zip"
SMALL = TrainConfig(seconds=60, epochs=0.1, patch=64, batch=2, channels=4, depth=2)


@pytest.fixture
def old(tmp_path: Path) -> Project:
    """The project, with its volume where it is now."""
    with zipfile.ZipFile(ARCHIVE) as archive:
        archive.extractall(tmp_path)
    project = Project.open(tmp_path, "old")
    project.move_volume(0, tmp_path / "image.tif")
    return project


def pixels(raster: np.ndarray) -> dict[int, int]:
    """How many pixels each value has."""
    values, counts = np.unique(raster, return_counts=True)
    return dict(zip(values.tolist(), counts.tolist(), strict=True))


def test_labels_drafts_and_marks_are_there(old: Project) -> None:
    """Every pixel as it was, the unsure ones, too."""
    assert pixels(old.label(0, 2)) == {0: 6981, 1: 1656, 2: 579}
    assert (pixels(old.label(0, 6)), int(old.claimed(0, 6).sum())) == ({255: 9216}, 9)
    assert (old.drafts(), old.looked()) == ({(0, 7)}, {(0, 1)})
    assert [old.may_validate(0, z) for z in range(8)] == [False, True, True, True, True, True, True, False]


def test_rounds_scores_and_proposals_are_there(old: Project) -> None:
    """With the reasons as they were given, and with what was put off last."""
    assert [row.validation_loss for row in old.rounds()] == [1.1985427130251405, 1.1920380340011691]
    assert [row.validation_pixels for row in old.rounds()] == [2048, 2048]
    assert old.rounds()[1].validation_dice["pore"] == 0.1936416184971098
    assert [(p.z, p.reason, p.put_off, p.model_selected) for p in old.proposals()] == [
        (7, "unsure between pore and matrix over 51 % of the slice, least sure in one place", False, True),
        (0, "unsure between pore and matrix over 50 % of the slice, least sure in one place", True, True),
    ]
    assert [snapshot.step for snapshot in old.moments(2)] == [1, 2]
    assert [result.path.name for result in old.results()] == ["old-segmentation-volume-0-round-002.tif"]
    assert old.handover().sentence == (
        "The quick first model goes on drawing the preview: the network of round 2 has mean Dice 0.19 against 0.46 on 2,048 "
        "held-back pixels."
    )


def test_its_model_predicts_as_it_did(old: Project) -> None:
    """Within what another processor rounds otherwise."""
    found = old.predict_slice(0, 0)
    assert found is not None
    assert pixels(found.mask) == pytest.approx({0: 1829, 1: 4469, 2: 2918}, abs=90)


def test_its_stopped_training_goes_on(old: Project) -> None:
    """The state was written by the package `lightning`; the round is entered as the third."""
    stopped = old.interrupted()
    assert stopped is not None
    assert (stopped.round, stopped.budget) == (3, 60)
    job = old.job()
    assert job is not None
    assert (job.kind, job.state) == ("train", "cancelled")
    done = []
    with pytest.raises(Cancelled, match="can be resumed"), pytest.warns(DeprecationWarning, match="with a Progress"):
        old.train(resume=True, report=lambda now: done.append(now.step) or True)
    assert done[0] > 2


def test_it_can_be_trained_and_gone_back_in(old: Project) -> None:
    """A snapshot of a round before becomes the newest model, and a round is trained from there."""
    snapshot = old.moments(2)[0]
    assert old.restore(2, seconds=snapshot.seconds).round == 3
    assert old.train(SMALL).round == 4


def test_scripts_read_the_keys_that_they_know(old: Project) -> None:
    """On the command line, in JSON."""
    where = ("--workspace", old.workspace, "--json")
    answers = {
        words[0]: run(*words, *where).json for words in (["rounds", "old"], ["propose", "old"], ["restore", "old", "--round", 1])
    }
    assert set(answers["rounds"]["rounds"][0]) >= {
        "round", "validation_loss", "validation_dice", "validation_pixels", "labelled_slices", "active_seconds", "network",
        "origin",
    }  # fmt: skip
    assert set(answers["propose"]["proposals"][0]) >= {"volume", "slice", "score", "reason", "boxes"}
    assert set(answers["restore"]) >= {"round", "seconds", "validation_loss", "validation_dice", "checkpoint", "ended_by"}
    snapshots = run("rounds", "old", "--moments", *where).json
    assert set(snapshots["moments"][0]) >= {"round", "seconds", "step", "validation_loss", "end", "bytes", "path"}
