"""The access key of a workspace: a secret that the app asks every browser for.

Listening on the loopback address keeps out other machines, but not other users of this one. The key is a file that only its
owner can read, so only the owner's browser can present it. It outlives a restart of the app, so that open pages go on.
"""

from __future__ import annotations

import os
import re
import secrets
import time
from contextlib import suppress
from pathlib import Path

from core.errors import StorageError, storage_errors
from core.rights import make_folder

_PATIENCE_S = 2.0
_EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}
"""Addresses for every interface, and the address for a browser on this machine."""


def page_address(address: str, port: int, *, encrypted: bool = False) -> str:
    """Return the URL of the app's first page for a browser on this machine; ``address`` is what the server listens on."""
    host = _EVERYWHERE.get(address, address)
    return f"http{'s' if encrypted else ''}://{f'[{host}]' if ':' in host else host}:{port}"


def key_file(workspace: Path) -> Path:
    """Return the path of a workspace's access key."""
    return workspace / "data" / ".access-key"


def access_key(workspace: Path) -> str:
    """Return the access key of a workspace, 43 characters of URL-safe base64 (256 bits); make it on the first call.

    Raises
    ------
    StorageError
        If the file cannot be written, belongs to another user, or does not hold a key.
    """
    path = key_file(workspace)
    with storage_errors(path):
        make_folder(path.parent)
        with suppress(FileExistsError):
            _write(path)
        _keep_private(path)
        until = time.monotonic() + _PATIENCE_S
        while not (key := _read(path)) and time.monotonic() < until:
            time.sleep(0.05)  # another process has made the file and is about to write into it
    if not key:
        raise StorageError(f"{path} does not hold an access key; remove it, and a new one is made at the next start.")
    return key


def _write(path: Path) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(secrets.token_urlsafe(32))


def _keep_private(path: Path) -> None:
    """Take the permissions of others away, as after a copy of the workspace."""
    if os.name == "nt":  # where the user's folder itself is closed to others
        return
    found = path.stat()
    if found.st_uid != os.geteuid():
        raise StorageError(
            f"{path} belongs to another user; each user of a workspace starts the app on a workspace of their own."
        )
    if found.st_mode & 0o077:
        path.chmod(0o600)


def _read(path: Path) -> str:
    key = path.read_text(encoding="ascii", errors="replace").strip()
    return key if re.fullmatch(r"[\w-]{43}", key, re.ASCII) else ""
