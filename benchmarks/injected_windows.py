"""Open one project in several windows at once, and let each work on as if it were alone.

A window behaves as the editor's JavaScript does (``app/editor/slice/transport.js``, ``slice.js``, ``saving/``): it paints its own
raster, queues strokes under rising numbers, drops the queue and reloads when the server refuses one, names in a claim the
last number and the newest revision that it has seen, and asks for news. Beside the windows, labels are imported.
"""

from __future__ import annotations

import json
import os
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import numpy as np
import tifffile
from injected_kills import NAME, workspace_file
from numpy.typing import NDArray

from core.errors import UnderpaintError
from core.project import Claim, Project
from core.storage.access_key import access_key
from core.storage.labels import Work

SLICES = (3, 4, 5, 6)
CLASSES = 3
_REFUSED = {400, 405, 409, 413}
_PAUSE_S = 0.02
_RETRY_S = 0.25
_PATIENCE_S = 60.0
_TOUCHED = 8


class Refused(Exception):
    """The server refused a request for what it says."""


class Found:
    """What all windows did, and what must not be; safe to use from several threads."""

    def __init__(self) -> None:
        self.done: Counter[str] = Counter()
        self.unseen: list[str] = []
        self.unequal: list[str] = []
        self.faults: list[str] = []
        self._lock = threading.Lock()

    def count(self, what: str) -> None:
        """Count one action."""
        with self._lock:
            self.done[what] += 1


