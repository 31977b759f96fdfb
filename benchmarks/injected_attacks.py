"""Try what the guard, the access key and a safe import path are there to prevent."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from injected_kills import NAME

from core.config import ProposeConfig
from core.project import Project
from core.storage.access_key import access_key, key_file
from tests.serving import ROOT, ask, free_port, handshake, serving

_NOBODY = 65534
PLANTED = ("core", "imagecodecs", "numpy", "rich", "secrets", "starlette", "streamlit", "torch")
_MARK = "from pathlib import Path\nPath(__file__).with_name('ran-' + Path(__file__).name).touch()\nraise SystemExit('planted')\n"
_JOB_S = 120.0


@contextmanager
def app(workspace: Path, log: Path, cwd: Path = ROOT) -> Iterator[int]:
    """Serve a workspace as ``underpaint app`` does; the port."""
    port = free_port()
    command = [sys.executable, "-P", "-m", "core.cli", "app", "--port", str(port), "--no-browser"]
    with serving(command, port=port, workspace=workspace, log=log, cwd=cwd):
        yield port


def foreign_page(port: int, key: str) -> list[str]:
    """Attack 1: a page of another site in a browser that has shown the key; what got in."""
    own = f"http://127.0.0.1:{port}"
    cookie = ask(port, f"/?key={key}")[1]["set-cookie"].partition(";")[0]
    if handshake(port, Origin=own, Cookie=cookie) != 101 or ask(port, "/", Cookie=cookie)[0] != 200:
        raise SystemExit("the app does not let in its own page, so the attacks prove nothing")
    foreign = ("http://localhost:3000", "http://evil.example", "null", f"{own}.evil.example", f"http://evil.example:{port}")
    got_in = [f"a websocket from {origin}" for origin in foreign if handshake(port, Origin=origin, Cookie=cookie) == 101]
    rebound = {"Host": f"evil.example:{port}", "Origin": f"http://evil.example:{port}", "Cookie": cookie}
    if handshake(port, **rebound) == 101:
        got_in.append("a websocket under a foreign name")
    for path in ("/", "/annotate", "/_stcore/host-config", f"/underpaint/api/{NAME}/0/0/slice"):
        if ask(port, path, **rebound)[0] < 400:
            got_in.append(f"{path} under a foreign name")
    if ask(port, f"/underpaint/api/{NAME}/0/0/slice", Cookie=cookie, Sec_Fetch_Site="cross-site")[0] < 400:
        got_in.append("a slice, embedded in a foreign page")
    return got_in


def other_user(port: int, workspace: Path, key: str) -> list[str]:
    """Attack 2: another user of this machine; what is open to them."""
    paths = ("/", "/annotate", "/_stcore/health", "/_stcore/host-config", f"/underpaint/api/{NAME}/0/0/slice")
    got_in = [f"{path} without the key" for path in paths if ask(port, path)[0] < 400]
    if handshake(port, Origin=f"http://127.0.0.1:{port}") == 101:
        got_in.append("a websocket without the key")
    if any(key in line for line in _command_lines()):
        got_in.append("the key in a command line")
    return [*got_in, *on_disk(workspace)]


def on_disk(workspace: Path) -> list[str]:
    """What of a workspace another user can read, though every folder above it is open."""
    folder = workspace
    while folder != folder.parent and folder.stat().st_uid == os.geteuid() and folder != Path(tempfile.gettempdir()):
        folder.chmod(folder.stat().st_mode | 0o055)
        folder = folder.parent
    control = workspace / "for-everybody.txt"
    control.write_text("The attack itself works.")
    control.chmod(0o644)
    if not _others_read(control):
        raise SystemExit(
            f"another user reaches nothing in {workspace}, so the attack proves nothing; set TMPDIR to an open folder"
        )
    files = (key_file(workspace), workspace / "data" / NAME / "project.sqlite", workspace / "checkpoints" / NAME / "round-001")
    return [f"{path.name} on the disk" for path in files if _others_read(path)]


def _command_lines() -> Iterator[str]:
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            yield path.read_text(errors="replace")


def _others_read(path: Path) -> bool:
    """Return whether another user can read a file or list a folder: tried as nobody where this is root, else by its mode."""
    if os.geteuid() != 0:
        return bool(path.stat().st_mode & 0o004) and all(one.stat().st_mode & 0o001 for one in path.parents)
    command = ["ls", str(path)] if path.is_dir() else ["head", "-c", "1", str(path)]
    tried = subprocess.run(command, user=_NOBODY, group=_NOBODY, extra_groups=[], capture_output=True, check=False, cwd="/")
    return tried.returncode == 0


def missing_id() -> list[str]:
    """Attack 3 is none: what the editor would miss on a page over plain HTTP."""
    modules = (ROOT / "app" / "editor").rglob("*.js")
    return [f"{path.name} calls randomUUID" for path in modules if "randomUUID(" in path.read_text(encoding="utf-8")]


def planted(workspace: Path, log: Path) -> list[str]:
    """Attack 4: modules that lie in the workspace, from which a server, a job and a rank are started; those that ran."""
    from core.processes import engine_environment

    for name in PLANTED:
        (workspace / f"{name}.py").write_text(_MARK)
    before = Path.cwd(), dict(os.environ)
    try:
        os.chdir(workspace)
        os.environ["PYTHONPATH"] = os.pathsep  # an empty entry is the working directory
        os.environ.pop("PYTHONSAFEPATH", None)
        _scan(workspace)
        rank = [sys.executable, "-m", "core.training.worker_rank", str(workspace), "none", "1"]
        subprocess.run(rank, env=engine_environment(), capture_output=True, check=False, timeout=_JOB_S)
        os.environ["PYTHONPATH"] = str(ROOT)
        with app(workspace, log, workspace):
            pass
    finally:
        os.chdir(before[0])
        os.environ.clear()
        os.environ.update(before[1])
    return sorted(f"{path.name.removeprefix('ran-')} ran" for path in workspace.glob("ran-*"))


def _scan(workspace: Path) -> None:
    project = Project.open(workspace, NAME)
    project.jobs.start_scan(ProposeConfig())
    until = time.monotonic() + _JOB_S
    while (job := project.jobs.current()) is not None and job.active and time.monotonic() < until:
        time.sleep(0.1)


def attacks(workspace: Path, scratch: Path) -> dict[str, list[str]]:
    """Try all; what each got, by its name."""
    key = access_key(workspace)
    with app(workspace, scratch / "app.log") as port:
        found = {
            "1: a foreign page in the same browser": foreign_page(port, key),
            "2: another user of the machine": other_user(port, workspace, key),
        }
    found["3: no attack; what a page over plain HTTP lacks"] = missing_id()
    found["4: modules planted in the workspace"] = planted(workspace, scratch / "planted.log")
    return found
