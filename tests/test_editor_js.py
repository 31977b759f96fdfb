"""The editor's modules, tested by node's own test runner."""

from __future__ import annotations

import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FOLDER = Path(__file__).parent / "editor_js"
TESTS = sorted(FOLDER.rglob("*.test.mjs"))


@pytest.mark.parametrize("path", TESTS, ids=lambda p: p.relative_to(FOLDER).as_posix())
def test_editor_modules(path: Path) -> None:
    """Every test of a JavaScript module passes."""
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is not installed, so the editor's JavaScript is not tested")
    done = subprocess.run([node, "--test", str(path)], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_wheel_takes_every_file_of_the_editor_along() -> None:
    """The patterns of the package data match every module and style sheet, in every folder."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    patterns = project["tool"]["setuptools"]["package-data"]["app"]
    packed = {path for pattern in patterns for path in (ROOT / "app").glob(pattern)}
    files = {path for path in (ROOT / "app" / "editor").rglob("*") if path.suffix in {".js", ".css"}}
    assert len(files) > 50
    assert files - packed == set()
