"""Ask well: look through the volume, find where the model is least sure, and choose slices for a person.

``scan_slice`` reduces a slice to a mask, a confidence and a coarse heat map, in one pass over its tiles; ``choose``
ranks slices and says why, in a microscopist's words. Both are pure: tiles and numbers in, no file and no network.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.geometry import Box
from core.hotspots import BlockMeans, hottest_boxes, hottest_mean
from core.storage.proposals import Proposal, ScoredSlice
from core.uncertainty import Query, name_of

UNSURE_BELOW = 0.75
"""A pixel whose likeliest class is given less than this is called unsure in the reasons."""


@dataclass(frozen=True)
class SliceScan:
    """What one slice looks like to the model.

    Attributes
    ----------
    mask, confidence
        ``(H, W)`` uint8: the likeliest class and its probability as 0 to 255. Outside the working region too.
    heat
        ``(ceil(H/16), ceil(W/16))`` float32: mean score of the query in each block's pixels of the region, else 0.
    score
        Mean heat of the hottest tenth of the region's pixels, by whole blocks.
    boxes
        At most 5, hottest first, apart from each other and wholly in the region.
    class_confidence
        Mean probability of the likeliest class, over the region's pixels predicted as each class; None where none is.
    class_fraction
        Share of the region's pixels predicted as each class.
    unsure_classes, unsure_fraction
        The two classes between which most of the region's unsure pixels lie (likeliest class below 0.75), and the
        share of the region's pixels that are unsure between these two. None and 0 where no pixel is unsure.
    query
        Name of the query that made the heat; "" for one that has no name.
    in_region
        Whether a working region limits the numbers above.
    """

    mask: NDArray[np.uint8]
    confidence: NDArray[np.uint8]
    heat: NDArray[np.float32]
    score: float
    boxes: tuple[Box, ...]
    class_confidence: tuple[float | None, ...]
    class_fraction: tuple[float, ...]
    unsure_classes: tuple[int, int] | None = None
    unsure_fraction: float = 0.0
    query: str = ""
    in_region: bool = False

    def scored(self, volume: int, z: int) -> ScoredSlice:
        """The part that is kept for every slice: numbers and boxes, no raster."""
        return ScoredSlice(
            volume,
            z,
            self.score,
            self.boxes,
            self.class_confidence,
            self.class_fraction,
            self.unsure_classes,
            self.unsure_fraction,
            self.query,
            self.in_region,
        )


def scan_slice(
    tiles: Iterable[tuple[Box, NDArray[np.float32]]],
    shape: tuple[int, int],
    *,
    query: Query,
    inside: NDArray[np.bool_] | None,
) -> SliceScan:
    """Reduce the predicted tiles of one slice, in one pass; memory is a tile and two uint8 rasters of the slice.

    Parameters
    ----------
    tiles
        Disjoint boxes that cover ``shape``, each with probabilities ``(K, h, w)`` that sum to 1.
    shape
        ``(H, W)`` of the slice in pixels.
    query
        What makes a pixel hot; see ``core.uncertainty``.
    inside
        The working region, bool ``(H, W)``; None is the whole slice. Pixels outside count for nothing.

    Raises
    ------
    CheckpointError
        If a probability is NaN or infinite.
    ValueError
        If there is no tile.
    """
    rasters = np.zeros((2, *shape), dtype=np.uint8)
    mask, confidence = rasters
    heat = BlockMeans(shape)
    tally: _Tally | None = None
    for box, probabilities in tiles:
        region = np.ones(box.shape, dtype=bool) if inside is None else inside[box.slices]
        heat.add(box, query(probabilities), region)
        best, labels = probabilities.max(axis=0), probabilities.argmax(axis=0).astype(np.uint8)
        mask[box.slices], confidence[box.slices] = labels, np.rint(best * 255)
        tally = tally or _Tally(len(probabilities))
        tally.add(probabilities, labels, best, region)
    if tally is None:
        raise ValueError("a slice needs at least one tile")
    unsure_classes, unsure_fraction = tally.most_confused()
    return SliceScan(
        mask,
        confidence,
        heat.means().astype(np.float32),
        hottest_mean(heat.means(), heat.counts),
        hottest_boxes(heat.means(), heat.counts, shape),
        tally.confidence(),
        tally.fractions(),
        unsure_classes,
        unsure_fraction,
        name_of(query) or "",
        inside is not None,
    )


class _Tally:
    """Sums over a slice's pixels in the region, per class and per pair of classes."""

    def __init__(self, classes: int) -> None:
        self.classes = classes
        self.pixels = np.zeros(classes, dtype=np.int64)
        self.sureness = np.zeros(classes)
        self.pairs = np.zeros((classes, classes), dtype=np.int64)  # likeliest class, second

    def add(
        self,
        probabilities: NDArray[np.float32],
        labels: NDArray[np.uint8],
        best: NDArray[np.float32],
        region: NDArray[np.bool_],
    ) -> None:
        labels, sure = labels[region], best[region]
        self.pixels += np.bincount(labels, minlength=self.classes)
        self.sureness += np.bincount(labels, weights=sure, minlength=self.classes)
        unsure = probabilities[:, region & (best < UNSURE_BELOW)]  # (K, n)
        second, first = np.argsort(unsure, axis=0)[-2:]
        pairs = np.bincount(first * self.classes + second, minlength=self.classes**2)
        self.pairs += pairs.reshape(self.classes, self.classes)

    def confidence(self) -> tuple[float | None, ...]:
        return tuple(float(s / n) if n else None for s, n in zip(self.sureness, self.pixels, strict=True))

    def fractions(self) -> tuple[float, ...]:
        return tuple(float(n) / max(1, int(self.pixels.sum())) for n in self.pixels)

    def most_confused(self) -> tuple[tuple[int, int] | None, float]:
        either_way = np.triu(self.pairs + self.pairs.T, k=1)
        if not either_way.any():
            return None, 0.0
        low, high = np.unravel_index(int(either_way.argmax()), either_way.shape)
        pair = (int(low), int(high)) if self.pairs[low, high] >= self.pairs[high, low] else (int(high), int(low))
        return pair, float(either_way.max() / self.pixels.sum())


