"""One round: freeze the labels, train on them, enter the checkpoint, score every round on the same held-back pixels."""

from __future__ import annotations

import hashlib
import importlib.util
import math
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

from core.config import EARLIER, Architecture, StopRule, TrainConfig
from core.errors import (
    CheckpointError,
    JobError,
    LabelError,
    NetworkError,
    ProjectError,
    TrainingError,
    VolumeError,
    storage_errors,
)
from core.models.loaded import LoadedModels
from core.storage.catalog import weight_of
from core.storage.database import to_json
from core.storage.jobs import Handle
from core.storage.labelled_slice import FrozenSlice
from core.storage.labels import Revision, Role
from core.storage.rounds import CurvePoint
from core.storage.snapshots import Frame
from core.storage.store import Store
from core.training.learning.task import STATE, TrainingTask, partial_of
from core.training.watched_region import choose_frame

if TYPE_CHECKING:
    from torch import nn

    from core.evaluation.validation import Scores
    from core.progress import FitResult, Progress
    from core.training.learning.snapshot_callback import Watched

_POINTS_OF_A_CURVE = 400


@dataclass(frozen=True)
class RoundReport:
    """What training a round gave; scores are on the held-back pixels, None where nothing could be measured.

    ``begins_with`` is the round whose weights training began with, None where they were random, those of the user's own network
    or nothing was trained; ``fresh_because`` says why they were random though an earlier round's were wanted, else None.
    """

    round: int
    seconds: float
    validation_loss: float | None
    validation_dice: dict[str, float | None]
    validation_pixels: int
    checkpoint: Path
    resumed: bool
    ended_by: StopRule
    logs: Path | None
    begins_with: int | None = None
    fresh_because: str | None = None

    def reservations(self, caution: str | None) -> str | None:
        """What there is to say against the round, ``caution`` included, in clauses; None if nothing."""
        began = f"it began with random weights, because {self.fresh_because}" if self.fresh_because else None
        return "; ".join(clause for clause in (began, caution) if clause is not None) or None


@dataclass(frozen=True)
class Plan:
    """What a round will be trained on, fixed before it starts so that a resume does the same work.

    ``begins_with`` is the round whose weights it is to begin with, None for random ones or those of the user's own network.
    """

    round: int
    revisions: tuple[int, ...]
    config: TrainConfig
    frame: Frame
    tensorboard: bool = False
    weights: tuple[float, ...] = ()
    begins_with: int | None = None

    def weight(self, volume: int) -> float:
        """How often a volume's labelled pixels are trained on; 1 where the plan says nothing."""
        return weight_of(volume, self.weights)

    def as_json(self) -> dict[str, Any]:
        """The plan for the job's record."""
        return {
            "round": self.round,
            "revisions": list(self.revisions),
            "train": asdict(self.config),
            "frame": self.frame.as_json(),
            "tensorboard": self.tensorboard,
            "weights": list(self.weights),
            "begins_with": self.begins_with,
        }

    @classmethod
    def from_json(cls, store: Store, stored: Mapping[str, Any]) -> Plan:
        """The plan from a job's record; what a record of an earlier version lacks is as it was then, and a frame is chosen."""
        revisions, config = tuple(stored["revisions"]), TrainConfig(**{**EARLIER, **stored["train"]})
        frame = Frame.from_json(stored["frame"]) if "frame" in stored else choose_frame(store)
        weights, tensorboard = tuple(stored.get("weights", ())), stored.get("tensorboard", False)
        return cls(stored["round"], revisions, config, frame, tensorboard, weights, stored.get("begins_with"))


def make_plan(store: Store, config: TrainConfig, frame: Frame | None = None, *, tensorboard: bool = False) -> Plan:
    """Freeze the labels as they are now, and choose the frame if none is given.

    Raises
    ------
    TrainingError
        If no pixel is labelled for training, there are not as many devices, or logs are wanted that cannot be written.
    """
    if config.devices > 1:
        from core.models.device import check_devices

        check_devices(config)
    if tensorboard and importlib.util.find_spec("tensorboard") is None:
        raise TrainingError(
            "Logs for TensorBoard need the package tensorboard, which is not installed; install it with "
            "pip install tensorboard, or train without logs."
        )
    heads, weights = store.labels.heads(), tuple(row.weight for row in store.catalog.volumes)
    if not any(weights[head.volume] and store.frozen(head, Role.TRAIN).any() for head in heads):
        if heads and not any(weights[head.volume] for head in heads):
            raise TrainingError(
                "All labelled slices are of volumes with the weight 0, which are left out of training; give one a weight above 0."
            )
        if heads:
            raise TrainingError(
                f"{len(heads)} slices are labelled, but none of their pixels may be trained on: they are held back for "
                "validation or lie outside the working region; paint more inside it, or enlarge it."
            )
        raise TrainingError(
            "There are no labelled pixels to train on; paint on a slice and save, or import labels, then train again."
        )
    number, revisions = store.rounds.following(), tuple(head.id for head in heads)
    begins_with = store.rounds.last() if config.inherits else None
    config = _by_voxels(config, [volume.voxel_nm for volume in store.catalog.volumes])
    return Plan(number, revisions, config, frame or choose_frame(store), tensorboard, weights, begins_with)


