"""The files of an open volume are checked at intervals."""

from __future__ import annotations

import os
import time
from pathlib import Path

import numpy as np
import pytest
import tifffile

from core.volumes import glance, open_volume, watch
from core.volumes.watch import WatchedVolume

STACK = np.zeros((3, 8, 10), np.uint8)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A volume of three slices."""
    tifffile.imwrite(tmp_path / "v.tif", STACK, photometric="minisblack")
    return tmp_path / "v.tif"


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The paths glanced at, in order; each glance takes 20 ms."""
    seen: list[Path] = []

    def slow_glance(path: Path) -> str:
        seen.append(path)
        time.sleep(0.02)
        return glance(path)

    monkeypatch.setattr(watch, "glance", slow_glance)
    return seen


def opened(path: Path) -> WatchedVolume:
    return WatchedVolume(open_volume(path), glance(path))


def test_a_volume_that_stays_is_current(path: Path) -> None:
    """An unchanged volume stays current over many checks."""
    one = opened(path)
    for _ in range(3):
        one._next = 0.0
        assert one.is_current()


@pytest.mark.parametrize("change", ["written to", "replaced", "removed"])
def test_a_volume_that_changes_is_not_current(path: Path, change: str) -> None:
    """Changed bytes, a replaced file of the same size and a missing file are detected."""
    one = opened(path)
    other = path.with_name("other.tif")
    other.write_bytes(path.read_bytes())
    if change == "written to":
        tifffile.imwrite(path, STACK, photometric="minisblack")
        os.utime(path, (1, 1))
    elif change == "replaced":
        other.replace(path)
    else:
        path.unlink()
    one._next = 0.0
    assert not one.is_current()


def test_a_thousand_questions_are_one_look(path: Path, looks: list[Path]) -> None:
    """A thousand calls at once check the files a single time."""
    one = opened(path)
    one._next = 0.0
    assert all(one.is_current() for _ in range(1000))
    assert looks == [path], "a look of 20 ms is the only one for two seconds"
