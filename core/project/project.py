"""The front door: the page, the command line and a notebook all enter here.

    >>> project = Project.create(workspace, "concrete", volumes=[path], classes=["matrix", "pore"])  # doctest: +SKIP
    >>> project.import_labels(labels, slices=[2, 9, 16])                                             # doctest: +SKIP
    >>> project.train(TrainConfig(seconds=120))                                                      # doctest: +SKIP
    >>> project.propose(ProposeConfig(number=5))                                                     # doctest: +SKIP

Predict, propose, submit, train, and round again; everything else serves these four.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

import numpy as np
from numpy.typing import NDArray

from core.config import UNLABELLED as UNLABELLED
from core.config import Architecture, Averaging, PredictConfig, ProposeConfig, TrainConfig
from core.errors import ProjectError, storage_errors
from core.geometry import Polygon, SliceId
from core.models.loaded import LoadedModels
from core.progress import Report, silent
from core.project.earlier_names import EarlierNames
from core.project.jobs import ProjectJobs
from core.project.labels import ProjectLabels
from core.project.models import ProjectModels
from core.project.proposals import ProjectProposals
from core.project.results import ProjectResults
from core.proposals.ranking import first_proposals, propose
from core.results import segment
from core.results.segment import PredictReport
from core.storage.catalog import VolumeRow, check_classes
from core.storage.database import LabelClass, Records
from core.storage.labels import Claim, Revision
from core.storage.proposals import Proposal
from core.storage.snapshots import WatchedRegion
from core.storage.store import RECORDS_FILE, Store, data_folder
from core.storage.workspace import check_new_name, open_store
from core.storage.workspace import list_projects as list_projects
from core.storage.workspace import workspace_folder as workspace_folder
from core.training.plan import interrupted_plan, make_plan
from core.training.round import RoundReport, train_round
from core.volumes import Volume

if TYPE_CHECKING:
    from torch import nn

    from core.training.learning.fit import Progress


class Project(EarlierNames):
    """One project of a workspace; cheap to open, safe to use from several threads and processes.

    Raises
    ------
    UnderpaintError
        From every method, when the user's files, labels or settings do not allow what is asked, in one sentence.
    """

    def __init__(self, store: Store) -> None:
        self.store = store
        self.workspace, self.name, self.folder = store.workspace, store.name, store.folder
        self._loaded = LoadedModels(store)
        self.labels = ProjectLabels(store, self._loaded)
        """Read, paint, save and take back labels."""
        self.models = ProjectModels(store, self._loaded)
        """Rounds, their scores and predictions, training snapshots, and going back."""
        self.proposals = ProjectProposals(store, self._loaded)
        """What to correct next; called, it returns the list."""
        self.results = ProjectResults(store, self._loaded)
        """Files made for the user, confidence and scores; called, it returns the list."""
        self.jobs = ProjectJobs(store)
        """Work in processes of its own."""

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
        check_new_name(name)
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
            store.records.set_meta("created", str(time.time()))
            store.records.close()
            with storage_errors(folder):
                temporary.rename(folder)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
        return cls.open(workspace, name)

    @classmethod
    def open(cls, workspace: Path, name: str) -> Project:
        """Open a project by name."""
        return cls(open_store(workspace, name))

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

    def set_weight(self, index: int, weight: float) -> None:
        """Set how often a volume's labelled pixels are trained on, relative to other volumes': 1 is ordinary, 0 leaves it out.

        Its held-back pixels validate whatever the weight. It holds from the next round on.
        """
        self.store.catalog.set_weight(index, weight)

    def set_region(self, index: int, polygons: Sequence[Polygon]) -> None:
        """Limit training, scanning and measuring to polygons of ``(y, x)`` pixels; none for the whole slice."""
        self.store.catalog.set_region(index, polygons)
        self.store.proposals.forget_scan(index)

    def region_mask(self, index: int) -> NDArray[np.bool_] | None:
        """The working region, bool ``(H, W)``; None where it is the whole slice."""
        return self.store.catalog.region_mask(index)

    def volume(self, index: int) -> Volume:
        """An opened volume."""
        return self.store.catalog.volume(index)

    def image(self, volume: int, z: int) -> NDArray[Any]:
        """A raw slice ``(C, H, W)`` in its stored dtype."""
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
        """Segment slices one after the other into ``.tif`` or ``.zarr``; memory is set by the slice, not by the volume.

        Parameters
        ----------
        slices
            Which; all of them if None.
        probabilities
            Write class probabilities, float32 ``(slices, K, H, W)``, instead of class ids, uint8 ``(slices, H, W)``.
        config
            How slices are cut and averaged; ``views`` and ``across`` go before it.
        views
            Mirrored and turned views to average: 1, 2, 4 or 8; more accurate, and as many times slower. If None, 2 where slices
            stand alone, and one, another for each slice, where they are averaged with others; 1 if trained without flips.
        across
            Slices on each side whose probabilities are averaged with each slice's own, 0 for none; if None, as many as painted
            pixels allow; see :func:`core.evaluation.z_average_search.best`.
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
    ) -> Revision:
        """Save the draft of a slice: the claimed pixels become a new revision and the draft ends.

        Parameters
        ----------
        active_seconds
            Seconds of work it took; as the draft's actions counted them, if None.
        more_seconds
            Seconds since the last action, to be added to these.
        round_
            Whose prediction lies under a slice without a draft, 0 for none; the newest one's if None.
        sequence
            The last action that the person has seen, if it matters.
        """
        return self.labels.submit(
            volume,
            z,
            claim,
            active_seconds=active_seconds,
            more_seconds=more_seconds,
            round_=round_,
            sequence=sequence,
        )

    def propose(
        self,
        config: ProposeConfig = ProposeConfig(),
        *,
        exclude: Collection[tuple[int, int]] = (),
        report: Report = silent,
    ) -> list[Proposal]:
        """Scan what is not scanned yet, then the slices to correct next, best first.

        Parameters
        ----------
        exclude
            ``(volume, z)`` never to be looked at or proposed, such as test slices.
        """
        last, kept_out = self.store.rounds.last(), {SliceId(*pair) for pair in exclude}
        if last is None:
            return first_proposals(self.store, config.number, kept_out, fill=True)
        with self.store.jobs.here("scan", asdict(config)) as handle:
            self.proposals.scan(config, exclude=exclude, report=_both(handle.report, report))
        return propose(self.store, last, config, kept_out)

    def train(
        self,
        config: TrainConfig = TrainConfig(),
        *,
        frame: WatchedRegion | None = None,
        resume: bool = False,
        tensorboard: bool = False,
        report: Callable[[Progress], bool] | None = None,
        network: nn.Module | None = None,
    ) -> RoundReport:
        """Train a round in this process on the labels as they are now; it begins with the newest round's weights or as
        ``config.initial_weights`` says.

        Parameters
        ----------
        frame
            What is predicted again and again meanwhile, for :meth:`moments`; that of :meth:`frame` if None.
        resume
            Go on with the training that was killed or cancelled, with its own labels, settings and frame.
        tensorboard
            Write logs for TensorBoard beside the checkpoint; needs the package ``tensorboard``.
        report
            Called about once a second; returning True cancels and keeps what a resume needs.
        network
            One of your own instead of a built-in one: scores ``(B, K, H, W)`` before softmax from images ``(B, C, H, W)``,
            grey values of mean 0 and deviation 1, ``H`` and ``W`` multiples of its whole-number attribute ``stride`` (32 if it
            has none); in ``reach`` it may say how many pixels around a place it looks at (96 if it does not). It is copied;
            training begins with its weights. It predicts in this process from then on; elsewhere after :meth:`use`.
        """
        if network is not None:
            config = replace(config, architecture=Architecture.OWN.value)
            self._loaded.use(network)
        plan = interrupted_plan(self.store) if resume else make_plan(self.store, config, frame, tensorboard=tensorboard)
        with self.store.jobs.here("train", {"plan": plan.as_json()}) as handle:
            return train_round(self._loaded, handle, plan, resume=resume, report=report, network=network)


def _both(one: Report, other: Report) -> Report:
    return lambda share, message: one(share, message) | other(share, message)
