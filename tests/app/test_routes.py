"""The editor's routes: what they answer, and that nothing gets past them that should not."""

from __future__ import annotations

from io import BytesIO
from zipfile import ZipFile

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.testclient import TestClient

from app.routes import _reading, module_url, result_url
from core.project import Claim, Project
from tests.toy import ORIGIN, SLICE, dump, runs, unframed, wish


@pytest.mark.parametrize(
    ("headers", "word"),
    [
        ({"Origin": "http://evil.example"}, "own page"),
        ({"Origin": "null"}, "own page"),
        ({"Origin": ""}, "own page"),
        ({"Origin": "http://127.0.0.1:9999"}, "own page"),
        ({"Origin": "http://["}, "own page"),
        ({"Sec-Fetch-Site": "cross-site"}, "own page"),
        ({"X-Underpaint-Token": ""}, "reload"),
        ({"X-Underpaint-Token": "guess.0000"}, "reload"),
        ({"Host": "evil.example:8501", "Origin": "http://evil.example:8501"}, "host name"),
    ],
)
def test_a_change_from_elsewhere_is_refused(client: TestClient, project: Project, headers: dict[str, str], word: str) -> None:
    """A change needs this app's own page, a name of this app, and a token issued by it."""
    revision, before = project.submit(0, 1, Claim.slice()).id, dump(project)
    wishes = {
        "patch/1": runs((0, 1, 257)),
        "claim": wish(kind="slice", sequence=0, revision=None),
        "undo": wish(revision=revision),
        "rebase": wish(round=None, sequence=0),
        "put_off": wish(box=None),
    }
    for path, body in wishes.items():
        answer = client.post(f"{SLICE}/{path}", content=body, headers=headers)
        assert answer.status_code == 403
        assert word in answer.json()["error"]
    assert dump(project) == before


def test_reading_needs_a_name_of_this_app_too(client: TestClient) -> None:
    """A foreign name that resolves to this machine gets no image, whatever its case or port."""
    assert client.get(f"{SLICE}/grey", headers={"Host": "evil.example"}).status_code == 403
    for host in ("localhost:8501", "LOCALHOST:8501", "[::1]:8501"):
        assert client.get(f"{SLICE}/grey", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize("path", ["slice", "grey", "heat", "news?window=a", "superpixels?ty=0&tx=0"])
def test_nothing_is_worked_out_for_another_site(client: TestClient, path: str) -> None:
    """A page elsewhere could not read the answer, but a prediction it asks for would keep the machine busy."""
    for site in ("cross-site", "same-site"):
        answer = client.get(f"{SLICE}/{path}", headers={"Sec-Fetch-Site": site})
        assert answer.status_code == 403
        assert "own page" in answer.json()["error"]
    for site in ("same-origin", "none"):
        assert client.get(f"{SLICE}/{path}", headers={"Sec-Fetch-Site": site}).status_code != 403


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
        ("/underpaint/static/x/", 404),
        ("/underpaint/static/x/slice/", 404),
        ("/underpaint/static/x/slice/..%2Feditor.py", 404),
        ("/underpaint/static/x/slice/..%2Feditor.js", 404),
        ("/underpaint/static/x/%2e%2e/%2e%2e/api/files.py", 404),
        ("/underpaint/static/x/%2Fetc%2Fpasswd", 404),
        ("/underpaint/static/x/package.json", 404),
    ],
)
def test_what_does_not_exist_is_not_served(client: TestClient, path: str, status: int) -> None:
    """Only known projects, volumes, slices, channels, rows and files are answered."""
    assert client.get(path).status_code == status


def test_without_a_model_there_is_no_heat_map(client: TestClient) -> None:
    """The person is told what to do to get one."""
    answer = client.get(f"{SLICE}/heat")
    assert answer.status_code == 404
    assert "No model yet" in answer.json()["error"]


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


@pytest.mark.parametrize("name", ["passwd.tif", "passwd.zarr"])
def test_an_entry_that_leads_out_of_the_results_is_not_served(client: TestClient, project: Project, name: str) -> None:
    """Whether by dots, a whole path or a link: records of a stranger's project cannot fetch this machine's files."""
    outside, folder = project.folder.parents[1] / name, project.folder / "results"
    folder.mkdir()
    if name.endswith(".zarr"):
        outside.mkdir()
        (outside / "secret").write_bytes(b"secret")
    else:
        outside.write_bytes(b"secret")
    (folder / name).symlink_to(outside)
    (project.folder / "elsewhere").symlink_to(outside.parent)
    for path in (f"../../{name}", f"results/../../../{name}", str(outside), f"results/{name}", f"elsewhere/{name}"):
        project.store.records.write("DELETE FROM results")
        project.store.records.write(
            "INSERT INTO results (kind, round, volume, path, facts, created) VALUES ('scores', 1, 0, ?, '{}', 0)", (path,)
        )
        assert project.results() == [], path
        assert client.get(result_url("toy", name)).status_code == 404
        assert client.get(result_url("toy", f"{name}.zip")).status_code == 404


