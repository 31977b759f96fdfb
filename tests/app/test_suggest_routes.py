"""Suggested masks and superpixels over HTTP."""

from __future__ import annotations

from threading import Event, Thread

import numpy as np
import pytest
import tifffile
from starlette.testclient import TestClient

from app.api import suggest
from app.api.pictures import ByteCache
from core.editing.superpixels import superpixels
from core.project import Project
from core.storage.drafts import Patch
from core.storage.labels import Claim
from core.volumes.display import display_window
from tests.toy import SLICE, unframed, values

LARGE = "/underpaint/api/large/0/1"


@pytest.fixture
def project(project: Project, monkeypatch: pytest.MonkeyPatch) -> Project:
    """The toy project; and no tile is known yet."""
    monkeypatch.setattr(suggest, "_tiles", ByteCache(1 << 24))
    return project


@pytest.fixture
def large(project: Project) -> Project:
    """Two slices of 530 x 600 pixels of noise, so of four tiles."""
    folder = project.workspace
    volume = np.random.default_rng(0).integers(0, 4000, (2, 530, 600), dtype=np.uint16)
    tifffile.imwrite(folder / "large.tif", volume, photometric="minisblack", metadata={"axes": "ZYX"})
    return Project.create(folder, "large", volumes=[folder / "large.tif"], classes=["matrix", "pore"])


@pytest.mark.parametrize(("query", "slices"), [("kind=neighbour&from=0", [0]), ("kind=interpolation", [0, 2])])
def test_a_suggestion_comes_as_runs(client: TestClient, project: Project, query: str, slices: list[int]) -> None:
    """Facts say from where and how much; 255 where nothing is suggested."""
    mask = np.zeros((6, 8), np.uint8)
    mask[2:4] = 1
    mask[:, 7] = 255
    for z in (0, 2):
        project.labels.submit_mask(0, z, mask, Claim.strokes())
    facts, body = unframed(client.get(f"{SLICE}/suggestion?{query}").content)
    expected = np.where(mask == 255, 0 if len(slices) == 1 else 255, mask)
    np.testing.assert_array_equal(values(np.frombuffer(body, "<u4")), expected)
    assert facts == {"from": slices, "pixels": int((expected != 255).sum())}


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("", 400),
        ("kind=magic", 400),
        ("kind=neighbour", 400),
        ("kind=neighbour&from=3", 400),
        ("kind=neighbour&from=-1", 400),
        ("kind=neighbour&from=1", 409),
        ("kind=neighbour&from=0", 409),
        ("kind=interpolation", 409),
    ],
)
def test_what_cannot_be_suggested_is_told(client: TestClient, query: str, status: int) -> None:
    """Malformed wishes, and slices that have nothing to give."""
    answer = client.get(f"{SLICE}/suggestion?{query}")
    assert answer.status_code == status
    assert set(answer.json()) == {"error"}


@pytest.mark.parametrize(("ty", "tx", "shape"), [(0, 0, (512, 512)), (1, 0, (18, 512)), (1, 1, (18, 88))])
def test_a_tile_says_where_it_lies(client: TestClient, large: Project, ty: int, tx: int, shape: tuple[int, int]) -> None:
    """Its ids are those of the tile's pixels in the slice's own window; tiles at the far edges are smaller."""
    answer = client.get(f"{LARGE}/superpixels?ty={ty}&tx={tx}")
    assert answer.headers["content-encoding"] == "identity"
    facts, body = unframed(answer.content)
    ids = np.frombuffer(body, "<u2").reshape(shape)
    image = large.image(0, 1)[0]
    expected = superpixels(image[ty * 512 :, tx * 512 :][:512, :512], display_window(image))
    np.testing.assert_array_equal(ids, expected)
    assert facts == {"y0": 512 * ty, "x0": 512 * tx, "height": shape[0], "width": shape[1], "count": int(expected.max()) + 1}


@pytest.mark.parametrize("query", ["", "ty=0", "tx=0", "ty=2&tx=0", "ty=0&tx=2", "ty=-1&tx=0", "ty=a&tx=0"])
def test_a_tile_that_is_not_there_is_refused(client: TestClient, large: Project, query: str) -> None:
    """A slice of 530 x 600 pixels has the tiles 0 and 1 both ways."""
    assert client.get(f"{LARGE}/superpixels?{query}").status_code == 400


def test_a_tile_is_cut_once_and_keeps_no_other_waiting(
    client: TestClient, large: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two windows that ask for one tile at once cause one cutting; a third tile is answered meanwhile."""
    begun, go_on, cut, answers = Event(), Event(), [], []

    def slow(image: np.ndarray, window: tuple[float, float]) -> np.ndarray:
        cut.append(image.shape)
        if image.shape == (512, 512):
            begun.set()
            assert go_on.wait(20)
        return superpixels(image, window)

    monkeypatch.setattr(suggest, "cut", slow)
    threads = [Thread(target=lambda: answers.append(client.get(f"{LARGE}/superpixels?ty=0&tx=0").content)) for _ in range(2)]
    for thread in threads:
        thread.start()
    assert begun.wait(20)
    assert client.get(f"{LARGE}/superpixels?ty=1&tx=1").status_code == 200
    go_on.set()
    for thread in threads:
        thread.join()
    assert cut == [(512, 512), (18, 88)]
    assert answers[0] == answers[1]


def test_a_volume_that_is_away_is_one_sentence(client: TestClient, large: Project) -> None:
    """Status 503: it may come back."""
    large.volumes[0].path.unlink()
    answer = client.get(f"{LARGE}/superpixels?ty=0&tx=0")
    assert answer.status_code == 503
    assert "no longer exists" in answer.json()["error"]


# ---- the preview


def test_a_preview_comes_once_two_classes_are_painted(client: TestClient, project: Project) -> None:
    """Until then a sentence says what is missing; then every pixel of the box has a class."""
    asked = f"{SLICE}/preview?y0=1&x0=2&y1=5&x1=7"
    facts, body = unframed(client.get(asked).content)
    assert (facts["drawn"], facts["model"], body) == (False, 0, b"")
    assert "two classes" in facts["sentence"]
    project.labels.apply(0, 1, Patch(1, np.array([[0, 3, 0 | 256], [40, 3, 1 | 256]], np.uint32)))
    facts, body = unframed(client.get(asked).content)
    assert (facts["drawn"], facts["model"], len(body)) == (True, 1, 20)
    assert set(body) <= {0, 1}
    assert "6 labelled pixels" in facts["sentence"]


def test_a_preview_can_be_prepared_and_compared(client: TestClient) -> None:
    """Preparing answers at once; the comparison with a network says that there is none yet."""
    assert client.get(f"{SLICE}/preview?prepare=1").status_code == 204
    facts, body = unframed(client.get(f"{SLICE}/preview?handover=1").content)
    assert (facts["drawn"], facts["ahead"], body) == (False, True, b"")
    assert "until a round is trained" in facts["sentence"]


@pytest.mark.parametrize("query", ["y0=-1", "y0=6", "x1=9", "y0=3&y1=3", "y0=one", "prepare=2"])
def test_a_preview_of_no_box_of_the_slice_is_refused(client: TestClient, query: str) -> None:
    """A box has to lie in the slice and hold a pixel."""
    assert client.get(f"{SLICE}/preview?{query}").status_code == 400
