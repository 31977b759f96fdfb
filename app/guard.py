"""Let in the browser of somebody with the key, on a page of this app, and nobody else.

The app listens on the loopback address, but every page in the same browser can send requests there, and so can every user of
this machine. Every request and every websocket therefore passes :class:`Guard`: it must name a host of this app (a foreign
name resolving to 127.0.0.1 is refused), must not come from a page of another site, and must carry a cookie that only the
access key of the workspace gives. A request to change data must also carry a token of a page of this app.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import re
import secrets
import time
from functools import cache
from ipaddress import ip_address
from urllib.parse import parse_qsl, urlencode, urlsplit

from starlette.datastructures import MutableHeaders
from starlette.requests import HTTPConnection, Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocketClose
from streamlit import config

from app import key_page
from core.errors import ProjectError
from core.storage.access_key import EVERYWHERE, access_key, page_address, proof
from core.storage.workspace import workspace_folder

MAX_BODY = 8 * 1024 * 1024
"""Most bytes of a request's body."""

NO_KEY = "UNDERPAINT_NO_KEY"
"""Environment variable that opens the app to every user of this machine; on the loopback address only."""

_LOOPBACK = {"localhost", "127.0.0.1", "::1"}
_LONGEST_NONCE = 64
_HARMLESS = {"GET", "HEAD"}
_SECURE = {"https", "wss"}
_COOKIE_SECONDS = 7 * 24 * 3600
_PROOF = "/underpaint/proof"
_HEADERS = {
    "Content-Security-Policy": "frame-ancestors 'self'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Referrer-Policy": "same-origin",
}
"""Headers of every answer: no other page may frame this one, hold a handle on it, or be told its address."""


class Refusal(Exception):
    """A refused request: an HTTP status and one sentence for the user."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status


class Guard:
    """ASGI middleware around the whole app, its websocket included.

    Parameters
    ----------
    app
        The app to guard.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a refused request; pass any other on."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        try:
            answer = _answer_of_the_guard(HTTPConnection(scope))
        except Refusal as refusal:
            answer = JSONResponse({"error": str(refusal)}, status_code=refusal.status)
        if answer is None:
            await self._app(scope, receive, _with_headers(send))
        elif scope["type"] == "websocket":
            await WebSocketClose(1008)(scope, receive, send)  # before it is accepted: the handshake is answered by 403
        else:
            await answer(scope, receive, _with_headers(send))


def _answer_of_the_guard(asked: HTTPConnection) -> Response | None:
    """Return the answer to a request that may not pass or that brings the key; None to let it pass.

    Raises
    ------
    Refusal
        If the request comes from elsewhere.
    """
    check_host(asked)
    check_site(asked)
    method = asked.scope.get("method", "websocket")
    if method not in _HARMLESS:
        check_origin(asked)
    if method == "GET" and asked.url.path == _PROOF:
        return _prove(asked)
    if not key_is_needed(asked):
        return None
    given = asked.query_params.get("key") if method == "GET" else None
    if given is not None and hmac.compare_digest(given.encode(), _key().encode()):
        return _let_in(asked)
    if given is None and _knows_key(asked):
        return None
    if method == "GET" and "text/html" in asked.headers.get("accept", ""):
        return HTMLResponse(
            key_page.ask(_rest_of_query(asked), wrong=given is not None), status_code=401, headers=key_page.HEADERS
        )
    raise Refusal(401, "This browser has not shown the access key; open the address that the app's terminal shows.")


def key_is_needed(asked: HTTPConnection) -> bool:
    """Return whether a request must carry the key: always, unless ``UNDERPAINT_NO_KEY`` is set and it came by loopback."""
    if not _no_key():
        return True
    host = (asked.scope.get("server") or ("", None))[0]
    return not (host in _LOOPBACK or (_is_address(host) and ip_address(host).is_loopback))


def _let_in(asked: HTTPConnection) -> Response:
    """Set the cookie and leave the address with the key behind.

    The answer is a page, not a redirect: the next request then comes from this app's own page, whatever the first came from.
    """
    answer = HTMLResponse(key_page.leave(urlencode(_rest_of_query(asked))), headers=key_page.HEADERS)
    secure = asked.url.scheme in _SECURE
    answer.set_cookie(
        _cookie_name(asked),
        _cookie(asked, int(time.time())),
        max_age=_COOKIE_SECONDS,
        httponly=True,
        samesite="lax",
        secure=secure,
    )
    return answer


def _rest_of_query(asked: HTTPConnection) -> list[tuple[str, str]]:
    return [(name, value) for name, value in parse_qsl(asked.url.query, keep_blank_values=True) if name != "key"]


def _cookie_name(asked: HTTPConnection) -> str:
    """Return the name of the cookie: by port, as a browser keeps the cookies of all ports of a host together."""
    return f"underpaint-{asked.url.port or (443 if asked.url.scheme in _SECURE else 80)}"


def _cookie(asked: HTTPConnection, issued: int) -> str:
    return f"{issued}.{_signature('cookie', f'{_cookie_name(asked)} {issued}')}"


