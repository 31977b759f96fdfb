"""The preview choice: the forest draws the preview until a network scores at least as well on held-back pixels.

Both learn from the training pixels of the same label revisions, those of the network's round; the forest applies the current
volume weights. Both are scored on the validation pixels of the round's first score. So one comparison per round is enough,
and it stays. A network warm-started from an earlier round has learnt from that round's training pixels too; these are never
validation pixels.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from core.config import UNLABELLED
from core.errors import TrainingError
from core.evaluation.metrics import confusion, dice
from core.geometry import SliceId
from core.models.features import SliceFeatures
from core.models.forest import Forest, Sample
from core.storage.database import to_json
from core.storage.labels import Revision, Role
from core.storage.rounds import RoundRow
from core.storage.store import Store

SCORED_PER_SLICE = 40_000
"""Most held-back pixels of one slice in the forest's score; from more, a random sample of this size is drawn."""

SLICES_AT_MOST = 64
"""Most labelled slices for one forest."""


@dataclass(frozen=True)
class PreviewChoice:
    """The choice between forest and a round's network for the preview, with its reason.

    Attributes
    ----------
    round
        The newest round, None before the first.
    to_network
        Whether the network has taken over.
    forest, network
        Mean Dice on the held-back pixels over the classes measured for both, without the background; None if not measured.
    pixels
        Held-back pixels in the forest's score.
    sentence
        A summary for the user.
    settled
        Whether the choice stays until the next round; False while the round's scores are missing.
    """

    round: int | None
    to_network: bool
    forest: float | None
    network: float | None
    pixels: int
    sentence: str
    settled: bool = True


NOT_TRAINED = PreviewChoice(None, False, None, None, 0, "The preview is drawn by a quick first model until a round is trained.")


def remembered(store: Store) -> PreviewChoice | None:
    """Return the stored choice for the newest round, or None before it is made; reads two rows."""
    last = store.rounds.last()
    if last is None:
        return NOT_TRAINED
    kept = store.records.meta(_key(last))
    return None if kept is None else PreviewChoice(**json.loads(kept))


def decide(
    store: Store, sample: Callable[[Revision], Sample | None], features: Callable[[SliceId], SliceFeatures]
) -> PreviewChoice:
    """Choose between forest and network, and store the choice once the newest round is scored.

    Takes a second or two to fit and about 0.3 s for every labelled slice of 1024 x 1024, once for each round.

    Parameters
    ----------
    sample
        Revision -> training sample for the forest, or None.
    features
        Slice -> its features.
    """
    known = remembered(store)
    if known is not None:
        return known
    classes = store.catalog.classes
    row = store.rounds.rows([c.name for c in classes])[-1]
    if not row.scored:
        return _not_scored(row.round)
    learnt, held = (store.labels.revisions(identities) for identities in (row.revisions, row.validation_revisions))
    counts = _forest_counts(store, learnt, held, sample, features, len(classes))
    made = _compared(row, counts) or _not_compared(row)
    store.records.set_meta(_key(row.round), to_json(asdict(made)))
    return made


def _key(round_: int) -> str:
    return f"handover-{round_}"


def _forest_counts(
    store: Store,
    learnt: list[Revision],
    held: list[Revision],
    sample: Callable[[Revision], Sample | None],
    features: Callable[[SliceId], SliceFeatures],
    classes: int,
) -> NDArray[np.int64]:
    """Return the confusion ``(K, K)`` of a forest fitted to the network's labels; zeros if nothing can be learnt or scored."""
    counts = np.zeros((classes, classes), np.int64)
    held = [revision for revision in held if store.validation_counts(revision).any()]
    if not held:
        return counts
    step = -(-len(learnt) // SLICES_AT_MOST)
    try:
        forest = Forest.fit([s for s in map(sample, learnt[::step]) if s is not None], classes)
    except TrainingError:
        return counts
    for revision in held:
        label = store.frozen(revision, Role.VALIDATION).label()
        rows, columns = np.nonzero(label != UNLABELLED)
        if len(rows) > SCORED_PER_SLICE:
            drawn = np.sort(np.random.default_rng(revision.id).choice(len(rows), SCORED_PER_SLICE, replace=False))
            rows, columns = rows[drawn], columns[drawn]
        predicted = forest.at(features(revision.slice_id).at(rows, columns)).argmax(axis=1).astype(np.uint8)
        counts += confusion(predicted, label[rows, columns], classes)
    return counts


def _compared(row: RoundRow, counts: NDArray[np.int64]) -> PreviewChoice | None:
    """Return the choice by Dice on held-back pixels; None if no foreground class is measured for both."""
    pairs = [
        (ours, theirs)
        for ours, theirs in list(zip(dice(counts), row.validation_dice.values(), strict=True))[1:]
        if ours is not None and theirs is not None
    ]
    if not pairs:
        return None
    forest, network = (float(np.mean(side)) for side in zip(*pairs, strict=True))
    pixels = int(counts.sum())
    wins = network >= forest
    judged = f"mean Dice {network:.2f} against {forest:.2f} on {pixels:,} held-back pixels"
    sentence = (
        f"The network of round {row.round} draws the preview from now on: {judged}."
        if wins
        else f"The quick first model still draws the preview: the network of round {row.round} has {judged}."
    )
    return PreviewChoice(row.round, wins, forest, network, pixels, sentence)


def _not_scored(round_: int) -> PreviewChoice:
    """Return the open choice for a round without scores yet: other rounds are still being scored on the same pixels."""
    sentence = (
        f"The quick first model draws the preview until a choice is made, when round {round_} is scored on held-back pixels."
    )
    return PreviewChoice(round_, False, None, None, 0, sentence, settled=False)


def _not_compared(row: RoundRow) -> PreviewChoice:
    """Return the choice without held-back pixels: the forest, as a network of few steps may be worse than none."""
    sentence = (
        "The quick first model still draws the preview: there are no held-back pixels to compare it with the network of round "
        f"{row.round}. Save a slice or a large box as right, one that was not proposed; then the next round is compared."
    )
    return PreviewChoice(row.round, False, None, None, 0, sentence)
