"""The SQLite file: whole writes, migrations, damage told in one sentence."""

import gc
import os
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from core.config import StopRule
from core.errors import ProjectError, StorageError
from core.storage.catalog import Catalog
from core.storage.database import MIGRATIONS, Records, pack, unpack
from core.storage.filesystem import is_local, is_locked_here
from core.storage.rounds import Rounds

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def records(tmp_path):
    """An empty project's records."""
    return Records(tmp_path / "project.sqlite", create=True)


def test_a_new_file_has_the_newest_schema(records):
    """Every migration has run."""
    assert records.row("PRAGMA user_version")[0] == len(MIGRATIONS)


def test_an_older_file_is_migrated_and_keeps_its_rows(tmp_path):
    """A migration that is new runs on opening, after those the file has seen."""
    path = tmp_path / "p.sqlite"
    old = Records(path, create=True, migrations=["CREATE TABLE a (x); INSERT INTO a VALUES (7)"])
    old.close()
    new = Records(path, migrations=["never run again", "ALTER TABLE a ADD COLUMN y DEFAULT 3"])
    assert tuple(new.row("SELECT x, y FROM a")) == (7, 3)


def test_a_round_of_an_earlier_version_was_ended_by_its_seconds(tmp_path):
    """No other rule could end it, and its row needs no rewriting."""
    path = tmp_path / "p.sqlite"
    old = Records(path, create=True, migrations=MIGRATIONS[:3])
    old.write("INSERT INTO rounds VALUES (1, 0, '[]', '{}', 'checkpoints/toy/round-001', 2, 3, 4, NULL)")
    old.close()
    (row,) = Rounds(Records(path)).rows(["a", "b"])
    assert (row.seconds, row.ended_by) == (2, StopRule.SECONDS)


def test_a_volume_of_an_earlier_version_has_the_weight_1(tmp_path):
    """So that training goes on as before."""
    path = tmp_path / "p.sqlite"
    old = Records(path, create=True, migrations=MIGRATIONS[:5])
    old.write("INSERT INTO volumes VALUES (0, '/a.tif', NULL, 'f', '[3, 1, 8, 10]', 'uint8', NULL, '[]', 'c')")
    old.close()
    assert Catalog(Records(path)).row(0).weight == 1


def test_a_file_of_a_newer_version_is_refused(tmp_path):
    """It stays closed, and the message gives advice."""
    path = tmp_path / "p.sqlite"
    Records(path, create=True, migrations=["CREATE TABLE a (x)", "CREATE TABLE b (x)"]).close()
    with pytest.raises(ProjectError, match="schema version 2, this Underpaint knows up to 1; update"):
        Records(path, migrations=["CREATE TABLE a (x)"])


def test_a_file_that_was_deleted_is_not_in_place_even_if_made_anew(tmp_path):
    """Though its own thread has ended and the system would give its number to the next file; a write changes nothing."""
    path, opened = tmp_path / "p.sqlite", []
    for _ in range(5):
        thread = threading.Thread(target=lambda: opened.append(Records(path, create=True)))
        thread.start()
        thread.join()
        opened[-1].write("INSERT INTO meta VALUES ('a', '1')")
        opened[-1].close()
        gc.collect()  # the connection of a thread that has ended
        assert [records.in_place() for records in opened] == [False] * (len(opened) - 1) + [True]
        for file in tmp_path.iterdir():
            file.unlink()
        assert not opened[-1].in_place()


def test_a_failed_migration_leaves_the_file_as_it_was(tmp_path):
    """Half a schema is never left behind."""
    path = tmp_path / "p.sqlite"
    Records(path, create=True, migrations=["CREATE TABLE a (x)"]).close()
    with pytest.raises(sqlite3.OperationalError):
        Records(path, migrations=["", "CREATE TABLE b (x); nonsense"])
    reopened = Records(path, migrations=["CREATE TABLE a (x)"])
    assert [r["name"] for r in reopened.rows("SELECT name FROM sqlite_master")] == ["a"]


def test_a_transaction_that_raises_changes_nothing(records):
    """All or nothing."""
    with pytest.raises(RuntimeError), records.transaction() as db:
        db.execute("INSERT INTO meta VALUES ('a', '1')")
        raise RuntimeError
    assert records.meta("a") is None


