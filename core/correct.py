"""A slice in a person's hands: what the editor starts from, its strokes, and what saving makes of them."""

from __future__ import annotations

import sqlite3
from dataclasses import replace

import numpy as np

from core.drafts import Editing, Patch, end_draft
from core.errors import LabelError
from core.labels import Claim, Revision, Work
from core.store import Store


def editing(store: Store, volume: int, z: int) -> Editing:
    """A slice to correct: its draft if there is one, else stored label over prediction over background."""
    shape = store.slice_shape(volume, z)
    return store.drafts.get(volume, z, shape) or _start(store, volume, z, shape)


def _start(store: Store, volume: int, z: int, shape: tuple[int, int]) -> Editing:
    """What a slice without a draft starts from; the last one is kept, so that its first stroke is stored at once."""
    head, last = store.labels.head(volume, z), store.rounds.last()
    key = (volume, z, head, last)
    start = store.start  # other threads open other slices meanwhile
    if start is None or start[0] != key:
        start = store.start = (key, _overlay(store, volume, z, shape, head, last))
    kept = start[1]
    return replace(kept, mask=kept.mask.copy(), touched=kept.touched.copy(), sequence=store.drafts.sequence(volume, z))


def _overlay(store: Store, volume: int, z: int, shape: tuple[int, int], head: Revision | None, last: int | None) -> Editing:
    """Stored label over prediction over background."""
    mask = np.zeros(shape, np.uint8) if last is None else store.predicted(volume, z, last).mask.copy()
    if head is not None:
        claimed = store.labels.claimed(volume, z, shape)
        mask[claimed] = store.labels.label(volume, z, shape)[claimed]
    origin = "label" if head is not None else "empty" if last is None else "prediction"
    return Editing(mask, np.zeros(shape, np.uint8), 0, origin, last)


def apply(store: Store, volume: int, z: int, patch: Patch) -> int:
    """Store one action durably; returns the sequence number acknowledged."""
    shape = store.slice_shape(volume, z)
    ids = frozenset(c.id for c in store.catalog.classes)
    return store.drafts.apply(volume, z, patch, shape=shape, class_ids=ids, start=lambda: _start(store, volume, z, shape))


def submit(store: Store, volume: int, z: int, claim: Claim, *, active_seconds: float | None, more_seconds: float) -> Revision:
    """Turn the draft of a slice into a revision; the draft ends in the same transaction."""
    now = editing(store, volume, z)
    base = store.drafts.base(volume, z, store.slice_shape(volume, z))
    claimed = claim.pixels(now.touched)
    changed = 0 if base is None else int((now.mask != base)[claimed].sum())
    seconds = store.drafts.active_seconds(volume, z) + more_seconds if active_seconds is None else active_seconds

    def end(db: sqlite3.Connection) -> None:
        if store.drafts.sequence(volume, z) != now.sequence:
            raise LabelError(f"Slice {z} was painted on in another window while it was saved; save it again.")
        end_draft(db, volume, z)

    return store.labels.claim(
        volume,
        z,
        now.mask,
        claimed,
        claim,
        validates=not store.rounds.was_sought(volume, z),
        inside=store.catalog.region_mask(volume),
        work=Work(seconds, changed, now.round),
        also=end,
    )
