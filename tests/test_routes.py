"""The editor's routes: what they answer, and that nothing gets past them that should not."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.testclient import TestClient

from app.guard import MAX_BODY, issue_token
from app.routes import _reading, module_url, result_url, routes, thumbnail_url
from core.errors import StorageError
from core.project import Project
from core.volumes.display import display_window, to_grey

ORIGIN = "http://127.0.0.1:8501"
SLICE = "/underpaint/api/toy/0/1"
HEIGHT, WIDTH = 6, 8


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """Three slices of 6 x 8 pixels with rising grey values."""
    volume = np.arange(3 * HEIGHT * WIDTH, dtype=np.uint8).reshape(3, HEIGHT, WIDTH)
    tifffile.imwrite(tmp_path / "toy.tif", volume, photometric="minisblack", metadata={"axes": "ZYX"})
    monkeypatch.setenv("UNDERPAINT_WORKSPACE", str(tmp_path))
    return Project.create(tmp_path, "toy", volumes=[tmp_path / "toy.tif"], classes=["matrix", "pore"])


@pytest.fixture
def client(project: Project) -> Iterator[TestClient]:
    """A browser on the app's own page, with a token."""
    with TestClient(Starlette(routes=routes()), base_url=ORIGIN) as made:
        made.headers.update({"Origin": ORIGIN, "X-Underpaint-Token": issue_token()})
        yield made


def runs(*triples: tuple[int, int, int]) -> bytes:
    """The body of a stroke."""
    return np.asarray(triples, dtype="<u4").tobytes()


def claim(kind: str, sequence: int, **more: Any) -> str:
    """The body of a claim."""
    return json.dumps({"id": f"{kind}-{sequence}", "kind": kind, "sequence": sequence, **more})


def unframed(body: bytes) -> tuple[dict[str, Any], bytes]:
    """Facts and bytes of an answer."""
    length = int.from_bytes(body[:4], "little")
    return json.loads(body[4 : 4 + length]), body[4 + length :]


def mask_of(client: TestClient) -> tuple[dict[str, Any], NDArray[np.uint16]]:
    """Facts and the slice's values, class | touched << 8."""
    facts, body = unframed(client.get(f"{SLICE}/slice").content)
    pairs = np.frombuffer(body, "<u4").reshape(-1, 2)
    return facts, np.repeat(pairs[:, 1], pairs[:, 0]).astype(np.uint16).reshape(HEIGHT, WIDTH)


def untouched(project: Project) -> bool:
    """Whether nothing at all is stored of slice 1."""
    return not project.drafts() and not project.labelled_slices() and project.editing(0, 1).sequence == 0


def test_a_slice_comes_with_its_facts_and_its_mask(client: TestClient) -> None:
    """A slice nobody has painted is background, untouched, and its facts name size, classes and origin."""
    facts, values = mask_of(client)
    assert (facts["height"], facts["width"], facts["depth"], facts["dtype"]) == (6, 8, 3, "uint8")
    assert [c["name"] for c in facts["classes"]] == ["matrix", "pore"]
    assert (facts["sequence"], facts["origin"], facts["round"]) == (0, "empty", None)
    assert not values.any()


def test_a_stroke_is_stored_as_painted(client: TestClient, project: Project) -> None:
    """Exactly the pixels of the runs are in the draft, and the next opening shows them."""
    answer = client.post(f"{SLICE}/patch/1?active_ms=40", content=runs((3, 2, 1 | 256), (11, 1, 255 | 256)))
    assert answer.json() == {"sequence": 1}
    expected = np.zeros((HEIGHT, WIDTH), np.uint16)
    expected[0, 3:5], expected[1, 3] = 1 | 256, 255 | 256
    facts, values = mask_of(client)
    assert (facts["origin"], facts["sequence"]) == ("draft", 1)
    np.testing.assert_array_equal(values, expected)
    editing = project.editing(0, 1)
    np.testing.assert_array_equal(editing.mask | editing.touched.astype(np.uint16) << 8, expected)


