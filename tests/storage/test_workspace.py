"""The folder of all projects, their names, and how one is opened."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.errors import ProjectError
from core.project import Project
from core.storage.workspace import check_name, check_new_name, list_projects, open_store, workspace_folder
from tests.toy import make_toy

ODD = ["../up", "..", "", ".hidden", "a/b", "a\\b", "a b", "ünder", "x" * 65, "con\n", "-x", "_x", "a.b", "C:"]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, and home in a folder beside it."""
    (tmp_path / "here").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path / "here"


def test_the_workspace_is_given_or_set_or_here(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Given first, then the environment unless it is empty, then the current folder."""
    monkeypatch.setenv("UNDERPAINT_WORKSPACE", str(here / "set"))
    assert workspace_folder(here / "given") == here / "given"
    assert workspace_folder() == here / "set"
    monkeypatch.setenv("UNDERPAINT_WORKSPACE", "")
    assert workspace_folder() == here
    monkeypatch.delenv("UNDERPAINT_WORKSPACE")
    assert workspace_folder() == here


def test_a_workspace_is_a_whole_path(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From the current folder or home on, without dots and links, as jobs start in another folder."""
    assert workspace_folder(Path("sub/../other")) == here / "other"
    assert workspace_folder(Path("~/data")) == here.parent / "home" / "data"
    (here / "link").symlink_to(here.parent / "home")
    assert workspace_folder(Path("link")) == here.parent / "home"
    monkeypatch.setenv("UNDERPAINT_WORKSPACE", "~/data")
    assert workspace_folder() == here.parent / "home" / "data"


def test_a_tilde_of_no_user_is_part_of_the_name(here: Path) -> None:
    """As in a shell."""
    assert workspace_folder(Path("~nobody-of-that-name/data")) == here / "~nobody-of-that-name" / "data"


def test_a_file_is_no_workspace(here: Path) -> None:
    """The error names it."""
    (here / "notes.txt").write_text("no folder")
    with pytest.raises(ProjectError) as told:
        workspace_folder(here / "notes.txt")
    assert str(told.value) == f"{here / 'notes.txt'} is a file; a workspace is a folder, so name another."


def test_projects_are_listed_by_name(tmp_path: Path) -> None:
    """Whatever has records is one, except for a project that is just being made; an absent workspace has none."""
    assert list_projects(tmp_path / "gone") == []
    for name in ("b-2", "B_1", "a", ".a.123", "not a name"):
        (tmp_path / "data" / name).mkdir(parents=True)
        (tmp_path / "data" / name / "project.sqlite").touch()
    (tmp_path / "data" / "no-records").mkdir()
    (tmp_path / "data" / "project.sqlite").touch()
    assert list_projects(tmp_path) == ["B_1", "a", "b-2"]


@pytest.mark.parametrize("name", ["a", "7", "FIB-SEM_2", "x" * 64])
def test_plain_names_are_taken(name: str) -> None:
    """Letters, digits, - and _, up to 64."""
    check_name(name)
    check_new_name(name)


@pytest.mark.parametrize("name", ODD)
def test_odd_names_are_refused(tmp_path: Path, name: str) -> None:
    """A name is a plain folder name, and nothing is made for a bad one."""
    with pytest.raises(ProjectError) as told:
        Project.create(tmp_path, name, volumes=[tmp_path / "a.tif"], classes=["a", "b"])
    assert str(told.value) == (
        f"{name!r} is not a project name; allowed are 1 to 64 letters, digits, - and _, a letter or digit first."
    )
    with pytest.raises(ProjectError, match="is not a project name; allowed are"):
        Project.open(tmp_path, name)
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize("name", ["con", "CON", "Nul", "aux", "prn", "com1", "LPT9"])
def test_a_new_project_has_a_name_that_every_system_takes(name: str) -> None:
    """The error suggests another; a project that exists opens."""
    with pytest.raises(ProjectError, match=f"'{name}' is not a project name, as Windows reserves it .* such as {name}-1"):
        check_new_name(name)
    check_new_name(f"{name}-1")
    check_name(name)


def test_an_unknown_project_is_told_with_those_there_are(tmp_path: Path) -> None:
    """The sentence lists the projects of the workspace; nothing is made."""
    with pytest.raises(ProjectError) as told:
        open_store(tmp_path, "other")
    assert str(told.value) == f"There is no project 'other' in {tmp_path}; its projects are: none yet."
    assert not (tmp_path / "data").exists()
    make_toy(tmp_path)
    (tmp_path / "data" / "other").mkdir()
    with pytest.raises(ProjectError, match=r"no project 'other' in .*; its projects are: toy\.$"):
        open_store(tmp_path, "other")


def test_a_project_is_opened_by_name(tmp_path: Path) -> None:
    """With its folder in the workspace."""
    make_toy(tmp_path)
    store = open_store(tmp_path, "toy")
    assert (store.name, store.folder) == ("toy", tmp_path / "data" / "toy")
    assert [c.name for c in store.catalog.classes] == ["matrix", "pore"]
