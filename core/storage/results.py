"""The records of files made for the user: segmentations, confidence maps and tables of scores."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.errors import storage_errors
from core.rights import make_folder
from core.storage.database import Records, to_json

_FOLDER = "results"


@dataclass(frozen=True)
class Result:
    """A file made for the user: its kind (``segmentation``, ``confidence`` or ``scores``), path, round and volume."""

    kind: str
    round: int
    volume: int
    path: Path
    facts: dict[str, Any]
    created: float


class Results:
    """The files made for the user of one project, in the ``results`` folder of its data.

    Parameters
    ----------
    folder
        The project's data folder.
    """

    def __init__(self, records: Records, folder: Path) -> None:
        self._records, self._folder = records, folder

    def path(self, kind: str, round_: int, volume: int, suffix: str) -> Path:
        """Return the path of a new file, and make its folder if needed.

        Raises
        ------
        StorageError
            If the disk is full or not writable.
        """
        folder = self._folder / _FOLDER
        with storage_errors(folder):
            make_folder(folder)
        return folder / f"{self._folder.name}-{kind}-volume-{volume}-round-{round_:03d}{suffix}"

    def enter(self, kind: str, out: Path, round_: int, volume: int, facts: Mapping[str, Any]) -> None:
        """Enter a finished file, in place of an earlier entry of the same path."""
        place = out.relative_to(self._folder).as_posix()
        with self._records.transaction() as db:
            db.execute("DELETE FROM results WHERE path = ?", (place,))
            db.execute(
                "INSERT INTO results (kind, round, volume, path, facts, created) VALUES (?, ?, ?, ?, ?, ?)",
                (kind, round_, volume, place, to_json(dict(facts)), time.time()),
            )

    def all(self) -> list[Result]:
        """Return the files still on disk, newest first; an entry that leads out of their folder is passed over."""
        rows = self._records.rows("SELECT * FROM results ORDER BY id DESC")
        found = [
            Result(r["kind"], r["round"], r["volume"], self._folder / r["path"], json.loads(r["facts"]), r["created"])
            for r in rows
        ]
        return [result for result in found if result.path.exists() and lies_inside(result.path, self._folder.resolve() / _FOLDER)]


def lies_inside(path: Path, folder: Path) -> bool:
    """Return whether a file or folder lies in a folder, or below; links are followed, except for ``folder`` itself."""
    return folder in path.resolve().parents
