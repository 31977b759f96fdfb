"""The cells of ``learner.py``: who is compared on what, and the file in which measured cells are kept."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from report import machine


@dataclass(frozen=True)
class Learner:
    """A script beside this one, what it is told, and whose interpreter runs it."""

    script: str
    variant: str
    environment: str
    one_class: bool = False
    """Whether it finds the target class alone."""


LEARNERS = {
    "underpaint": Learner("learner_underpaint.py", "", "own"),
    "underpaint-fp32": Learner("learner_underpaint.py", "fp32", "own"),
    "forest": Learner("learner_forest.py", "", "forest"),
    "monai-basic": Learner("learner_monai.py", "BasicUNet", "monai"),
    "monai-basic-bf16": Learner("learner_monai.py", "BasicUNet+bf16", "monai"),
    "monai-dyn": Learner("learner_monai.py", "DynUNet", "monai"),
    "monai-dyn-bf16": Learner("learner_monai.py", "DynUNet+bf16", "monai"),
    "rootpainter": Learner("learner_rootpainter.py", "", "rootpainter", one_class=True),
}


@dataclass(frozen=True)
class Volume:
    """A real volume: its classes, and the slices that are painted."""

    classes: tuple[str, ...]
    painted: tuple[int, ...]
    goals: Mapping[float, Mapping[str, float]]
    """Dice that Underpaint should reach, by seconds and class; ``mean`` is that of all classes but the first."""
    target: str = "mitochondria"
    """What a learner of one class looks for, and whose Dice is followed over the budgets."""


VOLUMES = {
    "vnc": Volume(
        ("intracellular", "membrane", "mitochondria", "synapse", "glia"),
        (2, 9, 16),
        {
            120.0: {"mitochondria": 0.91, "membrane": 0.85, "synapse": 0.65, "glia": 0.82, "mean": 0.81},
            600.0: {"mean": 0.82},
        },
    ),
    "lucchi": Volume(
        ("background", "mitochondria"), (20, 64, 108), {120.0: {"mitochondria": 0.935}, 600.0: {"mitochondria": 0.955}}
    ),
}


@dataclass(frozen=True)
class Cell:
    """One training."""

    learner: str
    volume: str
    seconds: float
    seed: int

    @property
    def key(self) -> tuple[Any, ...]:
        """Names the cell in the results file; the forest takes the time it takes."""
        return self.learner, self.volume, None if self.learner == "forest" else self.seconds, self.seed


class Results:
    """Measured cells, one JSON object a line; a line that was cut off is passed over.

    Parameters
    ----------
    path
        The file, or None to remember them in memory only.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self.rows: dict[tuple[Any, ...], dict[str, Any]] = {}
        if path is not None and path.exists():
            for line in path.read_text(encoding="utf-8").splitlines():
                self._remember(line)

    def _remember(self, line: str) -> None:
        try:
            row = json.loads(line)
            self.rows[tuple(row["cell"])] = row
        except (ValueError, KeyError, TypeError):
            print(f"passed over in {self._path}: {line[:60]!r}", file=sys.stderr)

    def add(self, cell: Cell, facts: Mapping[str, Any]) -> None:
        """Keep what was measured, on disk at once."""
        row = {"cell": list(cell.key), "machine": machine(), **facts}
        self.rows[cell.key] = row
        if self._path is not None:
            # A line of its own even after one that was cut off.
            cut = self._path.exists() and not self._path.read_bytes().endswith(b"\n") and self._path.stat().st_size > 0
            with self._path.open("a", encoding="utf-8") as file:
                file.write("\n" * cut + json.dumps(row, allow_nan=False) + "\n")
