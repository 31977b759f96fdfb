"""Read multi-page TIFF, BigTIFF, OME-TIFF and ImageJ TIFF, page by page."""

from __future__ import annotations

import itertools
import logging
import math
import os
import struct
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tifffile import COMPRESSION, TiffFile, TiffFileError, TiffFrame, TiffPage

from core.errors import VolumeError
from core.volumes.available_memory import refuse_beyond_memory
from core.volumes.axes import name_axes, to_cyx, to_zcyx
from core.volumes.base import Volume, VolumeInfo, readable_dtype
from core.volumes.formats.tiff_metadata import channel_names, stored_voxel_size
from core.volumes.voxel_size import VoxelSize

Page = TiffPage | TiffFrame

# This module raises an error for the faults that tifffile only logs.
logging.getLogger("tifffile").setLevel(logging.CRITICAL)

# tifffile, zlib and the codecs raise unrelated classes for a damaged file; numbers in it may be 0 or beyond all memory.
DAMAGE = (
    *(TiffFileError, ValueError, RuntimeError, OSError, IndexError, KeyError, TypeError, struct.error, EOFError),
    *(ArithmeticError, MemoryError, AssertionError, AttributeError),
)


_MOST_EXPANSION = {1: 1, 5: 1400, 8: 1040, 32773: 64, 32946: 1040}
"""Most bytes that a stored byte can unpack to, by TIFF's number of the compression: none, LZW, Deflate, PackBits, old Deflate."""


class TiffVolume(Volume):
    """A TIFF file as a volume.

    Values are returned as stored: no inverted or coloured look-up table is applied. Several images in one file count
    as slices if they are alike and two-dimensional; other combinations are rejected.

    Parameters
    ----------
    path
        The file.
    axes
        One letter of Z, C, Y, X per axis, or None to use the metadata.
    voxel_nm
        Voxel size ``(z, y, x)`` in nanometres, or None to use the metadata.
    as_stored
        Return values in the stored type; see ``open_volume``.

    Raises
    ------
    VolumeError
        If the file is damaged, truncated or not a single grey volume.
    """

    def __init__(self, path: Path, axes: str | None, voxel_nm: VoxelSize | None, *, as_stored: bool = False) -> None:
        self._lock = threading.Lock()
        self._tif = _open_tiff(path)
        try:
            super().__init__(path, self._describe(path, axes, voxel_nm, as_stored))
        except DAMAGE as error:
            self._tif.close()
            raise VolumeError(_damaged(path, error)) from error
        except BaseException:
            self._tif.close()
            raise

    def _describe(self, path: Path, axes: str | None, voxel_nm: VoxelSize | None, as_stored: bool) -> VolumeInfo:
        if not _page_table_is_whole(self._tif):
            raise VolumeError(_cut_short(path))
        stack = _find_stack(self._tif, path)
        letters = name_axes(stack.axes, stack.shape, axes, path)
        inner = len(stack.page_shape)
        self._outer, self._outer_shape = letters[: len(letters) - inner], stack.shape[: len(letters) - inner]
        self._inner, self._page_shape = letters[len(letters) - inner :], stack.page_shape
        if not set("YX") <= set(self._inner) <= set("YXC."):
            raise VolumeError(
                f'{path} stores pages of the shape {stack.page_shape}, which do not fit the axes "{letters}"; each page must '
                "hold Y and X (and optionally C), so save the volume with one slice per page or give other axes."
            )
        self._stack = stack
        _refuse_cut_data(self._tif, stack, path)
        shape = to_zcyx(stack.shape, letters)
        return VolumeInfo(
            shape,
            readable_dtype(stack.dtype, str(path), as_stored=as_stored),
            voxel_nm or stored_voxel_size(self._tif),
            channel_names(self._tif, shape[1]),
        )

    def _memory_to_decode(self) -> int:
        pages = len(self._page_numbers(0))
        if self._stack.offset is not None:
            return pages * math.prod(self._page_shape) * self._stack.dtype.itemsize
        return pages * self._stack.keyframe.nbytes + _memory_of_segments(self._stack.keyframe)

    def _read(self, z: int) -> NDArray[Any]:
        try:
            pages = [self._read_page(number) for number in self._page_numbers(z)]
        except DAMAGE as error:
            raise VolumeError(f"Slice {z} cannot be read: {_damaged(self.path, error)}") from error
        parts = [to_cyx(page, self._inner) for page in pages]
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def _page_numbers(self, z: int) -> list[int]:
        """Return the pages of slice ``z``, one per channel or one for all channels."""
        ranges = [[z] if letter == "Z" else range(length) for letter, length in zip(self._outer, self._outer_shape, strict=True)]
        return [int(np.ravel_multi_index(at, self._outer_shape)) if at else 0 for at in itertools.product(*ranges)]

    def _read_page(self, number: int) -> NDArray[Any]:
        if self._stack.offset is not None:
            return self._read_bytes(number)
        with self._lock:
            at, plane = divmod(number, self._stack.planes)
            page = self._stack.pages[at]
            if page is None:
                raise ValueError(f"page {at} is missing")
            return read_page(page, self.path).reshape(-1, *self._page_shape)[plane]

    def _read_bytes(self, number: int) -> NDArray[Any]:
        """Read a page of a contiguous uncompressed stack, without its page table."""
        stored = self._stack.dtype.newbyteorder(self._tif.byteorder)
        size = math.prod(self._page_shape) * stored.itemsize
        start = (self._stack.offset or 0) + number * size
        with self._lock:
            data = self._tif.filehandle
            data.seek(start)
            content = data.read(size)
        if len(content) < size:
            raise ValueError(f"page {number} ends after {len(content)} of {size} bytes")
        return np.frombuffer(content, stored).reshape(self._page_shape)

    def close(self) -> None:
        """Close the file."""
        self._tif.close()


