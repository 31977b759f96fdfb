"""Who may ask, and how much they may send, beyond what the routes' own tests ask."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route, WebSocketRoute
from starlette.testclient import TestClient
from starlette.websockets import WebSocket, WebSocketDisconnect
from streamlit import config

from app import guard
from app.guard import MAX_BODY, Guard, Refusal, check_host, check_token, issue_token, key_is_needed, read_body, say_address
from core.errors import ProjectError
from core.storage.access_key import access_key, key_file, proof
from tests.toy import ORIGIN


def asking(**headers: str) -> Request:
    """A request with these headers, ``_`` for ``-``."""
    named = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return Request({"type": "http", "method": "GET", "path": "/", "headers": named})


def refused(request: Request) -> bool:
    """Whether the host that a request names is none of this app."""
    try:
        check_host(request)
    except Refusal:
        return True
    return False


@pytest.fixture
def listening() -> Iterator[None]:
    """Streamlit's options of its address, put back afterwards."""
    options = ("server.address", "browser.serverAddress")
    before = {name: config.get_option(name) for name in options}
    yield
    for name, value in before.items():
        config.set_option(name, value)


@pytest.mark.usefixtures("listening")
def test_a_name_that_was_given_is_answered_to() -> None:
    """In any case, and with any port; its neighbours are not."""
    config.set_option("browser.serverAddress", "Lab-7.example")
    assert not refused(asking(host="lab-7.example:8501"))
    assert refused(asking(host="lab-8.example"))
    assert refused(asking(host="example"))


@pytest.mark.usefixtures("listening")
def test_on_all_interfaces_numbers_are_answered_to_and_names_are_not() -> None:
    """A foreign name can be made to resolve to this machine, a number cannot."""
    assert refused(asking(host="192.168.0.7:8501"))
    config.set_option("server.address", "0.0.0.0")
    assert not refused(asking(host="192.168.0.7:8501"))
    assert not refused(asking(host="[fe80::1]:8501"))
    assert refused(asking(host="evil.example"))


@pytest.mark.parametrize("host", ["", "[", "127.0.0.1.evil.example", "localhost@evil.example"])
def test_an_odd_host_is_refused(host: str) -> None:
    """Also one that cannot be read."""
    assert refused(asking(host=host))


@pytest.fixture
def key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The access key of a workspace of its own."""
    monkeypatch.setenv("UNDERPAINT_WORKSPACE", str(tmp_path))
    return access_key(tmp_path)


@pytest.mark.usefixtures("key")
def test_a_token_is_bound_to_its_signature() -> None:
    """Each is another one, and two halves of two of them are none."""
    one, other = issue_token(), issue_token()
    assert one != other
    for token in (one, other):
        check_token(asking(x_underpaint_token=token))
    mixed = one.partition(".")[0] + "." + other.partition(".")[2]
    with pytest.raises(Refusal, match="does not belong to this app"):
        check_token(asking(x_underpaint_token=mixed))


def test_a_token_is_for_one_workspace(key: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It outlives a restart on the same one."""
    token = issue_token()
    guard._read_once.cache_clear()  # as in the next process
    check_token(asking(x_underpaint_token=token))
    monkeypatch.setenv("UNDERPAINT_WORKSPACE", str(tmp_path / "other"))
    with pytest.raises(Refusal) as refusal:
        check_token(asking(x_underpaint_token=token))
    assert refusal.value.status == 403


async def _fine(request: Request) -> PlainTextResponse:
    return PlainTextResponse("let in")


async def _talk(socket: WebSocket) -> None:
    await socket.accept()
    await socket.send_text("let in")
    await socket.close()


@pytest.fixture
def door(key: str) -> Iterator[TestClient]:
    """A browser without the key before a guarded app of one page and one websocket."""
    routes = [Route("/{path:path}", _fine, methods=["GET", "POST"]), WebSocketRoute("/stream", _talk)]
    with TestClient(Guard(Starlette(routes=routes)), base_url=ORIGIN) as made:
        yield made


