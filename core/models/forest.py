"""The instant first model: a forest of randomised trees, fitted to the first strokes within a second.

After Geurts, Ernst and Wehenkel, "Extremely randomized trees" (Machine Learning 63, 2006), in scikit-learn's
implementation. It uses multiscale features like ilastik (Berg et al., Nature Methods 16, 2019). A forest stays in memory
only: refitting takes a second, and a pickle file would run code when loaded.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from core.config import UNLABELLED
from core.errors import TrainingError
from core.geometry import Box, tile_boxes
from core.models.features import TILE, SliceFeatures, spread, threads

if TYPE_CHECKING:
    from sklearn.ensemble import ExtraTreesClassifier

SAMPLE = 6_000
"""Maximum training pixels from one slice."""

MOST = 20_000
"""Maximum training pixels from all slices; chosen in ``benchmarks/log/2026-11-24.md``, like trees and features tried."""

TREES, DEPTH, FEATURES_TRIED, LEAF = 24, 20, 0.5, 2

TILES_LEARNT = 12
"""Maximum tiles of one slice to draw training pixels from: in a slice of 6000 x 6000, a further tile costs 50 ms."""

_PART = 256  # side in pixels of the part predicted by one thread at a time
_SURE = 0.5


@dataclass(frozen=True)
class Sample:
    """The training pixels of a forest from one slice.

    ``rows``, ``columns`` and ``classes`` (uint8) are ``(n,)``, ``features`` float32 ``(n, F)``. ``counts``, int64
    ``(256,)``, is the number of labelled pixels per class before sampling; ``weight`` is that of the volume.
    """

    rows: NDArray[np.intp]
    columns: NDArray[np.intp]
    classes: NDArray[np.uint8]
    features: NDArray[np.float32]
    counts: NDArray[np.int64]
    weight: float = 1.0

    def without(self, gone: NDArray[np.bool_]) -> Sample:
        """Return the sample without the pixels of a mask ``(H, W)``."""
        kept = ~gone[self.rows, self.columns]
        if kept.all():
            return self
        share = np.bincount(self.classes[kept], minlength=256) / np.maximum(np.bincount(self.classes, minlength=256), 1)
        counts = np.ceil(self.counts * share).astype(np.int64)
        return Sample(self.rows[kept], self.columns[kept], self.classes[kept], self.features[kept], counts, self.weight)


def take_sample(features: SliceFeatures, label: NDArray[np.uint8], *, seed: int = 0, most: int = SAMPLE) -> Sample:
    """Draw pixels of a labelled slice, favouring rare classes, and compute their features.

    Parameters
    ----------
    label
        uint8 ``(H, W)``, 255 for pixels to leave out.
    most
        Maximum number of pixels to draw; a slice with fewer gives all of them.
    """
    rows, columns = np.nonzero(label != UNLABELLED)
    classes = label[rows, columns]
    counts = np.bincount(classes, minlength=256).astype(np.int64)
    rng = np.random.default_rng(seed)
    near = _within_tiles(rows, columns, classes, label.shape[1])
    drawn = near[_draw(classes[near], most, rng)]
    rows, columns = rows[drawn], columns[drawn]
    return Sample(rows, columns, classes[drawn], features.at(rows, columns), counts)


def _within_tiles(rows: NDArray[np.intp], columns: NDArray[np.intp], classes: NDArray[np.uint8], width: int) -> NDArray[np.intp]:
    """Return the pixels of the training tiles: all tiles if few, else the richest tile of each class in turn."""
    tiles = rows // TILE * (width // TILE + 1) + columns // TILE
    if len(np.unique(tiles)) <= TILES_LEARNT:
        return np.arange(len(rows))
    table = np.zeros((256, int(tiles.max()) + 1), np.int64)
    np.add.at(table, (classes, tiles), 1)
    present = [c for c in np.argsort(table.sum(axis=1)) if table[c].any()]
    chosen: list[int] = []
    while len(chosen) < TILES_LEARNT and table.any():
        for one in present:
            best = int(table[one].argmax())
            if table[one, best] and len(chosen) < TILES_LEARNT:
                chosen.append(best)
                table[:, best] = 0
    return np.flatnonzero(np.isin(tiles, chosen))


def _draw(classes: NDArray[np.uint8], most: int, rng: np.random.Generator) -> NDArray[np.intp]:
    """Draw about ``most`` indices, in order, from each class in proportion to the square root of its size."""
    if len(classes) <= most:
        return np.arange(len(classes))
    roots = np.sqrt(np.bincount(classes))
    quotas = np.ceil(most * roots / roots.sum()).astype(int)
    drawn = []
    for one in np.flatnonzero(roots):
        there = np.flatnonzero(classes == one)
        drawn.append(there if len(there) <= quotas[one] else rng.choice(there, quotas[one], replace=False))
    return np.sort(np.concatenate(drawn))


class Forest:
    """A fitted forest; safe to use from several threads."""

    def __init__(self, trees: ExtraTreesClassifier, classes: int) -> None:
        self.classes = classes
        self.known: tuple[int, ...] = tuple(int(c) for c in trees.classes_)
        self._trees = trees

    @classmethod
    def fit(cls, samples: Sequence[Sample], classes: int, *, seed: int = 0) -> Forest:
        """Fit a forest to samples; it takes a tenth of a second for a few strokes, and at most about a second.

        In every sample, the weight of a class is the square root of its labelled pixels, times the weight of the volume.
        Rare classes therefore count, and a few strokes count beside a whole slice.

        Parameters
        ----------
        classes
            Number of classes ``K`` of the project; unlabelled classes get probability 0.
        seed
            Equal seeds and samples give equal forests.

        Raises
        ------
        TrainingError
            If fewer than two classes are labelled.
        """
        from sklearn.ensemble import ExtraTreesClassifier  # takes a second to import; most of the app does not need it

        found = sorted({int(c) for sample in samples for c in np.unique(sample.classes)})
        if len(found) < 2:
            raise TrainingError(f"A first model needs two painted classes, there are {len(found)}; paint another one.")
        rng = np.random.default_rng(seed)
        share = MOST / max(MOST, sum(len(sample.classes) for sample in samples))
        drawn = [_draw(sample.classes, max(1, int(share * len(sample.classes))), rng) for sample in samples]
        x = np.concatenate([s.features[i] for s, i in zip(samples, drawn, strict=True)])
        y = np.concatenate([s.classes[i] for s, i in zip(samples, drawn, strict=True)])
        weights = np.concatenate([s.weight * _weights(s.classes[i], s.counts) for s, i in zip(samples, drawn, strict=True)])
        trees = ExtraTreesClassifier(TREES, max_depth=DEPTH, max_features=FEATURES_TRIED, min_samples_leaf=LEAF,
                                     random_state=seed, n_jobs=threads())  # fmt: skip
        trees.fit(x, y, sample_weight=weights)
        return cls(trees, classes)

    def at(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return class probabilities, float32 ``(n, K)`` with rows of sum 1, for features ``(n, F)``."""
        result = np.zeros((len(features), self.classes), np.float32)
        if len(features):
            # Tree by tree, because the forest's predict_proba changes the process's warning filters in every thread.
            contiguous = np.ascontiguousarray(features, np.float32)
            each = (tree.predict_proba(contiguous, check_input=False) for tree in self._trees.estimators_)
            result[:, list(self.known)] = sum(each) / len(self._trees)
        return result

    def probabilities(self, features: SliceFeatures, box: Box) -> NDArray[np.float32]:
        """Return class probabilities of a box, float32 ``(K, h, w)``, independent of the division into boxes."""
        result = np.empty((self.classes, *box.shape), np.float32)

        def one(part: Box) -> None:
            result[:, *_inside(part, box)] = np.moveaxis(self._part(features, part), -1, 0)

        features.prepare(box)
        spread(one, _parts(box))
        return result

    def labels(self, features: SliceFeatures, box: Box) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """Return the likeliest class of every pixel of a box and its probability times 255, both uint8 ``(h, w)``."""
        mask, confidence = (np.empty(box.shape, np.uint8) for _ in range(2))

        def one(part: Box) -> None:
            probabilities, place = self._part(features, part), _inside(part, box)
            mask[place] = probabilities.argmax(axis=-1)
            confidence[place] = np.rint(255 * probabilities.max(axis=-1))

        features.prepare(box)
        spread(one, _parts(box))
        return mask, confidence

    def _part(self, features: SliceFeatures, box: Box) -> NDArray[np.float32]:
        """Predict ``(h, w, K)`` at every second row and column, then between them only if these disagree."""
        y0, x0 = box.y0 // 2 * 2, box.x0 // 2 * 2
        rows, columns = (
            np.minimum(np.arange(first, last + 2, 2), length - 1)
            for first, last, length in zip((y0, x0), (box.y1, box.x1), features.shape, strict=True)
        )
        grid = self.at(features.at(*(a.ravel() for a in np.meshgrid(rows, columns, indexing="ij"))))
        result, unclear = _interpolated(grid.reshape(len(rows), len(columns), self.classes))
        inner = (slice(box.y0 - y0, box.y1 - y0), slice(box.x0 - x0, box.x1 - x0))
        result, unclear = result[inner], unclear[inner]
        missing = np.nonzero(unclear)
        result[missing] = self.at(features.at(missing[0] + box.y0, missing[1] + box.x0))
        return result


