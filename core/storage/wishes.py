"""Granted wishes: saves and undos by the id of their request, so that a request sent again changes nothing.

The row is written in the transaction of the change itself. It outlives the process, unlike an answer kept in memory.
"""

from __future__ import annotations

import sqlite3
import time
from dataclasses import dataclass
from typing import Literal

from core.errors import LabelError
from core.geometry import SliceId
from core.storage.database import Records

Kind = Literal["claim", "undo"]


@dataclass(frozen=True)
class Granted:
    """The result of a wish: the revision made by a claim or shown by an undo, None for an unlabelled slice."""

    revision: int | None


def granted(records: Records, kind: Kind, slice_id: SliceId, wish: str | None) -> Granted | None:
    """Return the result of a wish granted before, by this or another process; None for a new wish or one without an id."""
    sql = "SELECT revision FROM wishes WHERE kind = ? AND volume = ? AND z = ? AND wish = ?"
    row = None if wish is None else records.row(sql, (kind, *slice_id, wish))
    return None if row is None else Granted(row["revision"])


def note_granted(db: sqlite3.Connection, kind: Kind, slice_id: SliceId, wish: str | None, revision: int | None) -> None:
    """Store the result of a wish within the transaction of its change; do nothing without an id.

    Raises
    ------
    LabelError
        If another process has just granted the same wish.
    """
    if wish is None:
        return
    try:
        db.execute("INSERT INTO wishes VALUES (?, ?, ?, ?, ?, ?)", (kind, *slice_id, wish, revision, time.time()))
    except sqlite3.IntegrityError as error:
        raise LabelError(f"Slice {slice_id.z} was saved by another program at the same moment; reload it.") from error
