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
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from core.config import OWN_NOT_GIVEN, TOLERANCE, Architecture, AugmentConfig, PredictConfig, ProposeConfig, TrainConfig
from core.config import UNLABELLED as UNLABELLED
from core.editing import label_import, session, suggest
from core.editing.preview import Preview, Previews
from core.editing.preview_choice import PreviewChoice
from core.editing.session import SyncState
from core.editing.suggest import Suggestion
from core.editing.undo_steps import Step
from core.errors import NetworkError, ProjectError, storage_errors
from core.evaluation import against_truth, held_back
from core.evaluation.against_truth import Evaluation
from core.evaluation.held_back import ValidationSummary
from core.evaluation.regression import regression_warning
from core.geometry import Box, Polygon
from core.models.loaded import LoadedModels
from core.progress import Report
from core.proposals.ranking import first_proposals, in_turn, open_proposals, propose
from core.proposals.scan import scan
from core.results import segment
from core.results.segment import PredictReport
from core.storage.catalog import VolumeRow, check_classes
from core.storage.database import LabelClass, Records
from core.storage.drafts import Editing, Patch
from core.storage.jobs import Job
from core.storage.labels import Claim, Revision, Role, Work
from core.storage.prediction_cache import Predicted
from core.storage.proposals import Proposal, ScannedSlice
from core.storage.results import Result
from core.storage.rounds import CurvePoint, RoundRow
from core.storage.snapshots import Snapshot, WatchedRegion
from core.storage.store import RECORDS_FILE, Store, data_folder
from core.storage.workspace import check_new_name, open_store
from core.storage.workspace import list_projects as list_projects
from core.storage.workspace import workspace_folder as workspace_folder
from core.training.plan import Interrupted, interrupted, interrupted_plan, make_plan
from core.training.restore import find, restore
from core.training.round import RoundReport, train_round
from core.training.watched_region import choose_slice, choose_watched_region
from core.volumes import Volume

if TYPE_CHECKING:
    from torch import nn

    from core.training.examples import Examples
    from core.training.learning.fit import Progress


