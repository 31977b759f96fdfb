"""Look through the volumes, coarse first, and keep the proposals up to date while looking."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from itertools import zip_longest

from core.config import ProposeConfig
from core.errors import Cancelled
from core.geometry import Box
from core.models.loaded import LoadedModels
from core.models.memory import freed_memory_kept
from core.progress import Report
from core.propose import choose, scan_order, scan_slice
from core.storage.prediction_cache import Predicted
from core.storage.proposals import Proposal, ScoredSlice
from core.storage.store import Store
from core.uncertainty import is_random, query_named

Place = tuple[int, int]
"""``(volume, z)``."""

_REFRESH_SECONDS = 1.0


@freed_memory_kept()
def scan(models: LoadedModels, config: ProposeConfig, exclude: Collection[Place], report: Report) -> None:
    """Score slices with the newest model until all are done or the time is up; proposals are stored as they change.

    Slices scored before (same round, same query) are not looked at again.

    Parameters
    ----------
    exclude
        ``(volume, z)`` never to be looked at or proposed.
    report
        Called with the share done and a sentence; True asks to stop.

    Raises
    ------
    Cancelled
        If ``report`` said so.
    """
    store = models.store
    round_, query = store.rounds.last(), query_named(config.query)
    if round_ is None:
        return
    started = told = time.monotonic()
    done = {(s.volume, s.z) for s in store.proposals.scanned(round_, config.query)} | set(exclude)
    todo = [place for place in _all_places(store) if place not in done]
    predictor, fresh = models.predictor(round_), list[ScoredSlice]()
    for number, (volume, z) in enumerate(todo):
        if time.monotonic() - started > config.scan_seconds and number > 0:
            break
        inside = store.catalog.region_mask(volume)
        image = models.seen_by(round_, volume)(z)
        found = scan_slice(predictor.tiles(image), image.shape[1:], query=query, inside=inside)
        store.predictions.save(volume, z, Predicted(found.mask, found.confidence, round_))
        fresh.append(found.scored(volume, z))
        if time.monotonic() - told > _REFRESH_SECONDS:
            told = time.monotonic()
            _refresh(store, round_, config, fresh, exclude, settled=False)
            if report((number + 1) / len(todo), f"looking through the volume: {number + 1} of {len(todo)} slices"):
                raise Cancelled("Scanning was cancelled; the slices looked at so far are kept.")
    _refresh(store, round_, config, fresh, exclude, settled=True)


def _all_places(store: Store) -> list[Place]:
    """Every slice, volumes in turn and coarse first, those with a label last."""
    orders = [[(v.index, z) for z in scan_order(v.depth)] for v in store.catalog.volumes]
    mixed = [place for group in zip_longest(*orders) for place in group if place is not None]
    labelled = labelled_places(store)
    return sorted(mixed, key=lambda place: place in labelled)


def labelled_places(store: Store) -> set[Place]:
    """``(volume, z)`` of every slice with a label of any role."""
    return {(head.volume, head.z) for head in store.labels.heads()}


def _refresh(
    store: Store, round_: int, config: ProposeConfig, fresh: list[ScoredSlice], exclude: Collection[Place], *, settled: bool
) -> None:
    store.proposals.add_scanned(round_, config.query, fresh)
    fresh.clear()
    propose(store, round_, config, exclude, settled=settled)


def propose(
    store: Store, round_: int, config: ProposeConfig, exclude: Collection[Place], *, settled: bool = True
) -> list[Proposal]:
    """Rank the slices scored so far and store the best as the round's proposals, ``settled`` as for ``Rounds.propose``."""
    proposals = rank(store, round_, config, exclude)
    store.proposals.replace(round_, proposals, model_selected=not is_random(query_named(config.query)), settled=settled)
    return proposals


def rank(store: Store, round_: int, config: ProposeConfig, exclude: Collection[Place]) -> list[Proposal]:
    """The best proposals from the slices scored so far."""
    scores = [s for s in store.proposals.scanned(round_, config.query) if (s.volume, s.z) not in exclude]
    names = [c.name for c in store.catalog.classes]
    depths = [v.depth for v in store.catalog.volumes]
    return choose(scores, labelled_places(store), depths, names, config.number)


def open_proposals(store: Store, round_: int) -> list[Proposal]:
    """A round's proposals that are not answered yet, best first; what was put off comes after all else, in that order.

    A slice is answered once something of it is saved and none of its boxes is left to check.
    """
    heads = {(head.volume, head.z): head for head in store.labels.heads()}
    left = []
    for proposal in store.proposals.of(round_):
        head = heads.get((proposal.volume, proposal.z))
        boxes = proposal.boxes if head is None else store.unchecked(head, proposal.boxes)
        if head is None or boxes:
            left.append(replace(proposal, boxes=boxes, reason=_counted(proposal, len(boxes))))
    return in_turn(left, store.proposals.turns(round_))


def _counted(proposal: Proposal, left: int) -> str:
    """The reason of a proposal, and how many of the places that it names are left."""
    return proposal.reason if left == len(proposal.boxes) else f"{proposal.reason}, {left} of them left to check"


def in_turn(proposals: Sequence[Proposal], turns: Mapping[Place, Mapping[Box | None, int]]) -> list[Proposal]:
    """Proposals and their boxes, those that were put off last; a slice is put off as a whole, or box by box.

    Parameters
    ----------
    turns
        When slices and their boxes were put off, None for the whole slice.
    """
    ordered = []
    for proposal in proposals:
        put_off = turns.get((proposal.volume, proposal.z), {})
        boxes = tuple(sorted(proposal.boxes, key=lambda box: put_off.get(box, 0)))
        turn = max(put_off.get(None, 0), min((put_off.get(box, 0) for box in boxes), default=0))
        ordered.append((turn, replace(proposal, boxes=boxes, put_off=turn > 0)))
    return [proposal for _, proposal in sorted(ordered, key=lambda pair: pair[0])]


def first_proposals(store: Store, number: int, exclude: Collection[Place], *, fill: bool) -> list[Proposal]:
    """Before there is a model: slices spread evenly through the volumes, less those that have a label by now.

    ``fill`` makes up for these with the slices that lie furthest from all others.
    """
    places = [(v.index, z) for v in store.catalog.volumes for z in range(v.depth)]
    taken = labelled_places(store) | set(exclude)
    number = min(number, len(places))
    spread = [places[int((i + 0.5) * len(places) / number)] for i in range(number)]
    chosen = [place for place in spread if place not in taken]
    while fill and len(chosen) < number and len(taken) + len(chosen) < len(places):
        free = (place for place in places if place not in taken and place not in chosen)
        chosen.append(max(free, key=lambda place: _distance(place, [*taken, *chosen])))
    reason = "no model yet: one of the slices spread evenly through the volume"
    return [Proposal(volume, z, 0.0, reason, ()) for volume, z in sorted(chosen)]


def _distance(place: Place, others: Collection[Place]) -> float:
    """Slices to the nearest of ``others`` in the same volume."""
    return min((abs(z - place[1]) for volume, z in others if volume == place[0]), default=float("inf"))
