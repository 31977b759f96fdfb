"""Jobs: training, scanning and segmenting in a separate process, followed through the records.

A project runs one job at a time. A job outlives the browser window; without its process it counts as dead.
"""

from __future__ import annotations

import json
import os
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.errors import Cancelled, JobError, UnderpaintError, storage_errors
from core.processes import ProcessId, engine_environment
from core.rights import make_folder, opener
from core.storage.database import Records, to_json

_BEAT_SECONDS = 1.0
_SILENT_SECONDS = 60.0
_children: list[subprocess.Popen[bytes]] = []  # polled at times, or they stay as zombies after their end
_children_lock = threading.Lock()
_ACTIVE = ("queued", "running")
_at_work: set[tuple[Path, int]] = set()  # records and id of every job at work in this process


@dataclass(frozen=True)
class Job:
    """One job of the records; times are Unix times, ``progress`` is 0 to 1."""

    id: int
    kind: str
    arguments: dict[str, Any]
    state: str
    progress: float
    message: str
    error: str | None
    result: dict[str, Any] | None
    created: float
    started: float | None
    heartbeat: float | None
    ended: float | None

    @property
    def active(self) -> bool:
        """Whether the job waits to start or runs."""
        return self.state in _ACTIVE


class Handle:
    """The connection from a running job to the records, for its progress and result."""

    def __init__(self, records: Records, identity: int) -> None:
        self.id = identity
        self.result: dict[str, Any] = {}
        self._records = records
        self._reported = 0.0

    def report(self, progress: float, message: str) -> bool:
        """Store the progress, at most twice a second, and return whether the job should stop."""
        now = time.time()
        if now - self._reported > _BEAT_SECONDS / 2:
            self._reported = now
            self._records.write(
                "UPDATE jobs SET progress = ?, message = ?, heartbeat = ? WHERE id = ?",
                (min(max(progress, 0.0), 1.0), message, now, self.id),
            )
        row = self._records.row("SELECT cancel, state FROM jobs WHERE id = ?", (self.id,))
        return row is not None and bool(row["cancel"] or row["state"] not in _ACTIVE)


