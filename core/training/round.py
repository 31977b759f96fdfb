"""Train a round: freeze labels, train, enter the checkpoint, and score every round on the same held-back pixels."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.config import StopRule
from core.errors import (
    CheckpointError,
    JobError,
    LabelError,
    NetworkError,
    ProjectError,
    VolumeError,
)
from core.evaluation.held_back import pixels_key
from core.models.loaded import LoadedModels
from core.progress import Report, silent
from core.storage.checkpoints import load_card
from core.storage.jobs import Handle
from core.storage.labelled_slice import FrozenSlice
from core.storage.labels import Revision, Role
from core.storage.rounds import CurvePoint
from core.storage.store import Store
from core.training.finished import made_by, new_round, set_aside
from core.training.learning.task import FitResult, Progress, TrainingTask
from core.training.plan import Plan

if TYPE_CHECKING:
    from torch import nn

    from core.evaluation.validation import Scores
    from core.training.learning.snapshot_callback import SnapshotSource

_POINTS_OF_A_CURVE = 400


@dataclass(frozen=True)
class RoundReport:
    """Result of a round; scores are on the held-back pixels, None where nothing could be measured.

    ``begins_with`` is the round of the initial weights. It is None for random weights, for those of the user's own network,
    and for a restored round. ``fresh_because`` is the reason for random weights in place of an earlier round's, else None.
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

    def reservations(self, warning: str | None) -> str | None:
        """Return the reasons to distrust the round, as clauses; ``warning`` is the regression warning. None without a reason."""
        began = f"it began with random weights, because {self.fresh_because}" if self.fresh_because else None
        return "; ".join(clause for clause in (began, warning) if clause is not None) or None


def train_round(
    models: LoadedModels,
    handle: Handle,
    plan: Plan,
    *,
    resume: bool,
    report: Report = silent,
    follow: Callable[[Progress], bool] | None = None,
    network: nn.Module | None = None,
) -> RoundReport:
    """Train a planned round and enter it; see :meth:`core.project.Project.train`.

    Parameters
    ----------
    follow
        A report of version 0.1, called with the progress itself; removed in 0.3.
    """
    from core.evaluation.validation import Scores

    store = models.store
    if store.rounds.following() != plan.round:
        raise JobError(f"Round {plan.round} was trained by another program meanwhile; start a new round.")
    revisions = store.labels.revisions(plan.revisions)
    validation = validation_slices(store, revisions)
    task = replace(
        _task(store, plan),
        validation=validation,
        card=_facts(store, plan) | made_by(store, handle.id, pixels_key(store, revisions)),
        network=network,
        snapshots=_snapshot_source(store, plan),
        logs=store.logs_folder(plan.round) if plan.tensorboard else None,
        worker_command=["-m", "core.training.worker_rank", str(store.workspace.resolve()), store.name, str(handle.id)],
    )

    def enter(fitted: FitResult) -> None:
        store.rounds.add(new_round(store, plan.round, load_card(fitted.checkpoint)))

    fitted = _fit(store, handle, task, _Reporter(store, handle, plan, report, follow), resume=resume, enter=enter)
    scores = Scores(fitted.validation_loss, fitted.validation_dice, fitted.validation_pixels, fitted.validation_counts)
    score_all_rounds(models, handle, revisions, validation, {plan.round: scores})
    store.snapshots.sweep()
    return replace(
        entered(store, plan.round, fitted.checkpoint, resumed=fitted.resumed),
        begins_with=None if fitted.fresh_because else plan.begins_with,
        fresh_because=fitted.fresh_because or None,
    )


def validation_slices(store: Store, revisions: Sequence[Revision]) -> list[FrozenSlice]:
    """Return the slices with held-back pixels, to score rounds on."""
    return [s for s in (store.frozen(r, Role.VALIDATION) for r in revisions) if s.any()]


def train_worker_rank(store: Store, plan: Plan) -> None:
    """Train a planned round as a worker rank, in a process started by :func:`train_round` for a further device."""
    from core.training.learning.fit import fit_worker_rank

    fit_worker_rank(_task(store, plan))


def _task(store: Store, plan: Plan) -> TrainingTask:
    """Build the task of a planned round with the facts common to all ranks."""
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
    """Return the facts of a planned round for its card."""
    return {
        "project": store.name,
        "round": plan.round,
        "label_revisions": list(plan.revisions),
        "volume_weights": list(plan.weights),
        "begins_with": plan.begins_with,
    }


