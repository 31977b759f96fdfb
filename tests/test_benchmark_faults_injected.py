"""The benchmark of injected faults finds none in a short run of each section, and would find one."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "benchmarks"))

import injected_attacks  # type: ignore[import-not-found]
import injected_windows  # type: ignore[import-not-found]
from faults_injected import (  # type: ignore[import-not-found]
    attacks_section,
    fuzz_section,
    fuzzed,
    kills_section,
    windows_section,
)
from injected_fuzz import Case, handshakes  # type: ignore[import-not-found]
from injected_kills import NAME, Kills, Left, look, make_project  # type: ignore[import-not-found]
from report import Section  # type: ignore[import-not-found]

from core.project import Project
from core.storage.access_key import access_key
from tests.toy import browser


def missed(section: Section) -> list[str]:
    """The goals that were not reached."""
    return [goal.text for goal in section.goals if not goal.reached]


@pytest.fixture(scope="module", autouse=True)
def _plain_main() -> Iterator[None]:
    """No script as the main module: a new process would run it, and tests of pages before these may have left one."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "__main__", ModuleType("__main__"))
        yield


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with labels, a round, proposals and results."""
    return Path(make_project(tmp_path_factory.mktemp("original")))


@pytest.fixture
def workspace(original: Path, tmp_path: Path) -> Path:
    """A copy of it, to be changed."""
    return Path(shutil.copytree(original, tmp_path / "copy"))


@pytest.fixture(scope="module")
def kills(original: Path, tmp_path_factory: pytest.TempPathFactory) -> Kills:
    """Kills on copies of that workspace."""
    return Kills(original, tmp_path_factory.mktemp("kills"))


def test_kills_lose_nothing(kills: Kills) -> None:
    """One while a training is entered, one in an import on a full disk, one between claims."""
    made = [kills.kill(number) for number in (1, 2, 4)]
    assert [one.kind for one in made] == ["enter", "import", "claim"]
    assert made[1].full_disk
    assert [one.faults for one in made] == [[], [], []]
    assert missed(kills_section(made)) == []


def test_a_lost_label_and_a_lost_round_are_noticed(kills: Kills, workspace: Path) -> None:
    """What was acknowledged and is gone, what was only begun, and a project that cannot be opened."""
    left = look(workspace)
    acknowledged = {2: "what the slice held"}
    begun = [("ready",), ("intends", acknowledged)]
    assert kills.verdict("save", "", begun, left).lost == []
    found = kills.verdict("save", "", [*begun, ("acknowledged", acknowledged), ("round", 2)], left)
    assert len(found.lost) == 2
    damaged = kills.verdict("save", "", [], Left(left.digests, left.rounds, {"confidence": "half"}, [], "lost: it"))
    assert (len(damaged.half), damaged.faults[-1]) == (2, "lost: it")
    closed = kills.verdict("save", "", [], "fault: it does not open")
    assert missed(kills_section([found, damaged, closed])) == [
        "no label lost",
        "no half-written state",
        "no project that does not open",
        "no training neither resumed nor entered",
    ]


def test_senseless_requests_and_files_are_refused_in_one_sentence(workspace: Path, tmp_path: Path) -> None:
    """Of the routes and of every kind of file; a fault would be counted."""
    scratch = tmp_path / "files"
    scratch.mkdir()
    cases = list(fuzzed(workspace, scratch, requests_=20, files_=10))
    assert [case for case in cases if case.fault] == []
    assert len(cases) == 30
    assert missed(fuzz_section(cases)) == []
    assert missed(fuzz_section([*cases, Case("request", "1: GET /", "500")])) != []


def test_windows_and_server_agree_in_the_end(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody vouched for what they did not see."""
    monkeypatch.setenv("UNDERPAINT_WORKSPACE", str(workspace))
    found = injected_windows.run_windows(workspace, browser, windows=3, seconds=2.0)
    assert found.done["stroke"] > 0
    assert (found.unequal, found.unseen, found.faults) == ([], [], [])
    assert missed(windows_section(found, 2.0)) == []


def test_a_window_that_vouches_for_what_it_does_not_show_is_noticed(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A pixel changed on its screen alone differs from what is saved, and from the server's."""
    monkeypatch.setenv("UNDERPAINT_WORKSPACE", str(workspace))
    found = injected_windows.Found()
    with browser() as client:
        window = injected_windows.Window(client, Project.open(workspace, NAME), found, 0)
        window.mask[0, 0] ^= 1
        window.compare_with_server()
        window._claim_slice()
    assert (len(found.unequal), len(found.unseen)) == (1, 1)
    assert len(missed(windows_section(found, 1.0))) == 2


def test_no_attack_succeeds(workspace: Path, tmp_path: Path) -> None:
    """Neither a foreign page nor another user gets in; odd handshakes are refused. Planted modules have tests of their own."""
    key = access_key(workspace)
    with injected_attacks.app(workspace, tmp_path / "app.log") as port:
        found = {"1": injected_attacks.foreign_page(port, key), "2": injected_attacks.other_user(port, workspace, key)}
        cases = list(handshakes(port, [0, 2, 3, 4]))
    found["3"] = injected_attacks.missing_id()
    assert found == {"1": [], "2": [], "3": []}
    assert missed(attacks_section(found)) == []
    assert [case for case in cases if case.fault] == []
    assert missed(attacks_section({**found, "2": ["the key in a command line"]})) != []
