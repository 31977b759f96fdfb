"""Every way to start the app: where it listens, whom it lets in, what it asks, and that the routes are there."""

from __future__ import annotations

import re
import ssl
import subprocess
import sys
import threading
import time
from contextlib import suppress
from http.client import HTTPSConnection
from http.server import BaseHTTPRequestHandler, HTTPServer
from ipaddress import IPv4Address
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

import pytest

from app.routes import module_url
from core.cli.start import _wait_until_up
from core.storage.access_key import access_key
from tests.serving import ROOT, ask, free_port, handshake, serving
from tests.shell import start

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


def test_a_program_that_took_the_port_first_gets_no_key(tmp_path: Path) -> None:
    """Another user can see the port in a command line, and bind it while the server is still starting."""
    asked: list[str] = []

    class Squatter(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"0" * 64)

        def log_message(self, format: str, *args: object) -> None:
            """Print nothing."""

    key = access_key(tmp_path)
    with HTTPServer(("127.0.0.1", 0), Squatter) as squatter:
        threading.Thread(target=squatter.serve_forever, daemon=True).start()
        server = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(1)"])
        assert not _wait_until_up(server, f"http://127.0.0.1:{squatter.server_port}", key)
        squatter.shutdown()
    assert asked
    assert not [path for path in asked if key in path]


def test_a_certificate_makes_it_encrypted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The address says so, and the cookie is for encrypted connections alone."""
    for name in ("CERT", "KEY"):
        monkeypatch.setenv(f"STREAMLIT_SERVER_SSL_{name}_FILE", str(ROOT / "tests" / "data" / "localhost.pem"))
    port = free_port()
    process = start("app", "--no-browser", "--port", port, "--workspace", tmp_path)
    try:
        assert process.stderr is not None
        said = process.stderr.readline()
        while "is open at" not in said and process.poll() is None:
            said = process.stderr.readline()
        known = ssl.create_default_context(cafile=ROOT / "tests" / "data" / "localhost.pem")
        connection = HTTPSConnection("127.0.0.1", port, timeout=30, context=known)
        connection.request("GET", f"/?key={access_key(tmp_path)}")
        assert "Secure" in str(connection.getresponse().getheader("set-cookie"))
        connection.close()
    finally:
        process.terminate()
        process.communicate(timeout=30)
    assert f"https://127.0.0.1:{port}/?key={access_key(tmp_path)} " in said


def test_a_browser_is_started_with_a_file_that_only_its_owner_can_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not with the key, which every user could then read; the file leads on to the page, and goes with the app."""
    program, said = tmp_path / "browser", tmp_path / "asked"
    program.write_text(f'#!/bin/sh\nprintf %s "$1" > {said}.part\nmv {said}.part {said}\n')
    program.chmod(0o755)
    monkeypatch.setenv("BROWSER", f"{program} %s")
    port = free_port()
    process = start("app", "--port", port, "--workspace", tmp_path)
    try:
        until = time.monotonic() + 60
        while not said.exists() and time.monotonic() < until and process.poll() is None:
            time.sleep(0.1)
        page = Path(url2pathname(urlsplit(said.read_text()).path))
        assert page.parent == tmp_path / "data"
        assert page.stat().st_mode & 0o777 == 0o600
        assert f"url=http://127.0.0.1:{port}/?key={access_key(tmp_path)}" in page.read_text()
    finally:
        process.terminate()
        process.communicate(timeout=30)
    assert not page.exists()


def _only_the_key_opens(port: int, key: str) -> None:
    """Pages, routes and websocket are for a browser with the key alone, and on this app's own page."""
    own = f"http://127.0.0.1:{port}"
    paths = ("/", "/annotate", "/_stcore/health", "/_stcore/host-config", module_url(), "/underpaint/api/nothing/0/0/slice")
    assert {ask(port, path)[0] for path in paths} == {401}
    assert ask(port, "/?key=wrong", Accept="text/html")[0] == 401
    assert handshake(port, Origin=own) == 403
    status, headers = ask(port, f"/?key={key}")
    cookie = headers["set-cookie"]
    assert (status, "HttpOnly" in cookie, "SameSite=lax" in cookie, key in cookie) == (200, True, True, False)
    known = cookie.partition(";")[0]
    assert [ask(port, path, Cookie=known)[0] for path in paths] == [200] * 5 + [404]
    assert handshake(port, Origin=own, Cookie=known) == 101
    for origin in ("http://localhost:3000", "http://evil.example", "null", f"http://127.0.0.1:{port}.evil.example"):
        assert handshake(port, Origin=origin, Cookie=known) == 403
    assert handshake(port, Cookie=known) == 403
    rebound = {"Host": f"evil.example:{port}", "Origin": f"http://evil.example:{port}", "Cookie": known}
    assert handshake(port, **rebound) == 403
    assert ask(port, "/", **rebound)[0] == 403
    assert ask(port, "/_stcore/agent/openapi.json", Cookie=known)[0] in {200, 404}
    assert ask(port, "/_stcore/agent/mcp", Cookie=known)[0] in {404, 405}
    assert not [pid for pid, line in _command_lines().items() if key in line], "every user can read command lines"


def _command_lines() -> dict[str, str]:
    """The command line of every process, by process id."""
    found = {}
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            found[path.parent.name] = path.read_text(errors="replace")
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
    with serving(command, port=port, workspace=tmp_path, log=log, cwd=cwd):
        assert listening_on(port) == {"127.0.0.1"}
        _only_the_key_opens(port, access_key(tmp_path))
        until = time.monotonic() + 60
        while (found := re.search(r"\S*/\?key=\S+", log.read_text())) is None and time.monotonic() < until:
            time.sleep(0.1)
    assert found is not None
    address = "" if way == "uvicorn" else f"http://127.0.0.1:{port}"  # uvicorn alone knows its port, and prints it
    assert found[0] == f"{address}/?key={access_key(tmp_path)}"
    said = log.read_text()
    assert "email" not in said.lower()
    assert "usage statistics" not in said.lower()
    assert "Traceback" not in said


def test_streamlit_finds_the_app_in_the_source() -> None:
    """`streamlit run` reads the file instead of running it, so the line must stand there as it does."""
    from streamlit.web.server.app_discovery import discover_asgi_app

    assert discover_asgi_app(Path(SERVER)).import_string == "server:app"
