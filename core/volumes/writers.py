"""Write results as TIFF and OME-Zarr stacks, page by page, whole or not at all."""

from __future__ import annotations

import math
import os
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree
from xml.sax.saxutils import quoteattr

import numpy as np
import zarr
from numpy.typing import DTypeLike, NDArray
from tifffile import TiffFile, TiffWriter

from core.atomic import move_over, remove, sweep, sync, temporary
from core.errors import ProjectError, storage_errors
from core.rights import restrict

WRITER = "Underpaint"
"""Creator name in files by Underpaint, which may be replaced without asking."""

_TIFF = {".tif", ".tiff"}
_OME_TYPES = {"uint8": "uint8", "uint16": "uint16", "float32": "float"}
_CLASSIC_LIMIT = 2**32 - 2**25  # bytes of pixels in a classic TIFF, with room for its page table
_CHUNK = 1024


@dataclass(frozen=True)
class _Layout:
    pages: int
    page_shape: tuple[int, ...]
    dtype: np.dtype[Any]
    voxel_nm: tuple[float, float, float] | None
    channel_names: tuple[str, ...]

    def __post_init__(self) -> None:
        if self.pages < 1 or len(self.page_shape) not in (2, 3) or 0 in self.page_shape:
            raise ValueError(f"a stack needs pages of (H, W) or (K, H, W), got {self.pages} of {self.page_shape}")
        if self.dtype.name not in _OME_TYPES:
            raise ValueError(f"a stack holds {', '.join(_OME_TYPES)}, got {self.dtype}")
        if self.channel_names and len(self.channel_names) != self.channels:
            raise ValueError(f"{len(self.channel_names)} channel names for pages of {self.page_shape}")

    @property
    def channels(self) -> int:
        return self.page_shape[0] if len(self.page_shape) == 3 else 1

    @property
    def nbytes(self) -> int:
        return self.pages * math.prod(self.page_shape) * self.dtype.itemsize

    def names(self) -> tuple[str, ...]:
        return self.channel_names or tuple(f"channel {k + 1}" for k in range(self.channels))


class StackWriter(ABC):
    """A writer of the pages of one stack, made by ``open_stack``; it writes to ``partial``, renamed to ``path`` later."""

    def __init__(self, path: Path, partial: Path, layout: _Layout) -> None:
        self._path, self._layout = path, layout
        self._written: set[int] = set()

    def write(self, index: int, page: NDArray[Any]) -> None:
        """Write one page.

        Parameters
        ----------
        index
            Page, counted from 0. A TIFF takes pages in order, a zarr in any order and from any thread.
        page
            Array of the stack's ``page_shape`` and dtype.

        Raises
        ------
        ValueError
            If the page does not fit the stack, was written before or, for a TIFF, is out of order.
        StorageError
            If the disk is full.
        """
        layout = self._layout
        if page.shape != layout.page_shape or page.dtype != layout.dtype:
            raise ValueError(f"page {page.shape} {page.dtype} in a stack of {layout.page_shape} {layout.dtype}")
        if not 0 <= index < layout.pages or index in self._written:
            raise ValueError(f"page {index} of {layout.pages} is out of range or was written before")
        with storage_errors(self._path):
            self._write(index, page)
        self._written.add(index)

    def _check_whole(self) -> None:
        if len(self._written) < self._layout.pages:
            raise ValueError(f"{len(self._written)} of {self._layout.pages} pages of {self._path} were written")

    @abstractmethod
    def _write(self, index: int, page: NDArray[Any]) -> None: ...

    @abstractmethod
    def _close(self) -> None: ...


@contextmanager
def open_stack(
    path: Path,
    *,
    pages: int,
    page_shape: tuple[int, ...],
    dtype: DTypeLike,
    voxel_nm: tuple[float, float, float] | None = None,
    channel_names: Sequence[str] = (),
    overwrite: bool = False,
) -> Iterator[StackWriter]:
    """Write a stack page by page; it appears under its name only when complete.

    Parameters
    ----------
    path
        ``.tif`` or ``.tiff`` for an OME-TIFF (zlib; BigTIFF where needed), ``.zarr`` for an OME-Zarr 0.4.
    pages
        Number of pages; all must be written.
    page_shape
        ``(H, W)``, or ``(K, H, W)`` for K channels.
    dtype
        uint8, uint16 or float32.
    voxel_nm
        Voxel size ``(z, y, x)`` in nanometres, stored in the file.
    channel_names
        K names, or none.
    overwrite
        Replace a file by another program; a file by Underpaint is always replaced.

    Raises
    ------
    ProjectError
        If the suffix is unknown, the folder is missing or another program's file exists.
    StorageError
        If the disk is full or not writable; the earlier file at ``path`` is kept, also if it cannot be replaced.
    """
    path = Path(path)
    layout = _Layout(pages, tuple(page_shape), np.dtype(dtype), voxel_nm, tuple(channel_names))
    check_stack_path(path, overwrite=overwrite)
    partial = temporary(path)
    try:
        with storage_errors(path):
            writer: StackWriter = _writer_for(path)(path, partial, layout)
        try:
            yield writer
            writer._check_whole()
        finally:
            with storage_errors(path):
                writer._close()
        with storage_errors(path):
            _put_in_place(partial, path)
    finally:
        remove(partial)


def _writer_for(path: Path) -> type[_TiffStack] | type[_ZarrStack]:
    return _ZarrStack if path.suffix.lower() == ".zarr" else _TiffStack