class Window:
    """One window.

    Parameters
    ----------
    client
        A browser that has shown the key, with a token and an origin.
    project
        The same project, to compare what was saved with what was shown.
    """

    def __init__(self, client: httpx.Client, project: Project, found: Found, seed: int) -> None:
        self._client, self._project, self._found, self._chance = client, project, found, random.Random(seed)
        self._id, self.created = uuid4().hex, ""
        self._queue: list[tuple[str, bytes]] = []
        self.saves: dict[int, list[int]] = {z: [] for z in SLICES}
        self.open(self._chance.choice(SLICES))

    # ---- requests

    def _send(self, method: str, path: str, body: bytes | None = None) -> httpx.Response:
        """Send until the server answers; a refusal is not repeated."""
        end = time.monotonic() + _PATIENCE_S
        while True:
            address = f"/underpaint/api/{NAME}/0/{self.z}/{path}"
            got = self._client.request(method, address, content=body, headers={"X-Underpaint-Created": self.created})
            if got.is_success:
                return got
            if got.status_code in _REFUSED:
                raise Refused(got.json()["error"])
            if got.status_code == 500 or time.monotonic() > end:
                raise RuntimeError(f"{method} {path}: {got.status_code} {got.text[:200]}")
            time.sleep(_RETRY_S)

    def _wish(self, path: str, **said: Any) -> dict[str, Any]:
        """Send a request with an id of its own; at times twice, as after a lost answer."""
        body = json.dumps({"id": uuid4().hex, **said}).encode()
        got: dict[str, Any] = self._send("POST", path, body).json()
        if self._chance.random() < 0.1:
            self._found.count("requests sent twice")
            again = self._send("POST", path, body).json()
            if again != got:
                self._found.faults.append(f"{path} sent twice was answered by {got}, then {again}")
        return got

    # ---- loading

    def open(self, z: int) -> None:
        """Open a slice."""
        self.z, self.round = z, None
        self.load()

    def load(self) -> None:
        """Load what the server has."""
        query = "" if self.round is None else f"?round={self.round}"
        facts, self.mask, self.touched = read_slice(self._send("GET", f"slice{query}").content)
        self.created, self.sequence, self.revision = facts["created"], facts["sequence"], facts["revision"]
        self.round = facts["round"] or 0
        self._queue.clear()

    def news(self) -> bool:
        """Return whether the server has something else than this window."""
        said = self._send("GET", f"news?window={self._id}").json()
        return bool(said["sequence"] > self.sequence or said["revision"] != self.revision)

    # ---- actions

    def act(self) -> None:
        """Do something, as a person might; reload what was refused."""
        names = ("stroke", "claim strokes", "claim region", "claim slice", "undo", "look", "turn")
        name = self._chance.choices(names, (50, 10, 8, 10, 8, 8, 6))[0]
        try:
            getattr(self, f"_{name.replace(' ', '_')}")()
        except Refused:
            self._found.count("refused")
            self._queue.clear()
            self.load()
        else:
            self._found.count(name)

    def _stroke(self) -> None:
        height, width = self.mask.shape
        for _ in range(self._chance.randint(1, 3)):
            value = self._chance.randrange(CLASSES)
            rows = sorted(self._chance.sample(range(height), self._chance.randint(1, height // 6)))
            runs = [(y * width + self._chance.randrange(width // 2), width // 3, value | 1 << _TOUCHED) for y in rows]
            for start, length, _ in runs:
                self.mask.reshape(-1)[start : start + length] = value
                self.touched.reshape(-1)[start : start + length] = 1
            self.sequence += 1
            self._queue.append((f"patch/{self.sequence}?active_ms=5&round={self.round}", np.array(runs, "<u4").tobytes()))
        if self._chance.random() < 0.8:
            self.flush()

    def flush(self) -> None:
        """Send the strokes of the queue, in order."""
        while self._queue:
            self._send("POST", *self._queue[0])
            self._queue.pop(0)

    def _claim_strokes(self) -> None:
        self._claim("strokes", self.touched.astype(bool), None)

    def _claim_region(self) -> None:
        height, width = self.mask.shape
        box = [height // 4, width // 4, 3 * height // 4, width // 2]
        claimed = self.touched.astype(bool)
        claimed[box[0] : box[2], box[1] : box[3]] = True
        self._claim("region", claimed, box)

    def _claim_slice(self) -> None:
        self._claim("slice", np.ones(self.mask.shape, bool), None)

    def _claim(self, kind: str, claimed: NDArray[np.bool_], box: list[int] | None) -> None:
        self.flush()
        wish = {"kind": kind, "sequence": self.sequence, "round": self.round, "revision": self.revision, "active_ms": 5}
        made = self._wish("claim", **wish, **({} if box is None else {"box": box}))["revision"]
        self._compare(made, kind, claimed)
        self.revision = made
        self.saves[self.z].append(made)
        self.load()

    def _compare(self, made: int, kind: str, claimed: NDArray[np.bool_]) -> None:
        """Compare a new revision with what was on the screen, and elsewhere with the label before."""
        labels, shape = self._project.store.labels, self.mask.shape
        revision = labels.revision(made)
        before = np.full(shape, 255, np.uint8)
        if revision.previous is not None:
            before = labels.stored(labels.revision(revision.previous), shape)
        if not np.array_equal(labels.stored(revision, shape), np.where(claimed, self.mask, before)):
            self._found.unseen.append(f"revision {made} of slice {self.z} ({kind}) is not what its window showed")

    def _undo(self) -> None:
        self.flush()
        if self.saves[self.z]:
            self._wish("undo", revision=self.saves[self.z].pop())
            self.load()

    def _look(self) -> None:
        self.flush()
        if self.news():
            self.load()

    def _turn(self) -> None:
        self.flush()
        self.open(self._chance.choice(SLICES))

    def settle(self) -> None:
        """Send what is queued, and reload if there is news, as at the end of the day."""
        try:
            self.flush()
        except Refused:
            self.load()
        if self.news():
            self.load()

    def compare_with_server(self) -> None:
        """Compare this window's raster with the server's, and that with the records."""
        facts, mask, touched = read_slice(self._send("GET", f"slice?round={self.round}").content)
        kept = self._project.labels.editing(0, self.z, round_=self.round)
        here = f"slice {self.z}, {facts['origin']} over round {self.round}, action {self.sequence}, revision {self.revision}"
        for one, other in (("mask", mask), ("touched", touched)):
            if (wrong := np.count_nonzero(getattr(self, one) != other)) > 0:
                self._found.unequal.append(f"{one} of a window and of the server differ in {wrong} pixels: {here}, {facts}")
            if (wrong := np.count_nonzero(getattr(kept, one) != other)) > 0:
                self._found.unequal.append(f"{one} of the server and of the records differ in {wrong} pixels: {here}, {facts}")


def read_slice(content: bytes) -> tuple[dict[str, Any], NDArray[np.uint8], NDArray[np.uint8]]:
    """Return the facts of a slice, its classes and what is touched, from the answer to ``/slice``."""
    size = int.from_bytes(content[:4], "little")
    facts = json.loads(content[4 : 4 + size])
    shape = (facts["height"], facts["width"])
    numbers = np.frombuffer(content[4 + size :], "<u4")[: facts["mask_numbers"]]
    if numbers[0] == 0:  # bytes of the classes, then of the marks if there are any
        rasters = numbers[2:].view(np.uint8).reshape(int(numbers[1]), -1)[:, : shape[0] * shape[1]]
        marks = rasters[1] if len(rasters) > 1 else np.zeros_like(rasters[0])
        return facts, rasters[0].reshape(shape).copy(), (marks & 1).reshape(shape)
    length, value = numbers.reshape(-1, 2).T
    values = np.repeat(value, length).reshape(shape)
    return facts, (values & 255).astype(np.uint8), (values >> _TOUCHED & 1).astype(np.uint8)


@contextmanager
def browser_of(port: int, workspace: Path) -> Iterator[httpx.Client]:
    """A browser at a server, let in by the key, on the app's own page."""
    os.environ["UNDERPAINT_WORKSPACE"] = str(workspace)  # the token is one of this workspace
    from app.guard import issue_token

    own = f"http://127.0.0.1:{port}"
    with httpx.Client(base_url=own, timeout=_PATIENCE_S, trust_env=False) as client:
        client.get(f"/?key={access_key(workspace)}").raise_for_status()
        client.headers.update({"Origin": own, "X-Underpaint-Token": issue_token()})
        yield client


def import_labels(project: Project, found: Found, over: threading.Event, seed: int) -> None:
    """Import labels from files, and submit masks below strokes, until the end."""
    chance, file = random.Random(seed), workspace_file(project.workspace, "other")
    stack = tifffile.imread(file)
    while not over.wait(chance.uniform(0.1, 0.6)):
        z = chance.choice(SLICES)
        try:
            if chance.random() < 0.5:
                project.labels.import_file(file, slices=[z])
            else:
                mask = np.where(stack[z] == chance.randrange(CLASSES), stack[z], 255).astype(np.uint8)
                project.labels.submit_mask(0, z, mask, Claim.strokes(), work=Work(author="import"))
            found.count("import")
        except UnderpaintError:  # a slice with strokes, or painted on at the same moment
            found.count("import refused")


def run_windows(workspace: Path, browser: Callable[[], Any], *, windows: int, seconds: float) -> Found:
    """Let windows work for some seconds.

    Parameters
    ----------
    browser
        Makes a context with a client for one window.
    """
    project, found, over = Project.open(workspace, NAME), Found(), threading.Event()
    with ExitStack() as stack:
        opened = [Window(stack.enter_context(browser()), project, found, seed) for seed in range(windows)]
        work = [threading.Thread(target=_guarded, args=(found, _work, window, over)) for window in opened]
        work.append(threading.Thread(target=_guarded, args=(found, import_labels, project, found, over, windows)))
        for thread in work:
            thread.start()
        over.wait(seconds)
        over.set()
        for thread in work:
            thread.join(2 * _PATIENCE_S)
        if any(thread.is_alive() for thread in work):
            found.faults.append("a window hangs")
            return found
        for window in opened:
            window.settle()
        for window in opened:
            window.compare_with_server()
    return found


def _work(window: Window, over: threading.Event) -> None:
    while not over.wait(_PAUSE_S):
        window.act()


def _guarded(found: Found, work: Callable[..., None], *arguments: Any) -> None:
    try:
        work(*arguments)
    except Exception as error:
        found.faults.append(repr(error))
