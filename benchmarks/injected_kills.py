"""Kill a process at a random moment of its work on a project, and look at what it leaves behind.

The victim says before each step what the slices will then hold, and after it that the step was acknowledged. It keeps its own
rasters for that and asks the project for nothing. After the kill, another process opens the project and compares.
"""

from __future__ import annotations

import hashlib
import random
import resource
import shutil
import sqlite3
import subprocess
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from apart import Apart, answer, end_after
from numpy.typing import NDArray

from core.config import UNLABELLED, ProposeConfig, TrainConfig
from core.errors import UnderpaintError
from core.geometry import Box
from core.project import Claim, Patch, Project
from core.storage.checkpoints import load
from core.training.learning.task import STATE
from core.volumes import open_volume
from core.volumes.phantom import CLASS_NAMES, PhantomConfig, make_phantom

NAME = "toy"
SMALL = PhantomConfig(depth=12, height=160, width=160, pore_radius=7.0, phase_radius=14.0)
TINY = TrainConfig(seconds=600, epochs=3, patch=64, batch=2, channels=4, depth=2)
SHORT = TrainConfig(seconds=1.2, patch=64, batch=2, channels=4, depth=2)
"""A training that stores its state after a quarter of its time."""

KINDS = {"save": 0.4, "enter": 0.5, "import": 0.6, "train": 2.5, "claim": 0.5, "export": 0.9, "scan": 0.9}
"""What is killed, and seconds after its beginning within which it is; an entering begins with the last report of a training."""

_LONGEST_S = 120.0
_DISK = 64 * 2**20
_ROOM = 600_000
_GIVEN_UP = 0.02


# ---- the project


def make_project(folder: Path) -> Path:
    """Make a workspace: two whole slices labelled, a round trained, proposed from and exported. Return its folder."""
    image, truth = make_phantom(SMALL)
    for name, stack in (("image", image), ("truth", truth), ("other", (truth + 1) % len(CLASS_NAMES))):
        tifffile.imwrite(folder / f"{name}.tif", stack.astype(np.uint8), photometric="minisblack")
    workspace = folder / "workspace"
    project = Project.create(workspace, NAME, volumes=[folder / "image.tif"], classes=CLASS_NAMES)
    project.labels.import_file(folder / "truth.tif", slices=[2, 8])
    project.train(TINY)
    project.propose(ProposeConfig(scan_seconds=600))
    _export(project)
    project.store.records.close()
    return workspace


def _export(project: Project) -> None:
    """Write both results over those there are, as the jobs of the Results page do."""
    results = project.store.results
    with project.store.jobs.here("segment", {}):
        out = results.path("segmentation", 1, 0, ".tif")
        project.predict(out, round_=1, across=1, views=1)
        results.enter("segmentation", out, 1, 0, {})
        out = results.path("confidence", 1, 0, ".zarr")
        project.results.export_confidence(out, round_=1, across=1, views=1)
        results.enter("confidence", out, 1, 0, {})


# ---- the victim


class Drawn:
    """A slice as its victim drew it: label, class and touched, each uint8 ``(H, W)``."""

    def __init__(self, label: NDArray[np.uint8]) -> None:
        self.label = label
        self._begin()

    def _begin(self) -> None:
        self.mask = np.where(self.label == UNLABELLED, 0, self.label).astype(np.uint8)
        self.touched = np.zeros_like(self.label)

    def paint(self, runs: NDArray[np.uint32]) -> None:
        """Apply the runs of a stroke."""
        for start, length, value in runs.tolist():
            self.mask.reshape(-1)[start : start + length] = value & 255
            self.touched.reshape(-1)[start : start + length] = value >> 8

    def save(self, claimed: NDArray[np.bool_]) -> None:
        """Make the claimed pixels a label; the strokes end."""
        self.label = np.where(claimed, self.mask, self.label)
        self._begin()

    def replace(self, label: NDArray[np.uint8]) -> None:
        """Take a whole slice's label from elsewhere."""
        self.label = label.copy()
        self._begin()

    def digest(self) -> str:
        """Return a hash of every byte."""
        return _digest(self.label, self.mask, self.touched)


def _digest(*arrays: NDArray[Any]) -> str:
    return hashlib.sha256(b"".join(np.ascontiguousarray(array).tobytes() for array in arrays)).hexdigest()