def test_a_stroke_sent_twice_counts_once(client: TestClient, project: Project) -> None:
    """A repeated sequence number is acknowledged again and changes nothing; a gap is refused and changes nothing."""
    body = runs((0, 4, 257))
    for _ in range(2):
        assert client.post(f"{SLICE}/patch/1", content=body).status_code == 200
    gap = client.post(f"{SLICE}/patch/3", content=body)
    assert gap.status_code == 409
    assert "does not follow" in gap.json()["error"]
    assert project.editing(0, 1).sequence == 1


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\0" * 11,
        runs((0, 0, 257)),
        runs((HEIGHT * WIDTH - 1, 2, 257)),
        runs((2**32 - 1, 2**32 - 1, 257)),
        runs((4, 2, 257), (5, 2, 257)),
        runs((4, 1, 257), (0, 1, 257)),
        runs((0, 1, 2 | 256)),
        runs((0, 1, 1 | 512)),
        runs((0, 1, 2**31)),
    ],
    ids=["empty", "torn", "no length", "past the end", "overflow", "overlap", "order", "class", "bits", "high bit"],
)
def test_a_malformed_stroke_changes_nothing(client: TestClient, project: Project, body: bytes) -> None:
    """Every run must lie in the slice, in order, and carry a known class."""
    answer = client.post(f"{SLICE}/patch/1", content=body)
    assert answer.status_code == 400
    assert answer.json()["error"].endswith("reload the page.")
    assert untouched(project)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=st.binary(max_size=60))
def test_random_bytes_change_nothing(client: TestClient, project: Project, body: bytes) -> None:
    """Bytes that are no runs are refused in one sentence, never with a fault."""
    answer = client.post(f"{SLICE}/patch/1", content=body)
    assert answer.status_code in {200, 400}
    if answer.status_code == 400:
        assert set(answer.json()) == {"error"}
    else:
        np.testing.assert_array_less(np.frombuffer(body, "<u4").reshape(-1, 3)[:, 1], HEIGHT * WIDTH + 1)
        project.discard_draft(0, 1)


@pytest.mark.parametrize(
    ("headers", "word"),
    [
        ({"Origin": "http://evil.example"}, "own page"),
        ({"Origin": "null"}, "own page"),
        ({"Origin": ""}, "own page"),
        ({"Origin": "http://127.0.0.1:9999"}, "own page"),
        ({"X-Underpaint-Token": ""}, "reload"),
        ({"X-Underpaint-Token": "guess.0000"}, "reload"),
        ({"Host": "evil.example:8501", "Origin": "http://evil.example:8501"}, "host name"),
    ],
)
def test_a_change_from_elsewhere_is_refused(client: TestClient, project: Project, headers: dict[str, str], word: str) -> None:
    """A change needs this app's own page, a name of this app, and a token issued by it."""
    posts = [("patch/1", runs((0, 1, 257))), ("claim", claim("slice", 0).encode())]
    for path, body in posts:
        answer = client.post(f"{SLICE}/{path}", content=body, headers=headers)
        assert answer.status_code == 403
        assert word in answer.json()["error"]
    assert untouched(project)


def test_reading_needs_a_name_of_this_app_too(client: TestClient) -> None:
    """A foreign name that resolves to this machine gets no image, whatever its case or port."""
    assert client.get(f"{SLICE}/grey", headers={"Host": "evil.example"}).status_code == 403
    for host in ("localhost", "LOCALHOST:80", "[::1]:8501"):
        assert client.get(f"{SLICE}/grey", headers={"Host": host}).status_code == 200


def test_a_body_that_is_too_large_is_cut_off(client: TestClient, project: Project) -> None:
    """The limit holds for bytes that really come, also when no length was announced."""
    sent = 0

    def endless() -> Iterator[bytes]:
        nonlocal sent
        while sent < 4 * MAX_BODY:
            sent += 1 << 20
            yield b"\0" * (1 << 20)

    answer = client.post(f"{SLICE}/patch/1", content=endless())
    assert answer.status_code == 413
    assert untouched(project)


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/underpaint/api/other/0/1/slice", 404),
        ("/underpaint/api/..%2Ftoy/0/1/slice", 404),
        ("/underpaint/api/toy/1/1/slice", 404),
        ("/underpaint/api/toy/0/3/slice", 404),
        ("/underpaint/api/toy/0/-1/slice", 404),
        ("/underpaint/api/toy/0/1/grey?channel=1", 400),
        ("/underpaint/api/toy/0/1/grey?y0=6", 400),
        ("/underpaint/api/toy/0/1/grey?y0=2&y1=2", 400),
        ("/underpaint/api/toy/0/1/grey?lo=9&hi=3", 400),
        ("/underpaint/api/toy/0/1/grey?lo=nan&hi=3", 400),
        ("/underpaint/api/toy/0/1/thumbnail.png?side=100000", 400),
        ("/underpaint/api/toy/results/project.sqlite", 404),
        ("/underpaint/static/x/editor.py", 404),
        ("/underpaint/static/x/..%2Frouters.py", 404),
    ],
)
def test_what_does_not_exist_is_not_served(client: TestClient, path: str, status: int) -> None:
    """Only known projects, volumes, slices, channels, rows and files are answered."""
    assert client.get(path).status_code == status


