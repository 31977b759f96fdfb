"""A benchmark of several sections: the command line they share, and what one section is given."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from cells import keep
from report import Report, Section

ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Setting:
    """What a section needs to know; ``scratch`` is an empty folder of its own."""

    quick: bool
    seeds: int
    volumes: Path
    scratch: Path


def parser(description: str | None, quick: str) -> argparse.ArgumentParser:
    """The options that benchmarks on real volumes share; ``quick`` says what that one does."""
    made = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--quick", action="store_true", help=quick)
    here = Path(os.environ.get("UNDERPAINT_VOLUMES") or ROOT.parent / "shared" / "volumes")
    made.add_argument("--volumes", type=_folder, default=here, help="folder with vnc/ and lucchi/ (UNDERPAINT_VOLUMES)")
    made.add_argument("--seeds", type=int, default=1, help="repeat what is random with so many seeds")
    made.add_argument("--json", action="store_true", help="print one JSON object instead of tables")
    return made


def named(kind: str, known: Iterable[str], separator: str = ",") -> Callable[[str], tuple[str, ...]]:
    """A reader of names, which knows those there are."""

    def read(text: str) -> tuple[str, ...]:
        names = tuple(text.split(separator))
        unknown = sorted(set(names).difference(known))
        if unknown:
            raise argparse.ArgumentTypeError(f"no {kind} {', '.join(unknown)}; there are {f'{separator} '.join(known)}")
        return names

    return read


def _folder(text: str) -> Path:
    return Path(text).expanduser().resolve()


def run(description: str | None, quick: str, sections: Mapping[str, Callable[[Setting], Section]]) -> None:
    """Run the sections asked for, each in an empty folder, and print what they found."""
    options = parser(description, quick)
    options.add_argument("--only", choices=sections, help="one section")
    options.add_argument("--results", type=Path, help="file to which each section is added as a cell")
    chosen = options.parse_args()
    report = Report(chosen.quick, chosen.seeds)
    for name in [chosen.only] if chosen.only else sections:
        started = time.monotonic()
        with tempfile.TemporaryDirectory(prefix="underpaint-benchmark-") as scratch:
            report.sections.append(sections[name](Setting(chosen.quick, chosen.seeds, chosen.volumes, Path(scratch))))
        print(f"{name} took {time.monotonic() - started:.0f} s", file=sys.stderr, flush=True)
    report.tell(as_json=chosen.json)
    if chosen.results:
        keep(report, Path(sys.argv[0]).stem, chosen.results)