def _by_voxels(config: TrainConfig, voxels: Sequence[tuple[float, float, float] | None]) -> TrainConfig:
    """Let ``unet-3d`` join slices where its pixels are about as wide as these are thick, unless the level was chosen."""
    known = [voxel[0] / voxel[1] for voxel in voxels if voxel is not None]
    if config.architecture != Architecture.UNET_3D or config.flat is not None or not known:
        return config
    wide = round(math.log2(median(known))) - 1  # the pixels of level n are 2 ** (n + 1) of the image
    return replace(config, flat=min(max(wide, 1), config.depth + 1 - config.neighbours))


def interrupted_plan(store: Store) -> Plan:
    """The plan of the training that was killed or cancelled last.

    Raises
    ------
    JobError
        If there is nothing to resume.
    """
    following, begun = store.rounds.following(), store.rounds.begun_by()
    jobs = sorted(store.jobs.all("train") + store.jobs.all("round"), key=lambda job: (job.id != begun, -job.id))
    for job in jobs:  # first the one whose state is kept: a later one may have been refused before it trained
        plan = job.arguments.get("plan")
        if plan is not None and plan["round"] == following and not job.active:
            with suppress(ValueError, TypeError):  # settings that an earlier version allowed, and then refused to train
                return Plan.from_json(store, plan)
    raise JobError("No training was interrupted, so there is nothing to resume; start a new round instead.")


@dataclass(frozen=True)
class Interrupted:
    """A training that was stopped and can go on: its round, the seconds it was trained for, and those it was to be."""

    round: int
    seconds: float
    budget: float


def interrupted(store: Store) -> Interrupted | None:
    """The training of the following round that was stopped and whose state is kept; None where there is none."""
    number, job = store.rounds.following(), store.jobs.last()
    at_work = job is not None and job.active
    if at_work or not (partial_of(store.checkpoint_folder(number)) / STATE).exists():
        return None
    try:
        plan, curve = interrupted_plan(store), store.rounds.curve(number)
    except JobError:
        return None
    return Interrupted(number, curve[-1].seconds if curve else 0.0, plan.config.seconds)


def train_round(
    models: LoadedModels,
    handle: Handle,
    plan: Plan,
    *,
    resume: bool,
    report: Callable[[Progress], bool] | None,
    network: nn.Module | None = None,
) -> RoundReport:
    """Train a planned round and enter it; see :meth:`core.project.Project.train`."""
    from core.evaluation.validation import Scores

    store = models.store
    if store.rounds.following() != plan.round:
        raise JobError(f"Round {plan.round} was trained by another program meanwhile; start a new round.")
    revisions = store.labels.revisions(plan.revisions)
    validation = held_back(store, revisions)
    task = replace(
        _task(store, plan),
        validation=validation,
        card=_facts(store, plan),
        network=network,
        watched=_watched(store, plan),
        logs=store.logs_folder(plan.round) if plan.tensorboard else None,
        worker_command=["-m", "core.training.worker_rank", str(store.workspace.resolve()), store.name, str(handle.id)],
    )
    fitted = _fit(store, handle, task, _Reporter(store, handle, plan, report), resume=resume)
    store.rounds.add(
        plan.round,
        revisions=plan.revisions,
        config=asdict(plan.config),
        checkpoint=fitted.checkpoint.relative_to(store.workspace).as_posix(),
        seconds=fitted.seconds,
        labelled_slices=len(revisions),
        active_seconds=store.labels.active_seconds(up_to=max(plan.revisions)),
        job=handle.id,
        ended_by=fitted.ended_by,
    )
    scores = Scores(fitted.validation_loss, fitted.validation_dice, fitted.validation_pixels, fitted.validation_counts)
    score_rounds(models, handle, revisions, validation, {plan.round: scores})
    store.moments.sweep()
    return replace(
        entered(store, plan.round, fitted.checkpoint, resumed=fitted.resumed),
        begins_with=None if fitted.fresh_because else plan.begins_with,
        fresh_because=fitted.fresh_because or None,
    )


def held_back(store: Store, revisions: Sequence[Revision]) -> list[FrozenSlice]:
    """What rounds are scored on."""
    return [s for s in (store.frozen(r, Role.VALIDATION) for r in revisions) if s.any()]


def train_worker_rank(store: Store, plan: Plan) -> None:
    """Train a planned round along on a further device, in the process that :func:`train_round` has started for it."""
    from core.training.learning.fit import fit_worker_rank

    fit_worker_rank(_task(store, plan))


def _task(store: Store, plan: Plan) -> TrainingTask:
    """What every rank has to know of a planned round."""
    weighed = [(revision, plan.weight(revision.volume)) for revision in store.labels.revisions(plan.revisions)]
    slices = [store.frozen(revision, Role.TRAIN, weight) for revision, weight in weighed if weight]
    return TrainingTask(
        [s for s in slices if s.any()],
        class_names=tuple(c.name for c in store.catalog.classes),
        in_channels=store.catalog.volumes[0].shape[1],
        config=plan.config,
        folder=store.checkpoint_folder(plan.round),
        number=plan.round,
        begins_with=None if plan.begins_with is None else store.checkpoint(plan.begins_with),
    )


