"""Painting over HTTP: what is stored, what is refused, and that a refusal changes nothing."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from threading import Barrier, Thread
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from starlette.testclient import TestClient

from app.api import edit, target
from app.api.once import Once
from app.api.presence import Presence
from app.api.target import CREATED
from app.guard import MAX_BODY
from core.errors import LabelError, StorageError
from core.geometry import SliceId
from core.project import Claim, Patch, Project
from core.project.labels import ProjectLabels
from core.storage.checkpoints import save
from core.storage.wishes import note_granted
from tests.predicted import add_round, keep
from tests.storage.test_checkpoints import SAMPLE
from tests.toy import HEIGHT, SLICE, WIDTH, dump, make_toy, opened, runs, unframed, wish

FIRST, SECOND = (np.arange(HEIGHT * WIDTH, dtype=np.uint8).reshape(HEIGHT, WIDTH) // n % 2 for n in (2, 3))
SURE = np.full((HEIGHT, WIDTH), 255, np.uint8)


@pytest.fixture
def rounds(project: Project) -> Project:
    """The toy project after two rounds."""
    keep(project, 1, FIRST, SURE)
    add_round(project)
    keep(project, 1, SECOND, SURE)
    return project


def post(client: TestClient, verb: str, **said: Any) -> Any:
    """What the server answers to a change that it makes; a claim is that of a window which has seen everything saved."""
    if verb == "claim":
        said.setdefault("revision", client.get(f"{SLICE}/news?window=w").json()["revision"])
        client.get(f"{SLICE}/news?window=w&closing=1")
    answer = client.post(f"{SLICE}/{verb}", content=wish(**said))
    assert answer.status_code == 200, answer.text
    return answer.json()


def paint(client: TestClient, number: int, *triples: tuple[int, int, int], query: str = "") -> None:
    """One stroke that is stored."""
    assert client.post(f"{SLICE}/patch/{number}{query}", content=runs(*triples)).json() == {"sequence": number}


# ---- opening a slice


def test_a_slice_comes_with_its_facts_and_its_mask(client: TestClient) -> None:
    """A slice nobody has painted is background, untouched, and its facts name size, classes and origin."""
    facts, mask, base = opened(client)
    assert (facts["height"], facts["width"], facts["depth"], facts["dtype"]) == (6, 8, 3, "uint8")
    assert [c["name"] for c in facts["classes"]] == ["matrix", "pore"]
    assert (facts["sequence"], facts["origin"], facts["round"]) == (0, "empty", None)
    assert (facts["revision"], facts["latest"], facts["mask_numbers"]) == (None, None, 2)
    assert not mask.any()
    assert base is None


def test_a_speckled_slice_is_sent_as_bytes_and_a_large_answer_squeezed(
    client: TestClient, rounds: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Runs of a speckled mask would be longer than the mask; a browser takes the squeezed answer for the same."""
    speckle = np.indices((HEIGHT, WIDTH)).sum(axis=0).astype(np.uint8) % 2
    keep(rounds, 1, speckle, SURE)
    plain = client.get(f"{SLICE}/slice")
    assert plain.headers["content-encoding"] == "identity"
    monkeypatch.setattr(target, "_LARGE", 10)
    squeezed = client.get(f"{SLICE}/slice")
    assert squeezed.headers["content-encoding"] == "deflate"
    assert squeezed.content == plain.content
    facts, body = unframed(plain.content)
    assert body == np.array([0, 1], "<u4").tobytes() + speckle.tobytes()
    assert facts["mask_numbers"] == 2 + HEIGHT * WIDTH // 4


