"""Labels: claimed pixels in cumulative immutable revisions, and the permanent role of every pixel.

Validation begins with the first labels. The first region or slice claim on a volume places one tile at random. Its column
through all slices is held back for good. Labels inside the tile validate; a margin around it is neither trained on nor
scored; everything else trains. One column serves the whole volume because neighbouring slices are near copies: different
tiles on neighbouring slices would leak validation pixels into training.
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields
from enum import IntEnum
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from core.config import UNLABELLED, ValidationConfig
from core.errors import LabelError
from core.geometry import Box, SliceId
from core.storage.database import Records, pack, to_json, unpack

_CLASS_COUNTS_FROM = 20
_SMALLEST_TILE = 32
_SAMPLED_SIDE = 128
_LABELLED_ENOUGH = 0.9


STORED_UNSURE = 254
"""Stored at pixels claimed as undecidable, where nobody can tell the class; outside storage they read as unlabelled."""


class Role(IntEnum):
    """The use of a labelled pixel; permanent, so that no training pixel is ever scored."""

    NONE = 0
    TRAIN = 1
    VALIDATION = 2
    AUDIT = 3
    HELD = 4
    """Beside or inside a validation tile: neither trained on nor scored."""


@dataclass(frozen=True)
class Claim:
    """The pixels a person vouches for on saving: the touched ones, a box, or the whole slice."""

    kind: Literal["strokes", "region", "slice"]
    box: Box | None = None

    @classmethod
    def strokes(cls) -> Claim:
        """Claim that the strokes are right, and nothing else."""
        return cls("strokes")

    @classmethod
    def region(cls, box: Box) -> Claim:
        """Claim that everything inside ``box`` is right, and the strokes outside it."""
        return cls("region", box)

    @classmethod
    def slice(cls) -> Claim:
        """Claim that the whole slice is right."""
        return cls("slice")

    def pixels(self, touched: NDArray[np.uint8]) -> NDArray[np.bool_]:
        """Return the claimed pixels of a slice, bool ``(H, W)``, from those touched by strokes.

        Raises
        ------
        LabelError
            If the claimed box leaves the slice.
        """
        claimed = touched.astype(bool)
        if self.kind == "slice":
            claimed[:] = True
        elif self.kind == "region":
            if self.box is None or not self.box.within(claimed.shape):
                raise LabelError(
                    f"The claimed box {self.box} leaves the slice of {claimed.shape[0]} x {claimed.shape[1]} pixels."
                )
            claimed[self.box.slices] = True
        return claimed

    def as_json(self) -> dict[str, Any]:
        """Return the claim in JSON types, for the records."""
        box = None if self.box is None else [self.box.y0, self.box.x0, self.box.y1, self.box.x1]
        return {"kind": self.kind, "box": box}


@dataclass(frozen=True)
class Work:
    """The work behind a label: seconds, changed pixels, the round of the prediction under it, and the author."""

    active_seconds: float = 0.0
    changed_pixels: int = 0
    round: int | None = None
    author: str = "person"


@dataclass(frozen=True)
class Revision:
    """One immutable step of a slice's label; ``created`` is a Unix time, pixels are counts."""

    id: int
    volume: int
    z: int
    previous: int | None
    claim: str
    author: str
    created: float
    active_seconds: float
    changed_pixels: int
    round: int | None
    pixels: int
    validation_pixels: int

    @property
    def slice_id(self) -> SliceId:
        """The slice."""
        return SliceId(self.volume, self.z)


_FACTS = ", ".join(f"revisions.{f.name}" for f in fields(Revision))  # everything but the label, which may be large


def _revision(row: sqlite3.Row) -> Revision:
    facts = {f.name: row[f.name] for f in fields(Revision)}
    return Revision(**facts | {"claim": json.loads(row["claim"])["kind"]})


