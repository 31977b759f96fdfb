"""What a training is of, built once and handed whole to whoever takes part."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.config import TrainConfig
from core.storage.labelled_slice import LabelledSlice

if TYPE_CHECKING:
    from torch import nn

    from core.training.learning.snapshot_callback import SnapshotSource

STATE = "last.ckpt"


@dataclass(frozen=True, eq=False)
class TrainingTask:
    """One network to be trained.

    Attributes
    ----------
    train, validation
        Slices with the pixels of each role; 255 elsewhere.
    class_names
        In the order of the class ids.
    in_channels
        Channels of every slice.
    config
        How to train.
    folder
        Of the new checkpoint. The resume state is in ``<folder>.partial/`` until then.
    number
        Of the round: with one seed each draws random weights, patches and augmentation of its own.
    card
        Further facts for the card, in JSON types.
    begins_with
        Checkpoint whose weights training begins with, as ``config.initial_weights`` says; random ones if None. Where they cannot
        be used, training begins with random ones all the same; the card then says ``begins_with`` None and ``fresh_because``.
        A training that is carried on does not read it again.
    network
        Where ``config.architecture`` is ``own``: the user's network, which is copied; training begins with its weights.
    watched
        What to predict again and again meanwhile, so that its snapshots are kept; nothing if None.
    logs
        Folder for TensorBoard's scalars, emptied first unless the training is carried on; None for none.
    worker_command
        What Python is to run for each further device of ``config.devices``: it must call
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
    watched: SnapshotSource | None = None
    logs: Path | None = None
    worker_command: Sequence[str] = ()

    @property
    def partial(self) -> Path:
        """Folder of the resume state."""
        return partial_of(self.folder)

    @property
    def state(self) -> Path:
        """File of the resume state."""
        return self.partial / STATE


def partial_of(folder: Path) -> Path:
    """Where the resume state of a checkpoint in the making lies."""
    return folder.with_name(folder.name + ".partial")