def test_a_missing_file_is_told(tmp_path):
    """Opening does not make an empty file in its place."""
    with pytest.raises(ProjectError, match="is missing"):
        Records(tmp_path / "none.sqlite")
    assert not (tmp_path / "none.sqlite").exists()


def test_a_damaged_file_is_told(tmp_path):
    """Rubbish in place of the database gives one sentence."""
    path = tmp_path / "p.sqlite"
    path.write_bytes(b"this is no database at all, but long enough to be read as one" * 50)
    with pytest.raises(ProjectError, match=r"is damaged .*restore"):
        Records(path)


def test_an_emptied_file_is_told_and_left_alone(tmp_path):
    """Lost records are not replaced by an empty project without a word."""
    path = tmp_path / "p.sqlite"
    path.touch()
    with pytest.raises(ProjectError, match="is empty, so this project's records are lost"):
        Records(path)
    assert path.stat().st_size == 0
    sqlite3.connect(path).execute("PRAGMA journal_mode = WAL")
    with pytest.raises(ProjectError, match="holds no project's records"):
        Records(path)


def test_a_disk_that_is_full_is_told_and_nothing_is_lost(records):
    """SQLite's own limit on pages stands in for the disk's end."""
    records.write("INSERT INTO meta VALUES ('kept', 'yes')")
    pages = records.row("PRAGMA page_count")[0]
    records.rows(f"PRAGMA max_page_count = {pages + 2}")
    with pytest.raises(StorageError, match=r"full.*free some space"):
        records.write("INSERT INTO meta VALUES ('big', ?)", ("x" * 1_000_000,))
    assert records.meta("kept") == "yes"


def test_threads_write_at_the_same_time(records):
    """Each thread has its own connection and none loses a write."""

    def work(number):
        for i in range(20):
            records.write("INSERT INTO meta VALUES (?, '')", (f"{number}-{i}",))
        records.close()

    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert records.row("SELECT COUNT(*) FROM meta")[0] == 80


def test_a_write_is_on_the_disk_when_acknowledged(records):
    """The journal is synchronous: a commit waits for the disk."""
    assert records.row("PRAGMA synchronous")[0] == 2


def header(path):
    """The two bytes that tell the mode of a database: 2, 2 with a write-ahead log, else 1, 1."""
    return tuple(path.read_bytes()[18:20])


@pytest.fixture
def left_in_wal(tmp_path):
    """A database with an unfinished log, as a killed process leaves it on a local disk."""
    made = Records(tmp_path / "local.sqlite", create=True)
    made.rows("PRAGMA wal_autocheckpoint = 0")
    made.write("INSERT INTO meta VALUES ('kept', 'yes')")
    path = tmp_path / "mounted" / "project.sqlite"
    path.parent.mkdir()
    for suffix in ("", "-wal"):
        path.with_name(path.name + suffix).write_bytes((tmp_path / f"local.sqlite{suffix}").read_bytes())
    made.close()
    return path


@pytest.mark.skipif(not is_local(Path(__file__).parent), reason="needs a file system known to be local")
def test_a_database_on_a_local_disk_has_a_log(left_in_wal):
    """It is read while it is written, and keeps what a killed process left in the log."""
    records = Records(left_in_wal)
    assert (records.meta("kept"), header(left_in_wal)) == ("yes", (2, 2))


def test_a_database_with_a_log_is_taken_out_of_it_where_that_is_unsafe(left_in_wal, monkeypatch):
    """Nothing is lost, no memory is shared on the way, and several threads then read and write."""
    monkeypatch.setattr("core.storage.database.is_local", lambda folder: False)
    seen = watched(monkeypatch, left_in_wal)
    records = Records(left_in_wal)
    assert (records.meta("kept"), header(left_in_wal)) == ("yes", (1, 1))
    assert [file.name for file in left_in_wal.parent.iterdir()] == ["project.sqlite"]
    assert "project.sqlite" in seen
    assert not any(name.endswith("-shm") for name in seen)
    other = Records(left_in_wal)
    thread = threading.Thread(target=lambda: other.write("INSERT INTO meta VALUES ('second', 'yes')"))
    thread.start()
    thread.join()
    assert (records.meta("second"), header(left_in_wal)) == ("yes", (1, 1))


