"""Drafts: unclaimed strokes on a slice, stored one by one.

A draft holds two rasters, the class and *touched*. Stored are a base mask and a sequence of actions on it. So a crash never
loses an acknowledged action.
"""

from __future__ import annotations

import sqlite3
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from threading import RLock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.errors import LabelError
from core.geometry import SliceId
from core.storage.database import Records, pack, unpack
from core.storage.rle import apply_runs, check_runs, stroke_runs

_DRAFTS_IN_MEMORY = 4
_BASES_IN_MEMORY = 3
_SAVED_MEANWHILE = "Slice {z} was saved in another window at the same moment; reload it and try again."


@dataclass(frozen=True)
class Patch:
    """One action of the editor.

    Parameters
    ----------
    sequence
        Its number on this slice: the last acknowledged number plus one.
    runs
        uint32 ``(N, 3)``: start and length in the flattened ``(H * W)`` slice, and ``class id | touched << 8``.
    active_ms
        Milliseconds of work since the patch before, without pauses.
    round
        The round of the prediction under the stroke; 0 for none, None for the newest. Used for a draft's first stroke only.
    """

    sequence: int
    runs: NDArray[np.uint32]
    active_ms: int = 0
    round: int | None = None


@dataclass(frozen=True)
class Base:
    """The first mask of a draft, before any stroke.

    ``mask`` is uint8 ``(H, W)`` of class ids, read-only from here on, and ``packed`` the same for the records. ``origin`` is
    its source (``label``, ``prediction`` or ``empty``) and ``round`` the round of the prediction under it.
    """

    mask: NDArray[np.uint8]
    packed: bytes
    origin: str
    round: int | None

    @classmethod
    def of(cls, mask: NDArray[np.uint8], origin: str, round_: int | None) -> Base:
        """Pack a mask. This takes tens of milliseconds: call it when a slice opens, not at its first stroke."""
        mask.flags.writeable = False
        return cls(mask, pack(mask), origin, round_)


@dataclass(frozen=True)
class Editing:
    """A slice in the editor.

    ``mask`` is uint8 ``(H, W)`` of class ids, ``touched`` uint8 ``(H, W)`` of 0 or 1, ``base`` the first mask, read-only, and
    ``sequence`` the number of the last acknowledged action. ``origin`` is the source of the mask (``draft`` with unclaimed
    strokes, else ``label``, ``prediction`` or ``empty``) and ``round`` the round of the prediction under it.
    """

    mask: NDArray[np.uint8]
    touched: NDArray[np.uint8]
    base: NDArray[np.uint8]
    sequence: int
    origin: str
    round: int | None


@dataclass
class _Draft:
    base: Base
    mask: NDArray[np.uint8]
    touched: NDArray[np.uint8]
    sequence: int


def _begun(base: Base) -> _Draft:
    return _Draft(base, base.mask.copy(), np.zeros(base.mask.shape, np.uint8), 0)


def _replayed(base: Base, actions: Iterable[sqlite3.Row]) -> _Draft:
    """Replay the actions of the records on a base, in order."""
    draft = _begun(base)
    for action in actions:
        apply_runs(unpack(action["runs"], np.uint32, (-1, 3)), draft.mask, draft.touched)
        draft.sequence = action["sequence"]
    return draft


def _shown(draft: _Draft) -> Editing:
    return Editing(draft.mask.copy(), draft.touched.copy(), draft.base.mask, draft.sequence, "draft", draft.base.round)


class OutOfDate(LabelError):
    """An action followed on a state of a slice that another window has changed; nothing was stored."""


def next_number(db: sqlite3.Connection, slice_id: SliceId, after: int) -> int:
    """Take the sequence number next to ``after`` on this slice, within a transaction.

    Raises
    ------
    OutOfDate
        If another window has taken it already.
    """
    row = db.execute("SELECT last FROM sequences WHERE volume = ? AND z = ?", slice_id).fetchone()
    if (row["last"] if row else 0) != after:
        raise OutOfDate(f"Slice {slice_id.z} was changed in another window at the same moment; reload it and try again.")
    db.execute("INSERT OR REPLACE INTO sequences VALUES (?, ?, ?)", (*slice_id, after + 1))
    return after + 1


def end_draft(db: sqlite3.Connection, slice_id: SliceId) -> None:
    """Remove a slice's draft within a transaction; its sequence numbers are never reused."""
    db.execute("DELETE FROM drafts WHERE volume = ? AND z = ?", slice_id)
    db.execute("DELETE FROM draft_actions WHERE volume = ? AND z = ?", slice_id)


def save_draft(db: sqlite3.Connection, slice_id: SliceId, revision: int) -> None:
    """End a slice's draft within a transaction, and keep its actions for an undo of its revision."""
    chosen = "SELECT ?, sequence, runs, created FROM draft_actions WHERE volume = ? AND z = ?"
    db.execute(f"INSERT INTO saved_actions {chosen}", (revision, *slice_id))
    end_draft(db, slice_id)


