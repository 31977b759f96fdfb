"""Jobs: one at a time, alive or dead, cancelled or done."""

import os
import signal
import socket
import subprocess
import sys
import time

import pytest

from core.errors import Cancelled, JobError, TrainingError
from core.storage.database import Records
from core.storage.jobs import Jobs


@pytest.fixture
def records(tmp_path):
    """An empty project's records."""
    return Records(tmp_path / "project.sqlite", create=True)


@pytest.fixture
def jobs(records):
    """Its jobs."""
    return Jobs(records)


def enter(records, pid, host):
    """A training at work in some process of some machine."""
    records.write(
        "INSERT INTO jobs (kind, arguments, state, pid, host, created, heartbeat) VALUES ('train', '{}', 'running', ?, ?, ?, ?)",
        (pid, host, time.time(), time.time()),
    )


def test_a_job_is_recorded_from_start_to_end(jobs):
    """Running with progress, then done with its result."""
    with jobs.here("train", {"round": 1}) as handle:
        handle.report(0.5, "half way")
        now = jobs.last()
        assert (now.state, now.progress, now.message, now.arguments) == ("running", 0.5, "half way", {"round": 1})
        handle.result = {"round": 1}
    done = jobs.last()
    assert (done.state, done.progress, done.result, done.active) == ("done", 1.0, {"round": 1}, False)


def test_a_second_job_is_refused_while_one_runs(jobs):
    """One job per project: the message names the running job."""
    with jobs.here("train", {}), pytest.raises(JobError, match="A train job is running"), jobs.here("scan", {}):
        pass
    with jobs.here("scan", {}):
        pass


def test_a_failure_keeps_its_sentence(jobs):
    """The record holds the message of the user's error unchanged."""
    with pytest.raises(TrainingError), jobs.here("train", {}):
        raise TrainingError("There is nothing to learn from.")
    assert (jobs.last().state, jobs.last().error) == ("failed", "There is nothing to learn from.")


def test_an_unexpected_error_is_recorded_too(jobs):
    """Nothing fails silently."""
    with pytest.raises(ZeroDivisionError), jobs.here("train", {}):
        raise ZeroDivisionError("oops")
    assert "ZeroDivisionError" in jobs.last().error


def test_a_job_is_told_to_stop(jobs):
    """The next report says so, and the record says cancelled."""
    with pytest.raises(Cancelled), jobs.here("train", {}) as handle:
        assert not handle.report(0.1, "")
        jobs.cancel(handle.id)
        if handle.report(0.2, ""):
            raise Cancelled("stop")
    assert jobs.last().state == "cancelled"


def test_a_killed_job_is_seen_as_dead(jobs, records):
    """A process that is gone cannot hold the project."""
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    enter(records, child.pid, socket.gethostname())
    assert jobs.last().state == "running"
    os.kill(child.pid, signal.SIGKILL)
    deadline = time.monotonic() + 10
    while jobs.last().state == "running" and time.monotonic() < deadline:
        time.sleep(0.05)
    assert jobs.last().state == "dead"
    assert "resume" in jobs.last().error
    child.wait()
    with jobs.here("scan", {}):
        pass


def test_what_a_job_was_entered_with_is_read_without_writing(jobs, records):
    """Reading them does not even mark a dead job as dead."""
    with jobs.here("train", {"plan": {"round": 3}}) as handle:
        records.write("UPDATE jobs SET pid = NULL, heartbeat = 0")
        assert jobs.arguments(handle.id) == {"plan": {"round": 3}}
        assert records.row("SELECT state FROM jobs")["state"] == "running"
    with pytest.raises(JobError, match="no job 99"):
        jobs.arguments(99)


def test_a_silent_job_of_another_machine_is_dead(jobs, records):
    """A process on another machine cannot be checked, so an old heartbeat decides."""
    enter(records, 1, "far")
    assert jobs.last().state == "running"
    records.write("UPDATE jobs SET heartbeat = ?", (time.time() - 120,))
    assert jobs.last().state == "dead"


def test_the_heart_beats_while_the_work_is_silent(jobs):
    """A long step without a report is not taken for death."""
    with jobs.here("train", {}):
        before = jobs.last().heartbeat
        time.sleep(1.5)
        assert jobs.last().heartbeat > before


def test_a_job_that_cannot_start_does_not_block_the_project(jobs, tmp_path):
    """Its record says failed, and the next job may start."""
    (tmp_path / "logs").write_text("a file where the folder should be")
    with pytest.raises(OSError, match="exists"):
        jobs.start(tmp_path, "toy", "train", {})
    assert jobs.last().state == "failed"
    with jobs.here("scan", {}):
        pass


def test_an_unknown_job_is_told(jobs):
    """No such number."""
    with pytest.raises(JobError, match="no job 77"):
        jobs.get(77)