def streamed(door: TestClient, origin: str) -> str | None:
    """What a websocket that a page of ``origin`` opens receives; None if it is refused."""
    cookies = "; ".join(f"{cookie.name}={cookie.value}" for cookie in door.cookies.jar)
    headers = {"Host": ORIGIN.partition("://")[2], "Origin": origin, "Cookie": cookies}
    with suppress(WebSocketDisconnect), door.websocket_connect("/stream", headers=headers) as stream:
        return str(stream.receive_text())
    return None


PAGE = {"Accept": "text/html,*/*;q=0.8"}


def test_without_the_key_there_is_a_page_that_asks_for_it(door: TestClient) -> None:
    """Whatever is no page gets one sentence."""
    asked = door.get("/rounds?project=a", headers=PAGE)
    assert (asked.status_code, asked.headers["cache-control"]) == (401, "no-store")
    assert "Access key" in asked.text
    assert "not the key" not in asked.text
    assert '<input type="hidden" name="project" value="a">' in asked.text
    wrong = door.get('/?key=guess&project="><script>', headers=PAGE).text
    assert "not the key" in wrong
    assert 'value="&quot;&gt;&lt;script&gt;"' in wrong
    for answer in (door.get("/a.png"), door.post("/a", headers={"Origin": ORIGIN})):
        assert answer.status_code == 401
        assert answer.json()["error"].startswith("This browser has not shown the access key")
    assert streamed(door, ORIGIN) is None


def test_the_key_opens_pages_and_leaves_no_trace_in_the_address(door: TestClient, key: str) -> None:
    """The cookie is not the key; the page leads on to the same address without it, on this host."""
    opened = door.get(f"/annotate?project=a%20b&key={key}&slice=", headers=PAGE)
    assert opened.status_code == 200
    assert 'address.searchParams.delete("key")' in opened.text
    assert '<a href="?project=a+b&amp;slice=">' in opened.text
    assert key not in opened.text
    assert key not in str(opened.headers)
    cookie = opened.headers["set-cookie"]
    assert cookie.startswith("underpaint-8501=")
    assert "HttpOnly; Max-Age=604800; Path=/; SameSite=lax" in cookie
    assert door.get("/annotate", headers=PAGE).text == "let in"
    assert streamed(door, ORIGIN) == "let in"
    assert "<b>" not in door.get(f'/a?b="><b>&key={key}').text


def test_a_cookie_is_for_one_port_and_one_workspace(door: TestClient, key: str, tmp_path: Path) -> None:
    """A browser sends it to all ports of this machine."""
    door.get("/", params={"key": key})
    (value,) = (cookie.value for cookie in door.cookies.jar)
    for port, allowed in ((8501, 200), (8502, 401)):
        headers = {"Host": f"127.0.0.1:{port}", "Cookie": f"underpaint-{port}={value}"}
        assert door.get("/", headers=headers).status_code == allowed
    key_file(tmp_path).unlink()
    guard._read_once.cache_clear()
    assert door.get("/").status_code == 401


