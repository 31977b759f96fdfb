"""The interface to a project for the pages, the command line and Python.

    >>> project = Project.create(workspace, "concrete", volumes=[path], classes=["matrix", "pore"])  # doctest: +SKIP
    >>> project.labels.import_file(labels, slices=[2, 9, 16])                                        # doctest: +SKIP
    >>> project.train(TrainConfig(seconds=120))                                                      # doctest: +SKIP
    >>> project.propose(ProposeConfig(number=5))                                                     # doctest: +SKIP

Predict, propose, submit, train, and repeat; everything else serves these four.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

import numpy as np
from numpy.typing import NDArray

from core.atomic import sweep, temporary
from core.config import Architecture, Averaging, PredictConfig, ProposeConfig, TrainConfig
from core.editing import session
from core.errors import CheckpointError, ProjectError, StorageError, storage_errors
from core.geometry import Polygon, SliceId
from core.models.loaded import LoadedModels
from core.progress import Report, silent
from core.project.earlier_names import EarlierNames, renamed, split_report
from core.project.jobs import ProjectJobs
from core.project.labels import ProjectLabels
from core.project.models import ProjectModels
from core.project.proposals import ProjectProposals
from core.project.results import ProjectResults
from core.proposals.ranking import first_proposals, propose
from core.proposals.scan import scan
from core.results import segment
from core.results.segment import PredictReport
from core.rights import make_folder
from core.storage.catalog import VolumeRow, check_classes
from core.storage.database import LabelClass, Records
from core.storage.labels import Claim, Revision
from core.storage.proposals import Proposal
from core.storage.snapshots import WatchedRegion
from core.storage.store import RECORDS_FILE, Store, data_folder
from core.storage.workspace import check_new_name, open_store
from core.training.finished import enter_finished
from core.training.plan import interrupted_plan, make_plan
from core.training.round import RoundReport, train_round
from core.volumes import Volume

if TYPE_CHECKING:
    from torch import nn


class Project(EarlierNames):
    """One project of a workspace; cheap to open, safe to use from several threads and processes.

    Raises
    ------
    UnderpaintError
        From every method, in one sentence, if files, labels or settings do not allow the call.
    """

    def __init__(self, store: Store) -> None:
        self.store = store
        self.workspace, self.name, self.folder = store.workspace, store.name, store.folder
        self._loaded = LoadedModels(store)
        self.labels = ProjectLabels(store, self._loaded)
        """Reading, painting, saving and undoing labels."""
        self.models = ProjectModels(store, self._loaded)
        """Rounds, scores, predictions, training snapshots, and restoring one of them."""
        self.proposals = ProjectProposals(store, self._loaded)
        """Slices to correct next; call it for the list."""
        self.results = ProjectResults(store, self._loaded)
        """Files made for the user, confidence and scores; call it for the list of files."""
        self.jobs = ProjectJobs(store)
        """Work in separate processes."""

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
        """Make a project, whole or not at all.

        Parameters
        ----------
        volumes
            Files or folders; they are read in place and never changed.
        classes
            At least two, the background first.
        axes, voxel_nm
            For all volumes without this metadata: axes such as ``ZYX``, and the voxel size ``(z, y, x)`` in nm.
        """
        check_new_name(name)
        checked, folder = check_classes(classes), data_folder(workspace, name)
        if folder.exists():
            raise ProjectError(f"A project {name!r} exists already in {workspace}; open it, or choose another name.")
        if not volumes:
            raise ProjectError("A project needs at least one volume; give the path of a TIFF, a folder of images or a zarr.")
        sweep([folder.parent])
        made = temporary(folder)
        try:
            with storage_errors(made):
                make_folder(made)
            Records(made / RECORDS_FILE, create=True).close()
            store = Store(workspace, made.name)
            store.catalog.set_classes(checked)
            for path in volumes:
                store.catalog.add_volume(path, axes=axes, voxel_nm=voxel_nm)
            store.records.set_meta("created", str(time.time()))
            store.records.close()
            with storage_errors(folder):
                made.rename(folder)
        finally:
            shutil.rmtree(made, ignore_errors=True)
        return cls.open(workspace, name)

    @classmethod
    def open(cls, workspace: Path, name: str) -> Project:
        """Open a project by name."""
        store = open_store(workspace, name)
        store.sweep()
        with suppress(StorageError, CheckpointError):  # the disk may have room or answer later: the next training enters it
            enter_finished(store)
        return cls(store)

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
        """Add a volume; its labels train the same model."""
        return self.store.catalog.add_volume(path, axes=axes, voxel_nm=voxel_nm)

    def move_volume(self, index: int, path: Path) -> None:
        """Set the new path of a volume after its files have moved."""
        self.store.catalog.move_volume(index, path)

    def set_voxel_size(self, index: int, voxel_nm: tuple[float, float, float] | None) -> None:
        """Set the voxel size ``(z, y, x)`` in nm."""
        self.store.catalog.set_voxel_size(index, voxel_nm)

    def set_weight(self, index: int, weight: float) -> None:
        """Set the sampling weight of a volume's labelled pixels in training: 1 by default, 0 to exclude the volume.

        Its held-back pixels validate at any weight. The weight applies from the next round on.
        """
        self.store.catalog.set_weight(index, weight)

    def set_region(self, index: int, polygons: Sequence[Polygon]) -> None:
        """Limit training, scanning and measuring to polygons of ``(y, x)`` pixels; an empty list for the whole slice."""
        self.store.catalog.set_region(index, polygons)
        self.store.proposals.forget_scan(index)

    def region_mask(self, index: int) -> NDArray[np.bool_] | None:
        """Return the working region, bool ``(H, W)``; None for the whole slice."""
        return self.store.catalog.region_mask(index)

    def volume(self, index: int) -> Volume:
        """Return an opened volume."""
        return self.store.catalog.volume(index)

    def image(self, volume: int, z: int) -> NDArray[Any]:
        """Return a raw slice ``(C, H, W)`` in its stored dtype."""
        slice_id = SliceId(volume, z)
        self.store.slice_shape(slice_id)
        return self.store.image(slice_id)

    def predict(
        self,
        out: Path,
        *,
        slices: range | None = None,
        probabilities: bool = False,
        round_: int | None = None,
        volume: int = 0,
        config: PredictConfig = PredictConfig(),
        report: Report = silent,
        **averaging: Unpack[Averaging],
    ) -> PredictReport:
        """Segment slices one after the other into ``.tif`` or ``.zarr``; memory depends on the slice, not on the volume.

        Parameters
        ----------
        slices
            The slices to segment; None for all.
        probabilities
            Write class probabilities, float32 ``(slices, K, H, W)``, instead of class ids, uint8 ``(slices, H, W)``.
        config
            Tiling and averaging; ``views`` and ``across`` override it.
        **averaging
            ``views`` and ``across``, in place of those of ``config``.

            ``views``: flipped and rotated views to average: 1, 2, 4 or 8; more accurate, and as many times slower. If None: 2
            without z-averaging; with it one per slice, different from slice to slice; 1 if trained without flips.

            ``across``: slices on each side to average with each slice, 0 for none. If None, as many as labelled pixels support;
            see :func:`core.evaluation.z_average_search.best`.
        """
        return segment.predict(
            self._loaded,
            out,
            replace(config, **averaging),
            slices=slices,
            probabilities=probabilities,
            round_=round_,
            volume=volume,
            report=report,
        )

    def submit(
        self,
        volume: int,
        z: int,
        claim: Claim,
        *,
        active_seconds: float | None = None,
        more_seconds: float = 0.0,
        round_: int | None = None,
        sequence: int | None = None,
        seen: int | None = None,
        wish: str | None = None,
    ) -> Revision:
        """Save the draft of a slice: the claimed pixels become a new revision and the draft ends.

        Parameters
        ----------
        active_seconds
            Seconds of work; if None, the sum over the draft's actions plus ``more_seconds``.
        more_seconds
            Seconds of work since the last action.
        round_
            The round of the prediction under a slice without a draft; 0 for none, None for the newest.
        sequence
            Number of the last action known to the caller; any other raises. None skips this check.
        seen
            Id of the newest revision known to the caller, 0 for none; any other raises. None skips this check.
        wish
            An id of this request, unique on its slice. A request repeated with the same id returns its first revision.
        """
        return session.submit(
            self._loaded,
            SliceId(volume, z),
            claim,
            active_seconds=active_seconds,
            more_seconds=more_seconds,
            round_=round_,
            sequence=sequence,
            seen=seen,
            wish=wish,
        )

    def propose(
        self,
        config: ProposeConfig = ProposeConfig(),
        *,
        exclude: Collection[tuple[int, int]] = (),
        report: Report = silent,
    ) -> list[Proposal]:
        """Scan the slices not scanned yet, and return the slices to correct next, best first.

        Parameters
        ----------
        exclude
            ``(volume, z)`` of slices to leave out of the scan and the proposals, such as test slices.
        """
        last, kept_out = self.store.rounds.last(), {SliceId(*pair) for pair in exclude}
        if last is None:
            return first_proposals(self.store, config.number, kept_out, fill=True)
        with self.store.jobs.here("scan", asdict(config)) as handle:
            scan(self._loaded, config, kept_out, _both(handle.report, report))
        return propose(self.store, last, config, kept_out)

    @renamed(frame="watched")
    def train(
        self,
        config: TrainConfig = TrainConfig(),
        *,
        watched: WatchedRegion | None = None,
        resume: bool = False,
        tensorboard: bool = False,
        report: Report = silent,
        network: nn.Module | None = None,
    ) -> RoundReport:
        """Train a round in this process on the current labels.

        Training begins with the newest round's weights, or as ``config.initial_weights`` says.

        Parameters
        ----------
        watched
            The watched region, predicted repeatedly for ``models.snapshots``; None for that of ``models.watched_region``.
        resume
            Resume the interrupted training, with its own labels, settings and watched region.
        tensorboard
            Write logs for TensorBoard beside the checkpoint; needs the package ``tensorboard``.
        report
            Called about once a second with the share done (0 to 1) and a sentence; returning True cancels training and keeps
            its state for a resume.
        network
            A network of your own instead of a built-in one: images ``(B, C, H, W)`` -> scores ``(B, K, H, W)`` before softmax.
            Grey values have mean 0 and deviation 1. ``H`` and ``W`` are multiples of its whole-number attribute
            ``stride`` (default 32). Its attribute ``reach`` is the radius of its receptive field in pixels (default 96).
            Training copies the network and begins with its weights. It then predicts in this process; elsewhere after
            ``models.use``.
        """
        if network is not None:
            config = replace(config, architecture=Architecture.OWN.value)
            self._loaded.use(network)
        plan = interrupted_plan(self.store) if resume else make_plan(self.store, config, watched, tensorboard=tensorboard)
        told, follow = split_report(report)
        with self.store.jobs.here("train", {"plan": plan.as_json()}) as handle:
            return train_round(self._loaded, handle, plan, resume=resume, report=told, follow=follow, network=network)


def _both(one: Report, other: Report) -> Report:
    return lambda share, message: one(share, message) | other(share, message)