class LabelStore:
    """The labels of one project. Rasters are uint8 ``(H, W)``; labels hold class ids, 255 where unlabelled."""

    def __init__(self, records: Records, config: ValidationConfig = ValidationConfig()) -> None:
        self._records = records
        self._config = config

    def head(self, slice_id: SliceId) -> Revision | None:
        """Return the newest revision of a slice, without undone ones, or None."""
        row = self._records.row(
            f"SELECT {_FACTS} FROM heads JOIN revisions ON heads.revision = revisions.id WHERE heads.volume = ? AND heads.z = ?",
            slice_id,
        )
        return None if row is None else _revision(row)

    def heads(self) -> list[Revision]:
        """Return the newest revision of every labelled slice, in order of volume and z."""
        rows = self._records.rows(
            f"SELECT {_FACTS} FROM heads JOIN revisions ON heads.revision = revisions.id ORDER BY revisions.volume, revisions.z"
        )
        return [_revision(row) for row in rows]

    def label(self, slice_id: SliceId, shape: tuple[int, int]) -> NDArray[np.uint8]:
        """Return the current label of a slice."""
        return _shown(self._stored(slice_id, shape))

    def claimed(self, slice_id: SliceId, shape: tuple[int, int]) -> NDArray[np.bool_]:
        """Return the claimed pixels, bool ``(H, W)``: labelled ones, and those claimed as undecidable."""
        return np.asarray(self._stored(slice_id, shape) != UNLABELLED)

    def lay_over(self, mask: NDArray[np.uint8], revision: Revision) -> None:
        """Lay a revision over a mask ``(H, W)`` of its slice, in place; pixels claimed as undecidable become 255."""
        stored = self.stored(revision, (mask.shape[0], mask.shape[1]))
        claimed = stored != np.uint8(UNLABELLED)
        np.copyto(mask, _shown(stored), where=claimed)

    def _stored(self, slice_id: SliceId, shape: tuple[int, int]) -> NDArray[np.uint8]:
        row = self._records.row(
            "SELECT label FROM heads JOIN revisions ON heads.revision = revisions.id WHERE heads.volume = ? AND heads.z = ?",
            slice_id,
        )
        return np.full(shape, UNLABELLED, np.uint8) if row is None else unpack(row["label"], np.uint8, shape)

    def stored(self, revision: Revision, shape: tuple[int, int]) -> NDArray[np.uint8]:
        """Return a revision as stored: class ids, 255 where unclaimed, 254 where claimed as undecidable."""
        (row,) = self._records.rows("SELECT label FROM revisions WHERE id = ?", (revision.id,))
        return unpack(row["label"], np.uint8, shape)

    def roles(self, slice_id: SliceId, shape: tuple[int, int]) -> NDArray[np.uint8]:
        """Return the role of every pixel of a slice, as :class:`Role` values."""
        row = self._records.row("SELECT roles FROM roles WHERE volume = ? AND z = ?", slice_id)
        return np.zeros(shape, np.uint8) if row is None else unpack(row["roles"], np.uint8, shape)

    def slices_with_roles(self, volume: int) -> set[int]:
        """Return the slices of a volume with a labelled pixel of any role, now or ever."""
        return {row["z"] for row in self._records.rows("SELECT z FROM roles WHERE volume = ?", (volume,))}

    def trainable(self, slice_id: SliceId, shape: tuple[int, int]) -> NDArray[np.bool_]:
        """Return the pixels not held back, bool ``(H, W)``: labelled for training, or free to be."""
        roles = self.roles(slice_id, shape)
        _, near = self._held_back(slice_id.volume, shape)
        return np.asarray((roles == Role.TRAIN) | ((roles == Role.NONE) & ~near))

    def closed(self, revision: Revision, shape: tuple[int, int]) -> NDArray[np.bool_]:
        """Return the pixels closed to training, labelled or not, bool ``(H, W)``: held back, or claimed as undecidable."""
        unsure = self.stored(revision, shape) == np.uint8(STORED_UNSURE)
        return ~self.trainable(revision.slice_id, shape) | unsure

    def part(self, revision: Revision, shape: tuple[int, int], role: Role) -> NDArray[np.uint8]:
        """Return a revision's label at pixels of ``role``, 255 elsewhere; training and scoring read labels only here."""
        label = _shown(self.stored(revision, shape))
        label[self.roles(revision.slice_id, shape) != role] = UNLABELLED
        return label

    def revision(self, identity: int) -> Revision:
        """Return a revision by its id.

        Raises
        ------
        LabelError
            If there is no such revision.
        """
        row = self._records.row(f"SELECT {_FACTS} FROM revisions WHERE id = ?", (identity,))
        if row is None:
            raise LabelError(f"Revision {identity} is not in the records; start the round again.")
        return _revision(row)

    def revisions(self, identities: Iterable[int]) -> list[Revision]:
        """Return revisions by their ids, in the given order; raise as :meth:`revision` does."""
        return [self.revision(identity) for identity in identities]

    def tiles(self, volume: int) -> list[Box]:
        """Return the validation tiles of a volume, held back through all its slices."""
        rows = self._records.rows("SELECT y0, x0, y1, x1 FROM validation_tiles WHERE volume = ?", (volume,))
        return [Box(*row) for row in rows]

    def active_seconds(self, up_to: int | None = None) -> float:
        """Return the seconds of work behind all revisions, undone ones too, or behind those up to the id ``up_to``."""
        row = self._records.row("SELECT SUM(active_seconds) s FROM revisions WHERE ? IS NULL OR id <= ?", (up_to, up_to))
        return 0.0 if row is None or row["s"] is None else float(row["s"])

    def check_role(self, slice_id: SliceId, claimed: NDArray[np.bool_], role: Role) -> None:
        """Raise unless every claimed pixel can take a role.

        Raises
        ------
        LabelError
            If a claimed pixel has another role already.
        """
        if role != Role.TRAIN:
            _give_role(self.roles(slice_id, (claimed.shape[0], claimed.shape[1])), claimed, role, slice_id.z)

    def claim(
        self,
        slice_id: SliceId,
        mask: NDArray[np.uint8],
        claimed: NDArray[np.bool_],
        claim: Claim,
        *,
        role: Role = Role.TRAIN,
        hold_back: bool | NDArray[np.bool_] = True,
        work: Work = Work(),
        also: Callable[[sqlite3.Connection, Revision], None] | None = None,
    ) -> Revision:
        """Store a revision: the previous label overlaid by the claimed pixels of ``mask``.

        Parameters
        ----------
        mask, claimed
            uint8 and bool ``(H, W)``.
        role
            ``TRAIN`` also sets pixels aside for validation; ``VALIDATION`` and ``AUDIT`` give the role to every claimed
            pixel.
        hold_back
            Where validation tiles may lie: True anywhere, an array, bool ``(H, W)``, inside the working region. False for a
            model-selected slice: such slices are harder than most, so their held-back pixels are neither trained on nor scored.
        also
            Called with the revision in the same transaction, for changes tied to it.

        Raises
        ------
        LabelError
            If nothing is claimed, or a claimed pixel has another role already.
        """
        if not claimed.any():
            raise LabelError("Nothing is painted yet, so there is nothing to save: paint, draw a box, or claim the slice.")
        shape = (mask.shape[0], mask.shape[1])
        with self._records.transaction() as db:
            stored = self._stored(slice_id, shape)
            np.copyto(stored, np.where(mask == UNLABELLED, np.uint8(STORED_UNSURE), mask), where=claimed)
            roles = self.roles(slice_id, shape)
            if role == Role.TRAIN:
                validates = hold_back is not False and claim.kind != "strokes"
                inside = None if isinstance(hold_back, bool) else hold_back
                if validates and not self._has_tile(slice_id.volume, inside):
                    within = claimed if inside is None else claimed & inside
                    self._make_tile(db, slice_id.volume, _shown(np.where(within, stored, np.uint8(UNLABELLED))))
                _give_train_roles(roles, claimed, self._held_back(slice_id.volume, shape), validates=validates)
            else:
                _give_role(roles, claimed, role, slice_id.z)
            revision = self._insert(db, slice_id, stored, roles, claim, work)
            if also is not None:
                also(db, revision)
        return revision

    def undo(
        self, slice_id: SliceId, *, revision: int | None = None, also: Callable[[sqlite3.Connection], None] | None = None
    ) -> Revision | None:
        """Undo a slice's newest revision and return the one before, or None if the slice is unlabelled again.

        Roles stay: a training pixel is never scored.

        Parameters
        ----------
        revision
            Expected id of the newest revision; None for any.
        also
            Called in the same transaction, after the undo.

        Raises
        ------
        LabelError
            If the slice has no label to undo, or a newest revision other than ``revision``.
        """
        with self._records.transaction() as db:
            head = self.head(slice_id)
            if head is None:
                raise LabelError(f"Slice {slice_id.z} has no saved label, so there is nothing to undo.")
            if revision not in (None, head.id):
                raise LabelError(f"Slice {slice_id.z} has a newer saved label than the one to undo; reload it.")
            db.execute("UPDATE heads SET revision = ? WHERE volume = ? AND z = ?", (head.previous, *slice_id))
            if also is not None:
                also(db)
        return self.head(slice_id)

    def _insert(
        self,
        db: sqlite3.Connection,
        slice_id: SliceId,
        stored: NDArray[np.uint8],
        roles: NDArray[np.uint8],
        claim: Claim,
        work: Work,
    ) -> Revision:
        previous = self.head(slice_id)
        labelled = stored < STORED_UNSURE
        values = {
            **slice_id._asdict(),
            "previous": None if previous is None else previous.id,
            "label": pack(stored),
            "claim": to_json(claim.as_json()),
            "author": work.author,
            "created": time.time(),
            "active_seconds": work.active_seconds,
            "changed_pixels": work.changed_pixels,
            "round": work.round,
            "pixels": int(labelled.sum()),
            "validation_pixels": int((labelled & (roles == Role.VALIDATION)).sum()),
        }
        marks = ", ".join("?" * len(values))
        cursor = db.execute(f"INSERT INTO revisions ({', '.join(values)}) VALUES ({marks})", tuple(values.values()))
        db.execute("INSERT OR REPLACE INTO heads VALUES (?, ?, ?)", (*slice_id, cursor.lastrowid))
        db.execute("INSERT OR REPLACE INTO roles VALUES (?, ?, ?)", (*slice_id, pack(roles)))
        row = db.execute(f"SELECT {_FACTS} FROM revisions WHERE id = ?", (cursor.lastrowid,)).fetchone()
        return _revision(row)

    def _has_tile(self, volume: int, inside: NDArray[np.bool_] | None) -> bool:
        return any(inside is None or inside[tile.slices].any() for tile in self.tiles(volume))

    def _held_back(self, volume: int, shape: tuple[int, int]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Return two bool ``(H, W)``: inside a validation tile, and inside a tile or its margin."""
        inside, near = np.zeros(shape, bool), np.zeros(shape, bool)
        for tile in self.tiles(volume):
            inside[tile.slices] = True
            near[tile.grown(self._margin(shape), shape).slices] = True
        return inside, near

    def _margin(self, shape: tuple[int, int]) -> int:
        return min(self._config.margin, min(shape) // 8)

    def _make_tile(self, db: sqlite3.Connection, volume: int, label: NDArray[np.uint8]) -> None:
        shape = (label.shape[0], label.shape[1])
        labelled = int((label != UNLABELLED).sum())
        tile = choose_tile(
            label,
            trained=self._ever_trained(volume, shape),
            side=max(_SMALLEST_TILE, round((self._config.fraction * labelled) ** 0.5)),
            margin=self._margin(shape),
            seed=volume,
        )
        if tile is not None:
            db.execute("INSERT INTO validation_tiles VALUES (?, ?, ?, ?, ?)", (volume, tile.y0, tile.x0, tile.y1, tile.x1))

    def _ever_trained(self, volume: int, shape: tuple[int, int]) -> NDArray[np.bool_]:
        trained = np.zeros(shape, bool)
        for row in self._records.rows("SELECT roles FROM roles WHERE volume = ?", (volume,)):
            trained |= unpack(row["roles"], np.uint8, shape) == Role.TRAIN
        return trained


def _shown(stored: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Turn a stored label into a shown one, in place: pixels claimed as undecidable become unlabelled."""
    np.copyto(stored, np.uint8(UNLABELLED), where=stored == np.uint8(STORED_UNSURE))
    return stored


def choose_tile(label: NDArray[np.uint8], *, trained: NDArray[np.bool_], side: int, margin: int, seed: int) -> Box | None:
    """Choose a validation tile: nearly fully labelled, clear of training pixels, at random among those with most classes.

    Parameters
    ----------
    label
        uint8 ``(H, W)``, 255 outside the area allowed for the tile.
    trained
        bool ``(H, W)``: training pixels on any slice of the volume.
    side, margin
        Pixels.

    Returns
    -------
    Box or None
        None if no tile leaves at least half of the labelled pixels for training.
    """
    shape = (label.shape[0], label.shape[1])
    step = max(1, side // _SAMPLED_SIDE)  # a large tile is judged by a sample of its pixels
    known = label != UNLABELLED
    most, any_trained = int(known.sum()) / 2, bool(trained.any())
    richest: list[Box] = []
    best = 0
    for tile in _candidate_tiles(shape, side):
        near = tile.grown(margin, shape)
        inside = label[tile.slices][::step, ::step]
        if (any_trained and trained[near.slices].any()) or (inside != UNLABELLED).mean() < _LABELLED_ENOUGH:
            continue
        if known[near.slices].sum() > most:
            continue
        counts = np.bincount(inside.ravel(), minlength=256)[:UNLABELLED]
        classes = int((counts * step**2 >= _CLASS_COUNTS_FROM).sum())
        if classes > best:
            richest, best = [], classes
        if classes == best:
            richest.append(tile)
    if not richest:
        return None
    return richest[int(np.random.default_rng(seed).integers(len(richest)))]


def _candidate_tiles(shape: tuple[int, int], side: int) -> list[Box]:
    height, width = shape
    if height < side or width < side:
        return []
    ys = sorted({*range(0, height - side + 1, max(1, side // 2)), height - side})
    xs = sorted({*range(0, width - side + 1, max(1, side // 2)), width - side})
    return [Box(y, x, y + side, x + side) for y in ys for x in xs]


def _give_train_roles(
    roles: NDArray[np.uint8],
    claimed: NDArray[np.bool_],
    held_back: tuple[NDArray[np.bool_], NDArray[np.bool_]],
    *,
    validates: bool,
) -> None:
    inside, near = held_back
    new = claimed & (roles == np.uint8(Role.NONE))
    np.copyto(roles, np.uint8(Role.TRAIN), where=new)  # several times faster than an assignment by mask
    np.copyto(roles, np.uint8(Role.HELD), where=new & near)
    if validates:
        np.copyto(roles, np.uint8(Role.VALIDATION), where=claimed & inside & (roles == np.uint8(Role.HELD)))


def _give_role(roles: NDArray[np.uint8], claimed: NDArray[np.bool_], role: Role, z: int) -> None:
    other = claimed & (roles != np.uint8(Role.NONE)) & (roles != np.uint8(role))
    if other.any():
        names = ", ".join(Role(int(r)).name.lower() for r in np.unique(roles[other]))
        raise LabelError(
            f"Slice {z} has {int(other.sum())} pixels whose role is already {names}; a role is permanent, so choose "
            f"slices without labels for the role {role.name.lower()}."
        )
    roles[claimed] = role
