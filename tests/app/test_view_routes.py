"""How a slice is asked for: levels, windows, channels, histogram and single pixels."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray
from starlette.testclient import TestClient

from app.api import view
from app.api.pictures import ByteCache
from core.project import Project
from core.volumes.display import blended, display_window, to_grey
from core.volumes.histogram import histogram
from core.volumes.levels import build_levels, level_shapes, take_level
from tests.toy import browser

ORIGIN = "http://127.0.0.1:8501"
HEIGHT, WIDTH = 301, 517


@pytest.fixture
def client(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[TestClient]:
    """A browser on an app whose caches are empty."""
    monkeypatch.setenv("UNDERPAINT_WORKSPACE", str(tmp_path))
    monkeypatch.setattr(view, "_raws", ByteCache(1 << 24))
    monkeypatch.setattr(view, "_greys", ByteCache(1 << 24))
    with browser() as made:
        yield made


def slices(dtype: str, channels: int = 1) -> NDArray:
    """Two slices ``(2, C, 301, 517)``: a ramp with noise, each channel of another contrast."""
    rng = np.random.default_rng(7)
    ramp = np.linspace(0.2, 0.7, WIDTH) + rng.normal(0, 0.05, (2, channels, HEIGHT, WIDTH))
    scale = {"uint8": 255, "uint16": 40000, "float32": 1e-3}[dtype]
    return (ramp.clip(0, 1) * scale / np.arange(1, channels + 1)[:, None, None]).astype(dtype)


def project(folder: Path, volume: NDArray) -> Project:
    """A project called toy with one volume."""
    tifffile.imwrite(folder / "toy.tif", volume, photometric="minisblack", metadata={"axes": "ZCYX"})
    return Project.create(folder, "toy", volumes=[folder / "toy.tif"], classes=["matrix", "pore"], axes="ZCYX")


def grey(client: TestClient, query: str = "", z: int = 1) -> bytes:
    """What the server sends for a wish."""
    answer = client.get(f"/underpaint/api/toy/0/{z}/grey?{query}")
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-encoding"] == "identity"
    return answer.content


def test_eight_bits_come_as_they_are(tmp_path: Path, client: TestClient) -> None:
    """A window on 256 values is the browser's work: the bytes are the file's, whole or some rows; a given window holds."""
    image = project(tmp_path, slices("uint8")).image(0, 1)[0]
    assert grey(client) == image.tobytes()
    assert grey(client, "cut=1&y0=20&y1=31") == image[20:31].tobytes()
    assert grey(client, "lo=50&hi=90&y0=2&y1=4") == to_grey(image, (50, 90))[2:4].tobytes()


@pytest.mark.parametrize("dtype", ["uint16", "float32"])
def test_wide_types_come_through_a_window(tmp_path: Path, client: TestClient, dtype: str) -> None:
    """The slice's own percentiles unless grey values are given; each channel has its own."""
    image = project(tmp_path, slices(dtype, channels=2)).image(0, 1)
    assert grey(client) == to_grey(image[0], display_window(image[0])).tobytes()
    assert grey(client, "channel=1&cut=1") == to_grey(image[1], display_window(image[1], 1, 99)).tobytes()
    assert grey(client, "cut=0") == to_grey(image[0], (float(image[0].min()), float(image[0].max()))).tobytes()
    assert grey(client, "lo=0.0001&hi=25000") == to_grey(image[0], (0.0001, 25000)).tobytes()
    assert grey(client, "smooth=1") == to_grey(image[0], display_window(image[0]), smooth=True).tobytes()


def test_channels_are_named(tmp_path: Path, client: TestClient) -> None:
    """The facts of a slice name its channels and its type, from which the editor makes its choices."""
    project(tmp_path, slices("uint16", channels=2))
    body = client.get("/underpaint/api/toy/0/1/slice").content
    facts = json.loads(body[4 : 4 + int.from_bytes(body[:4], "little")])
    assert (len(facts["channels"]), facts["dtype"]) == (2, "uint16")


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_a_second_channel_is_blended_in(tmp_path: Path, client: TestClient, dtype: str) -> None:
    """Each channel comes through a window of its own first, also of 8 bit; the first through the one that is given."""
    first, second = project(tmp_path, slices(dtype, channels=2)).image(0, 1)
    faint = to_grey(second, display_window(second))
    assert grey(client, "second=1&mix=30") == blended(to_grey(first, display_window(first)), faint, 30).tobytes()
    assert grey(client, "second=1&lo=3&hi=99") == blended(to_grey(first, (3, 99)), faint, 50).tobytes()


