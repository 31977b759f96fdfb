"""Drafts: what a person has painted on a slice and not yet claimed, stored stroke by stroke.

A draft holds two rasters, the class and *touched*; it is a base mask and the actions applied to it in sequence, so
that a crash at any moment loses nothing that was acknowledged.
"""

from __future__ import annotations

import sqlite3
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from threading import RLock

import numpy as np
from numpy.typing import NDArray

from core.config import UNLABELLED
from core.errors import LabelError
from core.records import Records, pack, unpack

MAX_RUNS = 1_000_000
_TOUCHED_BIT = 8
_KEPT_IN_MEMORY = 4


@dataclass(frozen=True)
class Patch:
    """One action of the editor.

    Parameters
    ----------
    sequence
        Its number on this slice: one more than the last one acknowledged.
    runs
        uint32 ``(N, 3)``: start and length in the flattened ``(H * W)`` slice, and ``class id | touched << 8``.
    active_ms
        Milliseconds of work since the patch before, pauses left out.
    """

    sequence: int
    runs: NDArray[np.uint32]
    active_ms: int = 0


@dataclass
class Editing:
    """A slice as the editor shows it.

    ``mask`` is uint8 ``(H, W)`` of class ids, ``touched`` uint8 ``(H, W)`` of 0 or 1, ``sequence`` the last action
    acknowledged. ``origin`` says where the mask began (``draft`` where it holds unclaimed strokes, else ``label``,
    ``prediction`` or ``empty``) and ``round`` which model's prediction lies under it.
    """

    mask: NDArray[np.uint8]
    touched: NDArray[np.uint8]
    sequence: int
    origin: str
    round: int | None


@dataclass
class _Draft:
    base: NDArray[np.uint8]
    mask: NDArray[np.uint8]
    touched: NDArray[np.uint8]
    sequence: int
    origin: str
    round: int | None


def _begun(start: Editing) -> _Draft:
    touched = np.zeros_like(start.mask)
    return _Draft(start.mask.copy(), start.mask.copy(), touched, start.sequence, start.origin, start.round)


def check_runs(runs: NDArray[np.uint32], pixels: int, class_ids: frozenset[int]) -> None:
    """Refuse runs that leave the slice or name an unknown class.

    Raises
    ------
    LabelError
        In one sentence, with what was found and what is allowed.
    """
    if runs.ndim != 2 or runs.shape[1] != 3 or not 0 < len(runs) <= MAX_RUNS:
        raise LabelError(f"A patch holds 1 to {MAX_RUNS} runs of three numbers, got an array of shape {runs.shape}.")
    start, length, value = runs.astype(np.int64).T
    if (length < 1).any() or (start + length > pixels).any():
        raise LabelError(f"A run of the patch leaves the slice, which has {pixels} pixels.")
    classes, touched = value & 0xFF, value >> _TOUCHED_BIT
    unknown = set(np.unique(classes).tolist()) - class_ids - {UNLABELLED}
    if unknown or (touched > 1).any():
        raise LabelError(
            f"The patch paints class {sorted(unknown)}; allowed are {sorted(class_ids)} and {UNLABELLED} (unlabelled), "
            "with touched 0 or 1."
        )


def apply_runs(runs: NDArray[np.uint32], mask: NDArray[np.uint8], touched: NDArray[np.uint8]) -> None:
    """Paint runs into the two rasters, in place."""
    flat_mask, flat_touched = mask.reshape(-1), touched.reshape(-1)
    for start, length, value in runs.tolist():
        flat_mask[start : start + length] = value & 0xFF
        flat_touched[start : start + length] = value >> _TOUCHED_BIT


def end_draft(db: sqlite3.Connection, volume: int, z: int) -> None:
    """Remove a slice's draft within a transaction; its sequence numbers are not used again."""
    db.execute("DELETE FROM drafts WHERE volume = ? AND z = ?", (volume, z))
    db.execute("DELETE FROM draft_actions WHERE volume = ? AND z = ?", (volume, z))


