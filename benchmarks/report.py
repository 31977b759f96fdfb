"""What a benchmark says: on which machine, with which versions, what was measured, and whether a goal was reached."""

from __future__ import annotations

import json
import os
import platform
import subprocess
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

LIBRARIES = ("underpaint", "torch", "pytorch-lightning", "numpy", "scipy", "scikit-learn", "tifffile", "zarr", "streamlit")


@dataclass(frozen=True)
class Goal:
    """Something to be reached: its sentence, the value measured and whether it is reached; None where not measured."""

    text: str
    value: float | None
    reached: bool | None


@dataclass(frozen=True)
class Section:
    """One table: what was measured, in a sentence, and the rows under the columns."""

    name: str
    measured: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]
    goals: tuple[Goal, ...] = ()


@dataclass(frozen=True)
class Report:
    """All sections of one run."""

    quick: bool
    seeds: int
    sections: list[Section] = field(default_factory=list)

    def as_json(self) -> str:
        """One JSON object with everything."""
        return json.dumps({"machine": machine(), "versions": versions(), **asdict(self)}, allow_nan=False)

    def tell(self, *, as_json: bool) -> None:
        """Print everything: one JSON object, or tables for a person."""
        if as_json:
            print(self.as_json())
        else:
            self.print()

    def print(self) -> None:
        """Tables for a person."""
        console = Console(width=max(100, Console().width))
        console.print(", ".join(f"{key} {value}" for key, value in machine().items()))
        console.print(", ".join(f"{key} {value}" for key, value in versions().items()))
        if self.quick:
            console.print("[bold]--quick: short trainings and small volumes; the goals are for a full run.[/]")
        for section in self.sections:
            console.print(f"\n[bold]{section.name}[/]: {section.measured}")
            console.print(_table(section))
            for goal in section.goals:
                mark = {True: "reached", False: "MISSED", None: "not measured in this run"}[goal.reached]
                console.print(f"  {goal.text}: {cell(goal.value)} ({mark})")


def _table(section: Section) -> Table:
    table = Table(*section.columns)
    for row in section.rows:
        table.add_row(*(cell(value) for value in row))
    return table


def markdown(section: Section) -> str:
    """The table of a section in Markdown."""
    head, *rows = (f"| {' | '.join(map(cell, row))} |" for row in (section.columns, *section.rows))
    return "\n".join([head, "|---" * len(section.columns) + "|", *rows])


def cell(value: Any) -> str:
    """A value in a table: numbers short, what was not measured as a dash."""
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:.3f}" if abs(value) < 10 else f"{value:,.0f}"
    return str(value)


def machine() -> dict[str, Any]:
    """Processor, cores this process may use, bfloat16 and GPU."""
    import torch

    from core.models.device import has_bfloat16

    affinity = getattr(os, "sched_getaffinity", None)
    return {
        "processor": _processor(),
        "cores": len(affinity(0)) if affinity else os.cpu_count(),
        "bf16": has_bfloat16("cpu"),
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else "none",
        "system": platform.system(),
    }


def commit() -> str | None:
    """Of the code that is measured, with a plus where files were changed since; None where git does not tell."""
    command = ["git", "describe", "--always", "--dirty=+", "--exclude=*"]
    try:
        told = subprocess.run(command, cwd=Path(__file__).parent, capture_output=True, text=True, check=False)
    except OSError:
        return None
    return told.stdout.strip() or None


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def versions() -> dict[str, str]:
    """Python's and the libraries' versions."""
    return {"python": platform.python_version(), **{name: version(name) for name in LIBRARIES}}


def mean(values: Sequence[float | None]) -> float | None:
    """Mean over what was measured; None where nothing was."""
    measured = [value for value in values if value is not None]
    return sum(measured) / len(measured) if measured else None
