"""Jobs: one at a time, alive or dead, cancelled or done."""

import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from core.errors import Cancelled, JobError, StorageError, TrainingError
from core.processes import ProcessId
from core.storage.database import MIGRATIONS, Records
from core.storage.jobs import Jobs

ROOT = Path(__file__).resolve().parents[2]
linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells start times, boots and namespaces")


@pytest.fixture
def records(tmp_path):
    """An empty project's records."""
    return Records(tmp_path / "project.sqlite", create=True)


@pytest.fixture
def jobs(records):
    """Its jobs."""
    return Jobs(records)


def enter(records, pid, host, process=None, silent=0.0):
    """A training at work in some process of some machine; its heart has been silent for so many seconds."""
    records.write(
        "INSERT INTO jobs (kind, arguments, state, pid, host, process, created, heartbeat) "
        "VALUES ('train', '{}', 'running', ?, ?, ?, ?, ?)",
        (pid, host, process and str(process), time.time(), time.time() - silent),
    )


@pytest.fixture
def engine():
    """A living process that looks like one of ours by its command."""
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)  # core.worker"])
    yield child
    child.kill()
    child.wait()


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
    enter(records, child.pid, socket.gethostname(), ProcessId.of(child.pid))
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


@linux
def test_a_recycled_pid_does_not_keep_a_project_blocked(jobs, records, engine):
    """Another process of ours has the number of the killed one by now; its start time tells them apart."""
    now = ProcessId.of(engine.pid)
    enter(records, engine.pid, socket.gethostname(), replace(now, start=now.start - 1), silent=5)
    assert jobs.last().state == "dead"
    with jobs.here("scan", {}):
        pass


@linux
def test_a_restarted_container_of_a_fixed_host_name_does_not_keep_a_project_blocked(jobs, records, engine):
    """The same number lives in the new container, but the heart of the job in the old one is silent."""
    enter(records, engine.pid, socket.gethostname(), replace(ProcessId.of(engine.pid), place="0123456789ab"), silent=120)
    assert jobs.last().state == "dead"


@linux
def test_a_pid_of_another_namespace_does_not_bury_a_living_job(jobs, records):
    """No process has this number here, but the job's heart beats."""
    enter(records, 2**22 + 1, socket.gethostname(), ProcessId(2**22 + 1, "0123456789ab", 7))
    assert jobs.last().state == "running"
    with pytest.raises(JobError, match="A train job is running"), jobs.here("scan", {}):
        pass


@pytest.mark.parametrize(("ahead", "state"), [(2, "running"), (3600, "dead")])
def test_a_heartbeat_from_the_future_is_no_life(jobs, records, ahead, state):
    """The clock was set back since; a machine a few seconds ahead is no matter."""
    enter(records, 1, "far", silent=-ahead)
    assert jobs.last().state == state


@linux
def test_a_job_suspended_with_its_machine_is_not_buried(jobs, records, engine):
    """Its heart has been silent for an hour, but it is the very process of the job."""
    enter(records, engine.pid, socket.gethostname(), ProcessId.of(engine.pid), silent=3600)
    assert jobs.last().state == "running"


@pytest.mark.parametrize(("silent", "state"), [(5, "running"), (120, "dead")])
def test_the_heart_alone_tells_of_a_job_of_an_earlier_version(tmp_path, silent, state):
    """Its record holds no more than a number, which may be that of another process."""
    path = tmp_path / "earlier.sqlite"
    earlier = Records(path, create=True, migrations=MIGRATIONS[:9])
    at = time.time() - silent
    earlier.write(
        "INSERT INTO jobs (kind, arguments, state, pid, host, created, heartbeat) VALUES ('train', '{}', 'running', ?, ?, ?, ?)",
        (os.getpid(), socket.gethostname(), at, at),
    )
    earlier.close()
    assert Jobs(Records(path)).last().state == state


def test_a_job_whose_end_could_not_be_recorded_does_not_block_its_own_process(jobs, records):
    """The disk was full when it ended, and the process lives on, as a notebook does."""
    pages = records.row("PRAGMA page_count")[0]
    with pytest.raises(StorageError, match="full"), jobs.here("train", {}) as handle:
        assert jobs.last().state == "running"
        handle.result = {"large": "x" * 1_000_000}
        records.rows(f"PRAGMA max_page_count = {pages + 2}")
    records.rows("PRAGMA max_page_count = 100000")
    assert jobs.last().state == "dead"


@linux
@pytest.mark.skipif(subprocess.run(["unshare", "-pf", "--mount-proc", "true"], capture_output=True).returncode != 0,
                    reason="needs a pid namespace of its own")  # fmt: skip
def test_jobs_in_two_containers_see_one_another(tmp_path, jobs):
    """Either is seen to run from the other, though neither process has a number there."""
    code = (
        "import sys; from pathlib import Path; from core.storage.database import Records; from core.storage.jobs import Jobs\n"
        "jobs = Jobs(Records(Path(sys.argv[1])))\n"
        "print(jobs.last().state, flush=True)\n"
        "sys.stdin.readline()\n"
        "with jobs.here('scan', {}): print('begun', flush=True); sys.stdin.readline()\n"
    )
    command = ["unshare", "-pf", "--mount-proc", sys.executable, "-c", code, str(tmp_path / "project.sqlite")]
    with jobs.here("train", {}):
        inside = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert inside.stdout.readline() == "running\n"
        assert jobs.last().state == "running"
    inside.stdin.write("go\n")
    inside.stdin.flush()
    assert inside.stdout.readline() == "begun\n"
    assert (jobs.last().kind, jobs.last().state) == ("scan", "running")
    inside.communicate("end\n", timeout=60)
    assert jobs.last().state == "done"


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