def forget_saved(db: sqlite3.Connection, revision: int) -> None:
    """Delete the saved actions of an undone revision, within a transaction: they are a draft again."""
    db.execute("DELETE FROM saved_actions WHERE revision = ?", (revision,))


def move_draft(
    db: sqlite3.Connection, slice_id: SliceId, base: Base, now: Editing | None, *, after: int, saved: Editing | None = None
) -> int:
    """Replace the base of a draft within a transaction, as one action.

    Pixels changed by any action keep their value; all others take the value of ``base``.

    Parameters
    ----------
    base
        The new first mask of the draft.
    now
        The current draft, or None.
    after
        Number of the last action on this slice.
    saved
        A saved draft, restored by an undo under the strokes since then; its time is not counted again.

    Returns
    -------
    int
        The number of the action.

    Raises
    ------
    LabelError
        If another window has changed the slice meanwhile.
    """
    number, at = next_number(db, slice_id, after), time.time()
    worked = db.execute("SELECT SUM(active_ms) FROM draft_actions WHERE volume = ? AND z = ?", slice_id).fetchone()[0]
    if (worked is None) != (now is None):
        raise OutOfDate(_SAVED_MEANWHILE.format(z=slice_id.z))
    strokes = _painted(base, [draft for draft in (saved, now) if draft is not None])
    end_draft(db, slice_id)
    _insert_draft(db, slice_id, base, at)
    db.execute("INSERT INTO draft_actions VALUES (?, ?, ?, ?, ?, ?)", (*slice_id, number, pack(strokes), worked or 0, at))
    return number


def _painted(base: Base, drafts: Sequence[Editing]) -> NDArray[np.uint32]:
    """Return the changes of several drafts, the later over the earlier, as one action on ``base``."""
    under = _begun(base)
    for draft in drafts:
        changed = draft.touched.astype(bool) | (draft.mask != draft.base)
        np.copyto(under.mask, draft.mask, where=changed)
        np.copyto(under.touched, draft.touched, where=changed)
    return stroke_runs(under.mask, under.touched, under.touched.astype(bool) | (under.mask != base.mask))


def _insert_draft(db: sqlite3.Connection, slice_id: SliceId, base: Base, at: float) -> None:
    db.execute("INSERT INTO drafts VALUES (?, ?, ?, ?, ?, ?)", (*slice_id, base.packed, base.origin, base.round, at))


