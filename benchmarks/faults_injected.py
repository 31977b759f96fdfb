"""Inject faults: kills, a full disk, senseless requests and files, windows that get in each other's way, and attacks.

    python benchmarks/faults_injected.py --quick
    python benchmarks/faults_injected.py --only kills
    unshare -rm python benchmarks/faults_injected.py --only kills       a full disk without being root

Everything happens on this machine alone, on small projects in an empty folder. What fails is told on stderr, with a number by
which it can be repeated.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any

import psutil
from report import Goal, Section
from sections import ROOT, Setting, run

sys.path.insert(0, str(ROOT))

from apart import MEMORY, answer, peak_memory
from injected_attacks import app, attacks
from injected_fuzz import Case, files, handshakes, requests
from injected_kills import KINDS, Killed, Kills, make_project
from injected_windows import Found, browser_of, run_windows

KILLS, QUICK_KILLS = 200, 20
CASES, QUICK_CASES = 500, 50
WINDOWS, SECONDS, QUICK_SECONDS = 4, 600.0, 60.0


def kills(setting: Setting) -> Section:
    """Kill processes in the middle of their work."""
    original = make_project(_folder(setting, "original"))
    kill = Kills(original, _folder(setting, "kills")).kill
    return kills_section([told(kill(number)) for number in range((QUICK_KILLS if setting.quick else KILLS) * setting.seeds)])


def told(killed: Killed) -> Killed:
    """Say on stderr what a kill has damaged."""
    for fault in killed.faults:
        print(f"{killed.kind} {killed.full_disk}: {fault}", file=sys.stderr, flush=True)
    return killed


def kills_section(made: list[Killed]) -> Section:
    """Count what the kills have damaged, by what was killed."""
    damage, ways = ("labels lost", "half-written", "closed"), ("resumed", "entered", "nothing yet", "given up")
    columns = ("killed", "times", "disk full", "steps", *damage, *ways)
    rows = [(kind, *_counts([one for one in made if one.kind == kind])) for kind in KINDS]
    total = _counts(made)
    full = sorted({one.full_disk for one in made if one.full_disk})
    sentence = f"kill -9 at {len(made)} random moments; disk full by {' and '.join(full) or 'nothing'}"
    goals = [Goal(f"no {name}", number, number == 0) for name, number in _goals_of(total)]
    return Section("kills", sentence, columns, (*rows, ("all", *total)), tuple(goals))


def _counts(made: list[Killed]) -> tuple[int, ...]:
    full, steps = sum(bool(one.full_disk) for one in made), sum(one.steps for one in made)
    damage = [sum(len(getattr(one, name)) for one in made) for name in ("lost", "half", "not_opening")]
    resumed = Counter(one.resumed.partition(":")[0] for one in made)
    ways = [resumed[way] for way in ("resumed", "entered", "begun again")]
    return len(made), full, steps, *damage, *ways, resumed["lost"] + resumed["fault"]


def _goals_of(total: tuple[int, ...]) -> Iterable[tuple[str, int]]:
    names = ("label lost", "half-written state", "project that does not open", "training neither resumed nor entered")
    return zip(names, (total[3], total[4], total[5], total[9]), strict=True)


def fuzz(setting: Setting) -> Section:
    """Send senseless requests, handshakes and files."""
    number = (QUICK_CASES if setting.quick else CASES) * setting.seeds
    original = make_project(_folder(setting, "original"))
    cases = list(fuzzed(original, _folder(setting, "files"), requests_=number * 2 // 5, files_=number // 2))
    with app(original, setting.scratch / "app.log") as port:
        cases += handshakes(port, list(range(number // 10)))
        held = max(peak_memory(child.pid) for child in psutil.Process().children(recursive=True))
    if "Traceback" in (setting.scratch / "app.log").read_text(errors="replace"):
        cases.append(Case("handshake", "the server's terminal", "a traceback"))
    if held > MEMORY:
        cases.append(Case("handshake", "the server", f"took {held / 2**30:.1f} GiB"))
    return fuzz_section(cases)


def fuzzed(original: Path, scratch: Path, *, requests_: int, files_: int) -> Iterable[Case]:
    """Send requests to the routes in a process of its own, and read files in one each."""
    found: Any = answer(partial(requests, original, list(range(requests_))), seconds=600)
    if isinstance(found, str):
        found = [(-1, "all requests", found)]
    yield from (Case("request", f"{number}: {what}", fault) for number, what, fault in found)
    yield from files(list(range(files_)), scratch, original)


def fuzz_section(cases: list[Case]) -> Section:
    """Count the faults, by kind."""
    for case in cases:
        if case.fault:
            print(f"{case.kind} {case.what}: {case.fault}", file=sys.stderr, flush=True)
    kinds = dict.fromkeys(case.kind for case in cases)
    rows = [(kind, sum(c.kind == kind for c in cases), sum(c.kind == kind and bool(c.fault) for c in cases)) for kind in kinds]
    faults = sum(row[2] for row in rows)
    goal = Goal("no traceback, status of 500, hanging or dying process, or process over 2 GB", faults, faults == 0)
    sentence = f"{len(cases)} senseless requests, websocket handshakes and files, each answered or refused in one sentence"
    return Section("fuzz", sentence, ("what", "cases", "faults"), (*rows, ("all", len(cases), faults)), (goal,))


def windows(setting: Setting) -> Section:
    """Let several windows work on one project."""
    original = make_project(_folder(setting, "original"))
    seconds = QUICK_SECONDS if setting.quick else SECONDS
    with app(original, setting.scratch / "app.log") as port:
        found = run_windows(original, partial(browser_of, port, original), windows=WINDOWS, seconds=seconds)
    return windows_section(found, seconds)


def windows_section(found: Found, seconds: float) -> Section:
    """Count what the windows did, and what must not be."""
    for fault in (*found.unseen, *found.unequal, *found.faults):
        print(fault, file=sys.stderr, flush=True)
    wrong = {
        "raster that differs at the end": len(found.unequal),
        "save of pixels that the window did not show": len(found.unseen),
        "request that failed or was answered in two ways": len(found.faults),
    }
    goals = tuple(Goal(f"no {name}", number, number == 0) for name, number in wrong.items())
    sentence = f"{WINDOWS} windows and an import on one project for {seconds:g} s, each working on as if it were alone"
    return Section("windows", sentence, ("what", "times"), tuple(sorted(found.done.items())), goals)


def attack(setting: Setting) -> Section:
    """Try the attacks of the review again."""
    original = make_project(_folder(setting, "original"))
    return attacks_section(attacks(original, setting.scratch))


def attacks_section(found: dict[str, list[str]]) -> Section:
    """Say which attacks succeed, and by what."""
    rows = [(name, "yes" if got else "no", "; ".join(got)) for name, got in found.items()]
    succeeded = sum(bool(got) for got in found.values())
    goal = Goal("no attack that succeeds", succeeded, succeeded == 0)
    return Section("attacks", "what a guard is there to prevent", ("attack", "succeeded", "by"), tuple(rows), (goal,))


def _folder(setting: Setting, name: str) -> Path:
    made = setting.scratch / name
    made.mkdir()
    return made


SECTIONS: dict[str, Callable[[Setting], Section]] = {"kills": kills, "fuzz": fuzz, "windows": windows, "attacks": attack}

if __name__ == "__main__":
    run(__doc__, "20 kills, 50 cases and a minute of windows; the same goals", SECTIONS)
