"""Everything stored of one project, opened together: records, labels, drafts, rounds, predictions, checkpoints."""

from __future__ import annotations

from pathlib import Path
from threading import RLock
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from core.catalog import Catalog
from core.checkpoints import load_card
from core.config import UNLABELLED
from core.drafts import Drafts
from core.errors import CheckpointError, ProjectError
from core.geometry import Box
from core.jobs import Jobs
from core.labels import LabelStore, Revision, Role
from core.moments import MomentStore
from core.predictions import Predicted, PredictionStore
from core.records import Records
from core.rounds import Rounds
from core.storage.labelled_slice import FrozenSlice
from core.storage.proposals import Proposals
from core.volumes.neighbourhood import Neighbourhood

if TYPE_CHECKING:  # PyTorch takes seconds to import, and most calls need none of it
    from torch import nn

    from core.predict import Predictor

RECORDS_FILE = "project.sqlite"


def data_folder(workspace: Path, name: str) -> Path:
    """Where a project's records and predictions lie."""
    return workspace / "data" / name


class Store:
    """The stored parts of one project.

    Raises
    ------
    ProjectError
        If its records are missing or damaged.
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
        self.predictions = PredictionStore(self.folder / "predictions")
        self.moments = MomentStore(workspace / "checkpoints" / name)
        self._held_back: dict[tuple[Any, ...], NDArray[np.int64]] = {}
        self._unchecked: dict[tuple[int, tuple[Box, ...]], tuple[Box, ...]] = {}
        self._lock = RLock()
        self._predictor: tuple[int, Predictor] | None = None
        self._own: dict[str, nn.Module] = {}
        self._own_classes: dict[int, str] = {}

    def slice_shape(self, volume: int, z: int) -> tuple[int, int]:
        """``(H, W)`` of a slice, in pixels.

        Raises
        ------
        ProjectError
            If there is no such volume or slice.
        """
        row = self.catalog.row(volume)
        if not 0 <= z < row.depth:
            raise ProjectError(f"There is no slice {z}; volume {volume} has slices 0 to {row.depth - 1}.")
        return row.slice_shape

    def image(self, volume: int, z: int, neighbours: int = 0) -> NDArray[Any]:
        """A raw slice ``(C, H, W)`` in its stored dtype; with neighbours on each side, these as channels too."""
        return self.catalog.image(volume, z, neighbours)

    def seen_by(self, round_: int, volume: int) -> Neighbourhood:
        """What a round's model is given of each slice of a volume; for one thread, best asked for in order.

        Raises
        ------
        CheckpointError
            As :meth:`predictor`.
        """
        return Neighbourhood(self.catalog.volume(volume), self.predictor(round_).card.neighbours)

    def check_target(self, out: Path) -> None:
        """Refuse to write where a volume's raw data lies.

        Raises
        ------
        ProjectError
            If ``out`` is a volume of the project or lies inside one.
        """
        for row in self.catalog.volumes:
            if out.expanduser().resolve().is_relative_to(row.path):
                raise ProjectError(f"{out} is raw data of volume {row.index}, which is never changed; choose another file.")

    def checkpoint_folder(self, round_: int) -> Path:
        """Where the checkpoint of a round lies, whether trained yet or not."""
        return self.workspace / "checkpoints" / self.name / f"round-{round_:03d}"

    def logs_folder(self, round_: int) -> Path:
        """Where TensorBoard's logs of a round lie, beside its checkpoint, if they were wanted."""
        return self.workspace / "checkpoints" / self.name / "logs" / f"round-{round_:03d}"

    def predictor(self, round_: int) -> Predictor:
        """A round's model, ready to predict; the last one asked for is kept.

        Raises
        ------
        CheckpointError
            If there is no such round, or its checkpoint is missing or damaged.
        NetworkError
            If its network cannot be built here, or is the user's own and was not given.
        """
        with self._lock:
            if self._predictor is None or self._predictor[0] != round_:
                self._predictor = (round_, self.load(self.checkpoint(round_)))
            return self._predictor[1]

    def checkpoint(self, round_: int) -> Path:
        """The checkpoint of a round that is entered.

        Raises
        ------
        CheckpointError
            If there is no such round.
        """
        place = self.rounds.checkpoint(round_)
        if place is None:
            last = self.rounds.last()
            known = "none is trained yet" if last is None else f"the project has rounds 1 to {last}"
            raise CheckpointError(f"There is no round {round_}; {known}.")
        return self.workspace / place

    def load(self, folder: Path) -> Predictor:
        """A checkpoint or kept moment, also one of the user's own network if that was given; raises as :meth:`predictor`."""
        from core.predict import Predictor

        return Predictor.load(folder, own=self._own)

    def use(self, network: nn.Module) -> None:
        """Take a user's own network for the rounds that were trained with one of its class, until it is given again."""
        from core.networks.own import name_of

        with self._lock:
            self._own[name_of(network)] = network
            self._predictor = None

    def has_network(self, round_: int) -> bool:
        """Whether a round's network is built in, or the user's own and given; quick enough to be asked often."""
        name = self._own_classes.get(round_)
        if name is None:
            name = self._own_classes[round_] = self._own_class(round_)
        return not name or name in self._own

    def can_show(self, round_: int, volume: int, z: int) -> bool:
        """Whether a round's prediction of a slice can be had: its network is here, or the prediction is kept."""
        return self.has_network(round_) or self.predictions.stamp(round_, volume, z) is not None

    def _own_class(self, round_: int) -> str:
        """Of a round that is entered; "" where it is built in, or the checkpoint is damaged: whoever loads it is told."""
        try:
            return load_card(self.checkpoint(round_)).own_class
        except CheckpointError:
            return ""

    def predicted(self, volume: int, z: int, round_: int) -> Predicted:
        """A slice as a round's model sees it, from the disk or computed and kept."""
        kept = self.predictions.load(round_, volume, z)
        if kept is not None:
            return kept
        image = self.seen_by(round_, volume)(z)
        with self._lock:
            mask, confidence = self.predictor(round_).labels(image)
        made = Predicted(mask, confidence, round_)
        self.predictions.save(volume, z, made)
        return made

    def held_back(self, revision: Revision) -> NDArray[np.int64]:
        """Pixels of each class id that validate in a revision, int64 ``(256,)`` but for 255; counted once."""
        key = (revision.id, self.catalog.row(revision.volume).region)
        if key not in self._held_back:
            counts = np.bincount(self.frozen(revision, Role.VALIDATION).label().ravel(), minlength=256)
            counts[UNLABELLED] = 0
            self._held_back[key] = counts
        return self._held_back[key]

    def unchecked(self, revision: Revision, boxes: tuple[Box, ...]) -> tuple[Box, ...]:
        """Those boxes of a slice that a revision and those before it leave to check; found once for each revision.

        A box is checked once every pixel of it is vouched for, or once strokes that were saved lie in it.
        """
        key = (revision.id, boxes)
        if key not in self._unchecked:
            previous = None if revision.previous is None else self.labels.revision(revision.previous)
            left = boxes if previous is None else self.unchecked(previous, boxes)
            self._unchecked[key] = self._left_by(revision, previous, left) if left else ()
        return self._unchecked[key]

    def _left_by(self, revision: Revision, previous: Revision | None, boxes: tuple[Box, ...]) -> tuple[Box, ...]:
        """Those boxes that a revision, made from the one before, leaves to check."""
        shape = self.slice_shape(revision.volume, revision.z)
        now = self.labels.stored(revision, shape)
        open_ = tuple(box for box in boxes if (now[box.slices] == UNLABELLED).any())
        if revision.claim != "strokes" or not open_:
            return open_
        before = np.full(shape, UNLABELLED, np.uint8) if previous is None else self.labels.stored(previous, shape)
        return tuple(box for box in open_ if np.array_equal(now[box.slices], before[box.slices]))

    def frozen(self, revision: Revision, role: Role, weight: float = 1.0) -> FrozenSlice:
        """One revision's pixels of a role, as training and scoring look at them."""
        return FrozenSlice(self.catalog, self.labels, revision, role, weight)