def test_several_programs_take_a_database_out_of_its_log_at_once(left_in_wal, monkeypatch):
    """Each waits for the other, then all write."""
    monkeypatch.setattr("core.storage.database.is_local", lambda folder: False)
    gate, failed = threading.Barrier(4), []

    def work(number):
        gate.wait()
        try:
            records = Records(left_in_wal)
            for i in range(5):
                records.write("INSERT INTO meta VALUES (?, '')", (f"{number}-{i}",))
            records.close()
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert Records(left_in_wal).row("SELECT COUNT(*) FROM meta")[0] == 21


def test_a_log_never_comes_back(left_in_wal, tmp_path, monkeypatch):
    """A client of a network folder has the file open, to which the file server's own disk is local: both keep the journal."""
    other = tmp_path / "new.sqlite"
    monkeypatch.setattr("core.storage.database.is_local", lambda folder: False)
    clients = [Records(left_in_wal), Records(other, create=True)]
    monkeypatch.setattr("core.storage.database.is_local", lambda folder: True)
    for path, client in zip((left_in_wal, other), clients, strict=True):
        server = Records(path)
        server.set_meta("of", "server")
        client.set_meta("of", client.meta("of") + " and client")
        assert (server.meta("of"), header(path)) == ("server and client", (1, 1))
        assert not path.with_name(path.name + "-shm").exists()
        Records(path, create=True).close()
        assert header(path) == (1, 1)


def keeps_a_log(path, monkeypatch):
    """Records of an earlier version, idle, with a write-ahead log where there should be none now."""
    with monkeypatch.context() as patch:
        patch.setattr("core.storage.database.is_local", lambda folder: True)
        return Records(path, create=True)


def test_a_log_that_another_process_of_this_machine_has_open_stays_for_now(tmp_path, monkeypatch):
    """Such as a job of an earlier version: nobody waits for its end, and both write; once it has ended, the log goes."""
    if not Path("/proc/locks").exists():
        pytest.skip("this system does not tell who locks a file")
    path = tmp_path / "project.sqlite"
    holder = keeps_a_log(path, monkeypatch)
    holder.set_meta("of", "holder")
    if not is_locked_here(path):
        pytest.skip("the numbers of files on this file system are not those of its locks")
    monkeypatch.setattr("core.storage.database.is_local", lambda folder: False)
    records = Records(path)
    records.set_meta("of", records.meta("of") + " and records")
    assert (holder.meta("of"), header(path)) == ("holder and records", (2, 2))
    for opened in (records, holder):
        opened.close()
    Records(path)
    assert header(path) == (1, 1)


ELSEWHERE = """
import sys
from pathlib import Path
import core.storage.database as database
database.is_local = lambda folder: False
try:
    database.Records(Path(sys.argv[1]))
except database.StorageError as error:
    print(error)
"""
AWAY = ["unshare", "--pid", "--fork", "--mount-proc", sys.executable, "-c"]


def test_a_log_that_is_open_elsewhere_is_shared_with_nobody(tmp_path, monkeypatch):
    """A process of a container sees none of others, as of another machine: it is told at once, and shares no memory."""
    if os.name != "posix" or subprocess.run([*AWAY, ""], capture_output=True, check=False).returncode != 0:
        pytest.skip("needs a container of its own")
    path = tmp_path / "project.sqlite"
    holder = keeps_a_log(path, monkeypatch)
    command = [*AWAY, ELSEWHERE, str(path)]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=60)
    assert ran.stdout == f"{path} is in use by another program; close that program and try again.\n"
    holder.set_meta("still", "writes")


def watched(monkeypatch, path):
    """The names of all files seen beside a database whenever a statement was run."""
    connect, seen = sqlite3.connect, set()

    def follow(*args, **options):
        connection = connect(*args, **options)
        connection.set_trace_callback(lambda statement: seen.update(file.name for file in path.parent.iterdir()))
        return connection

    monkeypatch.setattr(sqlite3, "connect", follow)
    return seen


def test_a_raster_survives_packing():
    """Unpacking restores the packed array, writable."""
    raster = np.arange(12, dtype=np.uint8).reshape(3, 4)
    back = unpack(pack(raster), np.uint8, (3, 4))
    assert (back == raster).all()
    back[0, 0] = 9


def test_a_damaged_blob_is_told():
    """A blob that is no raster of the shape gives one sentence."""
    with pytest.raises(ProjectError, match=r"stored label is damaged"):
        unpack(b"rubbish", np.uint8, (3, 4))
    with pytest.raises(ProjectError, match=r"shape \(3, 4\) was expected"):
        unpack(pack(np.zeros(5, np.uint8)), np.uint8, (3, 4))
