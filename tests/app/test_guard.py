"""Who may ask, and how much they may send, beyond what the routes' own tests ask."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from starlette.requests import Request
from streamlit import config

from app import guard
from app.guard import MAX_BODY, Refusal, check_host, check_token, issue_token, read_body


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


def test_a_token_is_bound_to_its_signature() -> None:
    """Each is another one, and two halves of two of them are none."""
    one, other = issue_token(), issue_token()
    assert one != other
    for token in (one, other):
        check_token(asking(x_underpaint_token=token))
    mixed = one.partition(".")[0] + "." + other.partition(".")[2]
    with pytest.raises(Refusal, match="earlier start of the app; reload"):
        check_token(asking(x_underpaint_token=mixed))


def test_a_token_of_an_earlier_start_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every process has a secret of its own."""
    token = issue_token()
    monkeypatch.setattr(guard, "_SECRET", b"of the next process")
    with pytest.raises(Refusal) as refusal:
        check_token(asking(x_underpaint_token=token))
    assert refusal.value.status == 403


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
