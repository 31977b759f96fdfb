"""The workspace folder of all projects, and the rules for project names."""

from __future__ import annotations

import os
import re
from pathlib import Path

from core.errors import ProjectError
from core.storage.store import RECORDS_FILE, Store, data_folder

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_DEVICE = re.compile(r"con|prn|aux|nul|(com|lpt)[0-9]", re.IGNORECASE)


def workspace_folder(given: Path | None = None) -> Path:
    """Return the folder of all projects: ``given``, else ``$UNDERPAINT_WORKSPACE``, else the current folder.

    Raises
    ------
    ProjectError
        If this path is a file.
    """
    named = given or os.environ.get("UNDERPAINT_WORKSPACE") or Path.cwd()
    folder = Path(os.path.expanduser(named)).resolve()  # Path.expanduser raises for a ~ of no user
    if folder.exists() and not folder.is_dir():
        raise ProjectError(f"{folder} is a file; a workspace is a folder, so name another.")
    return folder


def list_projects(workspace: Path) -> list[str]:
    """Return the names of the projects in a workspace, sorted."""
    return sorted(p.parent.name for p in (workspace / "data").glob(f"*/{RECORDS_FILE}") if _NAME.fullmatch(p.parent.name))


def check_name(name: str) -> None:
    """Raise unless a project name is safe as a folder name.

    Raises
    ------
    ProjectError
        If it is anything but 1 to 64 letters, digits, ``-`` and ``_``, a letter or digit first.
    """
    if not _NAME.fullmatch(name):
        raise ProjectError(
            f"{name!r} is not a project name; allowed are 1 to 64 letters, digits, - and _, a letter or digit first."
        )


def check_new_name(name: str) -> None:
    """Raise unless a new project's name passes :func:`check_name` and is allowed on Windows.

    Raises
    ------
    ProjectError
        If the name fails the check, or Windows reserves it for a device.
    """
    check_name(name)
    if _DEVICE.fullmatch(name):
        raise ProjectError(
            f"{name!r} is not a project name, as Windows reserves it for a device; choose another, such as {name}-1."
        )


def open_store(workspace: Path, name: str) -> Store:
    """Open the stored parts of a project.

    Raises
    ------
    ProjectError
        If there is no project of that name.
    """
    check_name(name)
    if not (data_folder(workspace, name) / RECORDS_FILE).is_file():
        names = ", ".join(list_projects(workspace)) or "none yet"
        raise ProjectError(f"There is no project {name!r} in {workspace}; its projects are: {names}.")
    return Store(workspace, name)
