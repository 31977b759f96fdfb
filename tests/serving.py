"""Starting the app in a process of its own, for tests that need the real thing."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import TYPE_CHECKING

from core.processes import stop
from core.storage.access_key import access_key

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext

ROOT = Path(__file__).resolve().parents[1]
CHROMIUM_FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
"""A browser that draws by itself and asks nothing of the network."""

_PATIENCE_S = 60


def chromium_path() -> str | None:
    """Where the system's chromium is; None where there is none."""
    names = ("chromium", "chromium-browser", "google-chrome")
    return next((found for found in map(shutil.which, names) if found), None)


def free_port() -> int:
    """A TCP port of the loopback address that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def key_address(url: str, workspace: Path) -> str:
    """The address that lets a browser in."""
    return f"{url}/?key={access_key(workspace)}"


def let_in(window: BrowserContext, url: str, workspace: Path) -> None:
    """Give a browser the cookie that it gets for the key of a workspace."""
    assert window.request.get(key_address(url, workspace)).ok


def ask(port: int, path: str, **headers: str) -> tuple[int, dict[str, str]]:
    """The status and the headers of an answer from this machine; ``_`` in a name is a ``-``."""
    connection = HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.putrequest("GET", path, skip_host=True)
        for name, value in {"Host": f"127.0.0.1:{port}", **headers}.items():
            connection.putheader(name.replace("_", "-"), value)
        connection.endheaders()
        answer = connection.getresponse()
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}
    finally:
        connection.close()


def handshake(port: int, **headers: str) -> int:
    """The status that a websocket to Streamlit's pages is answered with; 101 opens it."""
    upgrade = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec_WebSocket_Version": "13"}
    return ask(port, "/_stcore/stream", **upgrade, Sec_WebSocket_Key="dGhlIHNhbXBsZSBub25jZQ==", **headers)[0]


@contextmanager
def serving(command: Sequence[str], *, port: int, workspace: Path, log: Path, cwd: Path = ROOT) -> Iterator[str]:
    """Run a server until the block ends; its address, once it answers. What it prints goes to ``log``."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("STREAMLIT_")}
    environment |= {"UNDERPAINT_WORKSPACE": str(workspace), "STREAMLIT_SERVER_PORT": str(port), "HOME": str(log.parent)}
    with log.open("wb") as out:
        process = subprocess.Popen(command, cwd=cwd, env=environment, stdout=out, stderr=out, stdin=subprocess.DEVNULL)
        try:
            _wait_until_up(process, f"http://127.0.0.1:{port}/_stcore/health", log)
            yield f"http://127.0.0.1:{port}"
        finally:
            stop(process)


def _wait_until_up(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    until = time.monotonic() + _PATIENCE_S
    while time.monotonic() < until and process.poll() is None:
        try:
            urllib.request.urlopen(url, timeout=1).close()
        except urllib.error.HTTPError:
            return  # an answer, too: that the key is missing
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
        else:
            return
    raise RuntimeError(f"the app did not answer at {url}; it said:\n{log.read_text(errors='replace')}")
