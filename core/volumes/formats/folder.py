"""Read a folder of images, one per slice."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError
from tifffile import TiffFile

from core.errors import VolumeError
from core.volumes.axes import colour_image
from core.volumes.base import Volume, VolumeInfo, readable_dtype
from core.volumes.formats.tiff import DAMAGE, read_page
from core.volumes.voxel_size import VoxelSize

_TIFF = {".tif", ".tiff"}
_SUFFIXES = _TIFF | {".png", ".jpg", ".jpeg"}
_MOST_PIXELS = 2 * (Image.MAX_IMAGE_PIXELS or 0)  # Pillow's own limit
_GREY_MODES = {"1": "bool", "L": "uint8", "I;16": "uint16", "I;16B": "uint16", "I;16L": "uint16", "F": "float32"}
_UNREADABLE = (*DAMAGE, UnidentifiedImageError, SyntaxError)  # Pillow raises SyntaxError for a broken PNG


class FolderVolume(Volume):
    """A folder of grey images of one size and type, in natural order of names (2 before 10).

    Other files are ignored. Opening reads the header of every image; pixels are read slice by slice.

    Parameters
    ----------
    path
        The folder.
    axes
        None or ``"ZYX"``, the only order of a folder of images.
    voxel_nm
        Voxel size ``(z, y, x)`` in nanometres, None if unknown; single images do not store their distance.
    as_stored
        Return values in the stored type; see ``open_volume``.

    Raises
    ------
    VolumeError
        If there are no images, or an image, named in the message, is unreadable or differs from the first.
    """

    def __init__(self, path: Path, axes: str | None, voxel_nm: VoxelSize | None, *, as_stored: bool = False) -> None:
        if axes is not None and axes.strip().upper() != "ZYX":
            raise VolumeError(
                f'The axes "{axes}" were given for the folder {path}; a folder of images is "ZYX", so leave them out.'
            )
        self._files = _image_files(path)
        first = _header(self._files[0])
        for file in self._files[1:]:
            _refuse_other(file, _header(file), self._files[0], first)
        height, width = first.shape
        super().__init__(
            path,
            VolumeInfo(
                (len(self._files), 1, height, width),
                readable_dtype(first.dtype, str(self._files[0]), as_stored=as_stored),
                voxel_nm,
                ("channel 1",),
            ),
        )

    def _memory_to_decode(self) -> int:
        return 2 * self._slice_bytes()  # Pillow's picture and its bytes

    def _read(self, z: int) -> NDArray[Any]:
        file = self._files[z]
        try:
            return _pixels(file)[np.newaxis]
        except _UNREADABLE as error:
            raise VolumeError(_unreadable(file, error)) from error


class _Header(NamedTuple):
    shape: tuple[int, ...]
    dtype: np.dtype[Any]


def natural_key(name: str) -> list[tuple[int, str]]:
    """Return a sort key for natural order: ``slice2`` before ``slice10``, ignoring case."""
    return [(int(part), "") if part.isdecimal() else (0, part) for part in re.split(r"(\d+)", name.lower())]


def image_shape(file: Path) -> tuple[int, ...]:
    """Return ``(H, W)`` of a single image.

    Raises
    ------
    VolumeError
        If the image cannot be read or is not grey.
    """
    return _header(file).shape


def _image_files(path: Path) -> list[Path]:
    try:
        found = [f for f in path.iterdir() if f.suffix.lower() in _SUFFIXES and not f.name.startswith(".")]
    except OSError as error:
        raise VolumeError(f"The folder {path} cannot be read ({error.strerror}); check its permissions.") from error
    if not found:
        raise VolumeError(
            f"The folder {path} holds no images; a volume needs one TIFF, PNG or JPEG image per slice, so choose "
            "the folder they lie in."
        )
    return sorted(found, key=lambda file: natural_key(file.name))


def _header(file: Path) -> _Header:
    if file.stat().st_size == 0:
        raise VolumeError(f"{file} is empty (0 bytes); every image of the folder is a slice, so save it again or remove it.")
    try:
        return _tiff_header(file) if file.suffix.lower() in _TIFF else _picture_header(file)
    except Image.DecompressionBombError as error:
        raise VolumeError(
            f"{file} says that it has more pixels than a PNG or JPEG image may have here ({_MOST_PIXELS:,}); save it "
            "as TIFF, or again if it is smaller."
        ) from error
    except _UNREADABLE as error:
        raise VolumeError(_unreadable(file, error)) from error


def _tiff_header(file: Path) -> _Header:
    with TiffFile(file) as tif:
        page = tif.pages.first
        if len(tif.pages) > 1:
            raise VolumeError(
                f"{file} has {len(tif.pages)} pages; a folder has one image per slice, so open this file by itself or remove it."
            )
        if len(page.shape) != 2 or page.dtype is None:
            raise VolumeError(colour_image(str(file), page.samplesperpixel))
        return _Header(page.shape, np.dtype(page.dtype))


def _picture_header(file: Path) -> _Header:
    with Image.open(file) as picture:
        if picture.mode not in _GREY_MODES:
            raise VolumeError(colour_image(str(file), len(picture.getbands()) if picture.mode != "P" else 3))
        return _Header((picture.height, picture.width), np.dtype(_GREY_MODES[picture.mode]))


def _refuse_other(file: Path, header: _Header, first_file: Path, first: _Header) -> None:
    if header.shape != first.shape:
        raise VolumeError(
            f"{file} is {header.shape[0]} x {header.shape[1]} pixels and {first_file.name} is {first.shape[0]} x "
            f"{first.shape[1]} (height x width); all slices must have one size, so crop or remove those that differ."
        )
    if header.dtype != first.dtype:
        raise VolumeError(
            f"{file} holds {header.dtype} values and {first_file.name} {first.dtype}; all slices must have one type, "
            "so convert those that differ."
        )


def _pixels(file: Path) -> NDArray[Any]:
    if file.suffix.lower() in _TIFF:
        with TiffFile(file) as tif:
            return read_page(tif.pages.first, file)
    with Image.open(file) as picture:
        return np.asarray(picture)


def _unreadable(file: Path, error: BaseException) -> str:
    detail = " ".join(str(error).split())[:160]
    return (
        f"{file} cannot be read as an image ({detail}); it is damaged or not what its name says, so save it again or remove it."
    )
