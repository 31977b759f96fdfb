"""Which project a request is about, also when its folder is deleted or made anew while the app runs."""

from __future__ import annotations

import gc
import os
import shutil
import sqlite3
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
import tifffile

from app.api.target import open_project
from app.guard import Refusal
from core.errors import StorageError
from core.project import Project


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A workspace with the project ``toy``."""
    monkeypatch.setenv("UNDERPAINT_WORKSPACE", str(tmp_path))
    tifffile.imwrite(tmp_path / "toy.tif", np.zeros((3, 6, 8), np.uint8), photometric="minisblack")
    create(tmp_path, "old")
    return tmp_path


def create(workspace: Path, second_class: str, name: str = "toy") -> None:
    Project.create(workspace, name, volumes=[workspace / "toy.tif"], classes=["matrix", second_class])


def delete(workspace: Path) -> None:
    shutil.rmtree(workspace / "data" / "toy")


def open_files(workspace: Path) -> list[str]:
    """Records that this process has open, those of deleted projects among them."""
    links = [Path("/proc/self/fd") / number for number in os.listdir("/proc/self/fd")]
    found = [os.readlink(link) for link in links if link.is_symlink()]
    return [path for path in found if path.startswith(str(workspace)) and "project.sqlite" in path]


def test_a_project_is_opened_once(workspace: Path) -> None:
    """What is written to its records does not make it another."""
    project = open_project("toy")
    project.proposals.look(0, 1)
    assert open_project("toy") is project


def test_a_project_made_anew_under_its_name_is_the_one_that_is_shown(workspace: Path) -> None:
    """Not the one deleted; deleting and making it over and over, the system may well give its file the old number."""
    for name in ("old", "new", "newest", "last"):
        assert [c.name for c in open_project("toy").classes] == ["matrix", name]
        delete(workspace)
        create(workspace, {"old": "new", "new": "newest", "newest": "last", "last": "end"}[name])


def test_a_deleted_project_is_no_more(workspace: Path) -> None:
    """It is out of reach, as one whose disk is away; a name that was never here is refused."""
    open_project("toy")
    delete(workspace)
    with pytest.raises(StorageError, match="out of reach"):
        open_project("toy")
    with pytest.raises(Refusal, match="no project of that name"):
        open_project("never")


def test_nothing_of_a_deleted_project_stays_open(workspace: Path) -> None:
    """Neither the connection of the thread that opened it, nor that of any other which used it."""
    if not Path("/proc/self/fd").exists():
        pytest.skip("this system has no /proc/self/fd to look up open files in")
    with ThreadPoolExecutor(max_workers=1) as other:
        other.submit(lambda: open_project("toy").volumes).result()
        assert open_project("toy").volumes
        assert open_files(workspace), "else the test proves nothing"
        delete(workspace)
        create(workspace, "new")
        assert open_project("toy").volumes
        gc.collect()
        assert not [path for path in open_files(workspace) if path.endswith("(deleted)")]


def test_no_project_waits_for_another_that_is_slow_to_open(workspace: Path) -> None:
    """One whose records another program is writing to, for instance; it opens once that has ended."""
    create(workspace, "old", "other")
    writer = sqlite3.connect(workspace / "data" / "toy" / "project.sqlite", isolation_level=None)
    with closing(writer), ThreadPoolExecutor(max_workers=2) as threads:
        writer.execute("BEGIN EXCLUSIVE")
        slow = threads.submit(open_project, "toy")
        wait([slow], timeout=0.5)
        threads.submit(open_project, "other").result()
        waited = not slow.done()
        writer.execute("ROLLBACK")
        assert slow.result().classes
    assert waited
