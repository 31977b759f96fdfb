"""Read label files from other tools."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np
import tifffile
from numpy.typing import NDArray

from core.config import UNLABELLED
from core.errors import LabelError, VolumeError
from core.volumes import Volume, open_volume
from core.volumes.formats.tiff import DAMAGE, read_page


class LabelFile:
    """A label file: a TIFF, a folder of images or a zarr of class ids, integral values of any numeric dtype.

    Only one page is in memory at a time.

    Parameters
    ----------
    path
        The file.
    shape
        Required ``(H, W)`` of every page.
    classes
        Number of classes; ids are 0 to ``classes - 1``, and 255 for unlabelled.

    Raises
    ------
    LabelError
        If the pages have another shape or several channels.
    VolumeError
        If the file cannot be read.
    """

    def __init__(self, path: Path, shape: tuple[int, int], classes: int) -> None:
        self.path, self._shape, self._classes = path, shape, classes
        single = _single_page(path)
        self._single = single
        self._volume = None if single is not None else _open_pages(path)
        pages, channels, *found = (1, 1, *single.shape) if single is not None else self._volume.shape  # type: ignore[union-attr]
        if channels != 1 or tuple(found) != shape:
            raise LabelError(
                f"{path} has pages of {found[0]} x {found[1]} pixels and {channels} channel(s); the volume's slices "
                f"have {shape[0]} x {shape[1]}, and a label has one channel: export the labels again at that size."
            )
        self.pages = pages

    def read(self, page: int) -> NDArray[np.uint8]:
        """Read one page of class ids, uint8 ``(H, W)``.

        Raises
        ------
        LabelError
            If a value is no class id of the project.
        """
        raw = self._single if self._single is not None else self._volume.read(page)[0]  # type: ignore[union-attr]
        with np.errstate(invalid="ignore"):  # a value out of uint8 range differs from its cast and is found below
            ids = raw.astype(np.uint8)
        wrong = raw[(ids != raw) | ((ids >= self._classes) & (ids != UNLABELLED))]
        if wrong.size:
            raise LabelError(
                f"Page {page} of {self.path} holds the value {float(wrong[0]):g}; allowed are the class ids 0 to "
                f"{self._classes - 1}, and {UNLABELLED} for unlabelled: add the class or correct the file."
            )
        return ids

    def pages_for(self, slices: Sequence[int] | None, depth: int) -> list[tuple[int, int]]:
        """Match pages to slices: return ``(page, z)`` pairs in order of z.

        Raises
        ------
        LabelError
            If the pages match neither the slices of the volume nor the slices listed. Also if a listed slice is out of
            range or listed twice.
        """
        listed = list(range(depth)) if slices is None else list(slices)
        outside = [z for z in listed if not 0 <= z < depth]
        if outside or len(set(listed)) != len(listed):
            what = f"slice {outside[0]} is out of range" if outside else "a slice is listed twice"
            raise LabelError(f"Of the slices listed, {what}; the volume has slices 0 to {depth - 1}, each listed once.")
        if self.pages == depth:
            return sorted((z, z) for z in listed)
        if self.pages == len(listed):
            return sorted(((page, z) for page, z in enumerate(listed)), key=lambda pair: pair[1])
        raise LabelError(
            f"{self.path} has {self.pages} pages; allowed are {depth} (one for each slice of the volume) or "
            f"{len(listed)} (one for each slice listed)."
        )


def _open_pages(path: Path) -> Volume:
    """Open the file as a volume; treat a few pages mislabelled as channels as pages."""
    try:
        return open_volume(path, as_stored=True)
    except VolumeError:
        with suppress(VolumeError):
            return open_volume(path, axes="ZYX", as_stored=True)
        raise


def _single_page(path: Path) -> NDArray[np.generic] | None:
    """Return the page of a single-page 2-D TIFF, a valid label but no volume; None for any other file."""
    if path.suffix.lower() not in (".tif", ".tiff") or not path.is_file():
        return None
    try:
        with tifffile.TiffFile(path) as tiff:
            if len(tiff.pages) != 1:  # first, because a damaged file may seem to have very many
                return None
            first = tiff.series[0]
            if first.ndim == 2 and first.dtype is not None and first.dtype.kind in "buif":
                return read_page(tiff.pages.first, path).reshape(first.shape)
    except DAMAGE:
        return None  # opening it as a volume reports the fault
    return None
