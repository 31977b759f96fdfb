"""Ranking of the slices to correct next, with reasons in a microscopist's words."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from core.config import ProposeConfig
from core.geometry import Box, SliceId
from core.proposals.queries import QUERIES, query_named
from core.proposals.slice_scan import UNSURE_BELOW
from core.storage.proposals import Proposal, ScannedSlice
from core.storage.store import Store


def labelled_slices(store: Store) -> set[SliceId]:
    """Return every slice with a label of any role."""
    return {head.slice_id for head in store.labels.heads()}


def propose(
    store: Store, round_: int, config: ProposeConfig, exclude: Collection[SliceId], *, settled: bool = True
) -> list[Proposal]:
    """Rank the scored slices and store the best as the round's proposals; ``settled`` as in ``Proposals.replace``."""
    proposals = rank(store, round_, config, exclude)
    store.proposals.replace(round_, proposals, model_selected=not query_named(config.query).random, settled=settled)
    return proposals


def rank(store: Store, round_: int, config: ProposeConfig, exclude: Collection[SliceId]) -> list[Proposal]:
    """Return the best proposals among the scored slices."""
    scores = [s for s in store.proposals.scanned(round_, config.query) if s.slice_id not in exclude]
    names = [c.name for c in store.catalog.classes]
    depths = [v.depth for v in store.catalog.volumes]
    return choose(scores, labelled_slices(store), depths, names, config.number)


def open_proposals(store: Store, round_: int) -> list[Proposal]:
    """Return a round's open proposals, best first; those put off come last, in the order put off.

    A proposal is closed once its slice has a saved label and none of its boxes is left to check.
    """
    heads = {head.slice_id: head for head in store.labels.heads()}
    left = []
    for proposal in store.proposals.of(round_):
        head = heads.get(proposal.slice_id)
        boxes = proposal.boxes if head is None else store.unchecked(head, proposal.boxes)
        if head is None or boxes:
            left.append(replace(proposal, boxes=boxes, reason=_counted(proposal, len(boxes))))
    return in_turn(left, store.proposals.turns(round_))


def _counted(proposal: Proposal, left: int) -> str:
    """Return the reason of a proposal, with the number of its boxes left to check."""
    return proposal.reason if left == len(proposal.boxes) else f"{proposal.reason}, {left} of them left to check"


def in_turn(proposals: Sequence[Proposal], turns: Mapping[SliceId, Mapping[Box | None, int]]) -> list[Proposal]:
    """Sort proposals and their boxes, those put off last.

    A slice is put off as a whole, or box by box.

    Parameters
    ----------
    turns
        Order in which slices and their boxes were put off; None is the whole slice.
    """
    ordered = []
    for proposal in proposals:
        put_off = turns.get(proposal.slice_id, {})
        boxes = tuple(sorted(proposal.boxes, key=lambda box: put_off.get(box, 0)))
        turn = max(put_off.get(None, 0), min((put_off.get(box, 0) for box in boxes), default=0))
        ordered.append((turn, replace(proposal, boxes=boxes, put_off=turn > 0)))
    return [proposal for _, proposal in sorted(ordered, key=lambda pair: pair[0])]


def first_proposals(store: Store, number: int, exclude: Collection[SliceId], *, fill: bool) -> list[Proposal]:
    """Return the proposals before the first model: unlabelled slices of an even spread through the volumes.

    ``fill`` replaces the labelled slices of the spread by the slices farthest from all others.
    """
    slices = [SliceId(v.index, z) for v in store.catalog.volumes for z in range(v.depth)]
    taken = labelled_slices(store) | set(exclude)
    number = min(number, len(slices))
    spread = [slices[int((i + 0.5) * len(slices) / number)] for i in range(number)]
    chosen = [slice_id for slice_id in spread if slice_id not in taken]
    while fill and len(chosen) < number and len(taken) + len(chosen) < len(slices):
        free = (slice_id for slice_id in slices if slice_id not in taken and slice_id not in chosen)
        chosen.append(max(free, key=lambda slice_id: _distance(slice_id, [*taken, *chosen])))
    reason = "no model yet: one of the slices spread evenly through the volume"
    return [Proposal(*slice_id, 0.0, reason, ()) for slice_id in sorted(chosen)]


def _distance(slice_id: SliceId, others: Collection[SliceId]) -> float:
    """Return the distance in slices to the nearest of ``others`` in the same volume."""
    return min((abs(z - slice_id.z) for volume, z in others if volume == slice_id.volume), default=float("inf"))


def choose(
    scores: Sequence[ScannedSlice],
    labelled: Collection[SliceId],
    depths: Sequence[int],
    class_names: Sequence[str],
    number: int,
) -> list[Proposal]:
    """Choose the slices to correct next, highest score first.

    Labelled slices are skipped. Proposed and labelled slices of one volume keep a distance in z: at first half the spacing
    of an even spread. If too few slices qualify, the distance is halved repeatedly, down to neighbours. So ``number`` slices
    are returned whenever as many unlabelled slices have a score.

    Parameters
    ----------
    scores
        Scanned slices, in any order; ties go to the lower volume and z.
    labelled
        Every slice with a label of any role.
    depths
        Slices in each volume.
    class_names
        For the reasons, in order of class id.
    number
        Largest number of proposals.
    """
    ranked = sorted(scores, key=lambda s: (-s.score, s.slice_id))
    apart = {v: max(2, depth // (2 * (number + _of(v, labelled)))) for v, depth in enumerate(depths)}
    chosen: dict[SliceId, ScannedSlice] = {}
    while ranked and len(chosen) < number and apart:
        for candidate in ranked:
            slice_id = candidate.slice_id
            if len(chosen) < number and _is_apart(slice_id, [*labelled, *chosen], apart[slice_id.volume]):
                chosen[slice_id] = candidate
        if all(gap == 1 for gap in apart.values()):
            break
        apart = {v: max(1, gap // 2) for v, gap in apart.items()}
    best_first = sorted(chosen.values(), key=lambda s: (-s.score, s.slice_id))
    return [Proposal(*s.slice_id, s.score, reason(s, class_names), s.boxes) for s in best_first]


def _of(volume: int, slices: Collection[SliceId]) -> int:
    return sum(1 for v, _ in slices if v == volume)


def _is_apart(slice_id: SliceId, others: Collection[SliceId], gap: int) -> bool:
    return all(v != slice_id.volume or abs(z - slice_id.z) >= gap for v, z in others)


def reason(scored: ScannedSlice, class_names: Sequence[str]) -> str:
    """Return the reason for a proposal in plain words, with no claim beyond the computed numbers."""
    where = "working region" if scored.in_region else "slice"
    query = QUERIES.get(scored.query)
    if query is not None and query.random:
        return query.words
    if scored.query == "foreground-random":
        classes = _either(class_names[1:])
        return f"picked at random among places with {classes}" if scored.score else f"picked at random, with no {classes} seen"
    spots = f", {query.words if query else 'asked for'} in {_places(len(scored.boxes))}" if scored.boxes else ""
    if scored.unsure_classes is None:
        return f"at least {100 * UNSURE_BELOW:.0f} % sure everywhere in the {where}{spots}"
    one, other = (class_names[c] for c in scored.unsure_classes)
    return f"unsure between {one} and {other} over {_percent(scored.unsure_fraction)} of the {where}{spots}"


def _percent(fraction: float) -> str:
    return "less than 1 %" if fraction < 0.01 else f"{100 * fraction:.0f} %"


def _places(count: int) -> str:
    return "one place" if count == 1 else f"{count} places"


def _either(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} or {names[-1]}"