class Victim:
    """Work on a project until the end, in this process."""

    def __init__(self, speaking: Connection, workspace: Path, seed: int) -> None:
        self.say, self.chance = speaking.send, random.Random(seed)
        self.files = [workspace_file(workspace, name) for name in ("truth", "other")]
        self.stacks = [tifffile.imread(file) for file in self.files]
        self.project = Project.open(workspace, NAME)
        depth = self.project.volumes[0].shape[0]
        self.slices = [Drawn(self.project.labels.of(0, z)) for z in range(depth)]
        self.sequences = [self.project.labels.sync_state(0, z).sequence for z in range(depth)]

    def work(self, kind: str) -> None:
        """Repeat a kind of step; a step that the project refuses leaves everything as it was."""
        step: Callable[[], None] = getattr(self, f"{kind}_")
        self.say(("ready",))
        while True:
            try:
                step()
            except UnderpaintError as refusal:
                self.say(("refused", str(refusal)))
                time.sleep(_GIVEN_UP)

    def _change(self, made: dict[int, Drawn], store: Callable[[], object]) -> None:
        """Say what slices will hold, store it, and say that it is acknowledged."""
        digests = {z: drawn.digest() for z, drawn in made.items()}
        self.say(("intends", digests))
        store()
        self.say(("acknowledged", digests))
        for z, drawn in made.items():
            self.slices[z] = drawn

    def _copy(self, z: int) -> Drawn:
        now, copy = self.slices[z], Drawn(self.slices[z].label.copy())
        copy.mask, copy.touched = now.mask.copy(), now.touched.copy()
        return copy

    def _stroke(self, z: int) -> None:
        height, width = self.slices[z].label.shape
        rows = sorted(self.chance.sample(range(height), self.chance.randint(1, 30)))
        value = self.chance.randrange(len(CLASS_NAMES)) | 1 << 8
        runs = np.array([(y * width + self.chance.randrange(width // 2), width // 3, value) for y in rows], np.uint32)
        made = self._copy(z)
        made.paint(runs)
        number = self.sequences[z] + 1
        self._change({z: made}, lambda: self.project.labels.apply(0, z, Patch(number, runs, 5, 0)))
        self.sequences[z] = number

    def save_(self) -> None:
        """Store one stroke."""
        self._stroke(self.chance.randrange(len(self.slices)))

    def claim_(self) -> None:
        """Store strokes, and claim them, a box or the slice."""
        z = self.chance.randrange(len(self.slices))
        for _ in range(3):
            self._stroke(z)
        made = self._copy(z)
        everything, box = np.ones(made.label.shape, bool), Box(20, 30, 90, 120)
        inside = made.touched.astype(bool)
        inside[box.slices] = True
        claim, pixels = self.chance.choice(
            [(Claim.strokes(), made.touched.astype(bool)), (Claim.region(box), inside), (Claim.slice(), everything)]
        )
        made.save(pixels)
        self._change({z: made}, lambda: self.project.submit(0, z, claim, round_=0, sequence=self.sequences[z]))

    def import_(self) -> None:
        """Import three slices of one of two files."""
        which, chosen = self.chance.randrange(2), sorted(self.chance.sample(range(len(self.slices)), 3))
        made = {z: self._copy(z) for z in chosen}
        for z, drawn in made.items():
            drawn.replace(self.stacks[which][z])
        self._change(made, lambda: self.project.labels.import_file(self.files[which], slices=chosen))

    def train_(self) -> None:
        """Train a round, or resume the one that was stopped."""

        def report(share: float, message: str) -> bool:
            self.say(("at", share))
            return False

        if self.project.models.interrupted() is None:
            done = self.project.train(SHORT, report=report)
        else:
            done = self.project.train(resume=True, report=report)
        self.say(("round", done.round))

    enter_ = train_

    def scan_(self) -> None:
        """Scan every slice."""
        self.project.store.proposals.forget_scan(0)
        self.project.propose(ProposeConfig(scan_seconds=60))
        self.say(("finished",))

    def export_(self) -> None:
        """Write the results over those there are."""
        _export(self.project)
        self.say(("finished",))


def workspace_file(workspace: Path, name: str) -> Path:
    """Return a file beside the first workspace, which copies of it still use."""
    with sqlite3.connect(workspace / "data" / NAME / "project.sqlite") as db:
        (image,) = db.execute("SELECT path FROM volumes").fetchone()
    db.close()
    return Path(image).with_name(f"{name}.tif")


def be_killed(speaking: Connection, workspace: Path, kind: str, seed: int, largest_file: int | None) -> None:
    """Work until killed; anything but a refusal in one sentence is told as a fault."""
    import traceback

    end_after(_LONGEST_S)
    if largest_file is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (largest_file, largest_file))
    try:
        Victim(speaking, workspace, seed).work(kind)
    except UnderpaintError as refusal:
        speaking.send(("refused", str(refusal)))
    except BaseException:
        speaking.send(("fault", traceback.format_exc()))


# ---- afterwards


@dataclass
class Left:
    """What a killed process left behind, as another process finds it."""

    digests: dict[int, str] = field(default_factory=dict)
    rounds: list[int] = field(default_factory=list)
    results: dict[str, str] = field(default_factory=dict)
    half: list[str] = field(default_factory=list)
    resumed: str = ""


def look(workspace: Path, kind: str = "") -> Left:
    """Open a project, read all of it, and go on with the work of a kind."""
    project, left = Project.open(workspace, NAME), Left()
    labels = project.labels
    for z in range(project.volumes[0].shape[0]):
        now = labels.editing(0, z, round_=0)
        left.digests[z] = _digest(labels.of(0, z), now.mask, now.touched)
    left.rounds = [row.round for row in project.models.rounds()]
    left.half = list(_half_written(project))
    left.results = {result.kind: _content(result.path) for result in project.results()}
    state = _resumable(workspace)
    left.resumed = {"train": _trained, "enter": _trained}.get(kind, _gone_on)(project, kind, state)
    return left


def _content(path: Path) -> str:
    volume = open_volume(path, as_stored=True)
    try:
        return _digest(*(volume.read(z) for z in range(volume.depth)))
    except UnderpaintError as error:
        return str(error)
    finally:
        volume.close()


def _half_written(project: Project) -> Iterator[str]:
    """Yield a sentence for everything that is visible and not whole."""
    db = sqlite3.connect(project.folder / "project.sqlite")
    (found,) = db.execute("PRAGMA integrity_check").fetchone()
    db.close()
    if found != "ok":
        yield f"the records are damaged: {found}"
    checkpoints = project.workspace / "checkpoints" / NAME
    listed = [project.workspace / row.checkpoint for row in project.models.rounds()]
    snapshots = [one.folder for row in project.models.rounds() for one in project.models.snapshots(row.round)]
    for folder in {*listed, *snapshots, *checkpoints.glob("round-[0-9][0-9][0-9]")}:
        try:
            load(folder)
        except UnderpaintError as error:
            yield str(error)
    known = {result.path for result in project.results()}
    for path in (project.folder / "results").iterdir():
        if not path.name.startswith(".") and path not in known:
            yield f"{path.name} is visible and not entered"
    job = project.jobs.current()
    if job is not None and job.active:
        yield f"the {job.kind} job of the killed process counts as {job.state}"


def _resumable(workspace: Path) -> int:
    """Return the round of which a resume state is on disk, 0 for none."""
    found = sorted((workspace / "checkpoints" / NAME).glob(f"round-*.partial/{STATE}"))
    return int(found[-1].parent.stem.removeprefix("round-")) if found else 0


def _trained(project: Project, kind: str, state: int) -> str:
    """Resume the training that was killed, if it has stored anything; else train anew."""
    last = project.store.rounds.last() or 0
    stopped = project.models.interrupted()
    if stopped is not None:
        done = project.train(resume=True)
        return "resumed" if done.resumed and done.round == last + 1 else f"lost: resumed as {done}"
    if state > last:
        return "lost: its state is on disk and cannot be resumed"
    project.train(TINY)
    return "entered" if last > 1 else "begun again"


def _gone_on(project: Project, kind: str, state: int) -> str:
    """Do the work of a kind once more."""
    if kind in ("save", "claim"):
        number = project.labels.sync_state(0, 5).sequence + 1
        project.labels.apply(0, 5, Patch(number, np.array([[0, 9, 257]], np.uint32), 5, 0))
        project.submit(0, 5, Claim.strokes())
    elif kind == "import":
        for volume, z in project.labels.drafts():
            project.labels.discard_draft(volume, z)
        project.labels.import_file(workspace_file(project.workspace, "truth"), slices=[1, 2])
    elif kind == "scan":
        project.propose(ProposeConfig(scan_seconds=60))
        if len(project.proposals.scanned()) < len(range(project.volumes[0].shape[0])) - len(project.labels.slices()):
            return "lost: slices are left out of the scan"
    elif kind == "export":
        _export(project)
    return "gone on"


# ---- one kill, and many


@dataclass
class Killed:
    """One kill and its verdicts."""

    kind: str
    full_disk: str
    steps: int
    refused: int
    lost: list[str]
    half: list[str]
    not_opening: list[str]
    resumed: str

    @property
    def faults(self) -> list[str]:
        """Everything that must not be."""
        lost = [self.resumed] if self.resumed.startswith(("lost", "fault")) else []
        return [*self.lost, *self.half, *self.not_opening, *lost]


@contextmanager
def small_disk(folder: Path) -> Iterator[bool]:
    """Mount a small file system of memory at a folder; False where that is not allowed."""
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={_DISK}", "none", str(folder)]
    try:
        mounted = subprocess.run(command, capture_output=True, check=False).returncode == 0
    except OSError:
        mounted = False
    try:
        yield mounted
    finally:
        if mounted:
            subprocess.run(["umount", "-l", str(folder)], capture_output=True, check=False)


class Kills:
    """Kills on copies of one workspace, each by its number: the same number is the same kind and the same moment.

    Parameters
    ----------
    original
        From :func:`make_project`.
    scratch
        An empty folder.
    """

    def __init__(self, original: Path, scratch: Path) -> None:
        self._original, self._scratch = original, scratch
        before = answer(look, shutil.copytree(original, scratch / "before"), seconds=_LONGEST_S)
        if isinstance(before, str):
            raise SystemExit(f"the project cannot be read before any kill: {before}")
        self._before: Left = before

    def kill(self, number: int) -> Killed:
        """Copy the workspace, begin the work, kill it, and look."""
        kind = list(KINDS)[number % len(KINDS)]
        folder = self._scratch / f"kill-{number}"
        if number % 10 != 2:
            folder.mkdir()
            found = self._killed(folder, kind, number, "")
        else:
            with small_disk(folder) as mounted:
                found = self._killed(folder, kind, number, "tmpfs" if mounted else "limit of a file's size")
        shutil.rmtree(folder, ignore_errors=True)
        return found

    def _killed(self, folder: Path, kind: str, number: int, full_disk: str) -> Killed:
        workspace = Path(shutil.copytree(self._original, folder / "workspace"))
        chance = random.Random(number)
        room, largest = chance.randrange(_ROOM), None
        filler = folder / "filler"
        if full_disk == "tmpfs":
            _fill(filler, shutil.disk_usage(folder).free - room)
        elif full_disk:
            largest = (workspace / "data" / NAME / "project.sqlite").stat().st_size + room // 4
        victim = Apart(be_killed, workspace, kind, number, largest)
        try:
            heard = _wait_for(victim, "ready", lambda said: True)
            if kind == "enter":
                heard += _wait_for(victim, "at", lambda said: said[1] >= 1)
            heard += victim.listen(chance.uniform(0, KINDS[kind]))
        finally:
            victim.kill()
        heard += victim.rest()
        filler.unlink(missing_ok=True)
        return self.verdict(kind, full_disk, heard, answer(look, workspace, kind, seconds=_LONGEST_S))

    def verdict(self, kind: str, full_disk: str, heard: list[Any], left: Left | str) -> Killed:
        """Compare what is left with what the victim said."""
        acknowledged, rounds = dict(self._before.digests), list(self._before.rounds)
        intended = defaultdict[int, set[str]](set)
        for said in heard:
            if said[0] == "intends":
                for z, digest in said[1].items():
                    intended[z].add(digest)
            elif said[0] == "acknowledged":
                acknowledged |= said[1]
                for z in said[1]:
                    intended.pop(z, None)
            elif said[0] == "round":
                rounds.append(said[1])
            elif said[0] == "refused" and kind != "import":  # the slices before the refused one are imported, and stay
                intended.clear()
        told = Counter(said[0] for said in heard)
        found = Killed(kind, full_disk, told["acknowledged"] + told["round"] + told["finished"], told["refused"], [], [], [], "")
        found.half += [f"the victim: {said[1]}" for said in heard if said[0] == "fault"]
        if isinstance(left, str):
            found.not_opening.append(left)
            return found
        for z, digest in left.digests.items():
            if digest != acknowledged[z] and digest not in intended[z]:
                found.lost.append(f"slice {z} holds neither what was acknowledged nor what was about to be")
        found.lost += [f"round {number} was acknowledged and is gone" for number in set(rounds) - set(left.rounds)]
        found.half += left.half
        found.half += [
            f"the {name} is not what it was" for name, was in self._before.results.items() if left.results.get(name) != was
        ]
        found.resumed = left.resumed
        return found


def _fill(file: Path, size: int) -> None:
    with file.open("wb") as filler, suppress(OSError):
        for _ in range(max(0, size) // 4096):
            filler.write(bytes(4096))


def _wait_for(victim: Apart, word: str, wanted: Callable[[tuple[Any, ...]], bool]) -> list[Any]:
    """Listen until a word is said; a victim that cannot begin, as on a full disk, is killed as it is."""
    heard: list[Any] = []
    end = time.monotonic() + 30
    with suppress(EOFError, TimeoutError):
        while time.monotonic() < end:
            heard.append(victim.next(end - time.monotonic()))
            if heard[-1][0] in ("fault", "refused") or (heard[-1][0] == word and wanted(heard[-1])):
                break
    return heard
