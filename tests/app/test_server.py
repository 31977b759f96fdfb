"""Every way to start the app: where it listens, what it asks, and that the routes are there."""

from __future__ import annotations

import sys
import urllib.error
import urllib.request
from ipaddress import IPv4Address
from pathlib import Path

import pytest

from app.routes import module_url
from tests.serving import ROOT, free_port, serving

SERVER = str(ROOT / "app" / "server.py")
STREAMLIT = [sys.executable, "-m", "streamlit", "run"]
UNDERPAINT = [sys.executable, "-c", "from core.cli import main; main()"]
LISTEN = "0A"


def listening_on(port: int) -> set[str]:
    """The local addresses on which a TCP port listens, from the kernel's own tables."""
    found = set()
    for table in (Path("/proc/net/tcp"), Path("/proc/net/tcp6")):
        for line in table.read_text().splitlines()[1:] if table.exists() else []:
            place, state = line.split()[1], line.split()[3]
            address, number = place.split(":")
            if state == LISTEN and int(number, 16) == port:
                is_v4 = len(address) == 8
                found.add(str(IPv4Address(bytes.fromhex(address)[::-1])) if is_v4 else f"IPv6 {address}")
    return found


@pytest.mark.parametrize("way", ["streamlit", "streamlit elsewhere", "module", "uvicorn", "underpaint"])
def test_every_way_to_start_listens_on_this_machine_only(way: str, tmp_path: Path) -> None:
    """The socket is bound to 127.0.0.1, no e-mail is asked for, no statistics are sent, and the routes answer."""
    if not Path("/proc/net/tcp").exists():
        pytest.skip("this system has no /proc/net/tcp to look up bound sockets in")
    port = free_port()
    command = {
        "streamlit": [*STREAMLIT, "app/server.py"],
        "streamlit elsewhere": [*STREAMLIT, SERVER],
        "module": [sys.executable, "-m", "app.server"],
        "uvicorn": [sys.executable, "-m", "uvicorn", "app.server:app", "--port", str(port)],
        "underpaint": [*UNDERPAINT, "app", "--no-browser", "--port", str(port), "--workspace", str(tmp_path)],
    }[way]
    cwd = tmp_path if way == "streamlit elsewhere" else ROOT
    log = tmp_path / "said.txt"
    with serving(command, port=port, workspace=tmp_path, log=log, cwd=cwd) as url:
        assert listening_on(port) == {"127.0.0.1"}
        with urllib.request.urlopen(url + module_url()) as answer:
            assert answer.headers["content-type"].startswith("text/javascript")
        with pytest.raises(urllib.error.HTTPError, match="404"):
            urllib.request.urlopen(f"{url}/underpaint/api/nothing/0/0/slice")
    said = log.read_text()
    assert "email" not in said.lower()
    assert "usage statistics" not in said.lower()
    assert "Traceback" not in said


def test_streamlit_finds_the_app_in_the_source() -> None:
    """`streamlit run` reads the file instead of running it, so the line must stand there as it does."""
    from streamlit.web.server.app_discovery import discover_asgi_app

    assert discover_asgi_app(Path(SERVER)).import_string == "server:app"