class _Stack:
    """The pages of a volume in a TIFF: ``shape`` and ``axes`` of all pages, ``page_shape`` of one."""

    def __init__(self, pages: Sequence[Page | None], outer: tuple[tuple[int, str], ...], keyframe: TiffPage) -> None:
        self.pages = pages
        self.keyframe = keyframe
        self.planes = 1
        self.page_shape: tuple[int, ...] = keyframe.shape
        self.shape = tuple(length for length, _ in outer) + self.page_shape
        self.axes = "".join(letter for _, letter in outer) + keyframe.axes
        if keyframe.axes == "SYX":  # read each separate plane of a page as a page
            self.planes, self.page_shape = keyframe.shape[0], keyframe.shape[1:]
            if not outer and keyframe.is_shaped:  # tifffile writes a stack of three or four slices like this
                self.axes = "IYX"
        self.dtype = np.dtype(keyframe.dtype)
        self.offset: int | None = None


def _open_tiff(path: Path) -> TiffFile:
    try:
        return TiffFile(path)
    except DAMAGE as error:
        raise VolumeError(_damaged(path, error)) from error


def _find_stack(tif: TiffFile, path: Path) -> _Stack:
    series = tif.series
    if not series:
        raise VolumeError(f"{path} holds no image; give a TIFF with one page per slice.")
    first = series[0]
    if tif.is_imagej and first.kind != "imagej":
        raise VolumeError(_cut_short(path))
    if first.dtype is None:
        raise VolumeError(f"{path} holds pixels of a type that cannot be read; convert it to 8-bit or 16-bit grey.")
    keyframe = first.keyframe
    if len(series) > 1:
        if len({(s.shape, s.dtype) for s in series}) > 1 or len(first.shape) != 2:
            raise VolumeError(
                f"{path} holds {len(series)} separate images of the shapes {_listed([s.shape for s in series])}; "
                "one volume is allowed, so save the wanted one by itself."
            )
        return _Stack([s[0] for s in series], ((len(series), "Z"),), keyframe)
    outer_count = len(first.shape) - len(keyframe.shape)
    outer = tuple(zip(first.shape[:outer_count], first.axes[:outer_count], strict=True))
    stack = _Stack(first, outer, keyframe)
    stack.offset = first.dataoffset if stack.dtype.kind != "b" else None
    return stack


def read_page(page: Page, path: Path) -> NDArray[Any]:
    """Decode a page of a TIFF, as it is stored.

    Raises
    ------
    VolumeError
        If it takes more memory than there is, or promises more than its bytes can hold.
    """
    keyframe = page if isinstance(page, TiffPage) else page.keyframe
    if keyframe is None:
        raise ValueError("a page is described nowhere")
    if _promises_too_much(page, keyframe):
        raise VolumeError(_cut_short(path))
    refuse_beyond_memory(keyframe.nbytes + _memory_of_segments(keyframe), f"A page of {path}")
    return np.asarray(page.asarray())


