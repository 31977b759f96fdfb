"""Snapshots of a training, kept on disk: the weights of then, and how they saw one frame.

A snapshot is a checkpoint of its own (:mod:`core.storage.checkpoints`) with a third file beside weights and card: the frame's
mask and confidence as a TIFF of two pages, which any viewer reads. Those of round 3 lie in ``round-003.moments/step-0000120/``.
"""

from __future__ import annotations

import io
import re
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import tifffile
from numpy.typing import NDArray

from core.errors import CheckpointError
from core.geometry import Box, SliceId
from core.storage.checkpoints import Card, load_card, save

if TYPE_CHECKING:
    from torch import Tensor

FRAME = "frame.tif"

REGION_SIDE = 1024
"""Longest side of a frame in pixels: it is predicted in a fraction of a second."""

KEPT_ROUNDS = 3
"""Trainings whose snapshots are kept; of an older round its checkpoint is left, which is its last snapshot."""


@dataclass(frozen=True)
class WatchedRegion:
    """A part of a slice that is predicted again and again; ``box`` in pixels of the slice."""

    volume: int
    z: int
    box: Box

    @property
    def slice_id(self) -> SliceId:
        """The slice."""
        return SliceId(self.volume, self.z)

    def as_json(self) -> dict[str, Any]:
        """In JSON types, for a card or a record."""
        return {"volume": self.volume, "z": self.z, "box": asdict(self.box)}

    @classmethod
    def from_json(cls, facts: Mapping[str, Any]) -> WatchedRegion:
        """What :meth:`as_json` gave; ``ValueError``, ``TypeError`` or ``KeyError`` for anything else."""
        return cls(int(facts["volume"]), int(facts["z"]), Box(**facts["box"]))


@dataclass(frozen=True)
class Snapshot:
    """One kept snapshot of a training.

    Attributes
    ----------
    round
        The round that was in training.
    seconds, step
        How far its training was.
    validation_loss
        The newest loss on held-back pixels then, in nats; None before the first validation, or without such pixels.
    validated
        Seconds of training at which that loss was measured.
    frame
        What was predicted.
    end
        Whether these weights became the round's checkpoint.
    size
        Bytes on disk.
    folder
        Where it lies; a checkpoint.
    created
        UTC, ISO 8601.
    """

    round: int
    seconds: float
    step: int
    validation_loss: float | None
    validated: float | None
    frame: WatchedRegion
    end: bool
    size: int
    folder: Path
    created: str


def keep(folder: Path, state: Mapping[str, Tensor], card: Card, mask: NDArray[np.uint8], confidence: NDArray[np.uint8]) -> None:
    """Write a snapshot, whole or not at all; one of the same step gives way.

    Parameters
    ----------
    folder
        From :func:`step_folder`.
    state, card
        As for a checkpoint; ``card.extra["moment"]`` comes from :func:`moment_facts`.
    mask, confidence
        uint8 ``(h, w)`` of the frame: class ids, and 255 times the probability of that class.

    Raises
    ------
    StorageError
        If the disk is full or may not be written.
    """
    picture = io.BytesIO()
    tifffile.imwrite(picture, np.stack([mask, confidence]), compression="zstd", compressionargs={"level": 1},
                     photometric="minisblack")  # fmt: skip
    shutil.rmtree(folder, ignore_errors=True)
    save(folder, state, card, beside={FRAME: picture.getvalue()})


def moment_facts(frame: WatchedRegion, *, end: bool, validated: float | None) -> dict[str, Any]:
    """What a snapshot's card says besides what a checkpoint's does, in JSON types."""
    return {"frame": frame.as_json(), "end": end, "validated": validated}


def step_folder(moments: Path, step: int) -> Path:
    """Where the snapshot of a training step lies, in the folder of its training's snapshots."""
    return moments / f"step-{step:07d}"


def cut(moments: Path, step: int) -> None:
    """Remove the snapshots after a training step, and an end that is none any more: a resume or a fresh start does them again."""
    for folder in moments.glob("step-*"):
        moment = _read(0, folder)
        if moment is None or moment.step > step or moment.end:
            shutil.rmtree(folder, ignore_errors=True)


def picture(moment: Snapshot) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """How a snapshot saw its frame: mask and confidence, uint8 ``(h, w)``.

    Raises
    ------
    CheckpointError
        If it was removed or is damaged.
    """
    try:
        mask, confidence = tifffile.imread(moment.folder / FRAME)
    except (OSError, ValueError, tifffile.TiffFileError) as error:
        raise CheckpointError(f"The snapshot {moment.folder} was removed or is damaged; choose another snapshot.") from error
    return mask, confidence


class SnapshotStore:
    """The kept snapshots of one project, beside its checkpoints in ``folder``."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def place(self, round_: int) -> Path:
        """The folder of the snapshots of a round's training, whether there are any or not."""
        return self._folder / f"round-{round_:03d}.moments"

    def of(self, round_: int) -> list[Snapshot]:
        """The snapshots of a round's training in order; one that is damaged is left out."""
        found = (_read(round_, folder) for folder in self.place(round_).glob("step-*"))
        return sorted((moment for moment in found if moment is not None), key=lambda moment: moment.seconds)

    def rounds(self) -> list[int]:
        """The rounds of whose training snapshots are kept, oldest first."""
        names = (re.fullmatch(r"round-(\d+)\.moments", folder.name) for folder in self._folder.glob("round-*.moments"))
        return sorted(int(name[1]) for name in names if name is not None)

    def size(self) -> int:
        """Bytes that all kept snapshots take on disk."""
        return sum(_size(self.place(round_)) for round_ in self.rounds())

    def forget(self, round_: int) -> None:
        """Remove all snapshots of a round's training; its checkpoint stays."""
        shutil.rmtree(self.place(round_), ignore_errors=True)

    def sweep(self) -> None:
        """Remove the snapshots of all but the last few trainings."""
        for round_ in self.rounds()[:-KEPT_ROUNDS]:
            self.forget(round_)


def _read(round_: int, folder: Path) -> Snapshot | None:
    try:
        card = load_card(folder)
        facts = card.extra["moment"]
        return Snapshot(
            round=round_,
            seconds=float(card.training["seconds"]),
            step=int(card.training["steps"]),
            validation_loss=card.scores.get("loss"),
            validated=facts["validated"],
            frame=WatchedRegion.from_json(facts["frame"]),
            end=bool(facts["end"]),
            size=_size(folder),
            folder=folder,
            created=card.created,
        )
    except (CheckpointError, KeyError, TypeError, ValueError):
        return None


def _size(folder: Path) -> int:
    try:
        return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
    except OSError:  # removed meanwhile
        return 0