def _interpolated(grid: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Interpolate a grid ``(h, w, K)`` and mark the pixels between four corners of different or unsure classes.

    Returns
    -------
    probabilities
        Bilinear, float32 ``(2 h - 2, 2 w - 2, K)``.
    unclear
        The marked pixels, bool ``(2 h - 2, 2 w - 2)``; False on the grid.
    """
    best, sure = grid.argmax(axis=-1), grid.max(axis=-1) >= _SURE
    corners = [(slice(None, -1), slice(None, -1)), (slice(None, -1), slice(1, None)),
               (slice(1, None), slice(None, -1)), (slice(1, None), slice(1, None))]  # fmt: skip
    agreed = np.logical_and.reduce([(best[c] == best[corners[0]]) & sure[c] for c in corners])
    here, right, below, diagonal = (grid[c] for c in corners)
    height, width = agreed.shape
    full = np.empty((2 * height, 2 * width, grid.shape[-1]), np.float32)
    full[::2, ::2], full[::2, 1::2], full[1::2, ::2] = here, (here + right) / 2, (here + below) / 2
    full[1::2, 1::2] = (here + right + below + diagonal) / 4
    unclear = np.repeat(np.repeat(~agreed, 2, axis=0), 2, axis=1)
    unclear[::2, ::2] = False
    return full, unclear


def _weights(classes: NDArray[np.uint8], counts: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return a weight per drawn pixel, such that a class weighs the square root of its labelled pixels."""
    drawn = np.maximum(np.bincount(classes, minlength=256), 1)
    return np.asarray((np.sqrt(counts) / drawn)[classes])


def _parts(box: Box) -> list[Box]:
    return [Box(p.y0 + box.y0, p.x0 + box.x0, p.y1 + box.y0, p.x1 + box.x0) for p in tile_boxes(box.shape, _PART)]


def _inside(part: Box, box: Box) -> tuple[slice, slice]:
    return slice(part.y0 - box.y0, part.y1 - box.y0), slice(part.x0 - box.x0, part.x1 - box.x0)