def test_a_painted_slice_comes_with_what_it_began_with(client: TestClient, rounds: Project) -> None:
    """Class, painted and saved are told apart pixel by pixel, unsure ones too; beside them the mask before the strokes."""
    paint(client, 1, (0, 2, 255 | 256), (9, 1, 257))
    revision = post(client, "claim", kind="strokes", sequence=1)["revision"]
    paint(client, 2, (1, 2, 257))
    facts, mask, base = opened(client)
    expected = SECOND.astype(np.uint32)
    expected[0, :2], expected[1, 1] = 255 | 512, 1 | 512
    np.testing.assert_array_equal(base, expected & 255)
    expected[0, 1:3] = 1 | 256 | 512, 1 | 256
    np.testing.assert_array_equal(mask, expected)
    assert (facts["origin"], facts["round"], facts["latest"], facts["revision"]) == ("draft", 2, 2, revision)


def test_a_slice_is_opened_over_the_prediction_that_the_window_shows(client: TestClient, rounds: Project) -> None:
    """So a new round changes no mask by itself: neither what is shown, nor what a stroke or a claim is based on."""
    for query, expected, round_ in (("", SECOND, 2), ("?round=1", FIRST, 1), ("?round=0", 0 * FIRST, None)):
        facts, mask, _ = opened(client, query)
        np.testing.assert_array_equal(mask, expected)
        assert (facts["round"], facts["latest"]) == (round_, 2)
    paint(client, 1, (0, 1, 257), query="?round=1")
    expected = FIRST.copy()
    expected[0, 0] = 1
    np.testing.assert_array_equal(opened(client)[1] & 255, expected)


@pytest.mark.parametrize(("round_", "expected"), [(1, FIRST), (None, 0 * FIRST), (2, SECOND)])
def test_a_slice_is_claimed_as_it_was_seen(
    client: TestClient, rounds: Project, round_: int | None, expected: NDArray[np.uint8]
) -> None:
    """A claim of a slice that nobody painted says over whose prediction, or over none."""
    post(client, "claim", kind="slice", sequence=0, round=round_)
    np.testing.assert_array_equal(rounds.labels.of(0, 1), expected)


@pytest.mark.parametrize(("query", "status"), [("?round=3", 409), ("?round=-1", 400), ("?round=x", 400), ("?round=9e9", 400)])
def test_an_unknown_prediction_is_not_shown(client: TestClient, rounds: Project, query: str, status: int) -> None:
    """One sentence says which rounds there are, and nothing is painted on it: such a stroke is refused for good."""
    before = dump(rounds)
    assert client.get(f"{SLICE}/slice{query}").status_code == {409: 404}.get(status, status)
    assert client.post(f"{SLICE}/patch/1{query}", content=runs((0, 1, 257))).status_code == status
    assert dump(rounds) == before


def test_a_slice_one_pixel_high_is_painted_like_any_other(tmp_path: Path, client: TestClient) -> None:
    """Nor need a slice have more than one row."""
    import tifffile

    tifffile.imwrite(tmp_path / "thin.tif", np.zeros((2, 1, 300), np.uint8), photometric="minisblack", metadata={"axes": "ZYX"})
    thin = Project.create(tmp_path, "thin", volumes=[tmp_path / "thin.tif"], classes=["matrix", "pore"], axes="ZYX")
    place = "/underpaint/api/thin/0/1"
    assert client.post(f"{place}/patch/1", content=runs((299, 1, 257))).status_code == 200
    assert client.get(f"{place}/slice").status_code == 200
    assert client.get(f"{place}/superpixels?ty=0&tx=0").status_code == 200
    assert client.post(f"{place}/claim", content=wish(kind="slice", sequence=1, revision=None)).json()["pixels"] == 300
    assert thin.labels.of(0, 1)[0, -2:].tolist() == [0, 1]


def test_sixty_four_classes_can_be_painted_and_no_more(tmp_path: Path, client: TestClient) -> None:
    """The last id is painted, the one after it refused."""
    toy = Project.create(tmp_path, "many", volumes=[tmp_path / "toy.tif"], classes=[f"c{i}" for i in range(64)])
    place = "/underpaint/api/many/0/1"
    assert client.post(f"{place}/patch/1", content=runs((0, 1, 63 | 256))).status_code == 200
    before = dump(toy)
    assert client.post(f"{place}/patch/2", content=runs((0, 1, 64 | 256))).status_code == 400
    assert dump(toy) == before


