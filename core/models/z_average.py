"""What a model finds in a slice, averaged with what it finds in those beside it, which wait on the disk."""

from __future__ import annotations

import errno
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from types import TracebackType

import numpy as np
import torch
from numpy.typing import DTypeLike, NDArray

from core.errors import storage_errors
from core.geometry import Box, tile_boxes
from core.models.predictor import Predictor, winners

SliceInput = Callable[[int], NDArray]
"""Gives what the model takes for a slice, raw ``(C, H, W)``."""


class ZAveraged:
    """The slices of a volume as a model sees them, each averaged with so many on each side; fewer near the volume's ends.

    With none, each is the mean over two views of it (``Predictor.alone``). With some, and asked for in ascending order, each is
    predicted once, in another view than the slices beside it (``Predictor.in_turn``). What it needs of these waits in a file
    that is gone with the context, so that they take no memory, however many.

    Parameters
    ----------
    predictor
        The model.
    seen
        What it is given of a slice.
    shape
        ``(Z, H, W)`` of the volume, in pixels.
    across
        Slices on each side; with 0 every slice is predicted by itself.
    folder
        Where the file lies: ``(2 * across + 3) * K`` bytes for each pixel of a slice.
    """

    def __init__(self, predictor: Predictor, seen: SliceInput, shape: tuple[int, int, int], across: int, folder: Path) -> None:
        self._predictor = predictor if across else predictor.alone()
        self.classes, self.views = predictor.classes, self._predictor.views
        self._seen, self._across = seen, across
        self._depth, self._shape = shape[0], shape[1:]
        self._held = range(0)  # the slices that the sums are of
        self._tiles = _Tiles(folder, self.classes, self._shape) if across else None

    def __enter__(self) -> ZAveraged:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._tiles is not None:
            self._tiles.close()

    def probabilities(self, z: int) -> NDArray[np.float32]:
        """Class probabilities of a slice, float32 ``(K, H, W)``.

        Raises
        ------
        VolumeError
            If a slice cannot be read, or is not what the model takes.
        StorageError
            If there is no room for what waits.
        """
        if self._tiles is None:
            return self._predictor.probabilities(self._seen(z))
        result = np.empty((self.classes, *self._shape), np.float32)
        for box, total in self._totals(z):
            result[:, *box.slices] = total / total.sum(axis=0)
        return result

    def labels(self, z: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """The likeliest class and 255 times its probability, both uint8 ``(H, W)``; raises as :meth:`probabilities`."""
        if self._tiles is None:
            return self._predictor.labels(self._seen(z))
        mask, confidence = (np.empty(self._shape, np.uint8) for _ in range(2))
        for box, total in self._totals(z):
            likeliest = winners(torch.from_numpy(total / (255 * len(self._held))))
            mask[box.slices], confidence[box.slices] = (part.numpy() for part in likeliest)
        return mask, confidence

    def _totals(self, z: int) -> Iterator[tuple[Box, NDArray[np.float32]]]:
        """255 times the sum of the probabilities around a slice, float32 ``(K, h, w)``, tile by tile."""
        assert self._tiles is not None
        reach = min(self._across, z, self._depth - 1 - z)  # more on one side than on the other would move what is found
        first, last = z - reach, z + reach
        if not self._held.start <= first <= self._held.stop <= last + 1:
            self._held = range(first, first)
        for new in range(self._held.stop, last + 1):
            self._add(new)
        for old in range(self._held.start, first):
            self._take_off(old)
        for box in tile_boxes(self._shape, self._predictor.config.tile):
            yield box, self._tiles.read(None, box).astype(np.float32)

    def _add(self, new: int) -> None:
        """Predict a slice; in the file and the sums it takes the place of the one that is now too far away."""
        assert self._tiles is not None
        slot, full = new % (2 * self._across + 1), len(self._held) > 2 * self._across
        for box, found in self._predictor.in_turn(new).tiles(self._seen(new)):
            now = np.rint(found * 255).astype(np.uint8)
            total = self._tiles.read(None, box) if self._held else np.zeros(now.shape, np.uint16)
            if full:
                total -= self._tiles.read(slot, box)
            total += now
            self._tiles.write(None, box, total)
            self._tiles.write(slot, box, now)
        self._held = range(self._held.start + full, new + 1)

    def _take_off(self, old: int) -> None:
        """At the end of a volume nothing takes the place of what is too far away."""
        assert self._tiles is not None
        for box in tile_boxes(self._shape, self._predictor.config.tile):
            total = self._tiles.read(None, box)
            total -= self._tiles.read(old % (2 * self._across + 1), box)
            self._tiles.write(None, box, total)
        self._held = range(old + 1, self._held.stop)


class _Tiles:
    """Parts ``(K, h, w)`` of slices in a file without a name: sums, uint16, and in numbered slots single slices, uint8."""

    def __init__(self, folder: Path, classes: int, shape: tuple[int, int]) -> None:
        self._folder, self._classes, self._width = folder, classes, shape[1]
        self._bytes = classes * shape[0] * shape[1]  # of a slot
        with storage_errors(folder):
            self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 - closed by whoever made this

    def close(self) -> None:
        with suppress(OSError):  # a full disk was told when it was written to
            self._file.close()

    def read(self, slot: int | None, box: Box) -> NDArray:
        """What was written there; the sums for None."""
        with storage_errors(self._folder):
            found = np.empty((self._classes, *box.shape), self._seek(slot, box))
            if self._file.readinto(found.data) != found.nbytes:
                raise OSError(errno.EIO, "the file ends too early")
        return found

    def write(self, slot: int | None, box: Box, tile: NDArray) -> None:
        """Keep a tile."""
        with storage_errors(self._folder):
            self._seek(slot, box)
            self._file.write(np.ascontiguousarray(tile).data)

    def _seek(self, slot: int | None, box: Box) -> DTypeLike:
        """Go to where a tile is kept; of what type its pixels are."""
        dtype, start = (np.uint16, 0) if slot is None else (np.uint8, (2 + slot) * self._bytes)
        before = box.y0 * self._width + box.x0 * box.shape[0]  # pixels of the tiles above and to the left
        self._file.seek(start + self._classes * before * np.dtype(dtype).itemsize)
        return dtype