@pytest.mark.parametrize("number", ["9" * 5000, "0" * 5000 + "7", str(2**31), str(2**63), str(2**64)])
def test_a_number_of_any_length_is_not_found(client: TestClient, project: Project, number: str) -> None:
    """Python reads no number of 5,000 digits, and the records none above 64 bits."""
    addresses = (f"toy/{number}/1/slice", f"toy/0/{number}/slice", f"toy/moments/{number}/1.png", f"toy/moments/1/{number}.png")
    assert [client.get(f"/underpaint/api/{address}").status_code for address in addresses] == [404] * 4
    before = dump(project)
    answer = client.post(f"{SLICE}/patch/{number}", content=runs((0, 1, 257)))
    assert answer.status_code in {400, 409}
    assert dump(project) == before


def test_a_stored_colour_that_is_none_reaches_no_page(client: TestClient, project: Project) -> None:
    """Colours stand in HTML and CSS unescaped."""
    project.store.records.write("UPDATE classes SET color = ? WHERE id = 1", ('red;"><script>alert(1)</script>',))
    colors = [c["color"] for c in unframed(client.get(f"{SLICE}/slice").content)[0]["classes"]]
    assert colors == ["#808080", "#e69f00"]


def test_a_result_that_is_a_folder_comes_as_a_zip(client: TestClient, project: Project) -> None:
    """Only a listed folder, under its own name; a file is not zipped, and a folder not sent as it is."""
    folder = project.folder / "results"
    (folder / "a.zarr").mkdir(parents=True)
    (folder / "a.zarr" / ".zattrs").write_bytes(b"{}")
    (folder / "b.zarr").mkdir()
    facts = "INSERT INTO results (kind, round, volume, path, facts, created) VALUES ('x', 1, 0, 'results/a.zarr', '{}', 0)"
    project.store.records.write(facts)
    answer = client.get(result_url("toy", "a.zarr.zip"))
    assert 'filename="a.zarr.zip"' in answer.headers["content-disposition"]
    with ZipFile(BytesIO(answer.content)) as archive:
        assert archive.namelist() == ["a.zarr/.zattrs"]
    assert [client.get(result_url("toy", name)).status_code for name in ("a.zarr", "b.zarr.zip", "a.tif.zip")] == [404] * 3


def test_the_modules_are_served_as_javascript(client: TestClient) -> None:
    """The entry and what it imports have the right type and are kept by the browser as long as they stay the same."""
    entry = client.get(module_url())
    assert entry.headers["content-type"].startswith("text/javascript")
    assert "immutable" in entry.headers["cache-control"]
    assert client.get(module_url().replace("editor.js", "slice/raster.js")).status_code == 200
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
    assert "no longer exists" in answer.json()["error"]


def test_a_project_that_was_here_is_out_of_reach_not_unknown(client: TestClient, project: Project) -> None:
    """The editor then keeps what is painted, and goes on when the disk is back."""
    assert client.get(f"{SLICE}/slice").status_code == 200
    away = project.folder.with_name("away")
    project.folder.rename(away)
    answer = client.post(f"{SLICE}/patch/1", content=runs((0, 1, 257)))
    assert (answer.status_code, "out of reach" in answer.json()["error"]) == (503, True)
    assert client.get("/underpaint/api/nobody/0/0/slice").status_code == 404
    away.rename(project.folder)
    assert client.post(f"{SLICE}/patch/1", content=runs((0, 1, 257))).status_code == 200


def test_routes_carry_no_method_but_their_own(client: TestClient) -> None:
    """A patch cannot be made with GET, nor a slice read with POST."""
    assert {client.get(f"{SLICE}/{path}").status_code for path in ("patch/1", "claim", "undo", "rebase")} == {405}
    assert {client.post(f"{SLICE}/{path}").status_code for path in ("slice", "news", "suggestion", "superpixels")} == {405}
