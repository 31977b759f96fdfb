"""Training snapshots on disk: the weights at one step, and their prediction of the watched region.

A snapshot is a complete checkpoint (:mod:`core.storage.checkpoints`) with a third file beside weights and card: mask and
confidence of the watched region as a TIFF of two pages, readable by any viewer. One of round 3 lies in
``round-003.moments/step-0000120/``.
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

from core.errors import CheckpointError, VolumeError
from core.geometry import Box, SliceId
from core.storage.checkpoints import Card, load_card, save
from core.volumes.formats.tiff import read_pages

if TYPE_CHECKING:
    from torch import Tensor

PICTURE_FILE = "frame.tif"

REGION_SIDE = 1024
"""Longest side of a watched region in pixels: its prediction takes a fraction of a second."""

KEPT_ROUNDS = 3
"""Number of newest trainings with all snapshots kept; older rounds keep only their checkpoint, the last snapshot."""


@dataclass(frozen=True)
class WatchedRegion:
    """A part of a slice, predicted repeatedly during training; ``box`` in pixels of the slice."""

    volume: int
    z: int
    box: Box

    @property
    def slice_id(self) -> SliceId:
        """The slice."""
        return SliceId(self.volume, self.z)

    def as_json(self) -> dict[str, Any]:
        """Return the region in JSON types, for a card or a record."""
        return {"volume": self.volume, "z": self.z, "box": asdict(self.box)}

    @classmethod
    def from_json(cls, facts: Mapping[str, Any]) -> WatchedRegion:
        """Restore a region from :meth:`as_json`; raise ``ValueError``, ``TypeError`` or ``KeyError`` for anything else."""
        return cls(int(facts["volume"]), int(facts["z"]), Box(**facts["box"]))


@dataclass(frozen=True)
class Snapshot:
    """One kept snapshot of a training.

    Attributes
    ----------
    round
        The round in training.
    seconds, step
        Seconds and steps of training so far.
    validation_loss
        The latest loss on held-back pixels, in nats; None before the first validation, or without such pixels.
    validated
        Seconds of training at that validation.
    watched
        The watched region.
    end
        Whether these weights became the round's checkpoint.
    size
        Bytes on disk.
    folder
        The snapshot's folder, a checkpoint.
    created
        UTC, ISO 8601.
    """

    round: int
    seconds: float
    step: int
    validation_loss: float | None
    validated: float | None
    watched: WatchedRegion
    end: bool
    size: int
    folder: Path
    created: str


def keep(folder: Path, state: Mapping[str, Tensor], card: Card, mask: NDArray[np.uint8], confidence: NDArray[np.uint8]) -> None:
    """Write a snapshot, whole or not at all, replacing one of the same step.

    Parameters
    ----------
    folder
        From :func:`step_folder`.
    state, card
        As for a checkpoint; ``card.extra["moment"]`` comes from :func:`snapshot_facts`.
    mask, confidence
        uint8 ``(h, w)`` of the watched region: class ids, and 255 times the probability of that class.

    Raises
    ------
    StorageError
        If the disk is full or not writable.
    """
    picture = io.BytesIO()
    tifffile.imwrite(picture, np.stack([mask, confidence]), compression="zstd", compressionargs={"level": 1},
                     photometric="minisblack")  # fmt: skip
    shutil.rmtree(folder, ignore_errors=True)
    save(folder, state, card, beside={PICTURE_FILE: picture.getvalue()})


def snapshot_facts(watched: WatchedRegion, *, end: bool, validated: float | None) -> dict[str, Any]:
    """Return the entries of a snapshot's card beyond those of a checkpoint's, in JSON types."""
    return {"frame": watched.as_json(), "end": end, "validated": validated}


def step_folder(snapshots: Path, step: int) -> Path:
    """Return the folder of the snapshot of one step, inside the snapshots folder of its training."""
    return snapshots / f"step-{step:07d}"


def cut(snapshots: Path, step: int) -> None:
    """Remove the snapshots after a training step and any end snapshot; a resume or a fresh start writes them again."""
    for folder in snapshots.glob("step-*"):
        snapshot = _read(0, folder)
        if snapshot is None or snapshot.step > step or snapshot.end:
            shutil.rmtree(folder, ignore_errors=True)


def picture(snapshot: Snapshot) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Read a snapshot's prediction of the watched region: mask and confidence, uint8 ``(h, w)``.

    Raises
    ------
    CheckpointError
        If it was removed or is damaged.
    """
    try:
        mask, confidence = read_pages(snapshot.folder / PICTURE_FILE)
    except (VolumeError, ValueError) as error:
        raise CheckpointError(f"The snapshot {snapshot.folder} was removed or is damaged; choose another snapshot.") from error
    return mask, confidence


class SnapshotStore:
    """The kept snapshots of one project, beside its checkpoints in ``folder``."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def folder(self, round_: int) -> Path:
        """Return the folder for the snapshots of a round's training; it may not exist."""
        return self._folder / f"round-{round_:03d}.moments"

    def of(self, round_: int) -> list[Snapshot]:
        """Return the snapshots of a round's training in order, without damaged ones."""
        found = (_read(round_, folder) for folder in self.folder(round_).glob("step-*"))
        return sorted((snapshot for snapshot in found if snapshot is not None), key=lambda snapshot: snapshot.seconds)

    def rounds(self) -> list[int]:
        """Return the rounds with snapshots, oldest first."""
        names = (re.fullmatch(r"round-(\d+)\.moments", folder.name) for folder in self._folder.glob("round-*.moments"))
        return sorted(int(name[1]) for name in names if name is not None)

    def size(self) -> int:
        """Return the size of all snapshots on disk in bytes."""
        return sum(_size(self.folder(round_)) for round_ in self.rounds())

    def forget(self, round_: int) -> None:
        """Remove all snapshots of a round's training; its checkpoint stays."""
        shutil.rmtree(self.folder(round_), ignore_errors=True)

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
            watched=WatchedRegion.from_json(facts["frame"]),
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