class Drafts:
    """The drafts of one project; safe to use from several threads."""

    def __init__(self, records: Records) -> None:
        self._records = records
        self._lock = RLock()
        self._memory: OrderedDict[SliceId, _Draft] = OrderedDict()
        self._bases: OrderedDict[Hashable, Base] = OrderedDict()

    def __contains__(self, slice_id: SliceId) -> bool:
        """Return whether the slice has unclaimed strokes."""
        return self._records.row("SELECT 1 FROM drafts WHERE volume = ? AND z = ?", slice_id) is not None

    def slices(self) -> set[SliceId]:
        """Return every slice with unclaimed strokes."""
        return {SliceId(r["volume"], r["z"]) for r in self._records.rows("SELECT volume, z FROM drafts")}

    def sequence(self, slice_id: SliceId) -> int:
        """Return the number of the last action ever acknowledged on this slice; 0 before the first."""
        row = self._records.row("SELECT last FROM sequences WHERE volume = ? AND z = ?", slice_id)
        return 0 if row is None else int(row["last"])

    def base(self, key: Hashable, make: Callable[[], Base]) -> Base:
        """Return the base for a slice without a draft; the last few are cached, so that a first stroke need not wait."""
        with self._lock:
            kept = self._bases.get(key)
        if kept is None:
            kept = make()  # outside the lock: a prediction takes long
        with self._lock:
            _keep(self._bases, key, kept, _BASES_IN_MEMORY)
        return kept

    def get(self, slice_id: SliceId, shape: tuple[int, int]) -> Editing | None:
        """Return the draft of a slice of ``shape`` ``(H, W)``, or None; mask and touched are copies."""
        with self._lock:
            draft = self._load(slice_id, shape)
            if draft is None:
                return None
            return _shown(draft)

    def apply(
        self,
        slice_id: SliceId,
        patch: Patch,
        *,
        shape: tuple[int, int],
        class_ids: frozenset[int],
        start: Callable[[], Base],
    ) -> int:
        """Store one action durably, paint it, and return the acknowledged sequence number.

        Without a draft, begin one from ``start()``. A patch already stored is acknowledged again and changes nothing.

        Raises
        ------
        LabelError
            If the patch does not fit the slice, comes out of order, or contradicts one already stored.
        """
        check_runs(patch.runs, shape[0] * shape[1], class_ids)
        fresh = None if slice_id in self else start()  # outside the lock: a prediction takes long
        with self._lock:
            if self._stored_already(slice_id, patch):
                return patch.sequence
            kept = self._load(slice_id, shape)
            draft = kept if kept is not None or fresh is None else _begun(fresh)
            if draft is None:
                raise LabelError(_SAVED_MEANWHILE.format(z=slice_id.z))
            self._store(slice_id, patch, draft.base, begins=kept is None)
            apply_runs(patch.runs, draft.mask, draft.touched)
            draft.sequence = patch.sequence
            _keep(self._memory, slice_id, draft, _DRAFTS_IN_MEMORY)
            return patch.sequence

    def discard(self, slice_id: SliceId) -> None:
        """Discard the draft of a slice. This counts as an action: other windows with this slice are out of date."""
        with self._records.transaction() as db:
            if slice_id in self:
                next_number(db, slice_id, self.sequence(slice_id))
                end_draft(db, slice_id)

    def actions(self, slice_id: SliceId) -> list[NDArray[np.uint32]]:
        """Return the actions since the last save in order, each uint32 ``(N, 3)`` as in :class:`Patch`."""
        sql = "SELECT runs FROM draft_actions WHERE volume = ? AND z = ? ORDER BY sequence"
        return [unpack(row["runs"], np.uint32, (-1, 3)) for row in self._records.rows(sql, slice_id)]

    def saved(self, revision: int, start: Callable[[], Base]) -> Editing | None:
        """Return the draft behind a revision, replayed on its base; None for a revision without a draft."""
        actions = self._records.rows("SELECT sequence, runs FROM saved_actions WHERE revision = ? ORDER BY sequence", (revision,))
        return _shown(_replayed(start(), actions)) if actions else None

    def active_seconds(self, slice_id: SliceId) -> float:
        """Return the seconds of work in the draft, as counted by the editor."""
        row = self._records.row("SELECT SUM(active_ms) s FROM draft_actions WHERE volume = ? AND z = ?", slice_id)
        return 0.0 if row is None or row["s"] is None else row["s"] / 1000

    def _stored_already(self, slice_id: SliceId, patch: Patch) -> bool:
        last = self.sequence(slice_id)
        if patch.sequence == last + 1:
            return False
        row = None
        if patch.sequence <= last:
            sql = "SELECT runs FROM draft_actions WHERE volume = ? AND z = ? AND sequence = ?"
            row = self._records.row(sql, (*slice_id, patch.sequence))
        if row is not None and row["runs"] == pack(patch.runs):
            return True
        raise LabelError(
            f"Slice {slice_id.z} was changed or saved in another window, so this stroke no longer fits; reload the slice and "
            "repaint the missing strokes."
        )

    def _store(self, slice_id: SliceId, patch: Patch, base: Base, *, begins: bool) -> None:
        now = time.time()
        with self._records.transaction() as db:
            next_number(db, slice_id, patch.sequence - 1)
            exists = db.execute("SELECT 1 FROM drafts WHERE volume = ? AND z = ?", slice_id).fetchone()
            if begins != (exists is None):
                raise LabelError(_SAVED_MEANWHILE.format(z=slice_id.z))
            if begins:
                _insert_draft(db, slice_id, base, now)
            db.execute(
                "INSERT INTO draft_actions VALUES (?, ?, ?, ?, ?, ?)",
                (*slice_id, patch.sequence, pack(patch.runs), patch.active_ms, now),
            )

    def _load(self, slice_id: SliceId, shape: tuple[int, int]) -> _Draft | None:
        draft = self._memory.pop(slice_id, None)
        if draft is None or draft.sequence != self.sequence(slice_id) or slice_id not in self:
            draft = self._replay(slice_id, shape)
        if draft is not None:
            _keep(self._memory, slice_id, draft, _DRAFTS_IN_MEMORY)
        return draft

    def _replay(self, slice_id: SliceId, shape: tuple[int, int]) -> _Draft | None:
        """Replay the draft from the records; read again if another process changed it meanwhile."""
        last = self.sequence(slice_id)
        row = self._records.row("SELECT base, origin, round FROM drafts WHERE volume = ? AND z = ?", slice_id)
        if row is None:
            return None
        sql = "SELECT sequence, runs FROM draft_actions WHERE volume = ? AND z = ? ORDER BY sequence"
        actions = self._records.rows(sql, slice_id)
        if self.sequence(slice_id) != last:
            return self._replay(slice_id, shape)
        mask = unpack(row["base"], np.uint8, shape)
        mask.flags.writeable = False
        return _replayed(Base(mask, row["base"], row["origin"], row["round"]), actions)


def _keep(kept: OrderedDict[Any, Any], key: Hashable, value: _Draft | Base, most: int) -> None:
    kept[key] = value
    kept.move_to_end(key)
    while len(kept) > most:
        kept.popitem(last=False)