def test_a_cookie_ends_on_the_server_too(door: TestClient, key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that somebody kept, or changed the date of, opens nothing."""
    door.get("/", params={"key": key})
    assert door.get("/").status_code == 200
    (value,) = (cookie.value or "" for cookie in door.cookies.jar)
    issued, _, signature = value.partition(".")
    for now, expected in ((int(issued) + 604_799, 200), (int(issued) + 604_800, 401), (int(issued) - 60, 401)):
        monkeypatch.setattr("app.guard.time.time", lambda now=now: now)
        assert door.get("/").status_code == expected
    later = f"underpaint-8501={int(issued) + 604_800}.{signature}"
    monkeypatch.setattr("app.guard.time.time", lambda: int(issued) + 604_900)
    door.cookies.clear()
    for forged in (
        later,
        "underpaint-8501=1",
        "underpaint-8501=",
        "underpaint-8501=x.y",
        f"underpaint-8501={'9' * 5000}.{signature}",
    ):
        assert door.get("/", headers={"Cookie": forged}).status_code == 401


def test_only_the_app_of_the_workspace_proves_to_know_the_key(door: TestClient, key: str) -> None:
    """For its own port, so that no other program can pass the question on to it."""
    proved = door.get("/underpaint/proof?nonce=abc").text
    assert proved == proof(key, 8501, "abc")
    assert proved not in {proof(key, 8502, "abc"), proof(key, 8501, "abd"), proof("another", 8501, "abc")}
    assert key not in proved


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe"},
    ],
)
def test_another_site_gets_nothing_with_the_cookie(door: TestClient, key: str, headers: dict[str, str]) -> None:
    """Not a page in a frame either."""
    door.get("/", params={"key": key})
    assert door.get("/annotate", headers=headers).status_code == 403


def test_a_link_to_a_page_may_be_followed(door: TestClient, key: str) -> None:
    """To a page alone: a route may work for minutes."""
    door.get("/", params={"key": key})
    followed = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
    paths = ("/annotate", "/underpaint/api/toy/0/0/suggestion", "/_stcore/stream")
    assert [door.get(path, headers=followed).status_code for path in paths] == [200, 403, 403]


@pytest.mark.parametrize("origin", ["", "null", "http://localhost:3000", "http://127.0.0.1:85010", "ftp://127.0.0.1:8501"])
def test_only_this_apps_own_page_may_change_or_stream(door: TestClient, key: str, origin: str) -> None:
    """With the cookie, which pages on other ports of this machine have, too."""
    door.get("/", params={"key": key})
    assert door.post("/a", headers={"Origin": origin}).status_code == 403
    assert streamed(door, origin) is None


def test_no_other_page_may_frame_or_hold_this_one(door: TestClient, key: str) -> None:
    """Every answer says so."""
    door.get("/", params={"key": key})
    headers = door.get("/").headers
    assert headers["content-security-policy"] == "frame-ancestors 'self'"
    assert headers["cross-origin-opener-policy"] == "same-origin"


@pytest.mark.parametrize(
    ("server", "needed"), [("127.0.0.1", False), ("::1", False), ("192.168.0.7", True), ("testserver", True)]
)
def test_the_key_can_be_switched_off_on_this_machine_alone(monkeypatch: pytest.MonkeyPatch, server: str, needed: bool) -> None:
    """What came by another interface still needs it."""
    scope = {"type": "http", "method": "GET", "path": "/", "headers": [], "server": (server, 8501)}
    assert key_is_needed(Request(scope))
    monkeypatch.setenv("UNDERPAINT_NO_KEY", "1")
    assert key_is_needed(Request(scope)) == needed


@pytest.mark.usefixtures("listening", "key")
def test_the_app_does_not_start_open_to_other_machines(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """On its own machine it says its address, without a key."""
    monkeypatch.setenv("UNDERPAINT_NO_KEY", "1")
    config.set_option("server.address", "127.0.0.1")
    config.set_option("browser.serverAddress", "lab-7.example")
    say_address(known=True)
    assert capsys.readouterr().out == "Underpaint is open at http://lab-7.example:8501\n"
    config.set_option("server.address", "0.0.0.0")
    with pytest.raises(ProjectError, match=r"UNDERPAINT_NO_KEY is for 127\.0\.0\.1 only"):
        say_address(known=True)


def read(request: Request) -> bytes:
    """The body, read in a thread of its own: Playwright may keep an event loop at work in this one."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(lambda: asyncio.run(read_body(request))).result()


def test_a_body_that_is_too_large_is_refused_before_all_of_it_has_come() -> None:
    """One as large as allowed is read."""
    piece, asked = b"x" * (MAX_BODY // 4), list[int]()

    def sending(pieces: int) -> Request:
        async def receive() -> dict[str, object]:
            asked.append(1)
            return {"type": "http.request", "body": piece, "more_body": len(asked) < pieces}

        asked.clear()
        return Request({"type": "http", "method": "POST", "path": "/", "headers": []}, receive)

    assert len(read(sending(4))) == MAX_BODY
    with pytest.raises(Refusal, match="larger than 8388608 bytes") as refusal:
        read(sending(100))
    assert refusal.value.status == 413
    assert len(asked) == 5
