"""Training patches from labelled pixels, read lazily and held in a bounded cache.

A class index of a few kilobytes per labelled slice stays in memory: the pixels of each class, and one bit per class and
block of 32 x 32 pixels for its presence. A patch of a rare class is found without reading the slice.
"""

from __future__ import annotations

import math
import zlib
from collections import OrderedDict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import IterableDataset

from core.config import UNLABELLED
from core.errors import LabelError, TrainingError
from core.geometry import mirrored
from core.models.normalisation import GreyRange, measure
from core.storage.labelled_slice import LabelledSlice

BLOCK = 32
"""Side in pixels of the blocks of the class index."""

SURPLUS = 0.375
"""Additional share of a patch's side, cut off after augmentation, to fill the corners of rotated patches."""

FEW = 0.25
"""Labelled share of the pixels open to labelling; a smaller share counts as labelled in small part.

See ``benchmarks/log/2026-11-28.md``.
"""

EXCLUDED = 254
"""Value of a drawn label for a pixel closed to training, even to pseudo-labels."""

CACHE_BYTES = 1 << 30
PATCHES_PER_READ = 16
"""Patches drawn for each new slice read, if the labelled slices outgrow the cache."""


@dataclass(frozen=True)
class SliceIndex:
    """Class index of one slice.

    Attributes
    ----------
    shape
        ``(H, W)`` in pixels.
    counts
        int64 ``(K,)``: labelled pixels of each class.
    blocks
        uint8 ``(K, ceil(blocks / 8))``: packed bits, one for each block in row order.
    digest
        Checksum of the label, to recognise it at a resume.
    """

    shape: tuple[int, int]
    counts: NDArray[np.int64]
    blocks: NDArray[np.uint8]
    digest: int

    def blocks_of(self, class_id: int) -> NDArray[np.intp]:
        """Return the numbers of the blocks with a pixel of the class, in row order."""
        return np.flatnonzero(np.unpackbits(self.blocks[class_id]))

    @property
    def labelled_blocks(self) -> int:
        """Number of blocks with a labelled pixel."""
        return int(np.unpackbits(np.bitwise_or.reduce(self.blocks, axis=0)).sum())


