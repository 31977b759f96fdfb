"""Pictures of slices over HTTP: what they show, and that the browser never keeps an old one."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray
from PIL import Image
from starlette.testclient import TestClient

from app.api.pictures import confidence_colors, overlay
from app.api.thumbnails import Layer, version
from app.routes import picture_url
from core.geometry import Box, SliceId
from core.project import UNLABELLED, Claim, LabelClass, Project
from core.volumes.display import display_window, to_grey
from tests.predicted import add_round, keep
from tests.toy import browser

LAYERS: tuple[Layer, ...] = ("grey", "overlay", "prediction", "confidence")
SHAPE = (48, 64)
MASK = (np.arange(48 * 64, dtype=np.uint8).reshape(SHAPE) // 8) % 3
CONFIDENCE = np.arange(48 * 64, dtype=np.uint8).reshape(SHAPE)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """Three slices of 48 x 64 pixels of noise, 16 bit."""
    volume = np.random.default_rng(0).integers(0, 4000, (3, *SHAPE), dtype=np.uint16)
    tifffile.imwrite(tmp_path / "toy.tif", volume, photometric="minisblack", metadata={"axes": "ZYX"})
    monkeypatch.setenv("UNDERPAINT_WORKSPACE", str(tmp_path))
    return Project.create(tmp_path, "toy", volumes=[tmp_path / "toy.tif"], classes=["matrix", "pore", "phase"])


@pytest.fixture
def client(project: Project) -> Iterator[TestClient]:
    """A browser on the app's own page."""
    with browser() as made:
        yield made


def seen(client: TestClient, url: str) -> NDArray[np.uint8]:
    """The pixels at an address."""
    answer = client.get(url)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "image/png"
    return np.asarray(Image.open(io.BytesIO(answer.content)))


def grey(project: Project) -> NDArray[np.uint8]:
    """Slice 1 in 8 bit, with its own brightness."""
    image = project.image(0, 1)[0]
    return to_grey(image, display_window(image))


def colors(project: Project) -> dict[int, str]:
    """The classes' colours by id."""
    return {c.id: c.color for c in project.classes}


def test_every_layer_shows_what_it_is_called(client: TestClient, project: Project) -> None:
    """Grey is the slice, prediction its classes over it, confidence its own colours; pixel by pixel at full size."""
    keep(project, 1, MASK, CONFIDENCE)
    pictures = {layer: seen(client, picture_url(project, SliceId(0, 1), layer=layer, side=64)) for layer in LAYERS}
    np.testing.assert_array_equal(pictures["grey"], grey(project))
    tinted = overlay(grey(project), MASK, colors(project))
    np.testing.assert_array_equal(pictures["prediction"], tinted)
    np.testing.assert_array_equal(pictures["overlay"], tinted)
    np.testing.assert_array_equal(pictures["confidence"], confidence_colors(CONFIDENCE, 3))


def test_a_stored_label_lies_over_the_prediction(client: TestClient, project: Project) -> None:
    """The overlay shows what a person said where somebody has, and the model's guess elsewhere; without either, grey."""
    np.testing.assert_array_equal(
        seen(client, picture_url(project, SliceId(0, 1), layer="overlay", side=64))[..., 0], grey(project)
    )
    keep(project, 1, MASK, CONFIDENCE)
    label = np.full(SHAPE, UNLABELLED, np.uint8)
    label[:10] = 1
    project.labels.submit_mask(0, 1, label, Claim.strokes())
    known = np.where(label == UNLABELLED, MASK, label)
    shown = seen(client, picture_url(project, SliceId(0, 1), layer="overlay", side=64))
    np.testing.assert_array_equal(shown, overlay(grey(project), known, colors(project)))


def test_a_box_is_cut_out_with_the_brightness_of_the_whole_slice(client: TestClient, project: Project) -> None:
    """Every layer can be cut; the same pixel is as bright in the part as in the whole."""
    keep(project, 1, MASK, CONFIDENCE)
    box = Box(5, 30, 25, 64)
    for layer in LAYERS:
        whole = seen(client, picture_url(project, SliceId(0, 1), layer=layer, side=64))
        part = seen(client, picture_url(project, SliceId(0, 1), layer=layer, side=64, box=box))
        np.testing.assert_array_equal(part, whole[box.slices])


def test_a_large_slice_comes_small(client: TestClient, project: Project) -> None:
    """No side is longer than asked for, and classes are picked, never mixed."""
    keep(project, 1, MASK, CONFIDENCE)
    for layer in LAYERS:
        assert seen(client, picture_url(project, SliceId(0, 1), layer=layer, side=16)).shape[:2] == (12, 16)


