"""The editing session of a slice: its starting mask, strokes, saving and undo."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from core.config import UNLABELLED
from core.editing.undo_steps import Step, steps_of
from core.errors import CheckpointError, LabelError, NetworkError
from core.evaluation.regression import regression_warning
from core.geometry import SliceId
from core.models.loaded import LoadedModels
from core.storage.drafts import Base, Editing, OutOfDate, Patch, forget_saved, move_draft, next_number, save_draft
from core.storage.labels import Claim, Revision, Role, Work
from core.storage.store import Store
from core.storage.wishes import granted, note_granted

_MOST_TRIES = 20
_SAVED_ELSEWHERE = "Slice {z} was saved or labelled elsewhere; reload it, check it, and save it again."
MOST_STEPS = 200
"""Most undo steps, as in the editor."""


@dataclass(frozen=True)
class SyncState:
    """The stored state of a slice, for a window to compare: newest round, last action's number, newest revision's id.

    ``round`` is None if its prediction cannot be shown here, see :meth:`core.models.loaded.LoadedModels.can_show`.
    ``regression_warning`` is that of :func:`core.evaluation.regression.regression_warning`, or None.
    """

    round: int | None
    sequence: int
    revision: int | None
    regression_warning: str | None


def sync_state(models: LoadedModels, slice_id: SliceId) -> SyncState:
    """Return the stored state of a slice, to tell whether a window is out of date; reads no raster."""
    store = models.store
    store.slice_shape(slice_id)
    head = store.labels.head(slice_id)
    rounds = store.rounds.standings()
    last = rounds[-1].round if rounds and models.can_show(rounds[-1].round, slice_id) else None
    return SyncState(last, store.drafts.sequence(slice_id), None if head is None else head.id, regression_warning(rounds))


def editing(models: LoadedModels, slice_id: SliceId, round_: int | None = None) -> Editing:
    """Return a slice to correct: its draft if any, else stored label over prediction over background.

    Parameters
    ----------
    round_
        The round of the prediction under a slice without a draft; 0 for none, None for the newest.
    """
    store = models.store
    shape = store.slice_shape(slice_id)
    sequence = store.drafts.sequence(slice_id)  # read before draft and base, so that an action in between makes it out of date
    draft = store.drafts.get(slice_id, shape)
    if draft is not None:
        return draft
    base = _start(models, slice_id, shape, round_)
    return Editing(base.mask.copy(), np.zeros(shape, np.uint8), base.mask, sequence, base.origin, base.round)


def _start(models: LoadedModels, slice_id: SliceId, shape: tuple[int, int], round_: int | None) -> Base:
    """Return the base of a slice without a draft, cached for its first stroke."""
    store = models.store
    head = store.labels.head(slice_id)
    under = _newest(models, slice_id) if round_ is None else round_ or None
    return store.drafts.base((slice_id, head, under), lambda: _overlay(models, slice_id, shape, head, under))


def _newest(models: LoadedModels, slice_id: SliceId) -> int | None:
    """Return the newest round if its prediction of the slice can be shown, else None."""
    store = models.store
    last = store.rounds.last()
    return last if last is not None and models.can_show(last, slice_id) else None


def _overlay(models: LoadedModels, slice_id: SliceId, shape: tuple[int, int], head: Revision | None, round_: int | None) -> Base:
    """Overlay a revision on a round's prediction on background."""
    store = models.store
    mask = np.zeros(shape, np.uint8) if round_ is None else models.predicted(slice_id, round_).mask.copy()
    if head is not None:
        store.labels.lay_over(mask, head)
    return Base.of(mask, "label" if head is not None else "empty" if round_ is None else "prediction", round_)


def undo_steps(store: Store, slice_id: SliceId, sequence: int, most: int = MOST_STEPS) -> list[Step]:
    """Return the undo steps of a slice's draft, the latest last; empty unless ``sequence`` is the last action."""
    shape = store.slice_shape(slice_id)
    draft = store.drafts.get(slice_id, shape)
    found = [] if draft is None else steps_of(draft.base, store.drafts.actions(slice_id), most)
    return found if draft is not None and draft.sequence == sequence == store.drafts.sequence(slice_id) else []


