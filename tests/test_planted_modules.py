"""No process runs a module that lies in the folder it was started from."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from core.config import ProposeConfig
from core.processes import engine_environment
from core.project import Project
from tests.serving import free_port, serving

ROOT = Path(__file__).resolve().parents[1]
PLANTED = ("core", "imagecodecs", "numpy", "rich", "secrets", "starlette", "streamlit", "torch")
MARK = "from pathlib import Path\nPath(__file__).with_name('ran-' + Path(__file__).name).touch()\nraise SystemExit('planted')\n"


@pytest.fixture
def workspace(tmp_path: Path, trained_workspace: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A workspace with planted modules, which is the working directory and is named by an empty entry of the path."""
    workspace = tmp_path / "ws"
    shutil.copytree(trained_workspace, workspace)
    for name in PLANTED:
        (workspace / f"{name}.py").write_text(MARK)
    monkeypatch.chdir(workspace)
    monkeypatch.setenv("PYTHONPATH", os.pathsep)
    monkeypatch.delenv("PYTHONSAFEPATH", raising=False)
    return workspace


def ran(workspace: Path) -> list[str]:
    """The planted modules that have run."""
    return sorted(path.name for path in workspace.glob("ran-*"))


def test_a_planted_module_runs_where_nothing_keeps_it_out(workspace: Path) -> None:
    """The trap works: plain Python runs what lies in the folder."""
    subprocess.run([sys.executable, "-m", "numpy"], capture_output=True)
    assert ran(workspace) == ["ran-numpy.py"]


def test_a_job_runs_nothing_planted(workspace: Path) -> None:
    """A scan started from the folder ends well."""
    project = Project.open(workspace, "toy")
    project.jobs.start_scan(ProposeConfig())
    deadline = time.monotonic() + 120
    while (job := project.jobs.current()) is not None and job.active and time.monotonic() < deadline:
        time.sleep(0.2)
    assert job is not None
    assert (job.state, ran(workspace)) == ("done", []), job.error


@pytest.mark.parametrize("module", ["core.worker", "core.training.worker_rank"])
def test_a_process_of_a_training_runs_nothing_planted(workspace: Path, module: str) -> None:
    """Every rank is started with the same environment; here it ends at once, because there is no such project."""
    command = [sys.executable, "-m", module, str(workspace), "none", "1"]
    done = subprocess.run(command, env=engine_environment(), capture_output=True, text=True)
    assert ran(workspace) == []
    assert "project" in done.stderr.splitlines()[-1]


def test_the_server_runs_nothing_planted(workspace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The command, started from the folder, opens the app; neither it nor its server runs a planted module."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    port = free_port()
    command = [sys.executable, "-P", "-m", "core.cli", "app", "--port", str(port), "--no-browser"]
    with serving(command, port=port, workspace=workspace, log=tmp_path / "log", cwd=workspace):
        assert ran(workspace) == []


def test_the_command_run_as_a_module_runs_nothing_planted(workspace: Path) -> None:
    """``python -m core.cli`` cannot keep out a planted ``core.py``, which Python finds first, but every other module."""
    (workspace / "core.py").unlink()
    command = [sys.executable, "-m", "core.cli", "volumes", "toy"]
    done = subprocess.run(command, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True)
    assert (done.returncode, ran(workspace)) == (0, []), done.stderr
