"""Enter a training that finished but never became a round: a kill, a full disk or a lock came in between.

The checkpoint is whole on disk by then, and its card holds all that the record of a round needs.
"""

from __future__ import annotations

import shutil
from typing import Any

from core.config import StopRule
from core.errors import CheckpointError, JobError, LabelError
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
    """
    number = store.rounds.following()
    folder = store.checkpoint_folder(number)
    job = store.jobs.last() if folder.is_dir() else None
    if job is None or job.active:
        return None
    try:
        card, _ = load(folder)
        new = _record(store, number, card)
        if not store.rounds.add_finished(new, unchanged=lambda: load_card(folder) == card):
            return None
    except (CheckpointError, JobError, LabelError, KeyError, TypeError, ValueError):
        return None
    if new.origin is not None:
        store.rounds.copy_curve(new.origin.round, number, new.origin.seconds)
    if new.origin is not None and new.origin.round != number:
        store.snapshots.forget(number)
    shutil.rmtree(partial_of(folder), ignore_errors=True)
    _score(store, number, card)
    return number


def _record(store: Store, number: int, card: Card) -> NewRound:
    """Return the record of a finished training; raise if its card is not of this round and project."""
    facts, created = card.extra, store.records.meta("created")
    job = store.jobs.get(int(facts["job"]))
    if created is None or facts["project_created"] != created or facts["round"] != number or job.kind not in _KINDS:
        raise CheckpointError("The checkpoint is of another round or project.")
    if not isinstance(facts["validated_on"], str):
        raise CheckpointError("The card does not name the pixels of its scores.")
    revisions = store.labels.revisions(map(int, facts["label_revisions"]))
    seconds = float(card.training["seconds"])
    return NewRound(
        number,
        revisions=[revision.id for revision in revisions],
        config=card.config,
        checkpoint=store.checkpoint_folder(number).relative_to(store.workspace).as_posix(),
        seconds=seconds,
        active_seconds=store.labels.active_seconds(up_to=max(revision.id for revision in revisions)),
        job=job.id,
        ended_by=StopRule(card.training.get("ended_by", StopRule.SECONDS)),
        origin=Origin(**facts["restored"]) if "restored" in facts else None,
    )


def _score(store: Store, number: int, card: Card) -> None:
    """Store the card's scores for the pixels they were measured on, and show these if there is no other round."""
    scores, key, names = card.scores, card.extra["validated_on"], [c.name for c in store.catalog.classes]
    store.rounds.score(number, key, scores["loss"], [scores["dice"].get(name) for name in names], scores["pixels"])
    if number == 1:
        store.rounds.show_scores_on(key, store.rounds.trained_on(number))
