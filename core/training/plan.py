"""Plan a round: fix its labels and settings before it starts, or find the plan of a stopped training."""

from __future__ import annotations

import importlib.util
import math
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from statistics import median
from typing import Any

from core.config import EARLIER, Architecture, TrainConfig
from core.errors import CheckpointError, JobError, TrainingError
from core.storage.catalog import weight_of
from core.storage.labels import Role
from core.storage.snapshots import WatchedRegion
from core.storage.store import Store
from core.training.finished import enter_finished
from core.training.learning.task import STATE, partial_of
from core.training.watched_region import choose_watched_region


@dataclass(frozen=True)
class Plan:
    """Labels and settings of a round, fixed before it starts so that a resume does the same work.

    ``begins_with`` is the round to take the initial weights from; None for random ones or those of the user's own network.
    ``watched`` is the watched region.
    """

    round: int
    revisions: tuple[int, ...]
    config: TrainConfig
    watched: WatchedRegion
    tensorboard: bool = False
    weights: tuple[float, ...] = ()
    begins_with: int | None = None

    def weight(self, volume: int) -> float:
        """Return the training weight of a volume's labelled pixels; 1 if the plan holds none."""
        return weight_of(volume, self.weights)

    def as_json(self) -> dict[str, Any]:
        """Return the plan for the job's record, in JSON types."""
        return {
            "round": self.round,
            "revisions": list(self.revisions),
            "train": asdict(self.config),
            "frame": self.watched.as_json(),
            "tensorboard": self.tensorboard,
            "weights": list(self.weights),
            "begins_with": self.begins_with,
        }

    @classmethod
    def from_json(cls, store: Store, stored: Mapping[str, Any]) -> Plan:
        """Read the plan from a job's record.

        Settings absent from a record of an earlier version take that version's values; an absent watched region is chosen now.
        """
        revisions, config = tuple(stored["revisions"]), TrainConfig(**{**EARLIER, **stored["train"]})
        watched = WatchedRegion.from_json(stored["frame"]) if "frame" in stored else choose_watched_region(store)
        weights, tensorboard = tuple(stored.get("weights", ())), stored.get("tensorboard", False)
        return cls(stored["round"], revisions, config, watched, tensorboard, weights, stored.get("begins_with"))


def make_plan(store: Store, config: TrainConfig, watched: WatchedRegion | None = None, *, tensorboard: bool = False) -> Plan:
    """Freeze the current labels, and choose the watched region unless ``watched`` is given.

    Raises
    ------
    TrainingError
        If no pixel is labelled for training, devices are missing, or ``tensorboard`` is not installed but requested.
    """
    enter_finished(store)
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
    return Plan(number, revisions, config, watched or choose_watched_region(store), tensorboard, weights, begins_with)


def _by_voxels(config: TrainConfig, voxels: Sequence[tuple[float, float, float] | None]) -> TrainConfig:
    """Unless the user chose a level, let ``unet-3d`` join slices where its pixels are about as wide as a slice is thick."""
    known = [voxel[0] / voxel[1] for voxel in voxels if voxel is not None]
    if config.architecture != Architecture.UNET_3D or config.flat is not None or not known:
        return config
    wide = round(math.log2(median(known))) - 1  # the pixels of level n are 2 ** (n + 1) of the image
    return replace(config, flat=min(max(wide, 1), config.depth + 1 - config.neighbours))


def interrupted_plan(store: Store) -> Plan:
    """Return the plan of the training killed or cancelled last.

    Raises
    ------
    JobError
        If there is nothing to resume.
    """
    enter_finished(store)
    following, begun = store.rounds.following(), store.rounds.begun_by()
    jobs = sorted(store.jobs.all("train") + store.jobs.all("round"), key=lambda job: (job.id != begun, -job.id))
    for job in jobs:  # first the one with a resume state: a later one may have been refused before it trained
        plan = job.arguments.get("plan")
        if plan is not None and plan.get("round") == following and not job.active:
            # An earlier version accepted some settings and refused them in training; a newer one may have others.
            with suppress(ValueError, TypeError, KeyError):
                return Plan.from_json(store, plan)
    last = store.rounds.last()
    if last is not None and begun is not None and store.rounds.entered_for(last, begun):
        raise JobError(
            f"The training stopped last had finished and is round {last} now, so there is nothing to resume; start a new round "
            "instead."
        )
    raise JobError("No training was interrupted, so there is nothing to resume; start a new round instead.")


@dataclass(frozen=True)
class Interrupted:
    """A stopped training to resume: its round, the seconds trained so far, and its budget in seconds."""

    round: int
    seconds: float
    budget: float


def interrupted(store: Store) -> Interrupted | None:
    """Return the stopped training of the following round if its resume state exists, else None."""
    job = store.jobs.last()
    if job is not None and job.active:
        return None
    try:
        enter_finished(store)
        number = store.rounds.following()
        if not (partial_of(store.checkpoint_folder(number)) / STATE).exists():
            return None
        plan, curve = interrupted_plan(store), store.rounds.curve(number)
    except (JobError, CheckpointError):  # the next training tells of a checkpoint that cannot be read
        return None
    return Interrupted(number, curve[-1].seconds if curve else 0.0, plan.config.seconds)
