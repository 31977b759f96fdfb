"""Restore a training snapshot or an earlier round as the newest model.

The restored model becomes a round of its own, because a round's model never changes. Predictions, proposals, drafts and
results of every round stay valid. No round is lost, and another restore undoes a restore.
"""

from __future__ import annotations

import shutil
from dataclasses import asdict, replace
from pathlib import Path

from core.errors import CheckpointError, ProjectError
from core.evaluation.held_back import pixels_key
from core.models.loaded import LoadedModels
from core.storage.checkpoints import Card, load, now, save
from core.storage.jobs import Handle
from core.storage.rounds import Origin
from core.storage.snapshots import Snapshot
from core.storage.store import Store
from core.training.finished import made_by, new_round, set_aside
from core.training.learning.task import partial_of
from core.training.round import RoundReport, entered, score_all_rounds, validation_slices


def restore(models: LoadedModels, handle: Handle, round_: int, seconds: float | None) -> RoundReport:
    """Enter a training snapshot as the newest round; see :meth:`core.project.models.ProjectModels.restore`."""
    from core.evaluation.validation import score

    store = models.store
    source = find(store, round_, seconds)
    card, state = load(source)
    origin = Origin(round_, float(card.training["seconds"]))
    _check_revisions(store, source, card)
    number, heads = store.rounds.following(), store.labels.heads()
    validation = validation_slices(store, heads)
    handle.report(0.1, f"measuring round {round_} as it was after {origin.seconds:.0f} s on the held-back pixels")
    scores = score(models.load(source), validation, len(store.catalog.classes))
    folder = store.checkpoint_folder(number)
    set_aside(store, number)
    dice = dict(zip((c.name for c in store.catalog.classes), scores.dice, strict=True))
    extra = {name: value for name, value in card.extra.items() if name != "moment"}
    restored = replace(
        card,
        scores={"loss": scores.loss, "dice": dice, "pixels": scores.pixels},
        created=now(),
        extra={**extra, "round": number, "restored": asdict(origin), **made_by(store, handle.id, pixels_key(store, heads))},
    )
    save(folder, state, restored)
    if round_ != number:  # those of the interrupted training whose number is taken now
        store.snapshots.forget(number)
    store.rounds.copy_curve(round_, number, origin.seconds)
    store.rounds.add(new_round(store, number, restored))
    shutil.rmtree(partial_of(folder), ignore_errors=True)  # only now: the resume state of that training
    score_all_rounds(models, handle, heads, validation, {number: scores})
    store.snapshots.sweep()
    return entered(store, number, folder)


def find(store: Store, round_: int, seconds: float | None) -> Path:
    """Return the checkpoint of a training snapshot, or of a round's end if ``seconds`` is None.

    Raises
    ------
    CheckpointError
        If there is no such round or snapshot.
    ProjectError
        If it is the newest model already.
    """
    snapshots = store.snapshots.of(round_)
    chosen = None if seconds is None else nearest(snapshots, seconds)
    if seconds is not None and chosen is None:
        kept = ", ".join(f"{snapshot.seconds:.0f}" for snapshot in snapshots)
        there = f"kept are those at {kept} s" if snapshots else "none of it is kept"
        raise CheckpointError(f"Round {round_} has no snapshot at {seconds:g} s; {there}.")
    if round_ == store.rounds.last() and (chosen is None or chosen.end):
        raise ProjectError(f"The end of round {round_} is the newest model already; choose another snapshot or an earlier round.")
    if chosen is not None:
        return chosen.folder
    return store.checkpoint(round_)


def nearest(snapshots: list[Snapshot], seconds: float) -> Snapshot | None:
    """Return the training snapshot nearest to ``seconds``; None if every one is more than a second away."""
    close = [snapshot for snapshot in snapshots if abs(snapshot.seconds - seconds) <= 1]
    return min(close, key=lambda snapshot: abs(snapshot.seconds - seconds), default=None)


def _check_revisions(store: Store, source: Path, card: Card) -> None:
    identities = card.extra.get("label_revisions")
    if not isinstance(identities, list) or not identities:
        raise CheckpointError(f"The card of {source} does not say what it was trained on; choose another snapshot.")
    store.labels.revisions(map(int, identities))
