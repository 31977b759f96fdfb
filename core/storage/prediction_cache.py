"""Predicted slices cached on disk, to open a slice again at once.

Each is a TIFF of two uint8 pages, mask and confidence, readable by any viewer. All can be computed again: a damaged file
counts as absent, and the oldest files are removed when the cache is full.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tifffile
from numpy.typing import NDArray

from core.atomic import remove, sweep, temporary
from core.errors import VolumeError, storage_errors
from core.geometry import SliceId
from core.rights import make_folder, restrict
from core.volumes.formats.tiff import read_pages

_KEPT_BYTES = 4 * 2**30
_KEPT_ROUNDS = 2
_CHECK_EVERY = 32


@dataclass(frozen=True)
class Predicted:
    """The prediction of a round's model for one slice.

    ``mask`` is uint8 ``(H, W)`` of class ids; ``confidence`` uint8 ``(H, W)``, 255 times the probability of that class.
    """

    mask: NDArray[np.uint8]
    confidence: NDArray[np.uint8]
    round: int


class PredictionStore:
    """The predicted slices of one project, in ``folder/round-003/volume-0/slice-00012.tif``."""

    def __init__(self, folder: Path, kept_bytes: int = _KEPT_BYTES) -> None:
        self._folder = folder
        self._kept_bytes = kept_bytes
        self._saved = 0

    def load(self, round_: int, slice_id: SliceId) -> Predicted | None:
        """Return the cached prediction of a slice, or None."""
        try:
            mask, confidence = read_pages(self._path(round_, slice_id))
        except (VolumeError, ValueError):
            return None
        return Predicted(mask, confidence, round_)

    def stamp(self, round_: int, slice_id: SliceId) -> int | None:
        """Return the time in ns when the prediction of a slice was cached, to tell it from a later one; None if not cached."""
        try:
            return self._path(round_, slice_id).stat().st_mtime_ns
        except OSError:
            return None

    def save(self, slice_id: SliceId, predicted: Predicted) -> None:
        """Cache a prediction.

        Raises
        ------
        StorageError
            If the disk is full or not writable.
        """
        path = self._path(predicted.round, slice_id)
        written = temporary(path)
        try:
            with storage_errors(path):
                make_folder(path.parent)
                tifffile.imwrite(written, np.stack([predicted.mask, predicted.confidence]), compression="zstd",
                                 compressionargs={"level": 1}, photometric="minisblack")  # fmt: skip
                restrict(written)
                written.replace(path)
        finally:
            remove(written)
        self._saved += 1
        if self._saved % _CHECK_EVERY == 1:
            self.tidy(predicted.round)

    def tidy(self, newest_round: int) -> None:
        """Remove all rounds but the last two, what killed processes left, then the oldest files above the size limit."""
        for folder in self._folder.glob("round-*"):
            if int(folder.name.removeprefix("round-")) <= newest_round - _KEPT_ROUNDS:
                shutil.rmtree(folder, ignore_errors=True)
        sweep(self._folder.glob("round-*/volume-*"))
        files = sorted((f.stat().st_mtime, f.stat().st_size, f) for f in self._folder.rglob("slice-*.tif"))
        surplus = sum(size for _, size, _ in files) - self._kept_bytes
        for _, size, file in files:
            if surplus <= 0:
                return
            file.unlink(missing_ok=True)
            surplus -= size

    def _path(self, round_: int, slice_id: SliceId) -> Path:
        return self._folder / f"round-{round_:03d}" / f"volume-{slice_id.volume}" / f"slice-{slice_id.z:05d}.tif"