@pytest.mark.parametrize("layer", ["prediction", "confidence"])
def test_a_slice_without_prediction_has_no_picture_of_one(client: TestClient, project: Project, layer: Layer) -> None:
    """The answer says so; nothing is computed."""
    add_round(project)
    answer = client.get(picture_url(project, SliceId(0, 1), layer=layer, side=64))
    assert answer.status_code == 404
    assert "has not been predicted" in answer.json()["error"]


@pytest.mark.parametrize(
    "asked",
    [
        "layer=truth",
        "side=8",
        "side=1025",
        "side=big",
        "box=0,0,49,64",
        "box=0,0,0,9",
        "box=1,2,3",
        "box=a,b,c,d",
        "box=-1,0,4,4",
    ],
)
def test_what_cannot_be_shown_is_refused(client: TestClient, asked: str) -> None:
    """A layer, size or box that is not there is one sentence, not a fault."""
    answer = client.get(f"/underpaint/api/toy/0/1/thumbnail.png?{asked}")
    assert answer.status_code == 400
    assert answer.json()["error"].startswith(asked.split("=")[0])


def _paint(project: Project) -> None:
    project.labels.submit_mask(0, 1, MASK, Claim.slice())


def _recolor(project: Project) -> None:
    project.set_classes([LabelClass(c.id, c.name, "#123456") for c in project.classes])


def _predict_again(project: Project) -> None:
    add_round(project)
    keep(project, 1, MASK[::-1], CONFIDENCE[::-1])


@pytest.mark.parametrize("change", [_paint, _recolor, _predict_again])
def test_the_address_changes_when_the_picture_does(client: TestClient, project: Project, change) -> None:
    """Whatever happens to a slice: an address that was good before never shows the browser something else for good."""
    keep(project, 1, MASK, CONFIDENCE)
    before = {layer: picture_url(project, SliceId(0, 1), layer=layer, side=64) for layer in LAYERS}
    pictures = {layer: seen(client, url) for layer, url in before.items()}
    change(project)
    for layer, url in before.items():
        after = picture_url(project, SliceId(0, 1), layer=layer, side=64)
        changed = not np.array_equal(seen(client, after), pictures[layer])
        assert not changed or after != url, layer
        assert "immutable" in client.get(after).headers["cache-control"]
        assert ("immutable" in client.get(url).headers["cache-control"]) == (after == url)


def test_another_volume_has_another_address(project: Project, tmp_path: Path) -> None:
    """The version knows the file and its state, so no other project's picture is taken for this one's."""
    again = np.zeros((3, *SHAPE), np.uint16)
    tifffile.imwrite(tmp_path / "other.tif", again, photometric="minisblack", metadata={"axes": "ZYX"})
    project.add_volume(tmp_path / "other.tif")
    assert version(project, SliceId(0, 1), "grey") != version(project, SliceId(1, 1), "grey")


def test_other_slices_keep_their_address(project: Project) -> None:
    """What happens to one slice lets the browser keep its pictures of the others."""
    before = version(project, SliceId(0, 1), "overlay")
    project.labels.submit_mask(0, 2, MASK, Claim.slice())
    assert version(project, SliceId(0, 1), "overlay") == before


def test_an_undone_label_brings_the_address_back(project: Project) -> None:
    """What the browser kept of the state before is right again."""
    before = picture_url(project, SliceId(0, 1), layer="overlay", side=64)
    _paint(project)
    assert picture_url(project, SliceId(0, 1), layer="overlay", side=64) != before
    project.labels.undo(0, 1)
    assert picture_url(project, SliceId(0, 1), layer="overlay", side=64) == before


def test_a_plain_picture_is_asked_for_anew(client: TestClient) -> None:
    """Without a version, the browser keeps nothing; with any picture, Streamlit's gzip has nothing to do."""
    answer = client.get("/underpaint/api/toy/0/1/thumbnail.png")
    assert "no-cache" in answer.headers["cache-control"]
    assert answer.headers["content-encoding"] == "identity"


def test_a_volume_that_is_gone_is_one_sentence(client: TestClient, project: Project) -> None:
    """The route says what the page says."""
    url = picture_url(project, SliceId(0, 2), layer="grey", side=64)
    assert parse_qs(urlsplit(url).query)["v"]
    project.volumes[0].path.unlink()
    answer = client.get(url)
    assert answer.status_code == 503
    assert "no longer exists" in answer.json()["error"]
