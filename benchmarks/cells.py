"""The file of measured cells, so that a long comparison can be stopped and carried on."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from report import Report, commit, machine

Key = tuple[Any, ...]


class Results:
    """Measured cells by their key, one JSON object a line; a line that was cut off is passed over.

    Parameters
    ----------
    path
        The file, or None to remember them in memory only.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self.rows: dict[Key, dict[str, Any]] = {}
        if path is not None and path.exists():
            self._read(path)

    @classmethod
    def of(cls, paths: Iterable[Path], *, quick: bool = True) -> Results:
        """The cells of several files, to be read only; of two with one key the later one counts.

        Without ``quick``, those of ``--quick`` runs are passed over.
        """
        made = cls(None)
        for path in paths:
            made._read(path, quick=quick)
        return made

    def _read(self, path: Path, *, quick: bool = True) -> None:
        for line in path.read_text(encoding="utf-8").splitlines():
            try:
                row = json.loads(line)
                if quick or not row.get("quick"):
                    self.rows[tuple(row["cell"])] = row
            except (ValueError, KeyError, TypeError):
                print(f"passed over in {path}: {line[:60]!r}", file=sys.stderr)

    def add(self, key: Key, facts: Mapping[str, Any]) -> None:
        """Keep what was measured, on disk at once."""
        row = {"cell": list(key), **facts}
        self.rows[key] = row
        if self._path is not None:
            # A line of its own even after one that was cut off.
            cut = self._path.exists() and not self._path.read_bytes().endswith(b"\n") and self._path.stat().st_size > 0
            with self._path.open("a", encoding="utf-8") as file:
                file.write("\n" * cut + json.dumps(row, allow_nan=False) + "\n")

    def known(self, key: Key, measure: Callable[[], Mapping[str, Any]]) -> dict[str, Any]:
        """What a cell gave; measured now if it is not known, and kept with machine and commit."""
        if key not in self.rows:
            self.add(key, {"machine": machine(), "commit": commit(), **measure()})
        return self.rows[key]


def keep(report: Report, benchmark: str, path: Path) -> None:
    """Add each section of a report to a file of cells: its table and goals, with machine and commit."""
    results = Results(path)
    for section in report.sections:
        results.add(
            (benchmark, section.name), {"machine": machine(), "commit": commit(), "quick": report.quick, **asdict(section)}
        )