def apply(models: LoadedModels, slice_id: SliceId, patch: Patch) -> int:
    """Store one action durably and return the acknowledged sequence number."""
    store = models.store
    shape = store.slice_shape(slice_id)
    ids = frozenset(c.id for c in store.catalog.classes)

    def start() -> Base:
        return _start(models, slice_id, shape, patch.round)

    return store.drafts.apply(slice_id, patch, shape=shape, class_ids=ids, start=start)


def rebase(models: LoadedModels, slice_id: SliceId, round_: int, sequence: int) -> int:
    """Put the prediction of another round under the strokes of a slice; the strokes stay.

    Parameters
    ----------
    round_
        Any trained round; 0 for none.
    sequence
        Number of the last action known to the window.

    Returns
    -------
    int
        The number of this action. Without a draft nothing else is stored: the slice then opens over the given round.

    Raises
    ------
    LabelError
        If the slice was changed in another window.
    CheckpointError
        If there is no such round, or its model is missing.
    """
    store = models.store
    shape, head = store.slice_shape(slice_id), store.labels.head(slice_id)
    draft, last = store.drafts.get(slice_id, shape), store.drafts.sequence(slice_id)
    if sequence != last or (draft is not None and draft.sequence != last):
        raise LabelError(f"Slice {slice_id.z} was changed in another window; reload it before its prediction is changed.")
    base = _start(models, slice_id, shape, round_)
    with store.records.transaction() as db:
        if store.labels.head(slice_id) != head:
            raise LabelError(f"Slice {slice_id.z} was saved in another window at the same moment; reload it and try again.")
        return next_number(db, slice_id, last) if draft is None else move_draft(db, slice_id, base, draft, after=last)


def undo(models: LoadedModels, slice_id: SliceId, revision: int | None = None, *, wish: str | None = None) -> Revision | None:
    """Undo the newest saved label, if it is ``revision`` or ``revision`` is None.

    In the same transaction, its strokes become a draft again, below any strokes painted since. The undo counts as an action:
    other windows with this slice are out of date. A ``wish`` granted before changes nothing and has its first result.

    Returns
    -------
    Revision or None
        The label before, now the newest again; None if the slice is unlabelled now.

    Raises
    ------
    LabelError
        If there is no label to undo, or the newest is not ``revision``.
    """
    store = models.store
    before_this = granted(store.records, "undo", slice_id, wish)
    if before_this is not None:
        return None if before_this.revision is None else store.labels.revision(before_this.revision)
    shape, last, head = store.slice_shape(slice_id), store.drafts.sequence(slice_id), store.labels.head(slice_id)
    if head is None:
        return store.labels.undo(slice_id, revision=revision)
    before = None if head.previous is None else store.labels.revision(head.previous)

    @cache
    def base(round_: int | None) -> Base:
        try:
            return _overlay(models, slice_id, shape, before, round_)
        except (CheckpointError, NetworkError):  # its model is missing, but strokes and labels are not
            return _overlay(models, slice_id, shape, before, None)

    saved = store.drafts.saved(head.id, lambda: base(head.round))
    draft = store.drafts.get(slice_id, shape)
    shown = draft or saved
    under = None if shown is None else base(shown.round)

    def move(db: sqlite3.Connection) -> None:
        note_granted(db, "undo", slice_id, wish, head.previous)
        forget_saved(db, head.id)
        if under is None:
            next_number(db, slice_id, last)
        else:
            move_draft(db, slice_id, under, draft, after=last, saved=saved)

    return store.labels.undo(slice_id, revision=head.id if revision is None else revision, also=move)