def test_a_class_that_is_new_can_be_painted_on_an_old_draft(client: TestClient, project: Project) -> None:
    """A draft that was begun with fewer classes stays, and takes the new one."""
    paint(client, 1, (0, 1, 257))
    project.set_classes(["matrix", "pore", "phase"])
    paint(client, 2, (1, 1, 2 | 256))
    facts, mask, _ = opened(client)
    assert len(facts["classes"]) == 3
    assert mask[0, :3].tolist() == [257, 258, 0]


# ---- strokes


def test_a_stroke_is_stored_as_painted(client: TestClient, project: Project) -> None:
    """Exactly the pixels of the runs are in the draft, and the next opening shows them."""
    paint(client, 1, (3, 2, 1 | 256), (11, 1, 255 | 256), query="?active_ms=40")
    expected = np.zeros((HEIGHT, WIDTH), np.uint16)
    expected[0, 3:5], expected[1, 3] = 1 | 256, 255 | 256
    facts, mask, _ = opened(client)
    assert (facts["origin"], facts["sequence"]) == ("draft", 1)
    np.testing.assert_array_equal(mask, expected)
    editing = project.labels.editing(0, 1)
    np.testing.assert_array_equal(editing.mask | editing.touched.astype(np.uint16) << 8, expected)


def test_a_stroke_sent_twice_counts_once(client: TestClient, project: Project) -> None:
    """A repeated sequence number is acknowledged again and changes nothing."""
    paint(client, 1, (0, 4, 257))
    before = dump(project)
    paint(client, 1, (0, 4, 257))
    assert dump(project) == before


@pytest.mark.parametrize("number", [0, 1, 3, 2**31 - 1])
def test_a_stroke_out_of_order_changes_nothing(client: TestClient, project: Project, number: int) -> None:
    """A gap, a number of the past, and another stroke under a used number are refused in one sentence."""
    paint(client, 1, (0, 4, 257))
    before = dump(project)
    answer = client.post(f"{SLICE}/patch/{number}", content=runs((5, 1, 257)))
    assert answer.status_code == 409
    assert "no longer fits" in answer.json()["error"]
    assert dump(project) == before


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
    before = dump(project)
    answer = client.post(f"{SLICE}/patch/1", content=body)
    assert answer.status_code == 400
    assert answer.json()["error"].endswith("reload the page.")
    assert dump(project) == before


@pytest.mark.parametrize("path", ["patch/2147483648", f"patch/{2**80}", "patch/1?active_ms=-1", "patch/1?active_ms=1e3"])
def test_numbers_out_of_bounds_change_nothing(client: TestClient, project: Project, path: str) -> None:
    """A number that no honest window would send is refused before anything is looked up."""
    before = dump(project)
    assert client.post(f"{SLICE}/{path}", content=runs((0, 1, 257))).status_code == 400
    assert dump(project) == before


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=st.binary(max_size=60))
def test_random_bytes_change_nothing(client: TestClient, project: Project, body: bytes) -> None:
    """Bytes that are no runs are refused in one sentence, never with a fault."""
    before = dump(project)
    answer = client.post(f"{SLICE}/patch/{opened(client)[0]['sequence'] + 1}", content=body)
    assert answer.status_code in {200, 400}
    if answer.status_code == 400:
        assert set(answer.json()) == {"error"}
        assert dump(project) == before


def test_a_body_that_is_too_large_is_cut_off(client: TestClient, project: Project) -> None:
    """The limit holds for bytes that really come, also when no length was announced."""
    before, sent = dump(project), 0

    def endless() -> Iterator[bytes]:
        nonlocal sent
        while sent < 4 * MAX_BODY:
            sent += 1 << 20
            yield b"\0" * (1 << 20)

    answer = client.post(f"{SLICE}/patch/1", content=endless())
    assert answer.status_code == 413
    assert dump(project) == before