def _snapshot_source(store: Store, plan: Plan) -> SnapshotSource:
    from core.training.learning.snapshot_callback import SnapshotSource

    image = store.image(plan.watched.slice_id, plan.config.neighbours)
    return SnapshotSource(plan.watched, image, store.snapshots.folder(plan.round))


def entered(store: Store, round_: int, checkpoint: Path, *, resumed: bool = False) -> RoundReport:
    """Return the report of a round just entered, from the records."""
    (row,) = [r for r in store.rounds.rows([c.name for c in store.catalog.classes]) if r.round == round_]
    scores, logs = (row.validation_loss, row.validation_dice, row.validation_pixels), store.logs_folder(round_)
    return RoundReport(round_, row.seconds, *scores, checkpoint, resumed, row.ended_by, logs if logs.exists() else None)


def _fit(
    store: Store,
    handle: Handle,
    task: TrainingTask,
    report: Callable[[Progress], bool],
    *,
    resume: bool,
    enter: Callable[[FitResult], object],
) -> FitResult:
    from core.training.learning.fit import fit

    resume = resume and task.partial.exists()
    set_aside(store, task.number)
    return fit(task, report=report, resume=resume, begun=lambda: store.rounds.begin(handle.id), enter=enter)


class _Reporter:
    """Pass the trainer's progress on to the job's record, the curve and the caller."""

    def __init__(
        self, store: Store, handle: Handle, plan: Plan, report: Report, follow: Callable[[Progress], bool] | None = None
    ) -> None:
        self._store, self._handle, self._plan, self._report, self._follow = store, handle, plan, report, follow
        self._apart = plan.config.seconds / _POINTS_OF_A_CURVE
        self._last = -self._apart
        self._validated: float | None = None
        self._begun = False

    def __call__(self, progress: Progress) -> bool:
        self._draw(progress)
        sentence = self._sentence(progress)
        asked = [self._handle.report(progress.share, sentence), self._report(progress.share, sentence)]
        return any(asked) or (self._follow is not None and self._follow(progress))

    def _draw(self, progress: Progress) -> None:
        """Add a point to the curve if there is something new to show."""
        if not self._begun or progress.seconds < self._last:  # out of memory: training went back to its resume state
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

    def _sentence(self, progress: Progress) -> str:
        """Return the progress as a sentence: the time, the losses where known, and what memory did not allow."""
        config = self._plan.config
        parts = [f"training round {self._plan.round}: {progress.seconds:.0f} of {progress.budget:.0f} s"]
        if config.epochs is not None:
            parts.append(f"{progress.epochs:.1f} of {config.epochs:g} epochs")
        losses = {"loss": progress.train_loss, "validation loss": progress.validation_loss}
        parts += [f"{name} {value:.3f}" for name, value in losses.items() if value is not None]
        if progress.batch < config.batch:
            parts.append(f"{progress.batch} patches at once instead of {config.batch} (memory holds no more)")
        return ", ".join(parts)


def score_all_rounds(
    models: LoadedModels,
    handle: Handle,
    revisions: Sequence[Revision],
    validation: Sequence[FrozenSlice],
    known: Mapping[int, Scores],
) -> None:
    """Score every round on the same held-back pixels, then show these scores; others would not be comparable.

    A round cannot be scored if its checkpoint is damaged or removed, its network cannot be built here, a volume has moved, or
    a record is damaged. It is then shown as not measured and tried again with the next round. The round just trained does
    not fail.

    Parameters
    ----------
    known
        Scores on these pixels already measured, by round.
    """
    from core.evaluation.validation import score

    store = models.store
    key = pixels_key(store, revisions)
    for round_ in sorted(store.rounds.unscored(key), key=lambda round_: round_ not in known):
        handle.report(1.0, f"scoring round {round_} on the held-back pixels")
        try:
            scores = known.get(round_) or score(models.predictor(round_), validation, len(store.catalog.classes))
        except (CheckpointError, NetworkError, VolumeError, LabelError, ProjectError):
            continue
        store.rounds.score(round_, key, scores.loss, scores.dice, scores.pixels, scores.counts)
    store.rounds.show_scores_on(key, [revision.id for revision in revisions])