def _promises_too_much(page: Page, keyframe: TiffPage) -> bool:
    """Return whether a page has more pixels than its strips or tiles can hold."""
    stored = page.databytecounts  # 0 for an empty one, as GDAL writes it
    if keyframe.compression != COMPRESSION.NONE and len(stored) < math.prod(keyframe.chunked):
        return True
    unpacked = keyframe.size * keyframe.bitspersample / 8
    return 0 not in stored and unpacked > sum(stored) * _MOST_EXPANSION.get(keyframe.compression, math.inf)


def read_pages(path: Path) -> list[NDArray[Any]]:
    """Read a TIFF of a few pages whole.

    Raises
    ------
    VolumeError
        If it is missing, damaged or takes more memory than there is.
    """
    try:
        with TiffFile(path) as tif:
            if not _page_table_is_whole(tif):
                raise VolumeError(_cut_short(path))
            return [read_page(page, path) for page in tif.pages]
    except DAMAGE as error:
        raise VolumeError(_damaged(path, error)) from error


def _memory_of_segments(page: TiffPage) -> int:
    """Return how many bytes the strips or tiles decoded at once take; a tile may be larger than its page."""
    if page.is_contiguous or page.dtype is None:
        return 0
    at_once = max(1, min(page.maxworkers, len(page.dataoffsets)))
    segment = math.prod(page.chunks) if page.is_tiled else page.size // max(1, page.imagelength // max(1, page.rowsperstrip))
    return at_once * segment * page.dtype.itemsize


def _listed(shapes: Sequence[tuple[int, ...]]) -> str:
    return ", ".join(str(shape) for shape in shapes[:3]) + (" ..." if len(shapes) > 3 else "")


def _page_table_is_whole(tif: TiffFile) -> bool:
    """Return whether the last page is marked as last and the first page's description is complete.

    In a truncated file, later pages or metadata are missing; tifffile does not report it.
    """
    if len(tif.pages) == 0:
        return False
    _, following = _page_entries(tif, tif.pages[len(tif.pages) - 1].offset)
    described = [start + size for code, size, start in _page_entries(tif, tif.pages.first.offset)[0] if code == 270]
    return following == 0 and all(end <= tif.filehandle.size for end in described)


def _page_entries(tif: TiffFile, offset: int) -> tuple[list[tuple[int, int, int]], int]:
    """Return ``(code, number of values, position)`` of every tag of a page, and the offset of the next page.

    ``offset`` is the file offset of the page. Positions are valid for text tags; a text stored in the page table itself
    ends at 0.
    """
    form, data = tif.tiff, tif.filehandle
    data.seek(offset)
    (count,) = struct.unpack(form.tagnoformat, data.read(form.tagnosize))
    table = data.read(count * form.tagsize)
    entry = struct.Struct(form.byteorder + ("HHQQ" if form.is_bigtiff else "HHII"))
    tags = [(code, n, place if n > form.offsetsize else -n) for code, _, n, place in entry.iter_unpack(table)]
    (following,) = struct.unpack(form.offsetformat, data.read(form.offsetsize))
    return tags, following


def _refuse_cut_data(tif: TiffFile, stack: _Stack, path: Path) -> None:
    size = tif.filehandle.size
    if stack.offset is not None:
        if stack.offset + math.prod(stack.shape) * stack.dtype.itemsize > size:
            raise VolumeError(_cut_short(path))
        return
    needed = math.prod(stack.shape[: len(stack.shape) - len(stack.page_shape)]) // stack.planes
    if len(stack.pages) < needed:
        raise VolumeError(_cut_short(path))
    last = stack.pages[needed - 1]
    if last is None:
        raise VolumeError(
            f"{path} names {needed} pages in its metadata but not all of them are there; copy the files that belong "
            "to it too, or save it again as one file."
        )
    end = max((o + n for o, n in zip(last.dataoffsets, last.databytecounts, strict=True)), default=0)
    if last.parent is tif and end > size:
        raise VolumeError(_cut_short(path))


def _cut_short(path: Path) -> str:
    return (
        f"{path} is cut short ({os.path.getsize(path)} bytes, fewer than its pages need); a whole file is needed, "
        f"so copy or save it again."
    )


def _damaged(path: Path, error: BaseException) -> str:
    detail = " ".join(str(error).split())[:160]
    return f"{path} is damaged or cut short ({detail}); a whole TIFF is needed, so copy or save it again."
