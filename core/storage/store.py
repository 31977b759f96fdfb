"""All stored parts of one project: records, labels, drafts, rounds, predictions, checkpoints."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.atomic import remove, sweep
from core.config import UNLABELLED
from core.errors import NoRoundError, ProjectError
from core.geometry import Box, SliceId
from core.storage.catalog import Catalog
from core.storage.database import Records
from core.storage.drafts import Drafts
from core.storage.jobs import Jobs
from core.storage.labelled_slice import FrozenSlice
from core.storage.labels import LabelStore, Revision, Role
from core.storage.prediction_cache import PredictionStore
from core.storage.proposals import Proposals
from core.storage.results import Results
from core.storage.rounds import Rounds
from core.storage.snapshots import SnapshotStore

RECORDS_FILE = "project.sqlite"


def data_folder(workspace: Path, name: str) -> Path:
    """Return the folder of a project's records and predictions."""
    return workspace / "data" / name


class Store:
    """The stored parts of one project.

    Raises
    ------
    ProjectError
        If the project's records are missing or damaged.
    """

    def __init__(self, workspace: Path, name: str) -> None:
        self.workspace, self.name = workspace, name
        self.folder = data_folder(workspace, name)
        self.records = Records(self.folder / RECORDS_FILE)
        self.catalog = Catalog(self.records)
        self.labels = LabelStore(self.records)
        self.drafts = Drafts(self.records)
        self.rounds = Rounds(self.records)
        self.proposals = Proposals(self.records)
        self.jobs = Jobs(self.records)
        self.results = Results(self.records, self.folder)
        self.predictions = PredictionStore(self.folder / "predictions")
        self.snapshots = SnapshotStore(workspace / "checkpoints" / name)
        self._validation_counts: dict[tuple[Any, ...], NDArray[np.int64]] = {}
        self._unchecked: dict[tuple[int, tuple[Box, ...]], tuple[Box, ...]] = {}

    def sweep(self) -> None:
        """Remove what killed processes left beside checkpoints, snapshots and results; call it when a project is opened.

        The resume state of a round goes once the round is entered.
        """
        checkpoints = self.workspace / "checkpoints" / self.name
        for partial in checkpoints.glob("round-*.partial"):
            number = partial.stem.removeprefix("round-")
            if number.isdecimal() and self.rounds.checkpoint(int(number)) is not None:
                remove(partial)
        sweep([self.folder / "results", checkpoints, *checkpoints.glob("round-*.moments")])

    def slice_shape(self, slice_id: SliceId) -> tuple[int, int]:
        """Return ``(H, W)`` of a slice, in pixels.

        Raises
        ------
        ProjectError
            If there is no such volume or slice.
        """
        row = self.catalog.row(slice_id.volume)
        if not 0 <= slice_id.z < row.depth:
            raise ProjectError(f"There is no slice {slice_id.z}; volume {slice_id.volume} has slices 0 to {row.depth - 1}.")
        return row.slice_shape

    def image(self, slice_id: SliceId, neighbours: int = 0) -> NDArray[Any]:
        """Return a raw slice, ``(C, H, W)`` in its stored dtype, with neighbouring slices on each side as further channels."""
        return self.catalog.image(slice_id, neighbours)

    def check_target(self, out: Path) -> None:
        """Raise if a file to write is raw data of a volume.

        Raises
        ------
        ProjectError
            If ``out`` is a volume of the project or lies inside one.
        """
        for row in self.catalog.volumes:
            if Path(os.path.expanduser(out)).resolve().is_relative_to(row.path):
                raise ProjectError(f"{out} is raw data of volume {row.index}, which is never changed; choose another file.")

    def checkpoint_folder(self, round_: int) -> Path:
        """Return the folder for the checkpoint of a round, trained or not."""
        return self.workspace / "checkpoints" / self.name / f"round-{round_:03d}"

    def logs_folder(self, round_: int) -> Path:
        """Return the folder for the optional TensorBoard logs of a round, beside its checkpoint."""
        return self.workspace / "checkpoints" / self.name / "logs" / f"round-{round_:03d}"

    def checkpoint(self, round_: int) -> Path:
        """Return the checkpoint folder of an entered round.

        Raises
        ------
        NoRoundError
            If there is no such round.
        """
        path = self.rounds.checkpoint(round_)
        if path is None:
            last = self.rounds.last()
            known = "none is trained yet" if last is None else f"the project has rounds 1 to {last}"
            raise NoRoundError(f"There is no round {round_}; {known}.")
        return self.workspace / path

    def validation_area(self, slice_id: SliceId) -> bool | NDArray[np.bool_]:
        """Return where a slice being labelled may hold pixels back; see :meth:`core.storage.labels.LabelStore.claim`."""
        if self.proposals.settle_model_selected(slice_id):
            return False
        region = self.catalog.region_mask(slice_id.volume)
        return True if region is None else region

    def validation_counts(self, revision: Revision) -> NDArray[np.int64]:
        """Return the validation pixels of a revision by class id, int64 ``(256,)``, with 0 for 255; cached."""
        key = (revision.id, self.catalog.row(revision.volume).region)
        if key not in self._validation_counts:
            counts = np.bincount(self.frozen(revision, Role.VALIDATION).label().ravel(), minlength=256)
            counts[UNLABELLED] = 0
            self._validation_counts[key] = counts
        return self._validation_counts[key]

    def unchecked(self, revision: Revision, boxes: tuple[Box, ...]) -> tuple[Box, ...]:
        """Return the boxes of a slice not yet checked by a revision or those before it; cached.

        A box counts as checked once every pixel of it is claimed, or once saved strokes lie in it.
        """
        key = (revision.id, boxes)
        if key not in self._unchecked:
            previous = None if revision.previous is None else self.labels.revision(revision.previous)
            left = boxes if previous is None else self.unchecked(previous, boxes)
            self._unchecked[key] = self._left_by(revision, previous, left) if left else ()
        return self._unchecked[key]

    def _left_by(self, revision: Revision, previous: Revision | None, boxes: tuple[Box, ...]) -> tuple[Box, ...]:
        """Return the boxes not checked by the change from one revision to the next."""
        shape = self.slice_shape(revision.slice_id)
        now = self.labels.stored(revision, shape)
        open_ = tuple(box for box in boxes if (now[box.slices] == UNLABELLED).any())
        if revision.claim != "strokes" or not open_:
            return open_
        before = np.full(shape, UNLABELLED, np.uint8) if previous is None else self.labels.stored(previous, shape)
        return tuple(box for box in open_ if np.array_equal(now[box.slices], before[box.slices]))

    def frozen(self, revision: Revision, role: Role, weight: float = 1.0) -> FrozenSlice:
        """Return one revision's pixels of a role, for training and scoring."""
        return FrozenSlice(self.catalog, self.labels, revision, role, weight)
