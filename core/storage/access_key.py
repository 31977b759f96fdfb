"""The access key of a workspace: a secret that the app asks every browser for.

Listening on the loopback address keeps out other machines, but not other users of this one. The key is a file that only its
owner can read, so only the owner's browser can present it. Each user of a shared workspace has one. It outlives a restart of the
app, so that open pages go on.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import re
import secrets
import time
from contextlib import suppress
from pathlib import Path

from core.errors import StorageError, storage_errors
from core.rights import make_folder

_PATIENCE_S = 2.0
_NO_LINK = getattr(os, "O_NOFOLLOW", 0)
EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}
"""Addresses for every interface, and the address for a browser on this machine."""


def page_address(address: str, port: int, *, encrypted: bool = False) -> str:
    """Return the URL of the app's first page for a browser on this machine; ``address`` is what the server listens on."""
    host = EVERYWHERE.get(address, address)
    return f"http{'s' if encrypted else ''}://{f'[{host}]' if ':' in host else host}:{port}"


def key_file(workspace: Path) -> Path:
    """Return the path of this user's access key in a workspace."""
    user = f"-{os.geteuid()}" if hasattr(os, "geteuid") else ""
    return workspace / "data" / f".access-key{user}"


def access_key(workspace: Path) -> str:
    """Return this user's access key of a workspace, 43 characters of URL-safe base64 (256 bits); make it on the first call.

    Where the file system of the workspace cannot keep a file from other users, the key lies in the user's own folder.

    Raises
    ------
    StorageError
        If the file cannot be written, belongs to another user, or does not hold a key.
    """
    found = _key_in(key_file(workspace)) or _key_in(_own_file(workspace))
    if found is None:
        raise StorageError(
            f"Neither {workspace} nor {_own_file(workspace).parent} can keep a file from other users; start with --no-key to do "
            "without an access key."
        )
    return found


def proof(key: str, port: int, nonce: str) -> str:
    """Return the proof that a server on this port knows the key: only the app of this workspace can answer ``nonce`` with it."""
    return hmac.new(key.encode(), f"server {port} {nonce}".encode(), hashlib.sha256).hexdigest()


def _own_file(workspace: Path) -> Path:
    state = Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state")
    return state / "underpaint" / f"key-{hashlib.sha256(str(workspace.resolve()).encode()).hexdigest()[:16]}"


def _key_in(path: Path) -> str | None:
    """Return the key in a file, made if need be; None if other users could read it."""
    with storage_errors(path):
        make_folder(path.parent)
        with suppress(FileExistsError):
            os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _NO_LINK, 0o600))
            _write(path)
        if not _is_private(path):
            return None
        until = time.monotonic() + _PATIENCE_S
        while not (key := _read(path)) and time.monotonic() < until:
            time.sleep(0.05)  # another process has made the file and is about to write into it
    if not key:
        raise StorageError(f"{path} does not hold an access key; remove it, and a new one is made at the next start.")
    return key


def _write(path: Path) -> None:
    """Write a new key, unless others could read it."""
    if _is_private(path):
        path.write_text(secrets.token_urlsafe(32), encoding="ascii")
    else:
        path.unlink()


def _is_private(path: Path) -> bool:
    """Return whether the owner alone can read a file, after taking the permissions of others away, as a copy may give some."""
    if os.name == "nt":  # where the user's folder itself is closed to others
        return True
    try:
        descriptor = os.open(path, os.O_RDONLY | _NO_LINK)
    except FileNotFoundError:
        return False
    try:
        if os.fstat(descriptor).st_uid != os.geteuid():
            raise StorageError(f"{path} belongs to another user; remove it, and a new one is made at the next start.")
        if os.fstat(descriptor).st_mode & 0o077:
            with suppress(OSError):  # a file system without permissions
                os.fchmod(descriptor, 0o600)
        return os.fstat(descriptor).st_mode & 0o077 == 0
    finally:
        os.close(descriptor)


def _read(path: Path) -> str:
    key = path.read_text(encoding="ascii", errors="replace").strip()
    return key if re.fullmatch(r"[\w-]{43}", key, re.ASCII) else ""
