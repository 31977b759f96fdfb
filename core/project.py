"""The front door: the page, the command line and a notebook all enter here.

    >>> project = Project.create(workspace, "concrete", volumes=[path], classes=["matrix", "pore"])  # doctest: +SKIP
    >>> project.import_labels(labels, slices=[2, 9, 16])                                             # doctest: +SKIP
    >>> project.train(TrainConfig(seconds=120))                                                      # doctest: +SKIP
    >>> project.propose(ProposeConfig(number=5))                                                     # doctest: +SKIP

Predict, propose, submit, train, and round again; everything else serves these four.
"""

from __future__ import annotations

import os
import re
import shutil
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from core import correct, exchange, segment
from core.catalog import VolumeRow, check_classes
from core.config import UNLABELLED, ProposeConfig, TrainConfig
from core.drafts import Editing, Patch
from core.errors import LabelError, ProjectError, storage_errors
from core.evaluate import evaluate
from core.geometry import Polygon
from core.jobs import Job
from core.label_files import LabelFile
from core.labels import Claim, Revision, Role, Work
from core.predictions import Predicted
from core.propose import Proposal, ScoredSlice
from core.records import LabelClass, Records
from core.retrain import RoundReport, interrupted_plan, make_plan, train_round
from core.rounds import CurvePoint, RoundRow
from core.scan import first_proposals, labelled_places, propose, scan
from core.segment import PredictReport, Report, Result
from core.store import RECORDS_FILE, Store, data_folder
from core.volumes import Volume
from core.work import run_job

if TYPE_CHECKING:
    from core.train import Progress

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")


def _go_on(_share: float, _message: str) -> bool:
    return False


def workspace_folder(given: Path | None = None) -> Path:
    """Where projects are kept: ``given``, else ``$UNDERPAINT_WORKSPACE``, else the current folder.

    Raises
    ------
    ProjectError
        If it is a file.
    """
    folder = Path(given or os.environ.get("UNDERPAINT_WORKSPACE") or Path.cwd()).expanduser().resolve()
    if folder.exists() and not folder.is_dir():
        raise ProjectError(f"{folder} is a file; a workspace is a folder, so name another.")
    return folder


def list_projects(workspace: Path) -> list[str]:
    """The names of the projects in a workspace, sorted."""
    return sorted(p.parent.name for p in (workspace / "data").glob(f"*/{RECORDS_FILE}") if _NAME.fullmatch(p.parent.name))


def check_name(name: str) -> None:
    """Refuse a project name that could not be a plain folder.

    Raises
    ------
    ProjectError
        In one sentence.
    """
    if not _NAME.fullmatch(name):
        raise ProjectError(f"{name!r} is no project name; allowed are 1 to 64 letters, digits, - and _, a letter or digit first.")


@dataclass(frozen=True)
class ValidationSummary:
    """What is held back for validation: pixels, slices, pixels per class name, and all of it in one sentence."""

    pixels: int
    slices: int
    class_pixels: dict[str, int]
    sentence: str


@dataclass(frozen=True)
class Evaluation:
    """Dice per class name against a truth, on the slices named, which have no label of any role."""

    dice: dict[str, float | None]
    mean_dice: float | None
    slices: tuple[int, ...]
    round: int