def index_slice(label: NDArray, classes: int) -> SliceIndex:
    """Build the class index of a label, uint8 ``(H, W)``.

    Raises
    ------
    LabelError
        If the label is not uint8 ``(H, W)`` or holds an unknown class.
    """
    if label.dtype != np.uint8 or label.ndim != 2:
        raise LabelError(f"A label is {label.dtype} of shape {label.shape}; it must be uint8 (H, W), so import it again.")
    counts = np.bincount(label.reshape(-1), minlength=256)
    unknown = np.flatnonzero(counts[classes:UNLABELLED])
    if unknown.size:
        raise LabelError(
            f"A label holds class {unknown[0] + classes}; allowed are 0 to {classes - 1} and {UNLABELLED} for unlabelled, "
            "so add the class to the project or correct the label."
        )
    height, width = label.shape
    padded = np.pad(label, ((0, -height % BLOCK), (0, -width % BLOCK)), constant_values=UNLABELLED)
    cells = padded.reshape(padded.shape[0] // BLOCK, BLOCK, -1, BLOCK)
    present = [(cells == k).any(axis=(1, 3)).reshape(-1) for k in range(classes)]
    digest = zlib.crc32(np.ascontiguousarray(label).data)
    return SliceIndex((height, width), counts[:classes].astype(np.int64), np.packbits(present, axis=1), digest)


@dataclass(frozen=True)
class LoadedSlice:
    """One slice in memory: stored grey values (with neighbours if requested), their range, and the label."""

    image: NDArray
    grey: GreyRange
    label: NDArray[np.uint8]

    @property
    def nbytes(self) -> int:
        """Memory used, in bytes."""
        return self.image.nbytes + self.label.nbytes

    def crop(self, y: int, x: int, side: int) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
        """Cut a square with its upper left corner at ``(y, x)``; outside the slice grey values mirror and labels are 255."""
        rows, columns = np.arange(y, y + side), np.arange(x, x + side)
        height, width = self.label.shape
        picked = mirrored(rows, height), mirrored(columns, width)
        label = _picked(self.label, *picked)
        label[(rows < 0) | (rows >= height)] = UNLABELLED
        label[:, (columns < 0) | (columns >= width)] = UNLABELLED
        return self.grey.apply(_picked(self.image, *picked)), label


def _picked(pixels: NDArray, rows: NDArray, columns: NDArray) -> NDArray:
    """Copy some rows and columns of ``(..., H, W)``, faster than by indexing with both at once."""
    y, x = rows.min(), columns.min()
    near = pixels[..., y : rows.max() + 1, x : columns.max() + 1]
    return near.take(rows - y, axis=-2).take(columns - x, axis=-1)


class SliceCache:
    """Slices read on demand; the least recently used are dropped when their bytes exceed ``limit``."""

    def __init__(
        self,
        slices: Sequence[LabelledSlice],
        neighbours: int = 0,
        limit: int = CACHE_BYTES,
        few: Collection[int] = (),
    ) -> None:
        self._slices, self._neighbours, self._limit, self._few = slices, neighbours, limit, few
        self._loaded: OrderedDict[int, LoadedSlice] = OrderedDict()
        self.full = False
        """Whether a slice has ever been dropped."""

    def __contains__(self, number: int) -> bool:
        return number in self._loaded

    @property
    def held(self) -> list[int]:
        """Numbers of the slices in memory."""
        return list(self._loaded)

    def get(self, number: int) -> LoadedSlice:
        """Return a slice, from memory if possible."""
        if number not in self._loaded:
            self._loaded[number] = self._load(number)
            while len(self._loaded) > 1 and sum(one.nbytes for one in self._loaded.values()) > self._limit:
                self._loaded.popitem(last=False)
                self.full = True
        self._loaded.move_to_end(number)
        return self._loaded[number]

    def _load(self, number: int) -> LoadedSlice:
        """Read a slice; if some slices are labelled in small part, set pixels without a pseudo-label to ``EXCLUDED``.

        These are the closed pixels of such slices, and all unlabelled pixels of the other slices.
        """
        loaded = load_slice(self._slices[number], self._neighbours)
        if not self._few:
            return loaded
        closed = self._slices[number].closed() if number in self._few else np.True_
        return replace(loaded, label=np.where((loaded.label == UNLABELLED) & closed, np.uint8(EXCLUDED), loaded.label))


def load_slice(source: LabelledSlice, neighbours: int = 0) -> LoadedSlice:
    """Read image and label of one slice, with ``neighbours`` slices on each side stacked as channels.

    Raises
    ------
    LabelError
        If image and label differ in size.
    """
    image, label = np.asarray(source.image(neighbours)), np.asarray(source.label())
    if image.ndim != 3 or image.shape[1:] != label.shape:
        raise LabelError(f"An image of shape {image.shape} has a label of shape {label.shape}; (C, H, W) and (H, W) must agree.")
    return LoadedSlice(image, measure(image), label)


def drawn_side(patch: int) -> int:
    """Return the side of the square to cut for a patch of side ``patch``, in pixels."""
    return round(patch * (1 + SURPLUS) / 2) * 2


class Patches(IterableDataset):
    """An endless stream of batches; batch ``n`` depends on the seed and on ``n`` alone.

    Half of the patches are drawn by labelled area, half by class, with equal probability for each class. A class on one
    pixel in two hundred is then in every second batch. Both halves obey the slices' weights: a class found only in slices
    of a tenth of the weight is drawn a tenth as often. If slices outgrow the cache, the stream also depends on its content.

    Parameters
    ----------
    slices
        Training slices.
    classes
        Number of classes ``K``.
    side
        Side in pixels of the squares drawn; smaller images are mirrored at their edges.
    inner
        Side in pixels of the central part, placed inside the image where possible.
    batch
        Patches per batch.
    seed
        Seed of the whole stream.
    neighbours
        Slices on each side to stack with each slice as channels.
    devices
        Number of devices, each drawing with a seed of its own; they share the memory of the cache.

    Raises
    ------
    TrainingError
        If no pixel is labelled.
    """

    def __init__(
        self,
        slices: Sequence[LabelledSlice],
        classes: int,
        *,
        side: int,
        inner: int,
        batch: int,
        seed: int,
        neighbours: int = 0,
        devices: int = 1,
    ) -> None:
        super().__init__()
        self.index = [index_slice(np.asarray(one.label()), classes) for one in slices]
        self.counts = sum((one.counts for one in self.index), np.zeros(classes, np.int64))
        if not self.counts.any():
            raise TrainingError("There are no labelled pixels to train on; label a slice or part of one, then train again.")
        self.start = 0
        """Number of the first batch; set it before the stream is read."""
        self._side, self._inner, self.seed = side, inner, seed
        self._devices = devices
        self.batch = batch
        """Patches per batch; may be lowered between two batches."""
        self.few = self._labelled_in_small_part(slices)
        """Numbers of the slices labelled in small part, if all slices together are; else empty."""
        self._cache = SliceCache(slices, neighbours, CACHE_BYTES // devices, self.few)
        areas = np.array([one.counts for one in self.index], float)  # (slices, K)
        self._areas = areas * np.array([one.weight for one in slices], float)[:, None]
        self._totals = self._areas.sum(axis=0)
        self._class_weights = self._totals / np.maximum(areas.sum(axis=0), 1)  # mean weight of a class's labelled pixels
        self._since_read = 0

    @property
    def epoch(self) -> float:
        """Steps in an epoch: to cover the labelled area once with the batches of all devices, without overlap.

        The area is that of all blocks with a labelled pixel, in units of the patches' central part. Patches are drawn at
        random: an epoch covers some of the area repeatedly and some not at all.
        """
        drawn = [one for one, areas in zip(self.index, self._areas, strict=True) if areas.any()]
        area = sum(one.labelled_blocks for one in drawn) * BLOCK**2
        return area / self._inner**2 / self.batch / self._devices

    def _labelled_in_small_part(self, slices: Sequence[LabelledSlice]) -> frozenset[int]:
        labelled = np.array([one.counts.sum() for one in self.index])
        room = np.array([math.prod(one.shape) for one in self.index])
        for number in np.flatnonzero(labelled < FEW * room).tolist():  # closed pixels would not put the others below FEW
            room[number] -= np.count_nonzero(slices[number].closed())
        small = np.flatnonzero(labelled < FEW * room)
        return frozenset(small.tolist()) if labelled.sum() < FEW * room.sum() else frozenset()

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        step = self.start
        while True:
            yield self.draw(step)
            step += 1

    def draw(self, step: int) -> tuple[Tensor, Tensor]:
        """Draw batch number ``step``: normalised images float32 ``(B, C, side, side)``, labels uint8 ``(B, side, side)``.

        Labels are 255 where unlabelled. With slices labelled in small part, pixels closed to training are :data:`EXCLUDED`.
        """
        rng = np.random.default_rng([self.seed, step])
        images, labels = zip(*(self._patch(rng) for _ in range(self.batch)), strict=True)
        return torch.from_numpy(np.stack(images)), torch.from_numpy(np.stack(labels))

    def _patch(self, rng: np.random.Generator) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
        class_id = self._class(rng)
        number = self._slice(rng, class_id)
        blocks = self.index[number].blocks_of(class_id)
        height, width = self.index[number].shape
        row, column = divmod(int(rng.choice(blocks)), -(-width // BLOCK))
        centre = np.array([row, column]) * BLOCK + rng.integers(BLOCK, size=2)
        spread = self._inner // 3
        centre = centre + rng.integers(-spread, spread + 1, size=2)
        corner = centre - self._inner // 2
        corner = np.clip(corner, 0, np.maximum(0, np.array([height, width]) - self._inner))
        y, x = corner - (self._side - self._inner) // 2
        return self._cache.get(number).crop(int(y), int(x), self._side)

    def _class(self, rng: np.random.Generator) -> int:
        weights = self._totals if rng.random() < 0.5 else self._class_weights
        return int(rng.choice(len(weights), p=weights / weights.sum()))

    def _slice(self, rng: np.random.Generator, class_id: int) -> int:
        weights = self._areas[:, class_id]
        number = int(rng.choice(len(weights), p=weights / weights.sum()))
        if number in self._cache:
            return number
        self._since_read += 1
        held = [one for one in self._cache.held if weights[one] > 0]
        if self._since_read < PATCHES_PER_READ and held and self._cache.full:
            return int(rng.choice(held, p=weights[held] / weights[held].sum()))
        self._since_read = 0
        return number