def _go_on(_share: float, _message: str) -> bool:
    return False


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
        self._loaded = LoadedModels(store)
        self._previews = Previews(store)

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
        self.store.slice_shape(volume, z)
        return self.store.image(volume, z)

    # ---- labels

    def label(self, volume: int, z: int) -> NDArray[np.uint8]:
        """The current label of a slice, uint8 ``(H, W)``, 255 where nobody has labelled."""
        return self.store.labels.label(volume, z, self.store.slice_shape(volume, z))

    def roles(self, volume: int, z: int) -> NDArray[np.uint8]:
        """What each labelled pixel is for, uint8 ``(H, W)`` of :class:`core.storage.labels.Role`."""
        return self.store.labels.roles(volume, z, self.store.slice_shape(volume, z))

    def labelled_slices(self) -> list[Revision]:
        """The newest revision of every labelled slice."""
        return self.store.labels.heads()

    def validation_summary(self) -> ValidationSummary:
        """What is held back for validation, now."""
        return held_back.validation_summary(self.store)

    def import_labels(
        self, path: Path, *, slices: Sequence[int] | None = None, role: str = "train", volume: int = 0
    ) -> list[int]:
        """Import a label file, one page per slice of the volume or per slice listed; returns the slices labelled."""
        return label_import.import_labels(self.store, path, slices=slices, role=role, volume=volume)

    def export_labels(self, path: Path, *, volume: int = 0, overwrite: bool = False) -> None:
        """Write the labels as a stack of uint8 class ids, 255 where nobody has labelled; ``.tif`` or ``.zarr``."""
        label_import.export_labels(self.store, path, volume=volume, overwrite=overwrite)

    # ---- the editor

    def editing(self, volume: int, z: int, *, round_: int | None = None) -> Editing:
        """A slice to correct: its draft if there is one, else stored label over prediction over background.

        Parameters
        ----------
        round_
            Whose prediction lies under a slice without a draft, 0 for none; the newest one's if None.
        """
        return session.editing(self._loaded, volume, z, round_)

    def claimed(self, volume: int, z: int) -> NDArray[np.bool_]:
        """Pixels that somebody has vouched for, bool ``(H, W)``: the labelled ones, and those that nobody can see."""
        return self.store.labels.claimed(volume, z, self.store.slice_shape(volume, z))

    def news(self, volume: int, z: int) -> SyncState:
        """What a window must know to see that it is out of date; reads no raster."""
        return session.news(self._loaded, volume, z)

    def apply(self, volume: int, z: int, patch: Patch) -> int:
        """Store one action of the editor durably; returns the sequence number acknowledged."""
        return session.apply(self._loaded, volume, z, patch)

    def steps(self, volume: int, z: int, *, sequence: int) -> list[Step]:
        """The steps of a slice's draft that can be undone, the latest last; none where ``sequence`` is not the last action."""
        return session.steps(self.store, volume, z, sequence)

    def drafts(self) -> set[tuple[int, int]]:
        """``(volume, z)`` of every slice with unclaimed strokes."""
        return self.store.drafts.slices()

    def discard_draft(self, volume: int, z: int) -> None:
        """Forget the unclaimed strokes of a slice."""
        self.store.drafts.discard(volume, z)

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
        return session.submit(
            self._loaded,
            volume,
            z,
            claim,
            active_seconds=active_seconds,
            more_seconds=more_seconds,
            round_=round_,
            sequence=sequence,
        )

    def rebase(self, volume: int, z: int, round_: int, *, sequence: int) -> int:
        """Put another round's prediction, 0 for none, under the strokes of a slice; what was painted stays.

        ``sequence`` is the last action that the person has seen; returns the number of this one.
        """
        return session.rebase(self._loaded, volume, z, round_, sequence)

    def active_seconds(self) -> float:
        """Seconds of work behind all saved labels."""
        return self.store.labels.active_seconds()

    def seek(self, volume: int, z: int) -> None:
        """Note that the model's uncertainty led a person to this slice, so that its labels do not validate."""
        self.store.slice_shape(volume, z)
        self.store.proposals.mark_model_selected([(volume, z)])

    def may_validate(self, volume: int, z: int) -> bool:
        """Whether labels of a slice may validate: no model's uncertainty has led there."""
        self.store.slice_shape(volume, z)
        return not self.store.proposals.is_model_selected(volume, z)

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
        return session.submit_mask(self.store, volume, z, mask, claim, work=work, role=role)

    def suggest_from(self, volume: int, z: int, neighbour: int) -> Suggestion:
        """A mask for a slice: that of another one as the editor shows it, its draft or stored label over prediction."""
        return suggest.from_neighbour(self._loaded, volume, z, neighbour)

    def suggest_between(self, volume: int, z: int) -> Suggestion:
        """A mask for a slice: interpolated between the nearest painted slices below and above."""
        return suggest.between_labelled(self.store, volume, z)

    def undo(self, volume: int, z: int, *, revision: int | None = None) -> Revision | None:
        """Take back the newest saved label, if it is ``revision`` or that is None; strokes painted since then stay.

        Returns the label before, which counts again; None where the slice is unlabelled now.
        """
        return session.undo(self._loaded, volume, z, revision)

    def look(self, volume: int, z: int, looked: bool = True) -> None:
        """Mark a slice as looked at, which is never a label."""
        self.store.slice_shape(volume, z)
        self.store.proposals.look(volume, z, looked)

    def looked(self) -> set[tuple[int, int]]:
        """``(volume, z)`` of every slice marked as looked at."""
        return self.store.proposals.looked()

    # ---- preview

    def preview(self, volume: int, z: int, box: Box | None = None, *, anyway: bool = False) -> Preview:
        """A box of a slice as a quick first model sees it, fitted to the strokes and saved labels as they are now.

        After :meth:`prepare_preview`, with 1024 x 1024 pixels on two cores of its own, about half a second after a stroke
        while nothing is saved, a bit over one with whole slices saved; nearly all of it grows with ``box``, so a large view is
        best asked for in parts, which share one fit. Safe to call from several threads. Never waits for a comparison with a
        network, nor for PyTorch.

        Parameters
        ----------
        box
            The part in view; the whole slice if None.
        anyway
            Draw it even if a network has taken over.
        """
        return self._previews.preview(volume, z, box, anyway=anyway)

    def prepare_preview(self, volume: int, z: int, box: Box | None = None) -> None:
        """Do ahead of the first stroke what need not wait for it; to be called in a thread when a slice is opened.

        Reads the image, imports scikit-learn (a second, once), and reads up to 64 labelled slices that were never read,
        about 0.3 s each with 1024 x 1024 pixels. Starts the comparison of a new round in the background.
        """
        self._previews.prepare(volume, z, box)

    def handover(self) -> PreviewChoice:
        """Whether the newest round's network has taken over the preview, decided on held-back pixels, and why.

        The first call after a round fits a forest and scores it, 0.3 s for every labelled slice of 1024 x 1024 and a second
        more; the answer is remembered with the project.
        """
        return self._previews.handover()

    # ---- predict

    def predict_slice(self, volume: int, z: int, round_: int | None = None) -> Predicted | None:
        """A slice as the newest model (or that of ``round_``) sees it; None before the first round."""
        self.store.slice_shape(volume, z)
        chosen = round_ or self.store.rounds.last()
        return None if chosen is None else self._loaded.predicted(volume, z, chosen)

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
        views: int | None = PredictConfig.views,
        across: int | None = PredictConfig.across,
        report: Report = _go_on,
    ) -> PredictReport:
        """Segment slices one after the other into ``.tif`` or ``.zarr``; memory is set by the slice, not by the volume.

        Parameters
        ----------
        slices
            Which; all of them if None.
        probabilities
            Write class probabilities, float32 ``(slices, K, H, W)``, instead of class ids, uint8 ``(slices, H, W)``.
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
            slices=slices,
            probabilities=probabilities,
            round_=round_,
            volume=volume,
            views=views,
            across=across,
            report=report,
        )

    def export_confidence(
        self,
        out: Path,
        *,
        volume: int = 0,
        round_: int | None = None,
        views: int | None = PredictConfig.views,
        across: int | None = PredictConfig.across,
        report: Report = _go_on,
    ) -> None:
        """Write every slice's confidence as ``.tif`` or ``.zarr``, uint8: 255 times the best class's probability.

        Parameters
        ----------
        views, across
            As for :meth:`predict`: given the same, it is the confidence of what was segmented.
        """
        segment.export_confidence(self._loaded, out, volume=volume, round_=round_, views=views, across=across, report=report)

    # ---- propose

    def scan(
        self,
        config: ProposeConfig = ProposeConfig(),
        *,
        exclude: Collection[tuple[int, int]] = (),
        report: Report = _go_on,
    ) -> None:
        """Score slices with the newest model, coarse first, until all are done or the time is up."""
        scan(self._loaded, config, exclude, report)

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
        """The newest model's proposals that are not answered yet; before the first round, slices spread evenly.

        Of each slice the boxes that are left to check. What was put off comes last.
        """
        last = self.store.rounds.last()
        if last is None:
            first = first_proposals(self.store, ProposeConfig().number, (), fill=False)
            return in_turn(first, self.store.proposals.turns(0))
        return open_proposals(self.store, last)

    def put_off(self, volume: int, z: int, box: Box | None = None) -> None:
        """Ask later about a proposed slice, or about a box of it: it goes to the end of :meth:`proposals`."""
        self.store.slice_shape(volume, z)
        self.store.proposals.put_off(self.store.rounds.last() or 0, volume, z, box)

    def scores(self, round_: int | None = None) -> list[ScannedSlice]:
        """The scanned slices of the newest (or that) round, in order of volume and z."""
        chosen = round_ or self.store.rounds.last()
        return [] if chosen is None else self.store.proposals.scanned(chosen)

    # ---- train

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

    def interrupted(self) -> Interrupted | None:
        """The training that was killed or cancelled and can go on (``resume``); one that is started instead gives it up."""
        return interrupted(self.store)

    def has_network(self, round_: int) -> bool:
        """Whether a round can predict in this process: its network is built in, or your own and given."""
        return self._loaded.has_network(round_)

    def use(self, network: nn.Module) -> None:
        """Give a network of your own again, built as it was when rounds were trained with it; for all rounds of its class.

        Needed in every process that predicts, proposes, scores or exports with such a round: its card says the name of the
        class, which is never imported.
        """
        self._loaded.use(network)

    def augmented(
        self,
        volume: int,
        z: int,
        config: AugmentConfig = AugmentConfig(),
        *,
        side: int = TrainConfig.patch,
        number: int = 8,
        seed: int = 0,
    ) -> Examples:
        """A patch of a slice beside changed versions of it, as training would show them to the network.

        Parameters
        ----------
        config
            How patches are changed.
        side
            Of the patches, in pixels.
        number
            How many changed ones.
        seed
            Of the place in the slice, near a labelled pixel where there is one, and of the changes.
        """
        from core.training.examples import make_examples

        head, shape = self.store.labels.head(volume, z), self.store.slice_shape(volume, z)
        label = np.full(shape, UNLABELLED, np.uint8) if head is None else self.store.frozen(head, Role.TRAIN).label()
        return make_examples(self.store.image(volume, z), label, config, side=side, number=number, seed=seed)

    def frame(self, volume: int | None = None, z: int | None = None) -> WatchedRegion:
        """At most 1024 x 1024 pixels of that slice, or of one without a label near the middle of the labelled ones."""
        return choose_watched_region(self.store, volume, z)

    def slice_to_watch(self) -> tuple[int, int]:
        """``(volume, z)`` that :meth:`frame` takes if none is given; reads no raster."""
        return choose_slice(self.store)

    def moments(self, round_: int) -> list[Snapshot]:
        """The kept moments of a round's training in order, also while it goes on; of older rounds none are kept."""
        return self.store.snapshots.of(round_)

    def moment_rounds(self) -> list[int]:
        """The rounds of whose training moments are kept, oldest first; one in training among them."""
        return self.store.snapshots.rounds()

    def moment_bytes(self) -> int:
        """What all kept moments take on disk."""
        return self.store.snapshots.size()

    def restore(self, round_: int, *, seconds: float | None = None) -> RoundReport:
        """Go back: make a moment of a round's training, or the end of an earlier round, the newest model.

        It is entered as a new round, scored on the held-back pixels as every round, with no proposals until the volume is
        looked through. No other round changes. A training that was interrupted can then not be resumed any more.

        Parameters
        ----------
        seconds
            Of training at that moment, as :meth:`moments` gives them, to the second; the end of the round if None.
        """
        with self.store.jobs.here("restore", {"round": round_, "seconds": seconds}) as handle:
            return restore(self._loaded, handle, round_, seconds)

    def rounds(self) -> list[RoundRow]:
        """Every round, all scored on the same held-back pixels."""
        return self.store.rounds.rows([c.name for c in self.classes])

    def caution(self) -> str | None:
        """What speaks against the newest round, to follow "Round 2 is trained, but"; None where nothing does."""
        return regression_warning(self.store.rounds.standings())

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
        tolerance: float | None = None,
        views: int | None = PredictConfig.views,
        across: int | None = PredictConfig.across,
        report: Report = _go_on,
    ) -> Evaluation:
        """Score a round against a truth with one page per slice, on slices without a label of any role.

        Parameters
        ----------
        tolerance
            Pixels that two boundaries may lie apart and still agree, such as :data:`core.config.TOLERANCE`. Boundary
            F-score and 95 % Hausdorff distance take about 2 s for a slice of 1024 x 1024 pixels with five classes; None
            leaves them out.
        views, across
            How it would segment; as for :meth:`predict`.
        """
        return against_truth.evaluate_against(
            self._loaded,
            truth,
            round_=round_,
            volume=volume,
            slices=slices,
            tolerance=tolerance,
            views=views,
            across=across,
            report=report,
        )

    # ---- results and jobs

    def results(self) -> list[Result]:
        """The files made for the user that are still there, newest first."""
        return self.store.results.all()

    def job(self) -> Job | None:
        """The job at work, or the last one; None where there never was one."""
        return self.store.jobs.last()

    def cancel(self, job_id: int) -> None:
        """Ask a job to stop at the next safe moment."""
        self.store.jobs.cancel(job_id)

    def start_round(
        self,
        train: TrainConfig = TrainConfig(),
        propose: ProposeConfig = ProposeConfig(),
        *,
        frame: WatchedRegion | None = None,
        resume: bool = False,
        tensorboard: bool = False,
    ) -> Job:
        """Train and then look through the volume, in a process of its own; returns at once."""
        plan = interrupted_plan(self.store) if resume else make_plan(self.store, train, frame, tensorboard=tensorboard)
        if plan.config.architecture == Architecture.OWN:
            raise NetworkError(OWN_NOT_GIVEN)
        return self._start_job("round", {"plan": plan.as_json(), "propose": asdict(propose), "resume": resume})

    def start_restore(self, round_: int, propose: ProposeConfig = ProposeConfig(), *, seconds: float | None = None) -> Job:
        """Go back as :meth:`restore` does and then look through the volume, in a process of its own."""
        find(self.store, round_, seconds)
        return self._start_job("restore", {"round": round_, "seconds": seconds, "propose": asdict(propose)})

    def start_scan(self, propose: ProposeConfig = ProposeConfig()) -> Job:
        """Look through the volume in a process of its own."""
        self.store.rounds.chosen(None)
        return self._start_job("scan", {"propose": asdict(propose)})

    def start_segment(
        self, volume: int = 0, views: int | None = PredictConfig.views, across: int | None = PredictConfig.across
    ) -> Job:
        """Segment a whole volume into the results, in a process of its own; ``views`` and ``across`` as for :meth:`predict`.

        Raises
        ------
        ValueError
            If ``core.config.PredictConfig`` does not allow one of them.
        """
        asked = PredictConfig(views=views, across=across)
        round_ = self.store.rounds.chosen(None)
        return self._start_job("segment", {"volume": volume, "round": round_, "views": asked.views, "across": asked.across})

    def start_confidence_export(self, volume: int = 0, suffix: str = ".tif") -> Job:
        """Write a volume's confidence into the results as ``.tif`` or ``.zarr``, in a process of its own."""
        round_ = self.store.rounds.chosen(None)
        return self._start_job("confidence", {"volume": volume, "round": round_, "suffix": suffix})

    def start_evaluate(self, truth: Path, volume: int = 0, *, tolerance: float | None = TOLERANCE) -> Job:
        """Score the newest round against a truth into the results, in a process of its own; see :meth:`evaluate`."""
        round_ = self.store.rounds.chosen(None)
        against_truth.check_truth(self.store, truth, volume)
        arguments = {"truth": str(truth.expanduser().resolve()), "volume": volume, "round": round_, "tolerance": tolerance}
        return self._start_job("evaluate", arguments)

    def _start_job(self, kind: str, arguments: dict[str, Any]) -> Job:
        return self.store.jobs.start(self.workspace, self.name, kind, arguments)


def _both(one: Report, other: Report) -> Report:
    return lambda share, message: one(share, message) | other(share, message)