def test_grey_rows_are_the_slice_through_its_window(client: TestClient, project: Project) -> None:
    """The bytes are the slice in 8 bit, whole or some rows, through its own window or a given one, never compressed."""
    image = project.image(0, 1)[0]
    whole = client.get(f"{SLICE}/grey")
    assert whole.content == to_grey(image, display_window(image)).tobytes()
    assert whole.headers["content-encoding"] == "identity"
    some = client.get(f"{SLICE}/grey?y0=2&y1=4&lo=50&hi=90")
    assert some.content == to_grey(image, (50, 90))[2:4].tobytes()


def test_sixteen_bit_channels_are_shown_one_by_one(tmp_path: Path, client: TestClient) -> None:
    """Each channel of a uint16 volume has its own window; the facts name the channels."""
    volume = np.arange(2 * 2 * HEIGHT * WIDTH, dtype=np.uint16).reshape(2, 2, HEIGHT, WIDTH) * 300
    tifffile.imwrite(tmp_path / "two.tif", volume, photometric="minisblack", metadata={"axes": "ZCYX"})
    two = Project.create(tmp_path, "two", volumes=[tmp_path / "two.tif"], classes=["matrix", "pore"], axes="ZCYX")
    facts, _ = unframed(client.get("/underpaint/api/two/0/1/slice").content)
    assert (len(facts["channels"]), facts["dtype"]) == (2, "uint16")
    second = two.image(0, 1)[1]
    answer = client.get("/underpaint/api/two/0/1/grey?channel=1")
    assert answer.content == to_grey(second, display_window(second)).tobytes()


def test_strokes_become_a_revision(client: TestClient, project: Project) -> None:
    """A claim about strokes labels the painted pixels only; asked twice with one id, it is stored once."""
    client.post(f"{SLICE}/patch/1?active_ms=1500", content=runs((9, 3, 257)))
    for _ in range(2):
        answer = client.post(f"{SLICE}/claim", content=claim("strokes", 1))
        assert answer.json()["pixels"] == 3
    assert [(r.z, r.claim, r.pixels, r.active_seconds) for r in project.labelled_slices()] == [(1, "strokes", 3, 1.5)]
    expected = np.full(HEIGHT * WIDTH, 255)
    expected[9:12] = 1
    np.testing.assert_array_equal(project.label(0, 1).ravel(), expected)


def test_a_region_and_a_slice_can_be_claimed(client: TestClient, project: Project) -> None:
    """A region labels its box, a slice everything."""
    box = client.post(f"{SLICE}/claim", content=claim("region", 0, box=[1, 2, 3, 5]))
    assert (box.json()["claim"], box.json()["pixels"]) == ("region", 6)
    assert (project.label(0, 1)[1:3, 2:5] == 0).all()
    whole = client.post(f"{SLICE}/claim", content=claim("slice", 0))
    assert whole.json()["pixels"] == HEIGHT * WIDTH


@pytest.mark.parametrize(
    "body",
    [
        "",
        "[]",
        "{}",
        claim("everything", 0),
        claim("region", 0),
        claim("region", 0, box=[0, 0, 7, 8]),
        claim("region", 0, box=[2, 2, 2, 5]),
        claim("region", 0, box=[0, 0, 1.5, 2]),
        claim("region", 0, box=[True, 0, 3, 2]),
        json.dumps({"id": "", "kind": "slice", "sequence": 0}),
        json.dumps({"id": "a", "kind": "slice", "sequence": "0"}),
    ],
)
def test_a_malformed_claim_changes_nothing(client: TestClient, project: Project, body: str) -> None:
    """A claim names its kind, and a region a box inside the slice."""
    answer = client.post(f"{SLICE}/claim", content=body)
    assert answer.status_code == 400
    assert untouched(project)