def test_a_full_disk_keeps_the_stroke_waiting(client: TestClient, project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """The answer says to try again (503), so the editor keeps the stroke; with room again it is stored."""

    def full(*_: object) -> int:
        raise StorageError("Could not write project.sqlite: the disk is full.")

    with monkeypatch.context() as patch:
        patch.setattr(ProjectLabels, "apply", full)
        answer = client.post(f"{SLICE}/patch/1", content=runs((0, 3, 257)))
    assert answer.status_code == 503
    assert "the disk is full" in answer.json()["error"]
    paint(client, 1, (0, 3, 257))


def test_a_volume_that_was_moved_keeps_the_strokes_waiting(client: TestClient, rounds: Project) -> None:
    """A slice that must be predicted anew cannot be opened meanwhile, and the answer says to try again; strokes on what
    is known already are stored all the same.
    """
    rounds.volumes[0].path.unlink()
    answer = client.get("/underpaint/api/toy/0/2/slice")
    assert answer.status_code == 503
    assert "no longer exists" in answer.json()["error"]
    paint(client, 1, (0, 3, 257), query="?round=1")


@pytest.mark.parametrize("own", [False, True], ids=["the checkpoint is away", "only Python can give the network"])
def test_a_model_that_cannot_be_loaded_keeps_the_strokes_waiting(client: TestClient, rounds: Project, own: bool) -> None:
    """Nothing is wrong with a stroke, a claim or another prediction where the model of a known round is."""
    if own:
        save(rounds.workspace / "none", {"weight": torch.zeros(1)}, replace(SAMPLE, architecture="own", own_class="mine.Network"))
    wishes = {
        "patch/1?round=2": runs((0, 3, 257)),
        "claim": wish(kind="slice", sequence=0, revision=None, round=2),
        "rebase": wish(round=2, sequence=0),
    }
    before = dump(rounds)
    for path, body in wishes.items():
        answer = client.post(f"/underpaint/api/toy/0/2/{path}", content=body)
        assert answer.status_code == 503, answer.text
        assert ("own, mine.Network" if own else "no checkpoint") in answer.json()["error"]
    assert dump(rounds) == before


# ---- saves


def test_strokes_become_a_revision(client: TestClient, project: Project) -> None:
    """A claim about strokes labels the painted pixels only, with the work of the strokes and since."""
    paint(client, 1, (9, 3, 257), query="?active_ms=1500")
    assert post(client, "claim", kind="strokes", sequence=1, active_ms=500)["pixels"] == 3
    assert [(r.z, r.claim, r.pixels, r.active_seconds) for r in project.labels.slices()] == [(1, "strokes", 3, 2.0)]
    expected = np.full(HEIGHT * WIDTH, 255)
    expected[9:12] = 1
    np.testing.assert_array_equal(project.labels.of(0, 1).ravel(), expected)


def test_a_region_and_a_slice_can_be_claimed(client: TestClient, project: Project) -> None:
    """A region labels its box, a slice everything."""
    box = post(client, "claim", kind="region", sequence=0, box=[1, 2, 3, 5])
    assert (box["claim"], box["pixels"]) == ("region", 6)
    assert (project.labels.of(0, 1)[1:3, 2:5] == 0).all()
    assert post(client, "claim", kind="slice", sequence=0)["pixels"] == HEIGHT * WIDTH


def test_a_save_is_taken_back(client: TestClient, project: Project) -> None:
    """The label before counts again with its strokes as a draft, and a window that has not seen it cannot paint on."""
    paint(client, 1, (0, 2, 257))
    first = post(client, "claim", kind="strokes", sequence=1)["revision"]
    second = post(client, "claim", kind="slice", sequence=1)["revision"]
    assert post(client, "undo", revision=second) == {"sequence": 2, "revision": first}
    assert (project.labels.of(0, 1) != 255).sum() == 2
    assert client.post(f"{SLICE}/patch/2", content=runs((5, 1, 257))).status_code == 409
    assert post(client, "undo", revision=first) == {"sequence": 3, "revision": None}
    facts, mask, _ = opened(client)
    assert (facts["sequence"], facts["revision"], facts["origin"]) == (3, None, "draft")
    assert mask.ravel().tolist() == [257, 257] + [0] * (HEIGHT * WIDTH - 2)


def test_roles_stay_when_a_save_is_taken_back(client: TestClient, project: Project) -> None:
    """What was once for training is never scored."""
    revision = post(client, "claim", kind="slice", sequence=0)["revision"]
    before = project.labels.roles(0, 1)
    post(client, "undo", revision=revision)
    np.testing.assert_array_equal(project.labels.roles(0, 1), before)


def test_another_prediction_goes_under_the_strokes(client: TestClient, rounds: Project) -> None:
    """The strokes stay, the rest changes, and the way back is the round before."""
    paint(client, 1, (0, 1, 257), query="?round=1")
    for number, (round_, expected) in enumerate(((2, SECOND), (1, FIRST), (None, 0 * FIRST)), start=2):
        assert post(client, "rebase", round=round_, sequence=number - 1) == {"sequence": number}
        facts, mask, base = opened(client)
        np.testing.assert_array_equal(base, expected)
        np.testing.assert_array_equal(mask.ravel()[1:], expected.ravel()[1:])
        assert mask[0, 0] == 257
        assert (facts["round"], facts["sequence"]) == (round_, number)


@pytest.mark.parametrize("verb", ["claim", "undo", "rebase"])
def test_a_change_asked_for_twice_is_made_once(client: TestClient, rounds: Project, verb: str) -> None:
    """Who repeats a wish because the answer was lost gets the same answer; a wish with an id of its own is another one."""
    paint(client, 1, (0, 2, 257))
    revision = post(client, "claim", kind="slice", sequence=1)["revision"]
    paint(client, 2, (9, 2, 257))
    said = {
        "claim": {"kind": "slice", "sequence": 2, "revision": revision},
        "undo": {"revision": revision},
        "rebase": {"round": 1, "sequence": 2},
    }
    body = wish(**said[verb])
    first = client.post(f"{SLICE}/{verb}", content=body)
    after = dump(rounds)
    again = client.post(f"{SLICE}/{verb}", content=body)
    assert (first.status_code, again.status_code) == (200, 200)
    assert again.json() == first.json()
    assert dump(rounds) == after


@pytest.mark.parametrize("verb", ["claim", "undo"])
def test_a_save_or_undo_sent_again_after_a_restart_is_made_once(
    client: TestClient, rounds: Project, verb: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The answer in memory is gone, but the records know the wish; they do also after further strokes."""
    revision = post(client, "claim", kind="slice", sequence=0)["revision"]
    if verb == "undo":
        revision = post(client, "claim", kind="slice", sequence=0)["revision"]
    said = {"claim": {"kind": "slice", "sequence": 0, "revision": revision}, "undo": {"revision": revision}}
    body = wish(**said[verb])
    first = client.post(f"{SLICE}/{verb}", content=body)
    stored = dump(rounds)
    for painted in (False, True):
        if painted:
            paint(client, first.json().get("sequence", 0) + 1, (9, 2, 257))
            stored = dump(rounds)
        monkeypatch.setattr(edit, "_answers", Once())
        again = client.post(f"{SLICE}/{verb}", content=body)
        assert (first.status_code, again.status_code) == (200, 200)
        assert again.json()["revision"] == first.json()["revision"]
        assert dump(rounds) == stored


def test_two_programs_do_not_grant_one_wish_twice(rounds: Project) -> None:
    """The second finds the row of the first in its own transaction, and changes nothing."""
    rounds.submit(0, 1, Claim.slice(), wish="a")
    stored = dump(rounds)
    with pytest.raises(LabelError, match="by another program"), rounds.store.records.transaction() as db:
        db.execute("DELETE FROM heads")
        note_granted(db, "claim", SliceId(0, 1), "a", 2)
    assert dump(rounds) == stored


def test_a_claim_sent_twice_at_once_is_stored_once(client: TestClient, project: Project) -> None:
    """Also where the second comes before the first is answered."""
    body, gate, answers = wish(kind="slice", sequence=0, revision=None), Barrier(2), []

    def ask() -> None:
        gate.wait()
        answers.append(client.post(f"{SLICE}/claim", content=body).json())

    threads = [Thread(target=ask) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers[0] == answers[1]
    assert answers[0]["revision"] == 1
    assert project.labels.sync_state(0, 1).revision == 1


def test_a_project_that_was_made_anew_answers_for_itself(client: TestClient, project: Project, tmp_path: Path) -> None:
    """The wishes of a deleted project of the same name are forgotten."""
    body = wish(kind="slice", sequence=0, revision=None)
    client.post(f"{SLICE}/claim", content=body)
    project.store.records.close()
    shutil.rmtree(project.folder)
    anew = make_toy(tmp_path)
    client.post(f"{SLICE}/claim", content=body)
    assert len(anew.labels.slices()) == 1


CHANGES = {
    "patch/1": runs((0, 4, 257)),
    "claim": wish(kind="slice", sequence=0, revision=None),
    "undo": wish(revision=1),
    "rebase": wish(round=0, sequence=0),
    "put_off": wish(box=None),
}


@pytest.mark.parametrize("path", CHANGES)
@pytest.mark.parametrize("z", [1, 9])
def test_what_was_painted_in_a_deleted_project_is_not_stored_in_a_new_one(
    client: TestClient, project: Project, tmp_path: Path, path: str, z: int
) -> None:
    """Its name, slice and numbers fit, but it is another project; nor does the editor go on asking for a slice it lacks."""
    place = f"/underpaint/api/toy/0/{z}"
    old = {CREATED: opened(client)[0]["created"]}
    project.store.records.close()
    shutil.rmtree(project.folder)
    assert client.post(f"{place}/{path}", content=CHANGES[path], headers=old).status_code == 503
    anew = make_toy(tmp_path)
    before = dump(anew)
    answer = client.post(f"{place}/{path}", content=CHANGES[path], headers=old)
    assert answer.status_code == 409, answer.text
    assert "made anew" in answer.json()["error"]
    assert dump(anew) == before
    paint(client, 1, (0, 4, 257))


@pytest.mark.parametrize("path", CHANGES)
def test_a_change_that_names_no_project_is_refused(client: TestClient, project: Project, path: str) -> None:
    """A page from before this was asked for has to be loaded again."""
    before = dump(project)
    client.event_hooks = {}
    answer = client.post(f"{SLICE}/{path}", content=CHANGES[path])
    assert answer.status_code == 400, answer.text
    assert "reload the page" in answer.json()["error"]
    assert dump(project) == before


def test_the_steps_of_a_draft_are_told(client: TestClient, project: Project) -> None:
    """As long as the action that the browser has seen is the last, and until the draft is saved."""
    paint(client, 1, (0, 2, 257))
    paint(client, 2, (1, 2, 256))
    facts, body = unframed(client.get(f"{SLICE}/steps?sequence=2").content)
    assert facts == {"counts": [[1, 1], [1, 2]]}
    assert body == runs((0, 2, 257), (0, 2, 0), (1, 2, 256), (1, 1, 257), (2, 1, 0))
    assert unframed(client.get(f"{SLICE}/steps?sequence=1").content) == ({"counts": []}, b"")
    post(client, "claim", kind="strokes", sequence=2)
    assert unframed(client.get(f"{SLICE}/steps?sequence=2").content) == ({"counts": []}, b"")


def test_a_place_or_a_slice_is_put_off(client: TestClient, project: Project) -> None:
    """It is asked about after everything else."""
    before = [p.z for p in project.proposals()]
    assert post(client, "put_off", box=[0, 0, 3, 3]) == {"box": True}
    assert [p.z for p in project.proposals()] == before
    assert post(client, "put_off", box=None) == {"box": False}
    assert [(p.z, p.put_off) for p in project.proposals()][-1] == (1, True)


# ---- refusals


@pytest.fixture
def worked(client: TestClient, rounds: Project) -> Project:
    """Two rounds, a save, and strokes since: sequence 2, revision 1."""
    paint(client, 1, (0, 2, 257))
    post(client, "claim", kind="strokes", sequence=1)
    paint(client, 2, (9, 2, 257))
    return rounds


@pytest.mark.parametrize(
    ("verb", "said", "status"),
    [
        ("claim", {}, 400),
        ("claim", {"kind": "everything", "sequence": 2}, 400),
        ("claim", {"kind": "region", "sequence": 2}, 400),
        ("claim", {"kind": "region", "sequence": 2, "box": [0, 0, 7, 8]}, 400),
        ("claim", {"kind": "region", "sequence": 2, "box": [2, 2, 2, 5]}, 400),
        ("claim", {"kind": "region", "sequence": 2, "box": [0, 0, 1.5, 2]}, 400),
        ("claim", {"kind": "region", "sequence": 2, "box": [True, 0, 3, 2]}, 400),
        ("claim", {"kind": "slice", "sequence": 2, "id": ""}, 400),
        ("claim", {"kind": "slice", "sequence": 2, "id": "x" * 65}, 400),
        ("claim", {"kind": "slice", "sequence": 2, "id": "a\nb"}, 400),
        ("claim", {"kind": "slice", "sequence": 2, "id": 7}, 400),
        ("claim", {"kind": "slice", "sequence": "2"}, 400),
        ("claim", {"kind": "slice", "sequence": True}, 400),
        ("claim", {"kind": "slice", "sequence": 2**80}, 400),
        ("claim", {"kind": "slice", "sequence": 2, "active_ms": -1}, 400),
        ("claim", {"kind": "slice", "sequence": 2, "round": "1"}, 400),
        ("claim", {"kind": "slice", "sequence": 2}, 400),
        ("claim", {"kind": "slice", "sequence": 2, "revision": "1"}, 400),
        ("claim", {"kind": "slice", "sequence": 1, "revision": 1}, 409),
        ("claim", {"kind": "slice", "sequence": 3, "revision": 1}, 409),
        ("claim", {"kind": "slice", "sequence": 2, "revision": None}, 409),
        ("claim", {"kind": "slice", "sequence": 2, "revision": 2}, 409),
        ("undo", {}, 400),
        ("undo", {"revision": None}, 400),
        ("undo", {"revision": -1}, 400),
        ("undo", {"revision": 2**63}, 400),
        ("undo", {"revision": 2}, 409),
        ("undo", {"revision": 0}, 409),
        ("put_off", {}, 400),
        ("put_off", {"box": [0, 0, 7, 8]}, 400),
        ("put_off", {"box": "all"}, 400),
        ("rebase", {}, 400),
        ("rebase", {"sequence": 2}, 400),
        ("rebase", {"sequence": 2, "round": 1.5}, 400),
        ("rebase", {"sequence": 2, "round": 2**63}, 400),
        ("rebase", {"sequence": 2, "round": 3}, 409),
        ("rebase", {"sequence": 1, "round": 1}, 409),
        ("rebase", {"sequence": 3, "round": 1}, 409),
    ],
)
def test_a_change_that_is_refused_changes_nothing(
    client: TestClient, worked: Project, verb: str, said: dict[str, Any], status: int
) -> None:
    """Malformed, out of date or unknown: one sentence, and the records stay as they are, byte by byte."""
    before = dump(worked)
    answer = client.post(f"{SLICE}/{verb}", content=wish(**said))
    assert answer.status_code == status, answer.text
    assert set(answer.json()) == {"error"}
    assert dump(worked) == before


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b"null", b"\xff\xfe", b'{"id":', b"[" * 200_000, b"9" * 5000])
@pytest.mark.parametrize("verb", ["claim", "undo", "rebase", "put_off"])
def test_what_is_no_wish_changes_nothing(client: TestClient, worked: Project, verb: str, body: bytes) -> None:
    """Nothing, rubbish, and JSON that is nested without end."""
    before = dump(worked)
    assert client.post(f"{SLICE}/{verb}", content=body).status_code == 400
    assert dump(worked) == before


said = st.dictionaries(
    st.sampled_from(["id", "kind", "sequence", "revision", "round", "box", "active_ms"]),
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=4), st.lists(st.integers(-1, 9), max_size=5),
              st.sampled_from(["strokes", "slice", "region", "a"]), st.integers(0, 3)),
)  # fmt: skip


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(verb=st.sampled_from(["claim", "undo", "rebase"]), said=said)
def test_random_wishes_are_made_or_change_nothing(client: TestClient, worked: Project, verb: str, said: dict[str, Any]) -> None:
    """Whatever is said, the answer is a change or one sentence, and with a sentence the records stay as they are."""
    before = dump(worked)
    answer = client.post(f"{SLICE}/{verb}", content=json.dumps(said))
    assert answer.status_code in {200, 400, 404, 409}, answer.text
    if answer.status_code != 200:
        assert set(answer.json()) == {"error"}
        assert dump(worked) == before


def test_reading_changes_no_record(client: TestClient, worked: Project) -> None:
    """Opening, syncing, suggestions and superpixels leave the records as they are."""
    before = dump(worked)
    for path in ("slice", "slice?round=1", "news?window=a", "superpixels?ty=0&tx=0", "suggestion?kind=neighbour&from=1",
                 "suggestion?kind=interpolation", "heat", "grey"):  # fmt: skip
        client.get(f"{SLICE}/{path}")
    assert dump(worked) == before


# ---- other windows


def changes(client: TestClient, window: str, place: str = SLICE) -> Any:
    """What a window is told."""
    answer = client.get(f"{place}/news?window={window}")
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_a_window_is_told_what_has_changed(client: TestClient, worked: Project) -> None:
    """The newest round, the last action and the newest label, each as it is now."""
    created = opened(client)[0]["created"]
    told = {"created": created, "round": 2, "sequence": 2, "revision": 1, "caution": None, "others": 0}
    assert changes(client, "a") == told
    paint(client, 3, (0, 1, 1))
    worked.submit(0, 1, Claim.slice())
    add_round(worked)
    assert changes(client, "a") == {**told, "round": 3, "sequence": 3, "revision": 2}


def test_windows_on_one_slice_see_each_other(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only those on the same slice, and never oneself."""
    monkeypatch.setattr(edit, "_presence", Presence())
    assert changes(client, "a")["others"] == 0
    assert changes(client, "b")["others"] == 1
    assert changes(client, "a")["others"] == 1
    assert changes(client, "b", "/underpaint/api/toy/0/2")["others"] == 0
    assert changes(client, "a")["others"] == 0


def test_a_window_that_closes_says_so(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """So that loading a page anew does not look like a second window."""
    monkeypatch.setattr(edit, "_presence", Presence())
    changes(client, "a")
    assert client.get(f"{SLICE}/news?window=a&closing=1").status_code == 204
    assert changes(client, "b")["others"] == 0


@pytest.mark.parametrize("query", ["", "?window=", f"?window={'x' * 65}", "?window=a%0Ab", "?window=%F0%9F%98%80"])
def test_a_window_names_itself(client: TestClient, query: str) -> None:
    """By 1 to 64 letters, digits and dashes."""
    answer = client.get(f"{SLICE}/news{query}")
    assert answer.status_code == 400
    assert "window must be" in answer.json()["error"]


def test_two_windows_that_paint_are_told_apart(client: TestClient, project: Project) -> None:
    """The second stroke under one number is refused; nobody's stroke is overwritten silently."""
    paint(client, 1, (0, 1, 257))
    assert client.post(f"{SLICE}/patch/1", content=runs((3, 1, 257))).status_code == 409
    project.labels.apply(0, 1, Patch(2, np.array([[5, 1, 257]], np.uint32)))
    assert opened(client)[0]["sequence"] == 2
