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