def submit(
    models: LoadedModels,
    slice_id: SliceId,
    claim: Claim,
    *,
    active_seconds: float | None,
    more_seconds: float,
    round_: int | None = None,
    sequence: int | None = None,
    seen: int | None = None,
    wish: str | None = None,
) -> Revision:
    """Turn the draft of a slice into a revision, and end the draft in the same transaction.

    A ``wish`` granted before changes nothing: its revision is returned again.

    Raises
    ------
    LabelError
        If nothing is claimed, ``sequence`` is given and not the last action's number, or ``seen`` is given and not the id of the
        newest revision (0 for none).
    """
    store = models.store
    before_this = granted(store.records, "claim", slice_id, wish)
    if before_this is not None and before_this.revision is not None:
        return store.labels.revision(before_this.revision)
    head = store.labels.head(slice_id)
    now = editing(models, slice_id, round_)
    if sequence not in (None, now.sequence):
        raise LabelError(f"Slice {slice_id.z} was changed in another window; reload it, check it, and save it again.")
    if seen not in (None, 0 if head is None else head.id):
        raise LabelError(_SAVED_ELSEWHERE.format(z=slice_id.z))
    claimed = claim.pixels(now.touched)
    changed = int(np.count_nonzero((now.mask != now.base) & claimed))
    seconds = store.drafts.active_seconds(slice_id) + more_seconds if active_seconds is None else active_seconds

    def end(db: sqlite3.Connection, revision: Revision) -> None:
        if store.drafts.sequence(slice_id) != now.sequence:
            raise LabelError(f"Slice {slice_id.z} was painted on in another window while it was saved; save it again.")
        if revision.previous != (None if head is None else head.id):
            raise LabelError(_SAVED_ELSEWHERE.format(z=slice_id.z))
        note_granted(db, "claim", slice_id, wish, revision.id)
        save_draft(db, slice_id, revision.id)

    return store.labels.claim(
        slice_id,
        now.mask,
        claimed,
        claim,
        hold_back=store.validation_area(slice_id),
        work=Work(seconds, changed, now.round),
        also=end,
    )


def submit_mask(
    models: LoadedModels, slice_id: SliceId, mask: NDArray[np.uint8], claim: Claim, *, work: Work, role: Role
) -> Revision:
    """Turn a mask from outside the editor into a revision; 255 claims nothing.

    This counts as an action: windows with this slice are out of date, and none of them can vouch for what it has not seen.
    Unsaved strokes stay, above the new label.

    Raises
    ------
    LabelError
        If the mask does not fit the slice or holds an unknown class, or a pixel has another role already.
    """
    store = models.store
    shape, known = store.slice_shape(slice_id), {c.id for c in store.catalog.classes}
    if mask.shape != shape or mask.dtype != np.uint8:
        raise LabelError(f"The mask is {mask.dtype} {mask.shape}; the slice needs uint8 {shape}.")
    wrong = set(np.unique(mask).tolist()) - known - {UNLABELLED}
    if wrong:
        raise LabelError(f"The mask holds {sorted(wrong)}; allowed are 0 to {len(known) - 1} and {UNLABELLED}.")
    claimed = claim.pixels((mask != UNLABELLED).astype(np.uint8)) & (mask != UNLABELLED)
    hold_back = store.validation_area(slice_id)
    tries = 0
    while True:
        tries += 1
        try:
            action = _below_draft(models, slice_id, shape)
            return store.labels.claim(slice_id, mask, claimed, claim, role=role, hold_back=hold_back, work=work, also=action)
        except OutOfDate:
            if tries == _MOST_TRIES:
                raise


def _below_draft(
    models: LoadedModels, slice_id: SliceId, shape: tuple[int, int]
) -> Callable[[sqlite3.Connection, Revision], None]:
    """Return the action that puts a new revision below the draft of a slice, if any, to run in the revision's transaction."""
    store = models.store
    last, draft = store.drafts.sequence(slice_id), store.drafts.get(slice_id, shape)
    if draft is None:
        return lambda db, revision: _take_number(db, slice_id, last)
    try:
        under = _overlay(models, slice_id, shape, None, draft.round)
    except (CheckpointError, NetworkError):  # its model is missing, but strokes and labels are not
        under = _overlay(models, slice_id, shape, None, None)

    def move(db: sqlite3.Connection, revision: Revision) -> None:
        mask = under.mask.copy()
        store.labels.lay_over(mask, revision)
        move_draft(db, slice_id, Base.of(mask, "label", under.round), draft, after=last)

    return move


def _take_number(db: sqlite3.Connection, slice_id: SliceId, last: int) -> None:
    next_number(db, slice_id, last)
    if db.execute("SELECT 1 FROM drafts WHERE volume = ? AND z = ?", slice_id).fetchone() is not None:
        raise OutOfDate(f"Slice {slice_id.z} was painted on at the same moment; try again.")
