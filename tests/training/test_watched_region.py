"""The watched region of a training lies near labelled pixels, on a slice it is not trained on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile

from core.config import UNLABELLED
from core.errors import ProjectError
from core.geometry import Box
from core.project import Project
from core.storage.labels import Claim

DEPTH, HEIGHT, WIDTH = 7, 1100, 1300


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A project of seven slices larger than a watched region, without labels."""
    tifffile.imwrite(tmp_path / "v.tif", np.zeros((DEPTH, HEIGHT, WIDTH), np.uint8), photometric="minisblack")
    return Project.create(tmp_path, "toy", volumes=[tmp_path / "v.tif"], classes=["matrix", "pore"])


def paint(project: Project, *slices: int, y: int = 500, x: int = 600) -> None:
    """Label a small square of each slice."""
    for z in slices:
        mask = np.full((HEIGHT, WIDTH), UNLABELLED, np.uint8)
        mask[y : y + 9, x : x + 9] = 1
        project.labels.submit_mask(0, z, mask, Claim("strokes"))


@pytest.mark.parametrize(
    ("painted", "chosen"),
    [((), 3), ((2,), 3), ((0, 3, 6), 4), ((3, 4, 5), 6), ((4, 5, 6), 3), ((0, 1, 2, 3, 4, 5, 6), 3)],
)
def test_the_slice_lies_beside_the_middle_labelled_one(project: Project, painted: tuple[int, ...], chosen: int) -> None:
    """The slice is the nearest unlabelled one, or the middle labelled one, or the middle of an unlabelled volume."""
    paint(project, *painted)
    assert (project.models.watched_region().volume, project.models.watched_region().z) == (0, chosen)


@pytest.mark.parametrize(
    ("y", "x", "box"),
    [(500, 600, Box(0, 92, 1024, 1116)), (0, 0, Box(0, 0, 1024, 1024)), (1091, 1291, Box(76, 276, 1100, 1300))],
)
def test_a_large_slice_is_seen_around_what_is_painted(project: Project, y: int, x: int, box: Box) -> None:
    """The region has at most 1024 pixels on a side and is moved inside the slice at its borders."""
    paint(project, 2, y=y, x=x)
    assert project.models.watched_region().box == box


def test_a_slice_that_is_asked_for_is_taken(project: Project) -> None:
    """A requested slice may have labels; the region lies around those of the nearest labelled slice."""
    paint(project, 2, y=0, x=0)
    watched = project.models.watched_region(0, 6)
    assert (watched.z, watched.box) == (6, Box(0, 0, 1024, 1024))


def test_a_slice_that_is_not_there_is_one_sentence(project: Project) -> None:
    """The error gives the range of slices."""
    with pytest.raises(ProjectError, match="There is no slice 7; volume 0 has slices 0 to 6"):
        project.models.watched_region(0, 7)


def test_a_small_slice_is_seen_whole(phantom_project: Project) -> None:
    """A slice smaller than the region is watched as a whole."""
    assert phantom_project.models.watched_region().box == Box(0, 0, 160, 160)
