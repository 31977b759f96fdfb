"""Write the record of a finished training, also of one that never became a round: a kill, a full disk or a lock came between.

The checkpoint is whole on disk by then, and its card holds all that the record of a round needs.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from core.config import StopRule
from core.errors import CheckpointError, JobError, LabelError, storage_errors
from core.storage.checkpoints import Card, load, load_card
from core.storage.rounds import NewRound, Origin
from core.storage.store import Store
from core.training.learning.task import partial_of

_KINDS = ("train", "round", "restore")


def made_by(store: Store, job: int, validated: str) -> dict[str, Any]:
    """Return the facts of a card that prove it to be of a job of this very project, not of an earlier one of its name.

    Parameters
    ----------
    validated
        From :func:`core.evaluation.held_back.pixels_key`: the pixels of the card's scores.
    """
    return {"job": job, "project_created": store.records.meta("created"), "validated_on": validated}


def enter_finished(store: Store) -> int | None:
    """Enter the finished training of the following round if its checkpoint is whole and no job is running.

    Its scores are those of its card. If all rounds are shown on other pixels, it is shown as not measured until the next round.
    Safe in several processes at once: one of them enters it.

    Returns
    -------
    int or None
        The number of the round entered; None if there was nothing to enter.

    Raises
    ------
    CheckpointError
        If a checkpoint is there and cannot be read.
    """
    number = store.rounds.following()
    folder = store.checkpoint_folder(number)
    job = store.jobs.last() if folder.is_dir() else None
    if job is None or job.active:
        return None
    with _readable(number, folder):
        card = load_card(folder)
        if not _belongs(store, number, card):
            return None
        load(folder)
        if not store.rounds.add_finished(new_round(store, number, card), unchanged=lambda: load_card(folder) == card):
            return None
    if "restored" in card.extra:
        origin = Origin(**card.extra["restored"])
        store.rounds.copy_curve(origin.round, number, origin.seconds)
        if origin.round != number:
            store.snapshots.forget(number)
    shutil.rmtree(partial_of(folder), ignore_errors=True)
    _score(store, number, card)
    return number


def set_aside(store: Store, number: int) -> None:
    """Rename a checkpoint in the place of the following round if its card proves it to be of another project or round.

    Raises
    ------
    CheckpointError
        If it cannot be read.
    JobError
        If it is of a training of this round that finished meanwhile.
    """
    folder = store.checkpoint_folder(number)
    if not folder.exists():
        return
    with _readable(number, folder):
        belongs = _belongs(store, number, load_card(folder))
    if belongs:
        raise JobError(f"Round {number} was trained by another program meanwhile; start a new round.")
    with storage_errors(folder):
        folder.rename(folder.with_name(f".{folder.name}.orphan-{time.time_ns()}"))


def new_round(store: Store, number: int, card: Card) -> NewRound:
    """Return the record of a round whose checkpoint has been written, from its card."""
    facts = card.extra
    revisions = tuple(map(int, facts["label_revisions"]))
    return NewRound(
        number,
        revisions=revisions,
        config=card.config,
        checkpoint=store.checkpoint_folder(number).relative_to(store.workspace).as_posix(),
        seconds=float(card.training["seconds"]),
        active_seconds=store.labels.active_seconds(up_to=max(revisions)),
        job=int(facts["job"]),
        ended_by=StopRule(card.training.get("ended_by", StopRule.SECONDS)),
        origin=Origin(**facts["restored"]) if "restored" in facts else None,
    )


@contextmanager
def _readable(number: int, folder: Path) -> Iterator[None]:
    try:
        yield
    except CheckpointError as error:
        raise CheckpointError(
            f"The checkpoint {folder} may be a finished training of round {number}, but cannot be read now. Try again once its "
            "disk answers; if it is damaged, move the folder elsewhere and train again."
        ) from error


def _belongs(store: Store, number: int, card: Card) -> bool:
    """Return whether a card is of a training or restore of this very project and round, with its job and labels on record."""
    facts, created = card.extra, store.records.meta("created")
    try:
        ours = created is not None and facts["project_created"] == created and facts["round"] == number
        known = ours and isinstance(facts["validated_on"], str) and store.jobs.get(int(facts["job"])).kind in _KINDS
        if known:
            store.labels.revisions(map(int, facts["label_revisions"]))
            new_round(store, number, card)
    except (JobError, LabelError, KeyError, TypeError, ValueError):  # of an earlier version, or of records that are no more
        return False
    return known


def _score(store: Store, number: int, card: Card) -> None:
    """Store the card's scores for the pixels they were measured on, and show these if there is no other round."""
    scores, key, names = card.scores, card.extra["validated_on"], [c.name for c in store.catalog.classes]
    store.rounds.score(number, key, scores["loss"], [scores["dice"].get(name) for name in names], scores["pixels"])
    if number == 1:
        store.rounds.show_scores_on(key, store.rounds.trained_on(number))