class Drafts:
    """The drafts of one project; safe to use from several threads."""

    def __init__(self, records: Records) -> None:
        self._records = records
        self._lock = RLock()
        self._memory: OrderedDict[tuple[int, int], _Draft] = OrderedDict()

    def slices(self) -> set[tuple[int, int]]:
        """``(volume, z)`` of every slice with unclaimed strokes."""
        return {(r["volume"], r["z"]) for r in self._records.rows("SELECT volume, z FROM drafts")}

    def sequence(self, volume: int, z: int) -> int:
        """The number of the last action ever acknowledged on this slice; 0 where there was none."""
        row = self._records.row("SELECT last FROM sequences WHERE volume = ? AND z = ?", (volume, z))
        return 0 if row is None else int(row["last"])

    def get(self, volume: int, z: int, shape: tuple[int, int]) -> Editing | None:
        """The draft of a slice of ``shape`` ``(H, W)``, or None; the arrays are copies."""
        with self._lock:
            draft = self._load(volume, z, shape)
            if draft is None:
                return None
            return Editing(draft.mask.copy(), draft.touched.copy(), draft.sequence, "draft", draft.round)

    def base(self, volume: int, z: int, shape: tuple[int, int]) -> NDArray[np.uint8] | None:
        """The mask that the draft began with, or None where there is no draft."""
        with self._lock:
            draft = self._load(volume, z, shape)
            return None if draft is None else draft.base.copy()

    def apply(
        self,
        volume: int,
        z: int,
        patch: Patch,
        *,
        shape: tuple[int, int],
        class_ids: frozenset[int],
        start: Callable[[], Editing],
    ) -> int:
        """Store one action durably, then paint it; begins a draft from ``start()`` where there is none.

        Returns the sequence number acknowledged. A patch that is stored already is acknowledged again and changes
        nothing.

        Raises
        ------
        LabelError
            If the patch does not fit the slice, comes out of order, or contradicts one already stored.
        """
        check_runs(patch.runs, shape[0] * shape[1], class_ids)
        with self._lock:
            if self._stored_already(volume, z, patch):
                return patch.sequence
            draft = self._load(volume, z, shape) or _begun(start())
            self._store(volume, z, patch, draft)
            apply_runs(patch.runs, draft.mask, draft.touched)
            draft.sequence = patch.sequence
            self._remember(volume, z, draft)
            return patch.sequence

    def discard(self, volume: int, z: int) -> None:
        """Forget the draft of a slice; its sequence numbers are not used again."""
        with self._records.transaction() as db:
            end_draft(db, volume, z)

    def active_seconds(self, volume: int, z: int) -> float:
        """Seconds of work in the draft, as the editor counted them."""
        row = self._records.row("SELECT SUM(active_ms) s FROM draft_actions WHERE volume = ? AND z = ?", (volume, z))
        return 0.0 if row is None or row["s"] is None else row["s"] / 1000

    def _stored_already(self, volume: int, z: int, patch: Patch) -> bool:
        last = self.sequence(volume, z)
        if patch.sequence == last + 1:
            return False
        row = self._records.row(
            "SELECT runs FROM draft_actions WHERE volume = ? AND z = ? AND sequence = ?", (volume, z, patch.sequence)
        )
        if row is not None and row["runs"] == pack(patch.runs):
            return True
        raise LabelError(
            f"Action {patch.sequence} of slice {z} does not follow action {last}, the last one stored: the slice was "
            "changed in another window or saved meanwhile; reload it and paint again what is missing."
        )

    def _store(self, volume: int, z: int, patch: Patch, draft: _Draft) -> None:
        now = time.time()
        with self._records.transaction() as db:
            last = db.execute("SELECT last FROM sequences WHERE volume = ? AND z = ?", (volume, z)).fetchone()
            if (last["last"] if last else 0) != patch.sequence - 1:
                raise LabelError(f"Slice {z} was changed in another window at the same moment; reload it.")
            exists = db.execute("SELECT 1 FROM drafts WHERE volume = ? AND z = ?", (volume, z)).fetchone()
            if exists is None:
                db.execute(
                    "INSERT INTO drafts VALUES (?, ?, ?, ?, ?, ?)",
                    (volume, z, pack(draft.base), draft.origin, draft.round, now),
                )
            db.execute(
                "INSERT INTO draft_actions VALUES (?, ?, ?, ?, ?, ?)",
                (volume, z, patch.sequence, pack(patch.runs), patch.active_ms, now),
            )
            db.execute("INSERT OR REPLACE INTO sequences VALUES (?, ?, ?)", (volume, z, patch.sequence))

    def _load(self, volume: int, z: int, shape: tuple[int, ...]) -> _Draft | None:
        row = self._records.row("SELECT base, origin, round FROM drafts WHERE volume = ? AND z = ?", (volume, z))
        if row is None:
            self._memory.pop((volume, z), None)
            return None
        last = self.sequence(volume, z)
        kept = self._memory.get((volume, z))
        if kept is not None and kept.sequence == last:
            self._memory.move_to_end((volume, z))
            return kept
        draft = self._replay(volume, z, row, shape)
        self._remember(volume, z, draft)
        return draft

    def _replay(self, volume: int, z: int, row: sqlite3.Row, shape: tuple[int, ...]) -> _Draft:
        base = unpack(row["base"], np.uint8, shape)
        draft = _Draft(base, base.copy(), np.zeros_like(base), 0, row["origin"], row["round"])
        actions = self._records.rows(
            "SELECT sequence, runs FROM draft_actions WHERE volume = ? AND z = ? ORDER BY sequence", (volume, z)
        )
        for action in actions:
            apply_runs(unpack(action["runs"], np.uint32, (-1, 3)), draft.mask, draft.touched)
            draft.sequence = action["sequence"]
        return draft

    def _remember(self, volume: int, z: int, draft: _Draft) -> None:
        self._memory[volume, z] = draft
        self._memory.move_to_end((volume, z))
        while len(self._memory) > _KEPT_IN_MEMORY:
            self._memory.popitem(last=False)
