"""Scan of one slice in one pass over its tiles: mask, confidence, coarse heatmap and numbers for proposals."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.geometry import Box, SliceId
from core.proposals.heatmap import BlockMeans, hottest_boxes, hottest_mean
from core.proposals.queries import Query
from core.storage.proposals import ScannedSlice

UNSURE_BELOW = 0.75
"""Reasons call a pixel unsure if its likeliest class has a lower probability."""


@dataclass(frozen=True)
class SliceScan:
    """The model's prediction of one slice, with scores for proposals.

    Attributes
    ----------
    mask, confidence
        ``(H, W)`` uint8: the likeliest class and its probability as 0 to 255. Outside the working region too.
    heat
        ``(ceil(H/16), ceil(W/16))`` float32: mean query score over each block's pixels in the region, else 0.
    scanned
        Numbers and boxes: the part stored for every slice.
    """

    mask: NDArray[np.uint8]
    confidence: NDArray[np.uint8]
    heat: NDArray[np.float32]
    scanned: ScannedSlice


def scan_slice(
    slice_id: SliceId,
    tiles: Iterable[tuple[Box, NDArray[np.float32]]],
    shape: tuple[int, int],
    *,
    query: Query,
    inside: NDArray[np.bool_] | None,
) -> SliceScan:
    """Scan the predicted tiles of one slice in one pass; memory is one tile and two uint8 rasters of the slice.

    Parameters
    ----------
    slice_id
        The slice, for the record.
    tiles
        Disjoint boxes covering ``shape``, each with probabilities ``(K, h, w)`` of sum 1.
    shape
        ``(H, W)`` of the slice in pixels.
    query
        Gives the score of a pixel; see ``core.proposals.queries``.
    inside
        The working region, bool ``(H, W)``; None is the whole slice. Pixels outside are not counted.

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
        heat.add(box, query.score(probabilities), region)
        best, labels = probabilities.max(axis=0), probabilities.argmax(axis=0).astype(np.uint8)
        mask[box.slices], confidence[box.slices] = labels, np.rint(best * 255)
        tally = tally or _Tally(len(probabilities))
        tally.add(probabilities, labels, best, region)
    if tally is None:
        raise ValueError("a slice needs at least one tile")
    unsure_classes, unsure_fraction = tally.most_confused()
    scanned = ScannedSlice(
        *slice_id,
        hottest_mean(heat.means(), heat.counts),
        hottest_boxes(heat.means(), heat.counts, shape),
        tally.confidence(),
        tally.fractions(),
        unsure_classes,
        unsure_fraction,
        query.name,
        inside is not None,
    )
    return SliceScan(mask, confidence, heat.means().astype(np.float32), scanned)


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