def _facts(store: Store, plan: Plan) -> dict[str, Any]:
    """What the card of a planned round says beside the training."""
    return {
        "project": store.name,
        "round": plan.round,
        "label_revisions": list(plan.revisions),
        "volume_weights": list(plan.weights),
        "begins_with": plan.begins_with,
    }


def _watched(store: Store, plan: Plan) -> Watched:
    from core.training.learning.snapshot_callback import Watched

    frame = plan.frame
    image = store.image(frame.volume, frame.z, plan.config.neighbours)
    return Watched(frame, image, store.moments.place(plan.round))


def entered(store: Store, round_: int, checkpoint: Path, *, resumed: bool = False) -> RoundReport:
    """What the records say of a round that was entered just now."""
    (row,) = [r for r in store.rounds.rows([c.name for c in store.catalog.classes]) if r.round == round_]
    scores, logs = (row.validation_loss, row.validation_dice, row.validation_pixels), store.logs_folder(round_)
    return RoundReport(round_, row.seconds, *scores, checkpoint, resumed, row.ended_by, logs if logs.exists() else None)


def _fit(store: Store, handle: Handle, task: TrainingTask, report: Callable[[Progress], bool], *, resume: bool) -> FitResult:
    from core.training.learning.fit import fit

    resume = resume and task.partial.exists()
    set_aside(task.folder)
    return fit(task, report=report, resume=resume, begun=lambda: store.rounds.begin(handle.id))


def set_aside(folder: Path) -> None:
    """Move a checkpoint out of the way that was written but never entered, as when the process died in between."""
    if folder.exists():
        with storage_errors(folder):
            folder.rename(folder.with_name(f".{folder.name}.orphan-{time.time_ns()}"))


class _Reporter:
    """Turns the trainer's progress into the job's record, the curve and the caller's report."""

    def __init__(self, store: Store, handle: Handle, plan: Plan, report: Callable[[Progress], bool] | None) -> None:
        self._store, self._handle, self._plan, self._report = store, handle, plan, report
        self._apart = plan.config.seconds / _POINTS_OF_A_CURVE
        self._last = -self._apart
        self._validated: float | None = None
        self._begun = False

    def __call__(self, progress: Progress) -> bool:
        if not self._begun or progress.seconds < self._last:  # where memory was too small, training goes on from a stored state
            self._begun, self._last = True, -self._apart
            self._store.rounds.cut_curve(self._plan.round, progress.seconds)
        validated = progress.validation_loss is not None and progress.validation_loss != self._validated
        if progress.step > 0 and (validated or progress.seconds - self._last >= self._apart):
            self._last, self._validated = progress.seconds, progress.validation_loss
            self._store.rounds.add_point(
                self._plan.round,
                CurvePoint(
                    progress.seconds,
                    progress.step,
                    progress.train_loss,
                    progress.validation_loss if validated else None,
                    progress.validation_dice if validated else None,
                ),
            )
        message = f"training round {self._plan.round}: {progress.seconds:.0f} of {progress.budget:.0f} s"
        if self._plan.config.epochs is not None:
            message += f", {progress.epochs:.1f} of {self._plan.config.epochs:g} epochs"
        if progress.batch < self._plan.config.batch:
            message += f", {progress.batch} patches at once instead of {self._plan.config.batch} (memory holds no more)"
        stop = self._handle.report(progress.share, message)
        return (self._report is not None and self._report(progress)) or stop


def score_rounds(
    models: LoadedModels,
    handle: Handle,
    revisions: Sequence[Revision],
    validation: Sequence[FrozenSlice],
    known: Mapping[int, Scores],
) -> None:
    """Score every round that has none on these held-back pixels, then show these scores; else the curve would lie.

    A round that cannot be scored now (its checkpoint is damaged or removed, its network cannot be built here, a volume has
    moved, a record is damaged) is shown as not measured, and scored when the next round is trained: it does not fail the
    round just trained.

    Parameters
    ----------
    known
        Scores on these pixels that were measured already, by round.
    """
    from core.evaluation.validation import score

    store = models.store
    key = _pixels_key(store, revisions)
    for round_ in sorted(store.rounds.unscored(key), key=lambda round_: round_ not in known):
        handle.report(1.0, f"scoring round {round_} on the held-back pixels")
        try:
            scores = known.get(round_) or score(models.predictor(round_), validation, len(store.catalog.classes))
        except (CheckpointError, NetworkError, VolumeError, LabelError, ProjectError):
            continue
        store.rounds.score(round_, key, scores.loss, scores.dice, scores.pixels, scores.counts)
    store.rounds.show_scores_on(key, [revision.id for revision in revisions])


def _pixels_key(store: Store, revisions: Sequence[Revision]) -> str:
    """Names the held-back pixels: their labels, and the working regions that limit them."""
    held = [r.id for r in revisions if r.validation_pixels]
    regions = [v.region for v in store.catalog.volumes]
    return hashlib.sha256(to_json([held, regions]).encode()).hexdigest()