def _knows_key(asked: HTTPConnection) -> bool:
    """Return whether a request carries a cookie given for the key, not longer ago than a cookie lasts."""
    given = asked.cookies.get(_cookie_name(asked), "")
    issued = given.partition(".")[0]
    if not re.fullmatch(r"\d{1,12}", issued, re.ASCII) or not 0 <= time.time() - int(issued) < _COOKIE_SECONDS:
        return False
    return hmac.compare_digest(given.encode(), _cookie(asked, int(issued)).encode())


def _prove(asked: HTTPConnection) -> Response:
    """Prove to who starts this app that it is what listens here, and not a program of another user that took the port first."""
    nonce = asked.query_params.get("nonce", "")[:_LONGEST_NONCE]
    return PlainTextResponse(proof(_key(), (asked.scope.get("server") or ("", 0))[1] or 0, nonce))


def _with_headers(send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in _HEADERS.items():
                headers.setdefault(name, value)
        await send(message)

    return sending


_read_once = cache(access_key)


def _key() -> str:
    return _read_once(workspace_folder())


def say_address(*, known: bool) -> None:
    """Print the address that opens the app, its key included.

    Parameters
    ----------
    known
        Whether Streamlit's own settings say where the app listens; another server has its own.

    Raises
    ------
    ProjectError
        If the app is to be open to everybody on an address that other machines reach.
    """
    address = str(config.get_option("server.address") or "0.0.0.0")
    if _no_key() and known and address not in _LOOPBACK:
        raise ProjectError(f"{NO_KEY} is for 127.0.0.1 only; on {address}, other machines could open the app without a key.")
    query = "" if _no_key() else f"/?key={_key()}"
    if known:
        named = config.get_option("browser.serverAddress") if config.is_manually_set("browser.serverAddress") else address
        encrypted = bool(config.get_option("server.sslCertFile"))
        url = page_address(str(named), int(config.get_option("server.port")), encrypted=encrypted)
        print(f"Underpaint is open at {url}{query}", flush=True)
    elif query:
        print(f"Underpaint asks for a key; add it to the address of this server: {query}", flush=True)


def _no_key() -> bool:
    return os.environ.get(NO_KEY, "") not in {"", "0"}


def issue_token() -> str:
    """Return a new session token, valid as long as the access key of the workspace."""
    nonce = secrets.token_urlsafe(16)
    return f"{nonce}.{_signature('token', nonce)}"


def check_token(request: HTTPConnection) -> None:
    """Refuse a request without a token issued for this workspace (compared in constant time)."""
    nonce, _, signature = request.headers.get("x-underpaint-token", "").partition(".")
    if not hmac.compare_digest(signature.encode(), _signature("token", nonce).encode()):
        raise Refusal(403, "This page does not belong to this app any more; reload the page to go on.")


def check_host(request: HTTPConnection) -> None:
    """Refuse a request unless its Host header is a name of this app."""
    try:
        name = urlsplit(f"//{request.headers.get('host', '')}").hostname or ""
    except ValueError:
        name = ""
    allowed = _host_names()
    # On every interface any number is accepted: an attacker can point only names here.
    if name not in allowed and not (EVERYWHERE.keys() & allowed and _is_address(name)):
        raise Refusal(
            403,
            f"The app does not answer to the host name {name[:80]!r}, only to {', '.join(sorted(allowed))}; "
            "use one of these, or name it in STREAMLIT_BROWSER_SERVER_ADDRESS when starting the app.",
        )


def check_origin(request: HTTPConnection) -> None:
    """Refuse a change requested by a page other than this app's own."""
    scheme, _, name = request.headers.get("origin", "").partition("://")
    if scheme not in {"http", "https"} or name != request.headers.get("host"):
        raise Refusal(403, "Only this app's own page may change data; open the app and work there.")


def check_site(request: HTTPConnection) -> None:
    """Refuse a request from a page of another site, by the browser's ``Sec-Fetch-Site`` header; a link to a page may pass.

    Such a page could not read the answer, but making it may take minutes (a prediction) and disk space.
    """
    headers, path = request.headers, request.url.path
    if headers.get("sec-fetch-site", "none") in {"same-origin", "none"}:
        return
    followed = (headers.get("sec-fetch-mode"), headers.get("sec-fetch-dest")) == ("navigate", "document")
    if not followed or path.startswith(("/underpaint/", "/_stcore/")):
        raise Refusal(403, "Only this app's own page may ask for this; open the app and work there.")


async def read_body(request: Request) -> bytes:
    """Return the body of a request; refuse it as soon as it grows past ``MAX_BODY`` bytes."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY:
            raise Refusal(413, f"The request is larger than {MAX_BODY} bytes; send it in smaller parts.")
    return bytes(body)


def _signature(purpose: str, text: str) -> str:
    return hmac.new(_key().encode(), f"{purpose} {text}".encode(), hashlib.sha256).hexdigest()


def _host_names() -> set[str]:
    configured = (config.get_option(option) for option in ("server.address", "browser.serverAddress"))
    return _LOOPBACK | {str(name).lower() for name in configured if name}


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True