def test_every_level_can_be_had(tmp_path: Path, client: TestClient) -> None:
    """A coarse level is the slice in block means, of what is shown and not of the raw values; rows count in its own."""
    image = project(tmp_path, slices("uint16")).image(0, 1)[0]
    kept = build_levels(to_grey(image, display_window(image)))
    for level, (height, width) in enumerate(level_shapes(HEIGHT, WIDTH)):
        whole = take_level(kept, (HEIGHT, WIDTH), level)
        assert whole.shape == (height, width)
        assert grey(client, f"level={level}") == whole.tobytes()
        assert grey(client, f"level={level}&y0=5&y1={height}") == whole[5:].tobytes()


def test_a_slice_is_read_and_stretched_once(tmp_path: Path, client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """Strips, levels, histogram and pixels of one slice cost one reading of the file, and strips one window."""
    made = project(tmp_path, slices("uint16"))
    reads, windows = [], []
    image, window = Project.image, view.display_window
    monkeypatch.setattr(Project, "image", lambda self, volume, z: reads.append(z) or image(self, volume, z))
    monkeypatch.setattr(view, "display_window", lambda *args: windows.append(args) or window(*args))
    for query in ("level=2", "y0=0&y1=100", "y0=100&y1=301"):
        grey(client, query)
    for path in ("histogram", "pixel?y=0&x=0"):
        assert client.get(f"/underpaint/api/{made.name}/0/1/{path}").status_code == 200
    assert (reads, len(windows)) == ([1], 1)


def test_the_caches_stay_within_their_limits() -> None:
    """A slice of 6000 x 6000 with its levels fits three times; nothing larger than half a GiB is kept of many slices."""
    levels = sum(height * width for height, width in level_shapes(6000, 6000))
    assert 3 * levels <= view._greys._limit <= 1 << 29
    assert 6000 * 6000 * 4 <= view._raws._limit <= 1 << 29


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_the_histogram_says_how_grey_values_lie(tmp_path: Path, client: TestClient, dtype: str) -> None:
    """It is that of the raw values of one channel, with its range and the windows that can be chosen."""
    image = project(tmp_path, slices(dtype, channels=2)).image(0, 1)[1]
    said = client.get("/underpaint/api/toy/0/1/histogram?channel=1").json()
    expected = histogram(image)
    assert (said["channel"], said["dtype"], said["counts"]) == (1, dtype, expected.counts.tolist())
    assert (said["low"], said["high"]) == (expected.low, expected.high)
    assert said["windows"] == {"0": [*map(float, (image.min(), image.max()))], **_windows(image)}


def _windows(image: NDArray) -> dict[str, list[float]]:
    return {"0.5": list(display_window(image)), "1": list(display_window(image, 1, 99))}


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_a_pixel_is_told_exactly(tmp_path: Path, client: TestClient, dtype: str) -> None:
    """The values of all channels as the file holds them, no digit lost."""
    image = project(tmp_path, slices(dtype, channels=2)).image(0, 1)
    said = client.get("/underpaint/api/toy/0/1/pixel?y=300&x=516").json()
    assert (said["y"], said["x"]) == (300, 516)
    assert np.array(said["values"], dtype).tolist() == image[:, 300, 516].tolist()


def test_values_that_are_no_numbers_are_told_as_none(tmp_path: Path, client: TestClient) -> None:
    """JSON knows no NaN: such a pixel is null, black in the picture, and left out of the histogram."""
    volume = slices("float32")
    made = project(tmp_path, volume)
    lost = volume[1].copy()
    lost[0, :2, 0] = math.nan, math.inf
    view._raws.get((*view.source(made, 0), 1), lambda: lost)
    for y in (0, 1):
        assert client.get(f"/underpaint/api/toy/0/1/pixel?y={y}&x=0").json()["values"] == [None]
    shown = np.frombuffer(grey(client), np.uint8).reshape(HEIGHT, WIDTH)
    assert shown[:2, 0].tolist() == [0, 0]
    assert math.isfinite(client.get("/underpaint/api/toy/0/1/histogram").json()["high"])


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("grey?level=3", "level must be a whole number from 0 to 2"),
        ("grey?level=1&y0=151", "y0 must be"),
        ("grey?second=1", "second must be"),
        ("grey?second=0&mix=101", "mix must be"),
        ("grey?smooth=2", "smooth must be"),
        ("grey?cut=2", "cut must be one of 0, 0.5, 1"),
        ("grey?lo=9&hi=3", "lo below hi"),
        ("grey?lo=1e-320&hi=inf", "two numbers"),
        ("histogram?channel=1", "channel must be"),
        ("pixel?y=301&x=0", "y must be"),
        ("pixel?y=0", "x must be"),
    ],
)
def test_what_is_not_there_is_refused(tmp_path: Path, client: TestClient, path: str, words: str) -> None:
    """A wish that cannot be met is answered with what is allowed."""
    project(tmp_path, slices("uint8"))
    answer = client.get(f"/underpaint/api/toy/0/1/{path}")
    assert answer.status_code == 400
    assert words in answer.json()["error"]
