"""Commands to open the app: ``app`` and ``demo``."""

from __future__ import annotations

import hmac
import os
import secrets
import signal
import socket
import ssl
import subprocess
import sys
import time
import webbrowser
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import typer

from core.cli.edge import say, working
from core.cli.options import Workspace
from core.errors import ProjectError
from core.processes import engine_environment, start_tied, stop
from core.storage.access_key import access_key, page_address, proof

SERVER = Path(__file__).resolve().parents[2] / "app" / "server.py"
FIRST_PORT = 8501
_REDIRECT = """<!doctype html><meta charset="utf-8"><title>Underpaint</title>
<meta http-equiv="refresh" content="0; url={url}"><a href="{url}">Open Underpaint</a>
"""


def _own_address(address: str) -> str:
    """Return the address, if it belongs to this machine.

    Raises
    ------
    typer.BadParameter
        If no program can listen on it here.
    """
    with suppress(OSError, UnicodeError):
        if address:  # an empty address would mean every network
            with socket.socket(_family(address)) as probe:
                probe.bind((address, 0))
            return address
    raise typer.BadParameter(
        f"{address!r} is no address of this machine; give 127.0.0.1 for this machine only, or 0.0.0.0 for every network."
    )


def _family(address: str) -> socket.AddressFamily:
    return socket.getaddrinfo(address, None, type=socket.SOCK_STREAM)[0][0]


Port = Annotated[
    int | None,
    typer.Option(min=1, max=65535, help=f"Port to listen on; by default the first free one from {FIRST_PORT}."),
]
Address = Annotated[str, typer.Option(callback=_own_address, help="Address to listen on; 127.0.0.1 means this machine only.")]
NoBrowser = Annotated[bool, typer.Option("--no-browser", help="Do not open a browser.")]
NoKey = Annotated[
    bool,
    typer.Option("--no-key", help="Ask for no access key: every user and program of this machine can open the app."),
]


def app(
    port: Port = None,
    address: Address = "127.0.0.1",
    no_browser: NoBrowser = False,
    no_key: NoKey = False,
    workspace: Workspace = None,
) -> None:
    """Open the app in the browser; Ctrl-C stops it, running jobs continue."""
    from core.project import workspace_folder

    serve(workspace_folder(workspace), port=port, address=address, browser=not no_browser, key=not no_key)


def demo(
    no_browser: NoBrowser = False,
    port: Port = None,
    address: Address = "127.0.0.1",
    no_key: NoKey = False,
    workspace: Workspace = None,
) -> None:
    """Open the app on a generated volume with a first round in training; run it again to come back."""
    from core.demo import open_or_create, start_first_round, volume_files
    from core.project import workspace_folder

    folder = workspace_folder(workspace)
    _check_key(address, no_key)
    with working("Preparing the demo") as report:
        project = open_or_create(folder, report=report)
    labelled = len(project.labels.slices())
    say(f"Project {project.name}: a generated volume ({volume_files(folder)[0]}) and {labelled} painted slices.")
    if start_first_round(project):
        say("Round 1 is in training; its curve is on the page Rounds.")
    serve(folder, port=port, address=address, browser=not no_browser, key=not no_key)


def serve(workspace: Path, *, port: int | None, address: str, browser: bool, key: bool = True) -> None:
    """Run the app until it is stopped.

    Parameters
    ----------
    key
        Whether the app asks every browser for the access key of the workspace.

    Raises
    ------
    ProjectError
        If the port is in use, or the server ends unexpectedly.
    typer.BadParameter
        If other machines could open the app without a key.
    """
    _check_key(address, not key)
    port = _free_port(address, port)
    url = page_address(address, port, encrypted=bool(os.environ.get("STREAMLIT_SERVER_SSL_CERT_FILE")))
    environment = {**engine_environment(), "UNDERPAINT_WORKSPACE": str(workspace.resolve()), "UNDERPAINT_ADDRESS_IS_SAID": "1"}
    environment["UNDERPAINT_NO_KEY"] = "" if key else "1"
    full = f"{url}/?key={access_key(workspace)}" if key else url
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # end in good order, as after Ctrl-C
    server = start_tied(_command(port, address), environment)
    with ExitStack() as stack:
        stack.callback(stop, server)
        try:
            if _wait_until_up(server, url, access_key(workspace) if key else None):
                say(f"Underpaint is open at {full} (workspace {workspace.resolve()}). Ctrl-C stops it.")
                if browser:
                    webbrowser.open(stack.enter_context(_redirect(workspace, port, full)) if key else full)
            status = server.wait()
        except KeyboardInterrupt:
            say("Closing the app; running jobs continue.")
            status = 0
    if status:
        raise ProjectError(f"The app ended with status {status}; see its output above.")


def _check_key(address: str, no_key: bool) -> None:
    if no_key and not ip_address(socket.getaddrinfo(address, None, type=socket.SOCK_STREAM)[0][4][0]).is_loopback:
        raise typer.BadParameter(f"--no-key is for 127.0.0.1 only: on {address}, other machines could open the app.")


@contextmanager
def _redirect(workspace: Path, port: int, url: str) -> Iterator[str]:
    """Write a page that leads to ``url``, readable by its owner alone; its address, until the block ends.

    A browser is started with the address of this page: every user of a machine can read command lines, so no key may be there.
    """
    path = workspace / "data" / f"open-{port}.html"
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(_REDIRECT.format(url=url))
    try:
        yield path.resolve().as_uri()
    finally:
        path.unlink(missing_ok=True)


def _command(port: int, address: str) -> list[str]:
    options = {
        "server.port": str(port),
        "server.address": address,
        "server.headless": "true",  # no e-mail prompt; this process opens the browser
        "browser.gatherUsageStats": "false",
        "logger.hideWelcomeMessage": "true",  # this process prints the address, once
    }
    flags = [part for key, value in options.items() for part in (f"--{key}", value)]
    return [sys.executable, "-m", "streamlit", "run", str(SERVER), *flags]


def _free_port(address: str, wanted: int | None) -> int:
    tried = [wanted] if wanted is not None else list(range(FIRST_PORT, FIRST_PORT + 50))
    for port in tried:
        with socket.socket(_family(address)) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((address, port))
            except OSError:
                continue
            return port
    raise ProjectError(
        f"No free port: {tried[0] if wanted else f'{tried[0]} to {tried[-1]}'} on {address} cannot be listened on; "
        "close the program that uses it or choose another with --port."
    )


def _wait_until_up(server: subprocess.Popen[bytes], url: str, key: str | None) -> bool:
    """Wait until the server answers, and proves to know the key if there is one; return False if it has ended.

    Another user's program may have taken the port first. It gets no address with the key; this server ends, for want of a port.
    """
    place, nonce = urlsplit(url), secrets.token_urlsafe(16)
    while server.poll() is None:
        connection = HTTPConnection(str(place.hostname), place.port, timeout=1)
        if place.scheme == "https":  # whose certificate need not be known here: nothing is said to the server
            unchecked = ssl._create_unverified_context()
            connection = HTTPSConnection(str(place.hostname), place.port, timeout=1, context=unchecked)
        try:
            connection.request("GET", f"/underpaint/proof?nonce={nonce}")
            answer = connection.getresponse().read(1000).decode(errors="replace")
            if key is None or hmac.compare_digest(answer.encode(), proof(key, place.port or 0, nonce).encode()):
                return True
        except (OSError, HTTPException):
            pass
        finally:
            connection.close()
        time.sleep(0.1)
    return False
