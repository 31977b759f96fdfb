"""The picture of a snapshot over HTTP: the classes' colours, transparent where the background is, kept by the browser."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from starlette.testclient import TestClient

from app.api.pictures import overlay, rgb, tint
from app.routes import snapshot_url
from core.geometry import Box
from core.project import LabelClass, Project
from core.storage.checkpoints import Card
from core.storage.snapshots import Snapshot, WatchedRegion, keep, snapshot_facts, step_folder
from tests.toy import HEIGHT, WIDTH, browser, make_toy

MASK = (np.arange(HEIGHT * WIDTH, dtype=np.uint8).reshape(HEIGHT, WIDTH) // 5) % 2


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """The toy project with one kept snapshot of round 1."""
    monkeypatch.setenv("UNDERPAINT_WORKSPACE", str(tmp_path))
    made = make_toy(tmp_path)
    facts = snapshot_facts(WatchedRegion(0, 1, Box(0, 0, HEIGHT, WIDTH)), end=False, validated=None)
    card = Card("unet", {}, ("matrix", "pore"), 1, "none", {}, 0, training={"seconds": 1.5, "steps": 7}, extra={"moment": facts})
    keep(step_folder(made.store.snapshots.folder(1), 7), {"a": torch.zeros(1)}, card, MASK, MASK)
    return made


@pytest.fixture
def client(project: Project) -> Iterator[TestClient]:
    """A browser on the app's own page."""
    with browser() as made:
        yield made


def only(project: Project) -> Snapshot:
    """The snapshot there is."""
    (snapshot,) = project.models.snapshots(1)
    return snapshot


def pixels(body: bytes) -> NDArray[np.uint8]:
    """A PNG as red, green, blue and opacity."""
    return np.asarray(Image.open(io.BytesIO(body)).convert("RGBA"))


def test_a_snapshot_is_seen_in_the_colours_of_its_classes(client: TestClient, project: Project) -> None:
    """The background is transparent, so that the grey slice below is seen."""
    answer = client.get(snapshot_url(project, only(project), side=64))
    seen = pixels(answer.content)
    assert answer.headers["content-type"] == "image/png"
    assert (seen[MASK == 0][:, 3] == 0).all()
    assert (seen[MASK == 1][:, :3] == rgb(project.classes[1].color)).all()
    assert set(seen[MASK == 1][:, 3].tolist()) == {115}


def test_the_browser_keeps_it_until_a_colour_changes(client: TestClient, project: Project) -> None:
    """An address stands for one picture; an old address is answered, but not kept."""
    first = snapshot_url(project, only(project), side=64)
    assert "immutable" in client.get(first).headers["cache-control"]
    project.set_classes([LabelClass(0, "matrix", "#000000"), LabelClass(1, "pore", "#123456")])
    assert snapshot_url(project, only(project), side=64) != first
    assert client.get(first).headers["cache-control"] == "private, no-cache"


def test_a_snapshot_that_is_gone_is_one_sentence(client: TestClient, project: Project) -> None:
    """As when it was swept while the page was open."""
    url = snapshot_url(project, only(project), side=64)
    project.store.snapshots.forget(1)
    answer = client.get(url)
    assert (answer.status_code, answer.json()["error"]) == (404, "This snapshot is not kept any more; reload the page.")


def test_a_tint_over_grey_is_the_overlay() -> None:
    """What the browser puts together is what the server draws elsewhere, to within a rounding."""
    grey = np.arange(256, dtype=np.uint8).reshape(16, 16)
    mask, colors = (grey // 7) % 3, {0: "#ffffff", 1: "#d55e00", 2: "#0072b2"}
    layer = Image.open(io.BytesIO(tint(mask, colors))).convert("RGBA")
    base = Image.fromarray(np.repeat(grey[..., None], 3, axis=2)).convert("RGBA")
    together = np.asarray(Image.alpha_composite(base, layer))[..., :3].astype(int)
    assert np.abs(together - overlay(grey, mask, colors)).max() <= 1
