"""Who may ask, and how much they may send: Host, Origin, token and size of a request.

The app listens on the loopback address, but every page in the same browser can send requests there. So a request must
name a host this app answers to (a foreign name that resolves to 127.0.0.1 does not pass) and must not come from a page of
another site, and one that changes data must come from this app's own page and carry a token of this process. Whoever can
open the app's page can have one: other people on the same machine are kept out by the system, not here.
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
"""Bytes of a request's body at most."""

_LOOPBACK = {"localhost", "127.0.0.1", "::1"}
_EVERYWHERE = {"0.0.0.0", "::"}
"""Addresses that mean every interface: then any number will do as a host, because no name can be made to resolve to it."""
_SECRET = secrets.token_bytes(32)


class Refusal(Exception):
    """A request that is not answered: an HTTP status and one sentence for the person."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status


def issue_token() -> str:
    """A new token for one session, valid as long as this process lives."""
    nonce = secrets.token_urlsafe(16)
    return f"{nonce}.{_signature(nonce)}"


def check_token(request: Request) -> None:
    """Refuse a request that does not carry a token issued here (compared in constant time)."""
    nonce, _, signature = request.headers.get("x-underpaint-token", "").partition(".")
    if not hmac.compare_digest(signature.encode(), _signature(nonce).encode()):
        raise Refusal(403, "This page belongs to an earlier start of the app; reload the page to go on.")


def check_host(request: Request) -> None:
    """Refuse a request whose Host header is not a name of this app."""
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
    """Refuse a change asked for by any other page than this app's own."""
    scheme, _, name = request.headers.get("origin", "").partition("://")
    if scheme not in {"http", "https"} or name != request.headers.get("host"):
        raise Refusal(403, "Only this app's own page may change data; open the app and work there.")


def check_site(request: Request) -> None:
    """Refuse what the page of another site asks for, as browsers say in ``Sec-Fetch-Site``.

    Such a page could not read the answer, but working it out may take minutes (a prediction) and room on the disk.
    """
    if request.headers.get("sec-fetch-site", "none") not in {"same-origin", "none"}:
        raise Refusal(403, "Only this app's own page may ask for this; open the app and work there.")


async def read_body(request: Request) -> bytes:
    """The body of a request, refused as soon as it grows past ``MAX_BODY`` bytes."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY:
            raise Refusal(413, f"The request is larger than {MAX_BODY} bytes; send it in smaller parts.")
    return bytes(body)


def _signature(nonce: str) -> str:
    return hmac.new(_SECRET, nonce.encode(), hashlib.sha256).hexdigest()


def _host_names() -> set[str]:
    told = (config.get_option(option) for option in ("server.address", "browser.serverAddress"))
    return _LOOPBACK | {str(name).lower() for name in told if name}


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True
