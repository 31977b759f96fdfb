"""The editor's modules, tested by node's own test runner."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

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
