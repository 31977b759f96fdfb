"""The access key: made once, for its owner alone."""

from __future__ import annotations

import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from core.errors import StorageError
from core.storage import access_key as module
from core.storage.access_key import access_key, key_file, page_address


def test_it_is_made_once_and_nobody_else_can_read_it(tmp_path: Path) -> None:
    """256 bits, the same ever after, whatever the umask."""
    before = os.umask(0)
    try:
        key = access_key(tmp_path)
    finally:
        os.umask(before)
    assert len(key) == 43
    assert access_key(tmp_path) == key
    assert access_key(tmp_path / "other") != key
    assert stat.S_IMODE(key_file(tmp_path).stat().st_mode) == 0o600


def test_each_user_of_a_workspace_has_a_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A planted one, of another user, is refused; so is a link to a file of one's own."""
    mine = access_key(tmp_path)
    monkeypatch.setattr(os, "geteuid", lambda: 12345)
    assert key_file(tmp_path).name == ".access-key-12345"
    key_file(tmp_path).write_text("x" * 43)
    with pytest.raises(StorageError, match="belongs to another user; remove it"):
        access_key(tmp_path)
    monkeypatch.undo()
    target = tmp_path / "mine"
    target.write_text("y" * 43)
    target.chmod(0o644)
    key_file(tmp_path).unlink()
    key_file(tmp_path).symlink_to(target)
    with pytest.raises(OSError, match="symbolic link"):
        access_key(tmp_path)
    assert stat.S_IMODE(target.stat().st_mode) == 0o644
    assert mine != "y" * 43


def test_a_file_system_that_keeps_nothing_from_others_keeps_no_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The key then lies in the user's own folder, and nothing of it in the workspace."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    workspace, real = tmp_path / "work", os.fstat

    def open_to_all(descriptor: int) -> os.stat_result:
        found, path = real(descriptor), os.readlink(f"/proc/self/fd/{descriptor}")
        return os.stat_result((found.st_mode | 0o055, *found[1:])) if path.startswith(str(workspace)) else found

    monkeypatch.setattr(os, "fstat", open_to_all)
    key = access_key(workspace)
    assert not key_file(workspace).exists()
    (kept,) = (tmp_path / "state" / "underpaint").iterdir()
    assert kept.read_text() == key == access_key(workspace)
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600


def test_permissions_that_a_copy_gave_are_taken_away(tmp_path: Path) -> None:
    """The key stays, so that open pages go on."""
    key = access_key(tmp_path)
    key_file(tmp_path).chmod(0o644)
    assert access_key(tmp_path) == key
    assert stat.S_IMODE(key_file(tmp_path).stat().st_mode) == 0o600


def test_two_first_starts_have_one_key(tmp_path: Path) -> None:
    """Of several at a time."""
    with ThreadPoolExecutor(8) as threads:
        assert len(set(threads.map(lambda _: access_key(tmp_path), range(16)))) == 1


@pytest.mark.parametrize("content", ["", "short", "x" * 42 + "/", "x" * 44])
def test_a_damaged_key_is_no_key(tmp_path: Path, content: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty one would let everybody in."""
    monkeypatch.setattr(module, "_PATIENCE_S", 0.1)
    key_file(tmp_path).parent.mkdir()
    key_file(tmp_path).write_text(content)
    with pytest.raises(StorageError, match="does not hold an access key; remove it"):
        access_key(tmp_path)


@pytest.mark.parametrize(
    ("address", "url"),
    [("127.0.0.1", "http://127.0.0.1:8501"), ("0.0.0.0", "http://127.0.0.1:8501"), ("::", "http://[::1]:8501")],
)
def test_a_browser_of_this_machine_has_an_address(address: str, url: str) -> None:
    """Also where the app listens on every interface."""
    assert page_address(address, 8501) == url
