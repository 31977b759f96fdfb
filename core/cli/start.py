"""Commands to open the app: ``app`` and ``demo``."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import webbrowser
from contextlib import suppress
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Annotated

import typer

from core.cli.edge import say, working
from core.cli.options import Workspace
from core.errors import ProjectError
from core.processes import start_tied, stop

SERVER = Path(__file__).resolve().parents[2] / "app" / "server.py"
FIRST_PORT = 8501
_EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}
"""Addresses for every interface, and the address for a browser on this machine."""


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


def app(
    port: Port = None,
    address: Address = "127.0.0.1",
    no_browser: NoBrowser = False,
    workspace: Workspace = None,
) -> None:
    """Open the app in the browser; Ctrl-C stops it, running jobs continue."""
    from core.project import workspace_folder

    serve(workspace_folder(workspace), port=port, address=address, browser=not no_browser)


def demo(
    no_browser: NoBrowser = False,
    port: Port = None,
    address: Address = "127.0.0.1",
    workspace: Workspace = None,
) -> None:
    """Open the app on a generated volume with a first round in training; run it again to come back."""
    from core.demo import open_or_create, start_first_round, volume_files
    from core.project import workspace_folder

    folder = workspace_folder(workspace)
    with working("Preparing the demo") as report:
        project = open_or_create(folder, report=report)
    labelled = len(project.labels.slices())
    say(f"Project {project.name}: a generated volume ({volume_files(folder)[0]}) and {labelled} painted slices.")
    if start_first_round(project):
        say("Round 1 is in training; its curve is on the page Rounds.")
    serve(folder, port=port, address=address, browser=not no_browser)


def serve(workspace: Path, *, port: int | None, address: str, browser: bool) -> None:
    """Run the app until it is stopped.

    Raises
    ------
    ProjectError
        If the port is in use, or the server ends unexpectedly.
    """
    port = _free_port(address, port)
    host = _EVERYWHERE.get(address, address)
    url = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
    environment = {**os.environ, "UNDERPAINT_WORKSPACE": str(workspace.resolve())}
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # end in good order, as after Ctrl-C
    server = start_tied(_command(port, address), environment)
    try:
        if _wait_until_up(server, host, port):
            say(f"Underpaint is open at {url} (workspace {workspace.resolve()}). Ctrl-C stops it.")
            if browser:
                webbrowser.open(url)
        status = server.wait()
    except KeyboardInterrupt:
        say("Closing the app; running jobs continue.")
        status = 0
    finally:
        stop(server)
    if status:
        raise ProjectError(f"The app ended with status {status}; see its output above.")


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


def _wait_until_up(server: subprocess.Popen[bytes], host: str, port: int) -> bool:
    while server.poll() is None:
        connection = HTTPConnection(host, port, timeout=1)
        try:
            connection.request("GET", "/_stcore/health")
            connection.getresponse()
            return True
        except (OSError, HTTPException):
            time.sleep(0.1)
        finally:
            connection.close()
    return False