def check_stack_path(path: Path, *, overwrite: bool = False) -> None:
    """Raise unless :func:`open_stack` may write to a path; call it before long work.

    Raises
    ------
    ProjectError
        If the suffix is unknown, the folder is missing or another program's file exists.
    """
    if path.suffix.lower() not in _TIFF | {".zarr"}:
        raise ProjectError(
            f'"{path.name}" cannot be written; allowed are names that end in .tif, .tiff or .zarr, so choose one of these.'
        )
    if not path.parent.is_dir():
        raise ProjectError(
            f"The folder {path.parent} does not exist, so {path.name} cannot be written; make it or choose another."
        )
    sweep([path.parent])
    if path.exists() and not overwrite and not _is_ours(path):
        raise ProjectError(
            f"{path} exists and was not written by {WRITER}, which replaces only its own files; choose another name or remove it."
        )


def _is_ours(path: Path) -> bool:
    try:
        if path.is_dir():
            found = zarr.open_group(path, mode="r").attrs.asdict()
            return found.get("creator") == WRITER
        with TiffFile(path) as tif:
            return str(tif.pages.first.software).startswith(WRITER)
    except Exception:  # an unreadable file is not ours
        return False


class _TiffStack(StackWriter):
    def __init__(self, path: Path, partial: Path, layout: _Layout) -> None:
        super().__init__(path, partial, layout)
        self._tif = TiffWriter(partial, bigtiff=layout.nbytes > _CLASSIC_LIMIT)

    def _write(self, index: int, page: NDArray[Any]) -> None:
        if index != len(self._written):
            raise ValueError(f"a TIFF takes its pages in order; page {len(self._written)} is next, got {index}")
        for k, channel in enumerate(page.reshape(-1, *page.shape[-2:])):
            self._tif.write(
                np.ascontiguousarray(channel),
                photometric="minisblack",
                compression="zlib",
                description=_ome_xml(self._layout) if index == k == 0 else None,
                metadata=None,
                software=WRITER,
                **_resolution(self._layout.voxel_nm),
            )

    def _close(self) -> None:
        self._tif.close()


def _resolution(voxel_nm: tuple[float, float, float] | None) -> dict[str, Any]:
    """Return the resolution tags in pixels per centimetre, for programs without OME support."""
    if voxel_nm is None:
        return {}
    _, y, x = voxel_nm
    return {"resolution": (1e7 / x, 1e7 / y), "resolutionunit": "CENTIMETER"}


def _ome_xml(layout: _Layout) -> bytes:
    height, width = layout.page_shape[-2:]
    sizes = zip("ZYX", layout.voxel_nm or (), strict=False)
    physical = "".join(f' PhysicalSize{a}="{v!r}" PhysicalSize{a}Unit="nm"' for a, v in sizes)
    channels = "".join(
        f'<Channel ID="Channel:0:{k}" SamplesPerPixel="1" Name={quoteattr(n)}/>' for k, n in enumerate(layout.names())
    )
    schema = "http://www.openmicroscopy.org/Schemas/OME/2016-06"
    xml = (
        f'<?xml version="1.0" encoding="UTF-8"?><OME xmlns="{schema}" '
        f'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" '
        f'xsi:schemaLocation="{schema} {schema}/ome.xsd" Creator="{WRITER}"><Image ID="Image:0" Name="{WRITER}">'
        f'<Pixels ID="Pixels:0" DimensionOrder="XYCZT" Type="{_OME_TYPES[layout.dtype.name]}" SizeX="{width}" '
        f'SizeY="{height}" '
        f'SizeC="{layout.channels}" SizeZ="{layout.pages}" '
        f'SizeT="1"{physical}>{channels}<TiffData/></Pixels></Image></OME>'
    ).encode()
    ElementTree.fromstring(xml)  # fail here, not in the reader, for a name invalid in XML
    return xml


class _ZarrStack(StackWriter):
    def __init__(self, path: Path, partial: Path, layout: _Layout) -> None:
        super().__init__(path, partial, layout)
        height, width = layout.page_shape[-2:]
        group = zarr.create_group(partial, zarr_format=2, attributes=_ome_attributes(layout))
        self._array = group.create_array(
            "0",
            shape=(layout.pages, layout.channels, height, width),
            chunks=(1, 1, min(height, _CHUNK), min(width, _CHUNK)),
            dtype=layout.dtype,
            chunk_key_encoding={"name": "v2", "separator": "/"},
        )

    def _write(self, index: int, page: NDArray[Any]) -> None:
        self._array[index] = page.reshape(self._array.shape[1:])

    def _close(self) -> None:
        pass


def _ome_attributes(layout: _Layout) -> dict[str, Any]:
    z, y, x = layout.voxel_nm or (1.0, 1.0, 1.0)
    unit = {"unit": "nanometer"} if layout.voxel_nm else {}
    return {
        "creator": WRITER,
        "multiscales": [
            {
                "version": "0.4",
                "name": WRITER,
                "axes": [
                    {"name": "z", "type": "space", **unit},
                    {"name": "c", "type": "channel"},
                    {"name": "y", "type": "space", **unit},
                    {"name": "x", "type": "space", **unit},
                ],
                "datasets": [{"path": "0", "coordinateTransformations": [{"type": "scale", "scale": [z, 1.0, y, x]}]}],
            }
        ],
        "omero": {"channels": [{"label": name, "active": True, "color": "FFFFFF"} for name in layout.names()]},
    }


def _put_in_place(partial: Path, path: Path) -> None:
    for folder, _, files in os.walk(partial) if partial.is_dir() else ():
        for name in files:
            sync(Path(folder) / name)
        sync(Path(folder))
    if partial.is_file():
        sync(partial)
    restrict(partial)
    move_over(partial, path)
