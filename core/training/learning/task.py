"""The task of a training, its progress and its result.

The task holds data, settings and files. Every rank builds it from the plan; rank 0 adds what it alone writes.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.config import StopRule, TrainConfig
from core.storage.labelled_slice import LabelledSlice

if TYPE_CHECKING:
    from torch import nn

    from core.training.learning.snapshot_callback import SnapshotSource

STATE = "last.ckpt"


@dataclass(frozen=True, eq=False)
class TrainingTask:
    """One network to train.

    Attributes
    ----------
    train, validation
        Slices with the pixels of each role; 255 elsewhere.
    class_names
        Names in the order of the class ids.
    in_channels
        Channels of every slice.
    config
        Training settings.
    folder
        Folder of the new checkpoint. The resume state is in ``<folder>.partial/`` until training ends.
    number
        Number of the round: with one seed, each round draws its own random weights, patches and augmentation.
    card
        Further facts for the card, in JSON types.
    begins_with
        Checkpoint to take initial weights from, by ``config.initial_weights``; random weights if None. If the checkpoint cannot
        be used, training begins with random weights; its card then holds ``begins_with`` None and ``fresh_because``.
        A resumed training does not read the checkpoint again.
    network
        The user's network if ``config.architecture`` is ``own``: copied, and trained from its weights.
    snapshots
        Source of training snapshots; None to keep none.
    logs
        Folder for TensorBoard's scalars, emptied first unless the training is resumed; None to write none.
    worker_command
        Arguments to Python for each further device of ``config.devices``: it must call
        :func:`core.training.learning.fit.fit_worker_rank` with the same task.
    """

    train: Sequence[LabelledSlice]
    class_names: tuple[str, ...]
    in_channels: int
    config: TrainConfig
    folder: Path
    validation: Sequence[LabelledSlice] = ()
    number: int = 1
    card: Mapping[str, Any] = field(default_factory=dict)
    begins_with: Path | None = None
    network: nn.Module | None = None
    snapshots: SnapshotSource | None = None
    logs: Path | None = None
    worker_command: Sequence[str] = ()

    @property
    def inherited(self) -> Path | None:
        """Checkpoint to take initial weights from; None if the settings ask for random ones."""
        return self.begins_with if self.config.inherits else None

    def seed(self, rank: int = 0) -> int:
        """Derive the seed for patches, augmentation and random weights in this round and rank."""
        seed = self.config.seed
        if self.inherited is not None:  # do not repeat the patches and random weights of the round before
            seed = zlib.crc32(f"{self.config.seed} {self.inherited.name}".encode())
        elif self.number > 1:
            seed = zlib.crc32(f"{self.config.seed} round {self.number}".encode())
        if rank:  # do not repeat the patches of another device; weights come from rank 0
            seed = zlib.crc32(f"{seed} {rank}".encode())
        return seed

    @property
    def partial(self) -> Path:
        """Folder of the resume state."""
        return partial_of(self.folder)

    @property
    def state(self) -> Path:
        """File of the resume state."""
        return self.partial / STATE


@dataclass(frozen=True)
class Progress:
    """The progress of a training.

    Attributes
    ----------
    seconds, budget
        Seconds of training used and allowed.
    step
        Training steps done, including those before a resume.
    train_loss
        Mean since the last report.
    validation_loss, validation_dice
        Newest values; None before the first validation or without validation pixels.
    learning_rate
        Learning rate of the last step.
    share
        Share done by time or by epochs, the larger of the two, 0 to 1; another rule may end the training earlier.
    epochs
        Epochs done.
    batch
        Patches per step and device; fewer than requested if memory was too small.
    """

    seconds: float
    budget: float
    step: int
    train_loss: float | None
    validation_loss: float | None
    validation_dice: tuple[float | None, ...] | None
    learning_rate: float
    share: float
    epochs: float
    batch: int


@dataclass(frozen=True)
class FitResult:
    """The result of a training.

    Attributes
    ----------
    checkpoint
        Folder of the new checkpoint.
    seconds
        Seconds of training used, including those before a resume.
    validation_loss, validation_dice, validation_pixels, validation_counts
        Scores of the checkpoint on all validation pixels, see :class:`core.evaluation.validation.Scores`; None if not
        measured.
    steps
        Training steps, including those before a resume.
    resumed
        Whether this training resumed an interrupted one.
    ended_by
        The stop rule met first.
    fresh_because
        Reason to begin with random weights in place of the requested earlier checkpoint; empty otherwise.
    """

    checkpoint: Path
    seconds: float
    validation_loss: float | None
    validation_dice: tuple[float | None, ...]
    validation_pixels: int
    steps: int
    resumed: bool
    ended_by: StopRule
    validation_counts: tuple[tuple[int, ...], ...] | None
    fresh_because: str


def partial_of(folder: Path) -> Path:
    """Return the folder of the resume state for a checkpoint's folder."""
    return folder.with_name(folder.name + ".partial")
