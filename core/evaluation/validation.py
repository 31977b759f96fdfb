"""Measure loss and Dice of a model on labelled pixels; predict only around these."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.config import UNLABELLED
from core.evaluation.metrics import confusion, dice
from core.geometry import Box, bounds, tile_boxes
from core.models import normalisation
from core.models.memory import freed_memory_kept
from core.models.predictor import Predictor
from core.storage.labelled_slice import LabelledSlice

SCORED_TILE = 512
"""Largest side in pixels of a box around held-back pixels, which lie scattered."""


@dataclass(frozen=True)
class Scores:
    """Scores of a model over all scored pixels together.

    Attributes
    ----------
    loss
        Mean cross-entropy in nats; None without labelled pixels.
    dice
        Per class; None where the class is in neither truth nor prediction.
    pixels
        Labelled pixels scored.
    counts
        Scored pixels by true class (rows) and predicted class (columns); None if unknown.
    """

    loss: float | None
    dice: tuple[float | None, ...]
    pixels: int
    counts: tuple[tuple[int, ...], ...] | None = None


@freed_memory_kept()
def score(predictor: Predictor, slices: Sequence[LabelledSlice], classes: int | None = None) -> Scores:
    """Score a model on the labelled pixels of some slices; predict only around these.

    Parameters
    ----------
    predictor
        The model.
    slices
        Labels with 255 where a pixel is not scored.
    classes
        Number of classes in the labels, if larger than the model's: every pixel of the other classes counts as wrong.
    """
    table = np.zeros((classes or predictor.classes,) * 2, np.int64)
    total = 0.0
    for one in slices:
        label = one.label()
        boxes = labelled_boxes(label, min(predictor.config.tile, SCORED_TILE))
        if not boxes:
            continue
        image = one.image(predictor.card.neighbours)
        for box, probabilities in predictor.boxes(image, boxes, normalisation.measure(image)):
            truth = label[box.slices]
            table += confusion(probabilities.argmax(axis=0).astype(np.uint8), truth, len(table))
            total += cross_entropy(probabilities, truth)
    pixels = int(table.sum())
    return Scores(total / pixels if pixels else None, dice(table), pixels, tuple(map(tuple, table.tolist())))


def cross_entropy(probabilities: NDArray[np.float32], truth: NDArray[np.uint8]) -> float:
    """Sum the cross-entropy in nats over the labelled pixels.

    Parameters
    ----------
    probabilities
        Of each class, ``(K, H, W)``.
    truth
        Class ids, ``(H, W)``; 255 where unlabelled.
    """
    rows, columns = np.nonzero(truth != UNLABELLED)
    ids = truth[rows, columns]
    known = ids < len(probabilities)
    right = np.zeros(len(ids), np.float32)  # 0 for a class unknown to the model
    right[known] = probabilities[ids[known], rows[known], columns[known]]
    return float(-np.log(np.maximum(right, 1e-7), dtype=np.float64).sum())


def labelled_boxes(label: NDArray[np.uint8], size: int) -> list[Box]:
    """Cover all labelled pixels with boxes of at most ``size`` pixels on a side, each shrunk to its labelled pixels."""
    boxes = []
    for tile in tile_boxes(label.shape, size):
        inside = bounds(label[tile.slices] != UNLABELLED)
        if inside is not None:
            boxes.append(inside.shifted(tile.y0, tile.x0))
    return boxes
