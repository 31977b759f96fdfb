"""The rules of the test run itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import LONGEST

SKIPS = """
import pytest

def test_skips():
    pytest.skip("no browser here")

@pytest.mark.xfail(strict=True)
def test_is_known_to_fail():
    assert False
"""


@pytest.mark.parametrize(("ci", "expected"), [("true", {"failed": 1}), ("", {"skipped": 1})])
def test_a_skip_is_a_failure_in_ci_only(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, ci: str, expected: dict[str, int]
) -> None:
    """With CI=true a skipped test fails and names its reason; an expected failure stays one."""
    monkeypatch.setenv("CI", ci)
    pytester.makeconftest((Path(__file__).parent / "conftest.py").read_text().replace('pytest_plugins = ["pytester"]', ""))
    pytester.makepyfile(SKIPS)
    outcome = pytester.runpytest("-p", "no:cacheprovider")
    outcome.assert_outcomes(xfailed=1, **expected)
    if ci:
        outcome.stdout.fnmatch_lines("*no browser here (with CI=true nothing may be skipped)*")


def test_a_skipped_file_is_a_failure_in_ci(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    """With CI=true a test file that skips itself fails the run."""
    monkeypatch.setenv("CI", "true")
    pytester.makeconftest((Path(__file__).parent / "conftest.py").read_text().replace('pytest_plugins = ["pytester"]', ""))
    pytester.makepyfile('import pytest\npytest.skip("no volumes", allow_module_level=True)')
    assert pytester.runpytest("-p", "no:cacheprovider").ret != 0


def test_the_longest_files_are_there() -> None:
    """A file that has moved would run in its place, and perhaps alone at the end."""
    tests = Path(__file__).parent
    assert [name for name in LONGEST if not (tests / name).is_file()] == []
