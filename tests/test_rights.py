"""What Underpaint makes belongs to its owner, and to a group only where the folder around it does."""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from core.atomic import replace_whole
from core.config import ProposeConfig
from core.demo import open_or_create
from core.errors import Cancelled
from core.geometry import Box
from core.project import Project
from core.rights import make_folder, opener, restrict
from core.storage.access_key import access_key
from core.storage.snapshots import WatchedRegion
from core.training.learning.task import STATE
from core.volumes.phantom import PhantomConfig
from core.volumes.writers import open_stack
from tests.conftest import TINY

pytestmark = pytest.mark.skipif(os.name != "posix", reason="only POSIX systems have these rights")


@pytest.fixture(autouse=True)
def _usual_umask() -> Iterator[None]:
    before = os.umask(0o022)
    yield
    os.umask(before)


def mode(path: Path) -> int:
    """The rights of a file or folder, with the set-group-ID bit."""
    return stat.S_IMODE(path.stat().st_mode)


def open_to_others(*roots: Path) -> list[str]:
    """Files and folders below some folders, and these, that another user of the machine may use if they get there."""
    every = [path for root in roots for path in (root, *root.rglob("*"))]
    return sorted(str(path) for path in every if mode(path) & 0o077)


def write_stack(path: Path) -> None:
    """Write one slice."""
    with open_stack(path, pages=1, page_shape=(8, 8), dtype=np.uint8) as stack:
        stack.write(0, np.ones((8, 8), np.uint8))


def test_nobody_else_may_read_a_workspace(tmp_path: Path) -> None:
    """After a round, a segmentation as zarr, a scan and a job's log, every file and folder is its owner's alone."""
    tmp_path.chmod(0o755)
    access_key(tmp_path)
    project = open_or_create(tmp_path, phantom=PhantomConfig(depth=6, height=128, width=128))
    watched = WatchedRegion(0, 3, Box(0, 0, 64, 64))
    project.train(TINY, watched=watched)
    project.propose(ProposeConfig(number=1))
    project.models.predict_slice(0, 0)
    write_stack(project.store.results.path("confidence", 1, 0, ".zarr"))
    write_stack(project.store.results.path("segmentation", 1, 0, ".tif"))
    job = project.jobs.start_scan()
    deadline = time.monotonic() + 60
    while project.store.jobs.get(job.id).active and time.monotonic() < deadline:
        time.sleep(0.1)
    assert (tmp_path / "data/demo/logs" / f"job-{job.id:04d}.log").exists()
    assert {"predictions", "results", "logs", "project.sqlite-wal"} <= {path.name for path in project.folder.iterdir()}
    assert list((tmp_path / "checkpoints/demo").rglob("card.json"))
    assert open_to_others(tmp_path / "data", tmp_path / "checkpoints") == []


def test_an_interrupted_training_is_nobody_elses(tmp_path: Path, phantom_project: Project) -> None:
    """The state to resume from is written by Lightning, which knows nothing of it."""
    with pytest.raises(Cancelled):
        phantom_project.train(replace(TINY, epochs=500), report=lambda share, said: True)
    assert list((tmp_path / "checkpoints").rglob(STATE))
    assert open_to_others(tmp_path / "checkpoints") == []


def test_a_group_that_shares_the_workspace_shares_what_is_made_in_it(tmp_path: Path) -> None:
    """With g+rwxs on the workspace, group rights follow as far as the umask allows; others get none."""
    workspace = tmp_path / "lab"
    workspace.mkdir()
    workspace.chmod(0o2775)
    os.umask(0o002)
    project = open_or_create(workspace, phantom=PhantomConfig(depth=6, height=128, width=128))
    write_stack(project.store.results.path("segmentation", 1, 0, ".zarr"))
    made = list(workspace.rglob("*"))
    assert {mode(path) for path in made if path.is_dir()} == {0o2770}
    assert {mode(path) for path in made if path.is_file()} == {0o660}
    os.umask(0o027)
    make_folder(workspace / "data" / "next")
    assert mode(workspace / "data" / "next") == 0o2750


def test_a_folder_that_a_group_may_read_but_does_not_share_is_no_invitation(tmp_path: Path) -> None:
    """Without the set-group-ID bit, new folders are their owner's alone, also those between."""
    tmp_path.chmod(0o775)
    make_folder(tmp_path / "a" / "b")
    make_folder(tmp_path / "a" / "b")
    assert [mode(tmp_path / "a"), mode(tmp_path / "a" / "b")] == [0o700, 0o700]
    (tmp_path / "file").touch()
    with pytest.raises(FileExistsError):
        make_folder(tmp_path / "file")


def test_a_file_has_no_right_that_its_folder_withholds(tmp_path: Path) -> None:
    """An export into a folder that everybody may read is readable; in a closed one it is closed."""
    for rights, expected in ((0o755, 0o644), (0o700, 0o600), (0o750, 0o640)):
        folder = tmp_path / f"{rights:o}"
        folder.mkdir(mode=rights)
        replace_whole(folder / "scores.csv", b"x")
        write_stack(folder / "labels.tif")
        write_stack(folder / "labels.zarr")
        files = [path for path in folder.rglob("*") if path.is_file()]
        assert len(files) > 3
        assert {mode(path) for path in files} == {expected}
        assert mode(folder / "labels.zarr") == rights
        with open(folder / "relative", "w", opener=opener):
            assert mode(folder / "relative") == expected


def test_restricting_adds_no_right(tmp_path: Path) -> None:
    """A file that is closed already stays so in an open folder."""
    tmp_path.chmod(0o755)
    (tmp_path / "closed").touch(mode=0o600)
    restrict(tmp_path / "closed")
    assert mode(tmp_path / "closed") == 0o600


def test_the_umask_of_a_program_that_uses_the_library_stays(tmp_path: Path) -> None:
    """Its own files are made as before."""
    open_or_create(tmp_path, phantom=PhantomConfig(depth=6, height=128, width=128))
    assert os.umask(0o022) == 0o022
