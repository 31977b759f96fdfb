"""Average the predictions of neighbouring slices (z-averaging), with the sums in a temporary file."""

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
"""Returns the model input for a slice, raw ``(C, H, W)``."""


class ZAveraged:
    """The z-averaged predictions of a volume: the mean over ``across`` slices on each side, fewer near the ends.

    With ``across`` 0, a prediction is the mean over two views of the slice (``Predictor.alone``). Otherwise request
    slices in ascending order: each is then predicted once, in a different view from its neighbours
    (``Predictor.in_turn``). Predictions of neighbours are stored in a file, deleted on exit from the context; they take
    no memory.

    Parameters
    ----------
    predictor
        The model.
    slice_input
        Returns the model input for a slice.
    shape
        ``(Z, H, W)`` of the volume, in pixels.
    across
        Slices on each side; 0 predicts every slice by itself.
    folder
        Folder of the file, which takes ``(2 * across + 3) * K`` bytes per pixel of a slice.
    """

    def __init__(
        self, predictor: Predictor, slice_input: SliceInput, shape: tuple[int, int, int], across: int, folder: Path
    ) -> None:
        self._predictor = predictor if across else predictor.alone()
        self.classes, self.views = predictor.classes, self._predictor.views
        self._slice_input, self._across = slice_input, across
        self._depth, self._shape = shape[0], shape[1:]
        self._held = range(0)  # the slices in the sums
        self._tiles = _Tiles(folder, self.classes, self._shape) if across else None

    def __enter__(self) -> ZAveraged:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._tiles is not None:
            self._tiles.close()

    def probabilities(self, z: int) -> NDArray[np.float32]:
        """Return the class probabilities of a slice, float32 ``(K, H, W)``.

        Raises
        ------
        VolumeError
            If a slice cannot be read or does not fit the model.
        StorageError
            If the disk has no room for the temporary file.
        """
        if self._tiles is None:
            return self._predictor.probabilities(self._slice_input(z))
        result = np.empty((self.classes, *self._shape), np.float32)
        for box, total in self._totals(z):
            result[:, *box.slices] = total / total.sum(axis=0)
        return result

    def labels(self, z: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """Return the likeliest class and its probability times 255, both uint8 ``(H, W)``.

        Raises the same errors as :meth:`probabilities`.
        """
        if self._tiles is None:
            return self._predictor.labels(self._slice_input(z))
        mask, confidence = (np.empty(self._shape, np.uint8) for _ in range(2))
        for box, total in self._totals(z):
            likeliest = winners(torch.from_numpy(total / (255 * len(self._held))))
            mask[box.slices], confidence[box.slices] = (part.numpy() for part in likeliest)
        return mask, confidence

    def _totals(self, z: int) -> Iterator[tuple[Box, NDArray[np.float32]]]:
        """Yield the summed probabilities around a slice, times 255, float32 ``(K, h, w)``, tile by tile."""
        assert self._tiles is not None
        reach = min(self._across, z, self._depth - 1 - z)  # an uneven range would shift the result along z
        first, last = z - reach, z + reach
        if not self._held.start <= first <= self._held.stop <= last + 1:
            self._held = range(first, first)
        for new in range(self._held.stop, last + 1):
            self._add(new)
        for old in range(self._held.start, first):
            self._subtract(old)
        for box in tile_boxes(self._shape, self._predictor.config.tile):
            yield box, self._tiles.read(None, box).astype(np.float32)

    def _add(self, new: int) -> None:
        """Predict a slice and add it to the sums, in place of the slice now out of range."""
        assert self._tiles is not None
        slot, full = new % (2 * self._across + 1), len(self._held) > 2 * self._across
        for box, found in self._predictor.in_turn(new).tiles(self._slice_input(new)):
            now = np.rint(found * 255).astype(np.uint8)
            total = self._tiles.read(None, box) if self._held else np.zeros(now.shape, np.uint16)
            if full:
                total -= self._tiles.read(slot, box)
            total += now
            self._tiles.write(None, box, total)
            self._tiles.write(slot, box, now)
        self._held = range(self._held.start + full, new + 1)

    def _subtract(self, old: int) -> None:
        """Subtract a slice out of range; at the end of a volume no new slice replaces it."""
        assert self._tiles is not None
        for box in tile_boxes(self._shape, self._predictor.config.tile):
            total = self._tiles.read(None, box)
            total -= self._tiles.read(old % (2 * self._across + 1), box)
            self._tiles.write(None, box, total)
        self._held = range(old + 1, self._held.stop)


class _Tiles:
    """Tiles ``(K, h, w)`` in an unnamed file: the sums, uint16, and single slices, uint8, in numbered slots."""

    def __init__(self, folder: Path, classes: int, shape: tuple[int, int]) -> None:
        self._folder, self._classes, self._width = folder, classes, shape[1]
        self._bytes = classes * shape[0] * shape[1]  # of a slot
        with storage_errors(folder):
            self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 - closed by whoever made this

    def close(self) -> None:
        with suppress(OSError):  # a full disk was already reported on writing
            self._file.close()

    def read(self, slot: int | None, box: Box) -> NDArray:
        """Read a tile from a slot, or from the sums for None."""
        with storage_errors(self._folder):
            found = np.empty((self._classes, *box.shape), self._seek(slot, box))
            if self._file.readinto(found.data) != found.nbytes:
                raise OSError(errno.EIO, "the file ends too early")
        return found

    def write(self, slot: int | None, box: Box, tile: NDArray) -> None:
        """Write a tile to a slot, or to the sums for None."""
        with storage_errors(self._folder):
            self._seek(slot, box)
            self._file.write(np.ascontiguousarray(tile).data)

    def _seek(self, slot: int | None, box: Box) -> DTypeLike:
        """Seek to the position of a tile and return its dtype."""
        dtype, start = (np.uint16, 0) if slot is None else (np.uint8, (2 + slot) * self._bytes)
        before = box.y0 * self._width + box.x0 * box.shape[0]  # pixels of the tiles above and to the left
        self._file.seek(start + self._classes * before * np.dtype(dtype).itemsize)
        return dtype
