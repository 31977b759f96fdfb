"""The editor's modules, tested by node's own test runner."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FOLDER = Path(__file__).parent / "editor_js"
TESTS = sorted(FOLDER.rglob("*.test.mjs"))


def test_editor_modules() -> None:
    """Every test of a JavaScript module passes; one process runs them all."""
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is not installed, so the editor's JavaScript is not tested")
    every = "".join(f"import {json.dumps(path.as_uri())};\n" for path in TESTS)
    done = subprocess.run([node, "--input-type=module", "-"], input=every, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, "\n".join(line for line in done.stdout.splitlines() if not line.startswith("ok ")) + done.stderr
    assert len(TESTS) > 40
    passed = re.search(r"^# pass (\d+)$", done.stdout, re.MULTILINE)
    assert passed is not None
    assert int(passed[1]) > 250, "a module's tests were not registered"


def test_the_wheel_takes_every_file_of_the_editor_along() -> None:
    """The patterns of the package data match every module and style sheet, in every folder."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    patterns = project["tool"]["setuptools"]["package-data"]["app"]
    packed = {path for pattern in patterns for path in (ROOT / "app").glob(pattern)}
    files = {path for path in (ROOT / "app" / "editor").rglob("*") if path.suffix in {".js", ".css"}}
    assert len(files) > 50
    assert files - packed == set()
