"""The project's records: one SQLite file, durable writes, a schema version with migrations.

A file and a row share no transaction, so everything small (labels, draft strokes, rounds, scores) lives here whole.
A write is acknowledged only after its commit has reached the disk.
"""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
from numpy.typing import NDArray

from core.errors import ProjectError, StorageError, storage_errors
from core.rights import opener
from core.storage.filesystem import is_local, is_locked_here

_PATIENCE_S, _BRIEF_S = 30.0, 2.0  # for another process's write; for one that may never end
MIGRATIONS: tuple[str, ...] = (
    """
    CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL);
    CREATE TABLE classes (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, color TEXT NOT NULL);
    CREATE TABLE volumes (
        id INTEGER PRIMARY KEY, path TEXT NOT NULL, axes TEXT, fingerprint TEXT NOT NULL, shape TEXT NOT NULL,
        dtype TEXT NOT NULL, voxel_nm TEXT, region TEXT NOT NULL DEFAULT '[]');
    CREATE TABLE validation_tiles (
        volume INTEGER NOT NULL, y0 INTEGER NOT NULL, x0 INTEGER NOT NULL, y1 INTEGER NOT NULL, x1 INTEGER NOT NULL);
    CREATE TABLE revisions (
        id INTEGER PRIMARY KEY AUTOINCREMENT, volume INTEGER NOT NULL, z INTEGER NOT NULL, previous INTEGER,
        label BLOB NOT NULL, claim TEXT NOT NULL, author TEXT NOT NULL, created REAL NOT NULL,
        active_seconds REAL NOT NULL, changed_pixels INTEGER NOT NULL, round INTEGER,
        pixels INTEGER NOT NULL, validation_pixels INTEGER NOT NULL);
    CREATE TABLE heads (volume INTEGER NOT NULL, z INTEGER NOT NULL, revision INTEGER, PRIMARY KEY (volume, z));
    CREATE TABLE roles (volume INTEGER NOT NULL, z INTEGER NOT NULL, roles BLOB NOT NULL, PRIMARY KEY (volume, z));
    CREATE TABLE drafts (
        volume INTEGER NOT NULL, z INTEGER NOT NULL, base BLOB NOT NULL, origin TEXT NOT NULL, round INTEGER,
        created REAL NOT NULL, PRIMARY KEY (volume, z));
    CREATE TABLE draft_actions (
        volume INTEGER NOT NULL, z INTEGER NOT NULL, sequence INTEGER NOT NULL, runs BLOB NOT NULL,
        active_ms INTEGER NOT NULL, created REAL NOT NULL, PRIMARY KEY (volume, z, sequence));
    CREATE TABLE sequences (
        volume INTEGER NOT NULL, z INTEGER NOT NULL, last INTEGER NOT NULL, PRIMARY KEY (volume, z));
    CREATE TABLE rounds (
        round INTEGER PRIMARY KEY, created REAL NOT NULL, revisions TEXT NOT NULL, config TEXT NOT NULL,
        checkpoint TEXT NOT NULL, seconds REAL NOT NULL, labelled_slices INTEGER NOT NULL,
        active_seconds REAL NOT NULL, job INTEGER);
    CREATE TABLE round_scores (
        round INTEGER NOT NULL, pixels_key TEXT NOT NULL, loss REAL, dice TEXT NOT NULL, pixels INTEGER NOT NULL,
        PRIMARY KEY (round, pixels_key));
    CREATE TABLE slice_scores (
        round INTEGER NOT NULL, query TEXT NOT NULL, volume INTEGER NOT NULL, z INTEGER NOT NULL, score TEXT NOT NULL,
        PRIMARY KEY (round, query, volume, z));
    CREATE TABLE proposals (
        round INTEGER NOT NULL, rank INTEGER NOT NULL, proposal TEXT NOT NULL, PRIMARY KEY (round, rank));
    CREATE TABLE sought (volume INTEGER NOT NULL, z INTEGER NOT NULL, PRIMARY KEY (volume, z));
    CREATE TABLE jobs (
        id INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL, arguments TEXT NOT NULL, state TEXT NOT NULL,
        pid INTEGER, host TEXT, progress REAL NOT NULL DEFAULT 0, message TEXT NOT NULL DEFAULT '', error TEXT,
        result TEXT, created REAL NOT NULL, started REAL, heartbeat REAL, ended REAL,
        cancel INTEGER NOT NULL DEFAULT 0);
    CREATE TABLE curve (
        round INTEGER NOT NULL, seconds REAL NOT NULL, step INTEGER NOT NULL, train_loss REAL, validation_loss REAL,
        validation_dice TEXT);
    CREATE TABLE looked (volume INTEGER NOT NULL, z INTEGER NOT NULL, PRIMARY KEY (volume, z));
    CREATE TABLE results (
        id INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL, round INTEGER NOT NULL, volume INTEGER NOT NULL,
        path TEXT NOT NULL, facts TEXT NOT NULL, created REAL NOT NULL);
    """,
    # Digest of a volume's values, independent of file names and times; NULL until first computed.
    "ALTER TABLE volumes ADD COLUMN content TEXT",
    # The actions behind a revision, so that an undo restores them in the same transaction.
    """
    CREATE TABLE saved_actions (
        revision INTEGER NOT NULL, sequence INTEGER NOT NULL, runs BLOB NOT NULL, created REAL NOT NULL,
        PRIMARY KEY (revision, sequence));
    """,
    # The stop rule that ended a round's training; NULL where only the seconds could.
    "ALTER TABLE rounds ADD COLUMN ended_by TEXT",
    # The snapshot a round was restored from; NULL for a trained round.
    "ALTER TABLE rounds ADD COLUMN origin TEXT",
    # Held-back pixels by true and predicted class; NULL in scores of earlier versions.
    "ALTER TABLE round_scores ADD COLUMN counts TEXT",
    # Sampling weight of a volume's patches in training, relative to the others.
    "ALTER TABLE volumes ADD COLUMN weight REAL NOT NULL DEFAULT 1",
    # Proposals of a round put off by a person, numbered in order; an empty box is the whole slice.
    """
    CREATE TABLE put_off (
        round INTEGER NOT NULL, volume INTEGER NOT NULL, z INTEGER NOT NULL, box TEXT NOT NULL, turn INTEGER NOT NULL,
        PRIMARY KEY (round, volume, z, box));
    """,
    # 1 for a model-selected proposal; 0 for one chosen by chance, or of an earlier version, with its slice in `sought` at once.
    "ALTER TABLE proposals ADD COLUMN sought INTEGER NOT NULL DEFAULT 0",
    # The id of the request behind a save or an undo, so that a request sent again changes nothing.
    """
    CREATE TABLE wishes (
        kind TEXT NOT NULL, volume INTEGER NOT NULL, z INTEGER NOT NULL, wish TEXT NOT NULL, revision INTEGER,
        created REAL NOT NULL, PRIMARY KEY (kind, volume, z, wish));
    """,
    # The lasting name of a job's process, see core.processes.ProcessId; NULL in jobs of earlier versions.
    "ALTER TABLE jobs ADD COLUMN process TEXT",
)
"""One script per schema version, applied in order; never change a released script."""


