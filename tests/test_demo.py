"""The demo: made once, found again, taken up where it was interrupted; and the app it opens."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from http.client import HTTPConnection
from pathlib import Path

import numpy as np
import pytest
import tifffile

from core.config import TrainConfig
from core.demo import NAME, PHANTOM, open_or_create, painted, start_first_round, volume_files
from core.errors import Cancelled
from core.processes import process_lives
from core.project import Project
from core.storage.access_key import access_key
from core.volumes.phantom import PhantomConfig
from tests.shell import run, start

WEBSOCKET = (
    "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dW5kZXJwYWludGluZy4uLg==\r\n"
)
TINY = PhantomConfig(depth=8, height=128, width=128)


def test_three_painted_slices_come_with_it() -> None:
    """The full demo has three painted slices, far apart and away from the ends."""
    slices = painted(PHANTOM.depth)
    assert len(slices) == 3
    assert min(np.diff(slices)) > 10
    assert slices[0] > 0
    assert slices[-1] < PHANTOM.depth - 1


def test_the_demo_is_made_once_and_found_again(tmp_path: Path) -> None:
    """A second call opens the same project: same volume, same labels, nothing generated again."""
    first = open_or_create(tmp_path, phantom=TINY)
    image, truth = volume_files(tmp_path)
    written = image.stat().st_mtime_ns
    assert len(first.labels.slices()) == 3
    assert first.volumes[0].voxel_nm == (10.0, 10.0, 10.0)
    for row in first.labels.slices():
        np.testing.assert_array_equal(first.labels.of(0, row.z), tifffile.imread(truth)[row.z])
    again = open_or_create(tmp_path, phantom=TINY)
    assert [r.id for r in again.labels.slices()] == [r.id for r in first.labels.slices()]
    assert image.stat().st_mtime_ns == written


def test_an_interrupted_demo_is_taken_up(tmp_path: Path) -> None:
    """A volume that is half written is written again; a project without labels gets them."""
    _, truth = volume_files(tmp_path)
    truth.parent.mkdir(parents=True)
    truth.write_bytes(b"half")
    project = open_or_create(tmp_path, phantom=TINY)
    for row in project.labels.slices():
        project.labels.undo(0, row.z)
    assert not project.labels.slices()
    assert len(open_or_create(tmp_path, phantom=TINY).labels.slices()) == 3


def test_a_demo_can_be_stopped_while_its_volume_is_made(tmp_path: Path) -> None:
    """Nothing is left of the volume, and the next call makes it."""
    with pytest.raises(Cancelled, match="nothing was written"):
        open_or_create(tmp_path, phantom=TINY, report=lambda share, said: share > 0.3)
    assert not any(path.exists() for path in volume_files(tmp_path))
    assert len(open_or_create(tmp_path, phantom=TINY).labels.slices()) == 3


def test_the_first_round_is_started_once(tmp_path: Path) -> None:
    """A job at work is not joined by a second one; after the round none is started any more."""
    project = open_or_create(tmp_path, phantom=TINY)
    assert start_first_round(project, TrainConfig(seconds=2))
    assert not start_first_round(project)
    deadline = time.monotonic() + 120
    while (job := project.jobs.current()) is not None and job.active and time.monotonic() < deadline:
        time.sleep(0.3)
    assert job is not None
    assert job.state == "done", job.error
    assert [row.round for row in project.models.rounds()] == [1]
    assert project.proposals()
    assert not start_first_round(project)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_until_up(process: subprocess.Popen[str], port: int) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        assert process.poll() is None, process.communicate()
        connection = HTTPConnection("127.0.0.1", port, timeout=2)
        try:
            connection.request("GET", "/_stcore/health")
            assert connection.getresponse().status in {200, 401}  # which asks for the key
            return
        except OSError:
            time.sleep(0.2)
        finally:
            connection.close()
    raise AssertionError("the app did not come up within a minute")


def _listening_addresses(port: int) -> set[str]:
    """Local addresses in state LISTEN on a port, as the kernel names them (little-endian hex)."""
    lines = [
        line.split()
        for table in ("tcp", "tcp6")
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]
    ]  # fmt: skip
    return {local.split(":")[0] for _, local, _, state, *_ in lines if state == "0A" and int(local.split(":")[1], 16) == port}


def test_the_app_listens_on_this_machine_only_and_ends_with_its_parent(tmp_path: Path) -> None:
    """``underpaint app`` is bound to 127.0.0.1, asks nothing, and a SIGTERM leaves no server behind."""
    port = _free_port()
    process = start("app", "--port", port, "--no-browser", "--workspace", tmp_path)
    try:
        _wait_until_up(process, port)
        assert _listening_addresses(port) == {"0100007F"}
        assert process.stderr is not None
        said = process.stderr.readline()  # a moment after the server answers
        assert f"http://127.0.0.1:{port}/?key={access_key(tmp_path)} " in said
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=30)
        assert process.returncode == 0, err
        assert "Traceback" not in err
        assert not _listening_addresses(port)
    finally:
        process.kill()


def _children(pid: int) -> list[int]:
    return [int(number) for number in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def test_a_killed_app_leaves_no_server_behind(tmp_path: Path) -> None:
    """After kill -9 nobody is left to end the server; it sees for itself, also with a page open in a browser."""
    if not Path(f"/proc/self/task/{os.getpid()}/children").exists():
        pytest.skip("this system does not tell the children of a process")
    port = _free_port()
    process = start("app", "--port", port, "--no-browser", "--no-key", "--workspace", tmp_path)
    try:
        _wait_until_up(process, port)
        (server,) = _children(process.pid)
        with socket.create_connection(("127.0.0.1", port)) as page:
            page.sendall(
                f"GET /_stcore/stream HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nOrigin: http://127.0.0.1:{port}\r\n{WEBSOCKET}\r\n".encode()
            )
            assert b"101 Switching Protocols" in page.recv(1024)
            process.kill()
            process.wait()
            deadline = time.monotonic() + 30
            while process_lives(server) and time.monotonic() < deadline:
                time.sleep(0.1)
            left = process_lives(server)
            if left:
                os.kill(server, signal.SIGKILL)
        assert not left
        assert not _listening_addresses(port)
    finally:
        process.kill()
        process.communicate()


def test_a_taken_port_is_said_in_one_line(tmp_path: Path) -> None:
    """--port with a port in use ends with status 1 and names it."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        ran = run("app", "--port", port, "--no-browser", "--workspace", tmp_path)
    assert ran.status == 1
    (line,) = ran.err.splitlines()
    assert str(port) in line


def test_the_demo_opens_with_its_project(tmp_path: Path) -> None:
    """``underpaint demo --no-browser`` opens the app, and a first round is at work in the background."""
    open_or_create(tmp_path, phantom=TINY)
    port = _free_port()
    process = start("demo", "--no-browser", "--port", port, "--workspace", tmp_path)
    project = Project.open(tmp_path, NAME)
    try:
        _wait_until_up(process, port)
        job = project.jobs.current()
        assert job is not None
        assert job.kind == "round"
        assert job.active
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=30)
        assert "Project demo" in err
        after = project.jobs.current()
        assert after is not None
        assert after.active, "closing the app must not end the training"
    finally:
        process.kill()
        _end_job(project)


def _end_job(project: Project) -> None:
    job = project.jobs.current()
    if job is not None and job.active:
        project.jobs.cancel(job.id)
    deadline = time.monotonic() + 60
    while (job := project.jobs.current()) is not None and job.active and time.monotonic() < deadline:
        time.sleep(0.3)