def scan_order(depth: int) -> list[int]:
    """Slices in an order that covers the volume coarsely first and refines (van der Corput, bits reversed).

    Returns
    -------
    list of int
        Every slice from 0 to ``depth - 1`` once; the first n lie no further apart than about ``2 * depth / n``.
    """
    bits = max(depth - 1, 0).bit_length()
    reversed_bits = (int(f"{i:0{bits}b}"[::-1], 2) if bits else 0 for i in range(1 << bits))
    return [z for z in reversed_bits if z < depth]


def choose(
    scores: Sequence[ScoredSlice],
    labelled: Collection[tuple[int, int]],
    depths: Sequence[int],
    class_names: Sequence[str],
    number: int,
) -> list[Proposal]:
    """The slices to correct next, highest score first.

    Labelled slices are skipped. Proposed and labelled slices of one volume stay apart in z: by half the spacing they
    would have if spread evenly, at first; when too few slices are left, by half of that, and so on down to neighbours,
    so that the number asked for is returned whenever so many slices without a label have a score.

    Parameters
    ----------
    scores
        Scanned slices, in any order; ties go to the lower volume and z.
    labelled
        ``(volume, z)`` of every slice that has a label of any kind.
    depths
        Slices in each volume.
    class_names
        For the reasons, in order of class id.
    number
        How many slices to propose at most.
    """
    ranked = sorted(scores, key=lambda s: (-s.score, s.volume, s.z))
    apart = {v: max(2, depth // (2 * (number + _of(v, labelled)))) for v, depth in enumerate(depths)}
    chosen: dict[tuple[int, int], ScoredSlice] = {}
    while ranked and len(chosen) < number and apart:
        for candidate in ranked:
            place = (candidate.volume, candidate.z)
            if len(chosen) < number and _is_apart(place, [*labelled, *chosen], apart[candidate.volume]):
                chosen[place] = candidate
        if all(gap == 1 for gap in apart.values()):
            break
        apart = {v: max(1, gap // 2) for v, gap in apart.items()}
    best_first = sorted(chosen.values(), key=lambda s: (-s.score, s.volume, s.z))
    return [Proposal(s.volume, s.z, s.score, reason(s, class_names), s.boxes) for s in best_first]


def _of(volume: int, places: Collection[tuple[int, int]]) -> int:
    return sum(1 for v, _ in places if v == volume)


def _is_apart(place: tuple[int, int], others: Collection[tuple[int, int]], gap: int) -> bool:
    return all(v != place[0] or abs(z - place[1]) >= gap for v, z in others)


def reason(scored: ScoredSlice, class_names: Sequence[str]) -> str:
    """Why a slice is proposed, in plain words that say no more than what was computed."""
    where = "working region" if scored.in_region else "slice"
    if scored.query == "random":
        return "picked at random, whatever the model thinks of it"
    if scored.query == "foreground-random":
        seen = _either(class_names[1:])
        return f"picked at random among places with {seen}" if scored.score else f"picked at random, with no {seen} seen"
    spots = f", {_LEAST_SURE.get(scored.query, 'asked for')} in {_places(len(scored.boxes))}" if scored.boxes else ""
    if scored.unsure_classes is None:
        return f"at least {100 * UNSURE_BELOW:.0f} % sure everywhere in the {where}{spots}"
    one, other = (class_names[c] for c in scored.unsure_classes)
    return f"unsure between {one} and {other} over {_percent(scored.unsure_fraction)} of the {where}{spots}"


_LEAST_SURE = {"least-confidence": "least sure", "margin": "closest to a tie", "entropy": "most undecided"}


def _percent(fraction: float) -> str:
    return "less than 1 %" if fraction < 0.01 else f"{100 * fraction:.0f} %"


def _places(count: int) -> str:
    return "one place" if count == 1 else f"{count} places"


def _either(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} or {names[-1]}"
