"""Files appear whole or not at all, whoever writes them at the same time, and nothing of a killed writer stays."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import time
from pathlib import Path
from threading import Barrier, Thread

import pytest

from core.atomic import move_over, replace_whole, sweep, temporary
from core.processes import ProcessId

ROOT = Path(__file__).resolve().parents[1]
SWAP = """
import os, sys
from pathlib import Path
from core import atomic

new = atomic.temporary(Path(sys.argv[1]))
new.mkdir()
(new / "chunk").write_text("new")
atomic.os.replace = lambda *paths: os._exit(9)
atomic.move_over(new, Path(sys.argv[1]))
"""


def elsewhere(path: Path) -> Path:
    """A temporary file of a process in another container, which may live."""
    other = temporary(path)
    own = ProcessId.of(os.getpid())
    return other.with_name(other.name.replace(own.place, "0123456789ab"))


def test_two_threads_never_share_a_temporary_name(tmp_path: Path) -> None:
    """Both write the same file again and again; each time it is one of the two, whole, and no write fails."""
    path, gate, failed = tmp_path / "card.json", Barrier(2), list[BaseException]()

    def write(letter: bytes) -> None:
        gate.wait()
        try:
            for _ in range(50):
                replace_whole(path, letter * 100_000)
        except BaseException as error:
            failed.append(error)

    threads = [Thread(target=write, args=(letter,)) for letter in (b"a", b"b")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert path.read_bytes() in (b"a" * 100_000, b"b" * 100_000)
    assert [found.name for found in tmp_path.iterdir()] == ["card.json"]


@pytest.fixture
def export(tmp_path: Path) -> Path:
    """A folder written before."""
    folder = tmp_path / "labels.zarr"
    folder.mkdir()
    (folder / "chunk").write_text("old")
    return folder


def test_a_folder_is_put_in_place_of_an_earlier_one(export: Path) -> None:
    """Nothing of the earlier one remains."""
    new = temporary(export)
    new.mkdir()
    move_over(new, export)
    assert list(export.parent.iterdir()) == [export]
    assert list(export.iterdir()) == []


def test_a_failed_swap_restores_the_earlier_folder(export: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The disk refuses the second of the two renames."""
    new = temporary(export)
    new.mkdir()

    def refuse(*paths: object) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(OSError, match="Input/output"):
        move_over(new, export)
    assert (export / "chunk").read_text() == "old"


def test_a_swap_cut_short_by_a_kill_is_undone_by_the_next_sweep(export: Path) -> None:
    """The process ends between the two renames: the earlier folder comes back, the new one goes."""
    ended = subprocess.run([sys.executable, "-c", SWAP, str(export)], cwd=ROOT, check=False)
    assert ended.returncode == 9
    assert not export.exists()
    sweep([export.parent])
    assert (export / "chunk").read_text() == "old"
    assert list(export.parent.iterdir()) == [export]


def test_only_what_a_process_that_is_gone_left_is_swept(tmp_path: Path) -> None:
    """A living process may still write; one of another container goes when its file is a day old; other files stay."""
    gone = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    name = temporary(tmp_path / "a.tif").name.replace(str(ProcessId.of(os.getpid())), str(ProcessId.of(gone.pid)))
    recycled = name.replace(str(ProcessId.of(gone.pid)), str(ProcessId(os.getpid(), ProcessId.of(gone.pid).place, 1)))
    kept = {tmp_path / ".hidden.tmp", temporary(tmp_path / "a.tif"), elsewhere(tmp_path / "a.tif")}
    left, forgotten = [tmp_path / name, tmp_path / recycled], elsewhere(tmp_path / "a.tif")
    for path in (*kept, *left, forgotten):
        path.touch()
    old = time.time() - 2 * 24 * 3600
    os.utime(forgotten, (old, old))
    gone.kill()
    gone.wait()
    sweep([tmp_path, tmp_path / "missing"])
    assert set(tmp_path.iterdir()) == kept