def test_a_claim_about_another_state_is_refused(client: TestClient, project: Project) -> None:
    """Who claims without having seen the last stroke is told so; nothing is saved."""
    client.post(f"{SLICE}/patch/1", content=runs((9, 3, 257)))
    answer = client.post(f"{SLICE}/claim", content=claim("slice", 0))
    assert answer.status_code == 409
    assert "another window" in answer.json()["error"]
    assert not project.labelled_slices()


def test_without_a_model_there_is_no_heat_map(client: TestClient) -> None:
    """The person is told what to do to get one."""
    answer = client.get(f"{SLICE}/heat")
    assert answer.status_code == 404
    assert "No model yet" in answer.json()["error"]


def test_a_thumbnail_is_a_png(client: TestClient) -> None:
    """Plain and with the mask over it."""
    for overlay in (False, True):
        answer = client.get(thumbnail_url("toy", 0, 1, side=16, overlay=overlay))
        assert answer.headers["content-type"] == "image/png"
        assert answer.content.startswith(b"\x89PNG")


def test_only_listed_results_are_served(client: TestClient, project: Project) -> None:
    """A file that merely lies in the results folder is not given out; a listed one is, as it is."""
    folder = project.folder / "results"
    folder.mkdir()
    (folder / "a.tif").write_bytes(b"listed")
    (folder / "b.tif").write_bytes(b"not listed")
    with project.store.records.transaction() as db:
        db.execute("INSERT INTO results (kind, round, volume, path, facts, created) VALUES ('x', 1, 0, 'results/a.tif', '{}', 0)")
    assert client.get(result_url("toy", "a.tif")).content == b"listed"
    assert client.get(result_url("toy", "b.tif")).status_code == 404


def test_the_modules_are_served_as_javascript(client: TestClient) -> None:
    """The entry and what it imports have the right type and are kept by the browser as long as they stay the same."""
    entry = client.get(module_url())
    assert entry.headers["content-type"].startswith("text/javascript")
    assert "immutable" in entry.headers["cache-control"]
    assert client.get(module_url().replace("editor.js", "raster.js")).status_code == 200
    assert client.get("/underpaint/static/old/editor.js").headers["cache-control"] == "no-cache"


def test_a_fault_of_the_app_shows_no_trace() -> None:
    """What is not the user's doing is one plain sentence and the status 500."""

    def broken(_request: Request) -> Response:
        raise ZeroDivisionError("secret detail")

    app = Starlette(routes=[Route("/broken", _reading(broken))])
    answer = TestClient(app, base_url=ORIGIN).get("/broken")
    assert answer.status_code == 500
    assert "secret" not in answer.text
    assert "fault of its own" in answer.json()["error"]


def test_a_moved_volume_is_one_sentence(client: TestClient, project: Project) -> None:
    """A user's cause that core finds reaches the page as its sentence."""
    project.volumes[0].path.unlink()
    answer = client.get(f"{SLICE}/grey")
    assert answer.status_code == 503
    assert "not there any more" in answer.json()["error"]


def test_a_full_disk_keeps_the_stroke_waiting(client: TestClient, project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """The answer says to try again (503), so the editor keeps the stroke; with room again it is stored."""

    def full(*_: object) -> int:
        raise StorageError("Could not write project.sqlite: the disk is full.")

    with monkeypatch.context() as patch:
        patch.setattr(Project, "apply", full)
        answer = client.post(f"{SLICE}/patch/1", content=runs((0, 3, 257)))
    assert answer.status_code == 503
    assert "the disk is full" in answer.json()["error"]
    assert client.post(f"{SLICE}/patch/1", content=runs((0, 3, 257))).json() == {"sequence": 1}


def test_routes_carry_no_method_but_their_own(client: TestClient) -> None:
    """A patch cannot be made with GET, nor a slice read with POST."""
    checks: list[tuple[Callable[..., Any], str]] = [(client.get, "patch/1"), (client.get, "claim"), (client.post, "slice")]
    assert [ask(f"{SLICE}/{path}").status_code for ask, path in checks] == [405, 405, 405]
