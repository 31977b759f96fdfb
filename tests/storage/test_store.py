"""What the stored parts of a project answer together."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from core.errors import CheckpointError, ProjectError, VolumeError
from core.geometry import Box, SliceId
from core.project import Project
from core.storage.labels import Claim, Role
from tests.predicted import add_round
from tests.toy import HEIGHT, WIDTH, make_toy


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """Three slices of 6 x 8 pixels."""
    return make_toy(tmp_path)


def strokes(project: Project, box: Box, class_id: int = 1) -> int:
    """Save strokes that fill a box of slice 1; the revision."""
    mask = np.full((HEIGHT, WIDTH), 255, np.uint8)
    mask[box.slices] = class_id
    return project.labels.submit_mask(0, 1, mask, Claim.strokes()).id


def test_a_slice_that_is_not_there_is_told_with_those_there_are(project: Project) -> None:
    """Counted from 0, and never from the end."""
    assert project.store.slice_shape(SliceId(0, 2)) == (6, 8)
    for z in (3, -1):
        with pytest.raises(ProjectError, match=f"There is no slice {z}; volume 0 has slices 0 to 2"):
            project.store.slice_shape(SliceId(0, z))


def test_nothing_is_written_over_raw_data(project: Project, tmp_path: Path) -> None:
    """Whatever way leads there; a file beside it is free."""
    (tmp_path / "sub").mkdir()
    (tmp_path / "link.tif").symlink_to(tmp_path / "toy.tif")
    for out in (tmp_path / "toy.tif", tmp_path / "sub" / ".." / "toy.tif", tmp_path / "link.tif", tmp_path / "toy.tif" / "0.tif"):
        with pytest.raises(ProjectError, match="is raw data of volume 0, which is never changed"):
            project.store.check_target(out)
    project.store.check_target(tmp_path / "toy-2.tif")


def test_a_round_that_is_not_there_is_told_with_those_there_are(project: Project) -> None:
    """Before the first and after it."""
    with pytest.raises(CheckpointError, match="There is no round 1; none is trained yet"):
        project.store.checkpoint(1)
    add_round(project)
    with pytest.raises(CheckpointError, match="There is no round 2; the project has rounds 1 to 1"):
        project.store.checkpoint(2)


def test_a_box_is_checked_by_a_stroke_in_it_or_once_all_of_it_is_vouched_for(project: Project) -> None:
    """Revision by revision; what was checked once stays so."""
    boxes = (Box(0, 0, 2, 2), Box(2, 2, 4, 4), Box(4, 4, 6, 8))
    revisions, store = project.store.labels.revision, project.store
    first = revisions(strokes(project, Box(0, 0, 1, 1)))
    assert store.unchecked(first, boxes) == boxes[1:]
    second = revisions(strokes(project, Box(4, 0, 5, 1)))  # elsewhere
    assert store.unchecked(second, boxes) == boxes[1:]
    third = revisions(project.labels.submit_mask(0, 1, np.ones((HEIGHT, WIDTH), np.uint8), Claim.region(Box(2, 0, 6, 8))).id)
    assert store.unchecked(third, boxes) == ()


def test_validation_pixels_are_counted_anew_when_the_region_changes(phantom_project: Project) -> None:
    """Outside of it nothing validates; 255 is no class."""
    head, store = phantom_project.labels.slices()[0], phantom_project.store
    held = store.frozen(head, Role.VALIDATION).label()
    assert store.validation_counts(head)[:4].tolist() == [(held == class_id).sum() for class_id in range(4)]
    assert 0 < store.validation_counts(head).sum() == (held != 255).sum()
    y, x = map(int, np.argwhere(held != 255)[0])
    phantom_project.set_region(0, [((y, x), (y, x + 4), (y + 4, x + 4), (y + 4, x))])
    assert 0 < store.validation_counts(head).sum() <= 25


def test_a_tilde_of_no_user_is_part_of_a_name(project: Project, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """As in a shell: nothing is found there, and raw data is found there."""
    monkeypatch.chdir(tmp_path)
    away = Path("~nobody-of-that-name/toy.tif")
    with pytest.raises(VolumeError, match=r"There is no file or folder .*/~nobody-of-that-name/toy\.tif"):
        project.add_volume(away)
    with pytest.raises(VolumeError, match="There is no file or folder"):
        project.move_volume(0, away)
    away.parent.mkdir()
    away.hardlink_to(tmp_path / "toy.tif")
    assert project.add_volume(away).path == tmp_path / away
    with pytest.raises(ProjectError, match="is raw data of volume 1"):
        project.store.check_target(away)
    with pytest.raises(VolumeError, match="There is no file or folder"):
        project.labels.import_file(Path("~nobody-of-that-name/truth.tif"))