class Jobs:
    """The jobs of one project."""

    def __init__(self, records: Records) -> None:
        self._records = records
        self._path = records.path.resolve()

    def last(self) -> Job | None:
        """Return the running job, else the newest ended one, else None."""
        self._bury_dead()
        row = self._records.row("SELECT * FROM jobs ORDER BY id DESC LIMIT 1")
        return None if row is None else _job(row)

    def get(self, identity: int) -> Job:
        """Return a job by its id.

        Raises
        ------
        JobError
            If there is no such job.
        """
        self._bury_dead()
        row = self._records.row("SELECT * FROM jobs WHERE id = ?", (identity,))
        if row is None:
            raise _no_job(identity)
        return _job(row)

    def arguments(self, identity: int) -> dict[str, Any]:
        """Return a job's arguments; unlike :meth:`get` this writes nothing.

        Raises
        ------
        JobError
            If there is no such job.
        """
        row = self._records.row("SELECT arguments FROM jobs WHERE id = ?", (identity,))
        if row is None:
            raise _no_job(identity)
        return dict(json.loads(row["arguments"]))

    def all(self, kind: str) -> list[Job]:
        """Return every job of a kind, newest first."""
        self._bury_dead()
        return [_job(row) for row in self._records.rows("SELECT * FROM jobs WHERE kind = ? ORDER BY id DESC", (kind,))]

    def start(self, workspace: Path, project: str, kind: str, arguments: Mapping[str, Any]) -> Job:
        """Start a job in a separate process and return at once.

        Raises
        ------
        JobError
            If another job is running.
        """
        identity = self._enter(kind, arguments, "queued")
        log = self._records.path.parent / "logs" / f"job-{identity:04d}.log"
        try:
            child = self._launch(log, [str(workspace), project, str(identity)])
        except BaseException as error:
            self._end(identity, "failed", f"The job could not be started ({error}).", {})
            raise
        with _children_lock:
            _children.append(child)
        self._records.write(
            "UPDATE jobs SET pid = ?, host = ?, process = ?, heartbeat = ? WHERE id = ?",
            (child.pid, socket.gethostname(), str(ProcessId.of(child.pid)), time.time(), identity),
        )
        return self.get(identity)

    @staticmethod
    def _launch(log: Path, arguments: list[str]) -> subprocess.Popen[bytes]:
        with storage_errors(log):
            make_folder(log.parent)
            stream = open(log, "wb", opener=opener)  # noqa: SIM115 - the child has it too
        command = [sys.executable, "-m", "core.worker", *arguments]
        with stream:
            return subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=stream,
                start_new_session=True,
                env=engine_environment(),
            )

    @contextmanager
    def here(self, kind: str, arguments: Mapping[str, Any]) -> Iterator[Handle]:
        """Run a job in this process, with the block as its work.

        Raises
        ------
        JobError
            If another job is running.
        """
        with self.running(self._enter(kind, arguments, "running")) as handle:
            yield handle

    @contextmanager
    def running(self, identity: int) -> Iterator[Handle]:
        """Mark an entered job as running in this process, keep its heartbeat, and record its end."""
        now = time.time()
        _at_work.add((self._path, identity))
        self._records.write(
            "UPDATE jobs SET state = 'running', pid = ?, host = ?, process = ?, started = ?, heartbeat = ? WHERE id = ?",
            (*_this_process(), now, now, identity),
        )
        handle = Handle(self._records, identity)
        stop = threading.Event()
        heart = threading.Thread(target=self._beat, args=(identity, stop), daemon=True)
        heart.start()
        try:
            yield handle
        except (Cancelled, KeyboardInterrupt):
            self._end(identity, "cancelled", None, handle.result)
            raise
        except UnderpaintError as error:
            self._end(identity, "failed", str(error), handle.result)
            raise
        except BaseException as error:
            self._end(identity, "failed", f"An unexpected error stopped the job: {error!r}.", handle.result)
            raise
        else:
            self._end(identity, "done", None, handle.result)
        finally:
            stop.set()
            heart.join()
            _at_work.discard((self._path, identity))

    def cancel(self, identity: int) -> None:
        """Ask a job to stop at the next safe point."""
        self._records.write("UPDATE jobs SET cancel = 1 WHERE id = ?", (identity,))

    def _enter(self, kind: str, arguments: Mapping[str, Any], state: str) -> int:
        self._bury_dead()
        with self._records.transaction() as db:
            busy = db.execute("SELECT * FROM jobs WHERE state IN ('queued', 'running')").fetchone()
            if busy is not None:
                raise JobError(
                    f"A {busy['kind']} job is running on this project ({busy['message'] or busy['state']}); "
                    "wait for it to end, or cancel it, then try again."
                )
            now = time.time()
            cursor = db.execute(
                "INSERT INTO jobs (kind, arguments, state, pid, host, process, created, heartbeat) "
                "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (kind, to_json(dict(arguments)), state, *_this_process(), now, now),
            )
            return int(cursor.lastrowid or 0)

    def _end(self, identity: int, state: str, error: str | None, result: Mapping[str, Any]) -> None:
        done = ", progress = 1" if state == "done" else ""
        self._records.write(
            f"UPDATE jobs SET state = ?, error = ?, result = ?, ended = ?{done} WHERE id = ?",
            (state, error, to_json(dict(result)), time.time(), identity),
        )

    def _beat(self, identity: int, stop: threading.Event) -> None:
        while not stop.wait(_BEAT_SECONDS):
            try:
                self._records.write("UPDATE jobs SET heartbeat = ? WHERE id = ?", (time.time(), identity))
            except UnderpaintError:
                continue  # the job itself will meet the same error and report it
        self._records.close()

    def _bury_dead(self) -> None:
        with _children_lock:
            _children[:] = [child for child in _children if child.poll() is None]
        for row in self._records.rows("SELECT * FROM jobs WHERE state IN ('queued', 'running')"):
            if self._left_by_this_process(row) or not _alive(row["process"], row["heartbeat"]):
                self._records.write(
                    "UPDATE jobs SET state = 'dead', ended = ?, error = ? WHERE id = ? AND state IN ('queued', 'running')",
                    (
                        time.time(),
                        "The job's process is gone (killed, or the machine stopped); what it had stored is kept: "
                        "resume it or start again.",
                        row["id"],
                    ),
                )

    def _left_by_this_process(self, row: sqlite3.Row) -> bool:
        """Return whether a job ended in this process without a record of it, as on a full disk."""
        here = row["started"] is not None and row["process"] == str(ProcessId.of(os.getpid()))
        return here and (self._path, row["id"]) not in _at_work


def _no_job(identity: int) -> JobError:
    return JobError(f"There is no job {identity} in this project.")


def _this_process() -> tuple[int, str, str]:
    """Return number, machine and lasting name of this process, for a job's record."""
    return os.getpid(), socket.gethostname(), str(ProcessId.of(os.getpid()))


def _alive(process: str | None, heartbeat: float | None) -> bool:
    """Return whether a job's process lives: seen from here, or else by a heartbeat less than a minute off the clock.

    A process seen to live needs no heartbeat: it may have been suspended with its machine.
    """
    written = None if process is None else ProcessId.read(process)
    seen = None if written is None else written.lives()
    return seen if seen is not None else heartbeat is not None and abs(time.time() - heartbeat) < _SILENT_SECONDS


def _job(row: Any) -> Job:
    names = ("id", "kind", "state", "progress", "message", "error", "created", "started", "heartbeat", "ended")
    result = None if row["result"] is None else json.loads(row["result"])
    return Job(arguments=json.loads(row["arguments"]), result=result, **{name: row[name] for name in names})
