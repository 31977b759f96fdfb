"""Check the origin and size of a request: Host, Origin, token and bytes.

The app listens on the loopback address, but every page in the same browser can send requests there. So a request must
name a host of this app and must not come from a page of another site; a foreign name resolving to 127.0.0.1 is
refused. A request to change data must also come from this app's own page and carry a token of this process. Anybody able to
open the app's page gets a token: keeping out other users of the same machine is the operating system's task.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from ipaddress import ip_address
from urllib.parse import urlsplit

from starlette.requests import Request
from streamlit import config

MAX_BODY = 8 * 1024 * 1024
"""Most bytes of a request's body."""

_LOOPBACK = {"localhost", "127.0.0.1", "::1"}
_EVERYWHERE = {"0.0.0.0", "::"}
"""Addresses for every interface: any numeric host is then accepted, because an attacker can point only names here."""
_SECRET = secrets.token_bytes(32)


class Refusal(Exception):
    """A refused request: an HTTP status and one sentence for the user."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status


def issue_token() -> str:
    """Return a new session token, valid as long as this process lives."""
    nonce = secrets.token_urlsafe(16)
    return f"{nonce}.{_signature(nonce)}"


def check_token(request: Request) -> None:
    """Refuse a request without a token issued here (compared in constant time)."""
    nonce, _, signature = request.headers.get("x-underpaint-token", "").partition(".")
    if not hmac.compare_digest(signature.encode(), _signature(nonce).encode()):
        raise Refusal(403, "This page belongs to an earlier start of the app; reload the page to go on.")


def check_host(request: Request) -> None:
    """Refuse a request unless its Host header is a name of this app."""
    try:
        name = urlsplit(f"//{request.headers.get('host', '')}").hostname or ""
    except ValueError:
        name = ""
    allowed = _host_names()
    if name not in allowed and not (_EVERYWHERE & allowed and _is_address(name)):
        raise Refusal(
            403,
            f"The app does not answer to the host name {name[:80]!r}, only to {', '.join(sorted(allowed))}; "
            "use one of these, or name it in STREAMLIT_BROWSER_SERVER_ADDRESS when starting the app.",
        )


def check_origin(request: Request) -> None:
    """Refuse a change requested by a page other than this app's own."""
    scheme, _, name = request.headers.get("origin", "").partition("://")
    if scheme not in {"http", "https"} or name != request.headers.get("host"):
        raise Refusal(403, "Only this app's own page may change data; open the app and work there.")


def check_site(request: Request) -> None:
    """Refuse a request from a page of another site, by the browser's ``Sec-Fetch-Site`` header.

    Such a page could not read the answer, but making it may take minutes (a prediction) and disk space.
    """
    if request.headers.get("sec-fetch-site", "none") not in {"same-origin", "none"}:
        raise Refusal(403, "Only this app's own page may ask for this; open the app and work there.")


async def read_body(request: Request) -> bytes:
    """Return the body of a request; refuse it as soon as it grows past ``MAX_BODY`` bytes."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY:
            raise Refusal(413, f"The request is larger than {MAX_BODY} bytes; send it in smaller parts.")
    return bytes(body)


def _signature(nonce: str) -> str:
    return hmac.new(_SECRET, nonce.encode(), hashlib.sha256).hexdigest()


def _host_names() -> set[str]:
    configured = (config.get_option(option) for option in ("server.address", "browser.serverAddress"))
    return _LOOPBACK | {str(name).lower() for name in configured if name}


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True