class Project:
    """One project of a workspace; cheap to open, safe to use from several threads and processes.

    Raises
    ------
    UnderpaintError
        From every method, when the user's files, labels or settings do not allow what is asked, in one sentence.
    """

    def __init__(self, store: Store) -> None:
        self.store = store
        self.workspace, self.name, self.folder = store.workspace, store.name, store.folder

    @classmethod
    def create(
        cls,
        workspace: Path,
        name: str,
        *,
        volumes: Sequence[Path],
        classes: Sequence[str] | Sequence[LabelClass],
        axes: str | None = None,
        voxel_nm: tuple[float, float, float] | None = None,
    ) -> Project:
        """Make a project; it appears whole or not at all.

        Parameters
        ----------
        volumes
            Files or folders; they are read where they are and never changed.
        classes
            At least two, the background first.
        axes, voxel_nm
            For all volumes, where their metadata do not say: such as ``ZYX``, and ``(z, y, x)`` in nm.
        """
        check_name(name)
        checked, folder = check_classes(classes), data_folder(workspace, name)
        if folder.exists():
            raise ProjectError(f"A project {name!r} exists already in {workspace}; open it, or choose another name.")
        if not volumes:
            raise ProjectError("A project needs at least one volume; give the path of a TIFF, a folder of images or a zarr.")
        temporary = data_folder(workspace, f".{name}.{os.getpid()}")
        try:
            with storage_errors(temporary):
                temporary.mkdir(parents=True)
            Records(temporary / RECORDS_FILE, create=True).close()
            store = Store(workspace, temporary.name)
            store.catalog.set_classes(checked)
            for path in volumes:
                store.catalog.add_volume(path, axes=axes, voxel_nm=voxel_nm)
            store.records.write("INSERT INTO meta VALUES ('created', ?)", (str(time.time()),))
            store.records.close()
            with storage_errors(folder):
                temporary.rename(folder)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
        return cls.open(workspace, name)

    @classmethod
    def open(cls, workspace: Path, name: str) -> Project:
        """Open a project by name."""
        check_name(name)
        if not (data_folder(workspace, name) / RECORDS_FILE).is_file():
            there = ", ".join(list_projects(workspace)) or "none yet"
            raise ProjectError(f"There is no project {name!r} in {workspace}; there are: {there}.")
        return cls(Store(workspace, name))

    # ---- classes and volumes

    @property
    def classes(self) -> tuple[LabelClass, ...]:
        """The classes by id; the first is the background."""
        return self.store.catalog.classes

    def set_classes(self, classes: Sequence[str] | Sequence[LabelClass]) -> None:
        """Rename, recolour or append classes."""
        self.store.catalog.set_classes(classes)

    @property
    def volumes(self) -> tuple[VolumeRow, ...]:
        """The volumes in the order they were added."""
        return self.store.catalog.volumes

    def add_volume(self, path: Path, *, axes: str | None = None, voxel_nm: tuple[float, float, float] | None = None) -> VolumeRow:
        """Add a volume whose labels will train the same model."""
        return self.store.catalog.add_volume(path, axes=axes, voxel_nm=voxel_nm)

    def move_volume(self, index: int, path: Path) -> None:
        """Say where a volume's files are now."""
        self.store.catalog.move_volume(index, path)

    def set_voxel_size(self, index: int, voxel_nm: tuple[float, float, float] | None) -> None:
        """Set the voxel size ``(z, y, x)`` in nm."""
        self.store.catalog.set_voxel_size(index, voxel_nm)

    def set_region(self, index: int, polygons: Sequence[Polygon]) -> None:
        """Limit training, scanning and measuring to polygons of ``(y, x)`` pixels; none for the whole slice."""
        self.store.catalog.set_region(index, polygons)
        self.store.rounds.forget_scan(index)

    def region_mask(self, index: int) -> NDArray[np.bool_] | None:
        """The working region, bool ``(H, W)``; None where it is the whole slice."""
        return self.store.catalog.region_mask(index)

    def volume(self, index: int) -> Volume:
        """An opened volume."""
        return self.store.catalog.volume(index)

    def image(self, volume: int, z: int) -> NDArray[Any]:
        """A raw slice ``(C, H, W)`` in its stored dtype."""
        self.store.slice_shape(volume, z)
        return self.store.image(volume, z)

    # ---- labels

    def label(self, volume: int, z: int) -> NDArray[np.uint8]:
        """The current label of a slice, uint8 ``(H, W)``, 255 where nobody has labelled."""
        return self.store.labels.label(volume, z, self.store.slice_shape(volume, z))

    def roles(self, volume: int, z: int) -> NDArray[np.uint8]:
        """What each labelled pixel is for, uint8 ``(H, W)`` of :class:`core.labels.Role`."""
        return self.store.labels.roles(volume, z, self.store.slice_shape(volume, z))

    def labelled_slices(self) -> list[Revision]:
        """The newest revision of every labelled slice."""
        return self.store.labels.heads()

    def validation_summary(self) -> ValidationSummary:
        """What is held back for validation, now."""
        held = [self.store.held_back(head) for head in self.labelled_slices() if head.validation_pixels]
        counts = np.sum(held, axis=0)[: len(self.classes)] if held else [0] * len(self.classes)
        slices, pixels = len(held), int(np.sum(counts))
        by_name = {c.name: int(n) for c, n in zip(self.classes, counts, strict=True)}
        if not pixels:
            sentence = "Nothing is held back for validation yet: save a slice or a box as right, and part of it will be."
        else:
            places = "1 slice" if slices == 1 else f"{slices} slices"
            sentence = f"{pixels:,} labelled pixels on {places} are held back for validation and never trained on."
        return ValidationSummary(pixels, slices, by_name, sentence)

    def import_labels(
        self, path: Path, *, slices: Sequence[int] | None = None, role: str = "train", volume: int = 0
    ) -> list[int]:
        """Import a label file, one page per slice of the volume or per slice listed; returns the slices labelled."""
        return exchange.import_labels(self.store, path, slices=slices, role=role, volume=volume)

    def export_labels(self, path: Path, *, volume: int = 0, overwrite: bool = False) -> None:
        """Write the labels as a stack of uint8 class ids, 255 where nobody has labelled; ``.tif`` or ``.zarr``."""
        exchange.export_labels(self.store, path, volume=volume, overwrite=overwrite)

    # ---- the editor

    def editing(self, volume: int, z: int) -> Editing:
        """A slice to correct: its draft if there is one, else stored label over prediction over background."""
        return correct.editing(self.store, volume, z)

    def apply(self, volume: int, z: int, patch: Patch) -> int:
        """Store one action of the editor durably; returns the sequence number acknowledged."""
        return correct.apply(self.store, volume, z, patch)

    def drafts(self) -> set[tuple[int, int]]:
        """``(volume, z)`` of every slice with unclaimed strokes."""
        return self.store.drafts.slices()

    def discard_draft(self, volume: int, z: int) -> None:
        """Forget the unclaimed strokes of a slice."""
        self.store.drafts.discard(volume, z)

    def submit(
        self, volume: int, z: int, claim: Claim, *, active_seconds: float | None = None, more_seconds: float = 0.0
    ) -> Revision:
        """Save the draft of a slice: the claimed pixels become a new revision and the draft ends.

        Parameters
        ----------
        active_seconds
            Seconds of work it took; as the draft's actions counted them, if None.
        more_seconds
            Seconds since the last action, to be added to these.
        """
        return correct.submit(self.store, volume, z, claim, active_seconds=active_seconds, more_seconds=more_seconds)

    def active_seconds(self) -> float:
        """Seconds of work behind all saved labels."""
        return self.store.labels.active_seconds()

    def seek(self, volume: int, z: int) -> None:
        """Note that the model's doubt led a person to this slice, so that its labels do not validate."""
        self.store.slice_shape(volume, z)
        self.store.rounds.seek([(volume, z)])

    def submit_mask(
        self,
        volume: int,
        z: int,
        mask: NDArray[np.uint8],
        claim: Claim,
        *,
        work: Work = Work(),
        role: Role = Role.TRAIN,
    ) -> Revision:
        """Save a mask, uint8 ``(H, W)``, without the editor; 255 claims nothing. For scripts and simulations."""
        shape = self.store.slice_shape(volume, z)
        if mask.shape != shape or mask.dtype != np.uint8:
            raise LabelError(f"The mask is {mask.dtype} {mask.shape}; the slice needs uint8 {shape}.")
        wrong = set(np.unique(mask).tolist()) - {c.id for c in self.classes} - {UNLABELLED}
        if wrong:
            raise LabelError(f"The mask holds {sorted(wrong)}; allowed are 0 to {len(self.classes) - 1} and {UNLABELLED}.")
        claimed = claim.pixels((mask != UNLABELLED).astype(np.uint8)) & (mask != UNLABELLED)
        validates = not self.store.rounds.was_sought(volume, z)
        inside = self.store.catalog.region_mask(volume)
        return self.store.labels.claim(volume, z, mask, claimed, claim, role=role, validates=validates, inside=inside, work=work)

    def undo(self, volume: int, z: int) -> Revision | None:
        """Point a slice back to the revision before; None where it is unlabelled again."""
        return self.store.labels.undo(volume, z)

    def look(self, volume: int, z: int, looked: bool = True) -> None:
        """Mark a slice as looked at, which is never a label."""
        self.store.slice_shape(volume, z)
        sql = "INSERT OR IGNORE INTO looked VALUES (?, ?)" if looked else "DELETE FROM looked WHERE volume = ? AND z = ?"
        self.store.records.write(sql, (volume, z))

    def looked(self) -> set[tuple[int, int]]:
        """``(volume, z)`` of every slice marked as looked at."""
        return {(row["volume"], row["z"]) for row in self.store.records.rows("SELECT volume, z FROM looked")}

    # ---- predict

    def predict_slice(self, volume: int, z: int, round_: int | None = None) -> Predicted | None:
        """A slice as the newest model (or that of ``round_``) sees it; None before the first round."""
        self.store.slice_shape(volume, z)
        chosen = round_ or self.store.rounds.last()
        return None if chosen is None else self.store.predicted(volume, z, chosen)

    def cached_prediction(self, volume: int, z: int) -> Predicted | None:
        """The newest model's prediction if it is kept on disk; never computes."""
        last = self.store.rounds.last()
        return None if last is None else self.store.predictions.load(last, volume, z)

    def predict(
        self,
        out: Path,
        *,
        slices: range | None = None,
        probabilities: bool = False,
        round_: int | None = None,
        volume: int = 0,
        report: Report = _go_on,
    ) -> PredictReport:
        """Segment slices one by one into ``.tif`` or ``.zarr``; memory is set by the slice, not by the volume.

        Parameters
        ----------
        slices
            Which; all of them if None.
        probabilities
            Write class probabilities, float32 ``(slices, K, H, W)``, instead of class ids, uint8 ``(slices, H, W)``.
        """
        return segment.predict(
            self.store,
            out,
            slices=slices,
            probabilities=probabilities,
            round_=round_,
            volume=volume,
            report=report,
        )

    def export_confidence(self, out: Path, *, volume: int = 0, round_: int | None = None, report: Report = _go_on) -> None:
        """Write every slice's confidence as ``.tif`` or ``.zarr``, uint8: 255 times the best class's probability."""
        segment.export_confidence(self.store, out, volume=volume, round_=round_, report=report)

    # ---- propose

    def scan(
        self,
        config: ProposeConfig = ProposeConfig(),
        *,
        exclude: Collection[tuple[int, int]] = (),
        report: Report = _go_on,
    ) -> None:
        """Score slices with the newest model, coarse first, until all are done or the time is up."""
        scan(self.store, config, exclude, report)

    def propose(
        self,
        config: ProposeConfig = ProposeConfig(),
        *,
        exclude: Collection[tuple[int, int]] = (),
        report: Report = _go_on,
    ) -> list[Proposal]:
        """Scan what is not scanned yet, then the slices to correct next, best first.

        Parameters
        ----------
        exclude
            ``(volume, z)`` never to be looked at or proposed, such as test slices.
        """
        last = self.store.rounds.last()
        if last is None:
            return first_proposals(self.store, config.number, exclude, fill=True)
        with self.store.jobs.here("scan", asdict(config)) as handle:
            self.scan(config, exclude=exclude, report=_both(handle.report, report))
        return propose(self.store, last, config, exclude)

    def proposals(self) -> list[Proposal]:
        """The newest model's proposals that are still unlabelled; before the first round, slices spread evenly."""
        last = self.store.rounds.last()
        if last is None:
            return first_proposals(self.store, ProposeConfig().number, (), fill=False)
        labelled = labelled_places(self.store)
        return [p for p in self.store.rounds.proposals(last) if (p.volume, p.z) not in labelled]

    def scores(self, round_: int | None = None) -> list[ScoredSlice]:
        """The scanned slices of the newest (or that) round, in order of volume and z."""
        chosen = round_ or self.store.rounds.last()
        return [] if chosen is None else self.store.rounds.scanned(chosen)

    # ---- train

    def train(
        self,
        config: TrainConfig = TrainConfig(),
        *,
        resume: bool = False,
        report: Callable[[Progress], bool] | None = None,
    ) -> RoundReport:
        """Train a round in this process on the labels as they are now.

        Parameters
        ----------
        resume
            Go on with the training that was killed or cancelled, with its own labels and settings.
        report
            Called about once a second; returning True cancels and keeps what a resume needs.
        """
        plan = interrupted_plan(self.store) if resume else make_plan(self.store, config)
        with self.store.jobs.here("train", {"plan": plan.as_json()}) as handle:
            return train_round(self.store, handle, plan, resume=resume, report=report)

    def rounds(self) -> list[RoundRow]:
        """Every round, all scored on the same held-back pixels."""
        return self.store.rounds.rows([c.name for c in self.classes])

    def curve(self, round_: int | None = None) -> list[CurvePoint]:
        """The course of a round's training; of the one at work, or the newest, if none is named."""
        if round_ is None:
            job = self.job()
            plan = None if job is None else job.arguments.get("plan")
            round_ = plan["round"] if plan is not None else self.store.rounds.last()
        return [] if round_ is None else self.store.rounds.curve(round_)

    # ---- evaluate

    def evaluate(
        self,
        truth: Path,
        *,
        round_: int | None = None,
        volume: int = 0,
        slices: Sequence[int] | None = None,
        report: Report = _go_on,
    ) -> Evaluation:
        """Score a round against a truth with one page per slice, on slices without a label of any role."""
        row, chosen = self.store.catalog.row(volume), segment.chosen_round(self.store, round_)
        file = LabelFile(truth.expanduser(), row.slice_shape, len(self.classes))
        pages = {z: page for page, z in file.pages_for(None, row.depth)}
        labelled = {z for v, z in self._ever_labelled() if v == volume}
        scored = [z for z in (range(row.depth) if slices is None else slices) if z not in labelled]
        if not scored:
            raise LabelError("Every slice has a label, so none is left to score on; a score on labelled slices would flatter.")
        agreement = evaluate(
            self.store.predictor(chosen),
            lambda z: self.image(volume, z),
            lambda z: file.read(pages[z]),
            scored,
            classes=len(self.classes),
            inside=self.region_mask(volume),
            report=lambda done: report(done / len(scored), f"scoring: {done} of {len(scored)} slices"),
        )
        by_name = {c.name: d for c, d in zip(self.classes, agreement.dice, strict=True)}
        return Evaluation(by_name, agreement.mean_dice, agreement.slices, chosen)

    def _ever_labelled(self) -> set[tuple[int, int]]:
        rows = self.store.records.rows("SELECT volume, z FROM roles")
        return {(row["volume"], row["z"]) for row in rows}

    # ---- results and jobs

    def results(self) -> list[Result]:
        """The files made for the user that are still there, newest first."""
        return segment.results(self.store)

    def job(self) -> Job | None:
        """The job at work, or the last one; None where there never was one."""
        return self.store.jobs.last()

    def cancel(self, job_id: int) -> None:
        """Ask a job to stop at the next safe moment."""
        self.store.jobs.cancel(job_id)

    def start_round(
        self, train: TrainConfig = TrainConfig(), propose: ProposeConfig = ProposeConfig(), *, resume: bool = False
    ) -> Job:
        """Train and then look through the volume, in a process of its own; returns at once."""
        plan = interrupted_plan(self.store) if resume else make_plan(self.store, train)
        return self._start_job("round", {"plan": plan.as_json(), "propose": asdict(propose), "resume": resume})

    def start_scan(self, propose: ProposeConfig = ProposeConfig()) -> Job:
        """Look through the volume in a process of its own."""
        segment.chosen_round(self.store, None)
        return self._start_job("scan", {"propose": asdict(propose)})

    def start_segment(self, volume: int = 0) -> Job:
        """Segment a whole volume into the results, in a process of its own."""
        return self._start_job("segment", {"volume": volume, "round": segment.chosen_round(self.store, None)})

    def start_confidence_export(self, volume: int = 0, suffix: str = ".tif") -> Job:
        """Write a volume's confidence into the results as ``.tif`` or ``.zarr``, in a process of its own."""
        round_ = segment.chosen_round(self.store, None)
        return self._start_job("confidence", {"volume": volume, "round": round_, "suffix": suffix})

    def _start_job(self, kind: str, arguments: dict[str, Any]) -> Job:
        return self.store.jobs.start(self.workspace, self.name, kind, arguments)

    def run_job(self, job_id: int) -> None:
        """Do an entered job in this process; for ``core.worker``."""
        run_job(self.store, job_id)


def _both(one: Report, other: Report) -> Report:
    return lambda share, message: one(share, message) | other(share, message)