@dataclass(frozen=True)
class LabelClass:
    """One class of a project: its id in every label (0 is the background), its name and its colour ``#rrggbb``."""

    id: int
    name: str
    color: str


class Records:
    """The SQLite file of one project, usable from any thread and from several processes at once.

    Parameters
    ----------
    path
        The file.
    create
        Make the file with its tables if it is missing.

    Raises
    ------
    ProjectError
        If the file is missing, damaged, or was written by a newer Underpaint.
    StorageError
        If the disk is full or not writable.
    """

    def __init__(self, path: Path, *, create: bool = False, migrations: Sequence[str] = MIGRATIONS) -> None:
        self.path = path
        self._local = threading.local()
        if not create and not path.is_file():
            raise ProjectError(f"{path} is missing, so this project's records cannot be read; restore it from a backup.")
        if not create and path.stat().st_size == 0:
            raise ProjectError(f"{path} is empty, so this project's records are lost; restore it from a backup.")
        if create:
            with storage_errors(path), open(path, "ab", opener=opener):
                pass  # SQLite gives its log the rights of this file
        self._created = create
        self._choose_journal(new=create and path.stat().st_size == 0)
        self._migrate(migrations)
        self._held = self._connection()  # while the file is open, the system gives its number to no other file
        self._number = _file_number(path)

    def in_place(self) -> bool:
        """Return whether ``path`` is still the opened file; False after the project was deleted, even if made anew."""
        return self._number is not None and _file_number(self.path) == self._number

    def _choose_journal(self, *, new: bool) -> None:
        """Give a new file a write-ahead log on a local disk; take an existing file out of it anywhere else, for good.

        A disk that is local here may be a network folder to another machine with the file open, so no log ever comes back.
        """
        local = is_local(self.path.parent)
        with self._sentences():
            if new and local:
                self._connection().execute("PRAGMA journal_mode = WAL")
            elif not new and not local:
                _leave_wal(self.path)

    def _migrate(self, migrations: Sequence[str]) -> None:
        with self.transaction() as db:
            version = db.execute("PRAGMA user_version").fetchone()[0]
            if version > len(migrations):
                raise ProjectError(
                    f"{self.path} has schema version {version}, this Underpaint knows up to {len(migrations)}; "
                    "update Underpaint to open the project."
                )
            if version == 0 and not self._created:
                raise ProjectError(f"{self.path} holds no project's records; nothing was changed, restore it from a backup.")
            for number in range(version, len(migrations)):
                for statement in migrations[number].split(";"):
                    db.execute(statement)
                db.execute(f"PRAGMA user_version = {number + 1}")

    def _connection(self) -> sqlite3.Connection:
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = sqlite3.connect(self.path, timeout=_PATIENCE_S, isolation_level=None)
            connection.row_factory = sqlite3.Row
            connection.execute("PRAGMA synchronous = FULL")
            self._local.connection = connection
        return connection

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Run the block as one transaction: committed to disk at its end, undone if it raises."""
        with self._sentences():
            db = self._connection()
            db.execute("BEGIN IMMEDIATE")
            try:
                yield db
                db.execute("COMMIT")
            except BaseException:
                if db.in_transaction:
                    db.execute("ROLLBACK")
                raise

    def rows(self, sql: str, parameters: Sequence[Any] = ()) -> list[sqlite3.Row]:
        """Return the rows of one SELECT."""
        with self._sentences():
            return self._connection().execute(sql, parameters).fetchall()

    def row(self, sql: str, parameters: Sequence[Any] = ()) -> sqlite3.Row | None:
        """Return the first row of one SELECT, or None."""
        found = self.rows(sql, parameters)
        return found[0] if found else None

    def write(self, sql: str, parameters: Sequence[Any] = ()) -> int:
        """Execute one statement durably and return the id of the inserted row, else 0."""
        with self.transaction() as db:
            return db.execute(sql, parameters).lastrowid or 0

    def meta(self, key: str) -> str | None:
        """Return one fact about the project by name, or None."""
        row = self.row("SELECT value FROM meta WHERE key = ?", (key,))
        return None if row is None else str(row["value"])

    def set_meta(self, key: str, value: str) -> None:
        """Store one fact about the project under a name, replacing the old value."""
        self.write("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, value))

    def close(self) -> None:
        """Close this thread's connection; the next call opens a new one."""
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is not None:
            connection.close()
            self._local.connection = None

    @contextmanager
    def _sentences(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.OperationalError as error:
            raise self._operational(error) from error
        except sqlite3.DatabaseError as error:
            if isinstance(error, (sqlite3.IntegrityError, sqlite3.ProgrammingError)):
                raise
            raise ProjectError(
                f"{self.path} is damaged ({error}); nothing was changed, restore the file from a backup."
            ) from error

    def _operational(self, error: sqlite3.OperationalError) -> Exception:
        text = str(error)
        if "unable to open" in text and not self.path.exists():
            return StorageError(f"{self.path} is out of reach: the project was deleted or renamed, or its disk is away.")
        if "full" in text or "readonly" in text or "disk I/O" in text or "unable to open" in text:
            return StorageError(
                f"Could not write {self.path} ({text}); free some space or make the folder writable, then try again. "
                "Nothing that was stored before is lost."
            )
        if "locked" in text:
            return StorageError(f"{self.path} is in use by another program; close that program and try again.")
        if "no such" in text:
            return ProjectError(f"{self.path} is damaged ({text}); nothing was changed, restore the file from a backup.")
        return error


def _file_number(path: Path) -> tuple[int, int] | None:
    try:
        stat = path.stat()
    except OSError:
        return None
    return stat.st_dev, stat.st_ino


def _leave_wal(path: Path) -> None:
    """Take a database out of write-ahead mode, if it is in it, without the shared memory that is unsafe here.

    Another process of this machine may have it open in that mode, such as a job of an earlier version. Both then share memory
    safely, and the mode stays until a later call. SQLite itself must read the mode: to open and close the file beside it would
    give up this process's locks.

    Raises
    ------
    sqlite3.OperationalError
        If a process of another machine or container has the file open.
    """
    try:
        with closing(sqlite3.connect(path, timeout=_BRIEF_S, isolation_level=None)) as connection:
            connection.execute("PRAGMA locking_mode = EXCLUSIVE")  # SQLite then keeps a log's index in this process
            connection.execute("PRAGMA journal_mode = DELETE")
    except sqlite3.OperationalError as error:  # the lock of this attempt is gone now
        if "locked" not in str(error) or not is_locked_here(path):
            raise


def pack(raster: NDArray[Any]) -> bytes:
    """Compress an array's bytes (zstd) for a blob column."""
    return bytes(imagecodecs.zstd_encode(np.ascontiguousarray(raster).tobytes(), level=1))


def unpack(blob: bytes, dtype: Any, shape: tuple[int, ...]) -> NDArray[Any]:
    """Restore a writable array from a blob column.

    Raises
    ------
    ProjectError
        If the blob does not hold exactly an array of this shape.
    """
    try:
        flat = np.frombuffer(imagecodecs.zstd_decode(blob), dtype=dtype)
        return flat.reshape(shape).copy()
    except (ValueError, RuntimeError) as error:
        raise ProjectError(
            f"A stored label is damaged ({error}); an array of shape {shape} was expected. Restore project.sqlite "
            "from a backup, or undo to an earlier revision of this slice."
        ) from error


def to_json(value: Any) -> str:
    """Return a value as JSON for a text column."""
    return json.dumps(value, sort_keys=True)
