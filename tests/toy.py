"""A toy project behind the editor's routes, and a browser on its page."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray
from starlette.applications import Starlette
from starlette.testclient import TestClient

from app.api.target import CREATED
from app.guard import Guard, issue_token
from app.routes import routes
from core.project import Project, list_projects
from core.storage.access_key import access_key
from core.storage.workspace import workspace_folder

ORIGIN = "http://127.0.0.1:8501"
SLICE = "/underpaint/api/toy/0/1"
HEIGHT, WIDTH, DEPTH = 6, 8, 3

_numbers = count()


def make_toy(folder: Path) -> Project:
    """Three slices of 6 x 8 pixels with rising grey values; two classes."""
    volume = np.arange(DEPTH * HEIGHT * WIDTH, dtype=np.uint8).reshape(DEPTH, HEIGHT, WIDTH)
    tifffile.imwrite(folder / "toy.tif", volume, photometric="minisblack", metadata={"axes": "ZYX"})
    return Project.create(folder, "toy", volumes=[folder / "toy.tif"], classes=["matrix", "pore"])


@contextmanager
def browser() -> Iterator[TestClient]:
    """A browser on the app's own page that has shown the key, with a token; it names the present project with every change."""
    with TestClient(Guard(Starlette(routes=routes())), base_url=ORIGIN) as made:
        assert made.get("/", params={"key": access_key(workspace_folder())}).status_code == 200
        made.headers.update({"Origin": ORIGIN, "X-Underpaint-Token": issue_token()})
        made.event_hooks["request"].append(_name_project)
        yield made


def _name_project(request: Any) -> None:
    """Name the project of an address as it is now, unless the test names one."""
    workspace, name = workspace_folder(), "".join(request.url.path.split("/")[3:4])
    if request.method == "POST" and CREATED not in request.headers and name in list_projects(workspace):
        with closing(sqlite3.connect(workspace / "data" / name / "project.sqlite")) as db:
            request.headers[CREATED] = db.execute("SELECT value FROM meta WHERE key = 'created'").fetchone()[0]


def runs(*triples: tuple[int, int, int]) -> bytes:
    """The body of a stroke."""
    return np.asarray(triples, dtype="<u4").tobytes()


def wish(**said: Any) -> str:
    """The body of a claim, an undo or another prediction, with an id of its own unless one is given."""
    return json.dumps({"id": f"wish-{next(_numbers)}", **said})


def unframed(body: bytes) -> tuple[dict[str, Any], bytes]:
    """Facts and bytes of an answer."""
    length = int.from_bytes(body[:4], "little")
    return json.loads(body[4 : 4 + length]), body[4 + length :]


def values(numbers: NDArray[np.uint32]) -> NDArray[np.uint32]:
    """A slice from its pairs of length and value, or from bytes of classes and perhaps marks behind 0 and their number."""
    if numbers[0] == 0:
        rasters = np.frombuffer(numbers[2:].tobytes(), np.uint8).reshape(int(numbers[1]), -1)[:, : HEIGHT * WIDTH]
        return sum(raster.astype(np.uint32) << 8 * n for n, raster in enumerate(rasters)).reshape(HEIGHT, WIDTH)
    length, value = numbers.reshape(-1, 2).T
    return np.repeat(value, length).reshape(HEIGHT, WIDTH)


def opened(client: TestClient, query: str = "") -> tuple[dict[str, Any], NDArray[np.uint32], NDArray[np.uint32] | None]:
    """Slice 1: its facts, its values (class | touched << 8 | saved << 9), and what its draft began with."""
    answer = client.get(f"{SLICE}/slice{query}")
    assert answer.status_code == 200, answer.text
    facts, body = unframed(answer.content)
    numbers = np.frombuffer(body, "<u4")
    mask, base = numbers[: facts["mask_numbers"]], numbers[facts["mask_numbers"] :]
    return facts, values(mask), values(base) if base.size else None


def dump(project: Project) -> str:
    """Everything that is recorded of a project, as SQL."""
    with closing(sqlite3.connect(project.folder / "project.sqlite")) as db:
        return "\n".join(db.iterdump())
