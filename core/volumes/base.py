"""The base class of volumes: shape, dtype, voxel size and one method to read a slice."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.errors import VolumeError
from core.volumes.available_memory import refuse_beyond_memory

_KEPT = {"uint8": "uint8", "uint16": "uint16", "float32": "float32"}
# Conversions that keep every measured value: masks, signed scanner values, wide floats.
_READ_AS = _KEPT | {"bool": "uint8", "int8": "float32", "int16": "float32", "float16": "float32", "float64": "float32"}


def readable_dtype(stored: np.dtype[Any], where: str, *, as_stored: bool = False) -> np.dtype[Any]:
    """Return the dtype of the slices read from a stored dtype.

    ``uint8``, ``uint16`` and ``float32`` stay unchanged. ``bool`` becomes ``uint8`` (0 and 1). ``int8``, ``int16``,
    ``float16`` and ``float64`` become ``float32``. With ``as_stored``, integers and floats of any width stay unchanged.

    Raises
    ------
    VolumeError
        For any other dtype; the message names ``where``, a file or a folder.
    """
    if as_stored and np.dtype(stored).kind in "iuf":
        return np.dtype(stored).newbyteorder("=")
    name = _READ_AS.get(np.dtype(stored).name)
    if name is None:
        raise VolumeError(
            f"{where} holds {np.dtype(stored).name} values; allowed are uint8, uint16 and float32 (bool, int8, "
            "int16, float16 and float64 are converted on reading), so convert it to one of these."
        )
    return np.dtype(name)


@dataclass(frozen=True)
class VolumeInfo:
    """The description of a volume, available before any slice is read.

    Attributes
    ----------
    shape
        ``(Z, C, Y, X)`` in pixels.
    dtype
        The dtype of the slices read: uint8, uint16 or float32, unless opened ``as_stored``.
    voxel_nm
        Voxel size ``(z, y, x)`` in nanometres, None if unknown.
    channel_names
        One name per channel.
    """

    shape: tuple[int, int, int, int]
    dtype: np.dtype[Any]
    voxel_nm: tuple[float, float, float] | None
    channel_names: tuple[str, ...]


class Volume(ABC):
    """A stack of slices on disk, read one slice at a time from any thread.

    To add a file format, write a subclass. Its constructor takes ``(path, axes, voxel_nm, *, as_stored)`` and builds the
    ``VolumeInfo``; its method ``_read`` returns one slice. If reading takes more memory than twice the slice, say so in
    ``_memory_to_decode``. Then name the format in ``core.volumes.opening``.

    Raises
    ------
    VolumeError
        If a slice takes more memory than there is.
    """

    def __init__(self, path: Path, info: VolumeInfo) -> None:
        self.path = path
        self.info = info
        self._refuse_beyond_memory()

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """``(Z, C, Y, X)`` in pixels."""
        return self.info.shape

    @property
    def depth(self) -> int:
        """Number of slices."""
        return self.info.shape[0]

    @property
    def channels(self) -> int:
        """Number of channels."""
        return self.info.shape[1]

    @property
    def slice_shape(self) -> tuple[int, int]:
        """``(H, W)`` of a slice in pixels."""
        return self.info.shape[2:]

    @property
    def dtype(self) -> np.dtype[Any]:
        """The dtype of the slices read."""
        return self.info.dtype

    @property
    def voxel_nm(self) -> tuple[float, float, float] | None:
        """Voxel size ``(z, y, x)`` in nanometres, None if unknown."""
        return self.info.voxel_nm

    def read(self, z: int) -> NDArray[Any]:
        """Read one slice.

        Parameters
        ----------
        z
            Slice, counted from 0.

        Returns
        -------
        ndarray
            A new array ``(C, H, W)`` of the volume's dtype.

        Raises
        ------
        IndexError
            If ``z`` is out of range.
        VolumeError
            If the slice cannot be read, takes more memory than there is, or holds NaN or infinite values.
        """
        if not 0 <= z < self.depth:
            raise IndexError(f"slice {z} of a volume of {self.depth} slices, counted from 0")
        self._refuse_beyond_memory()
        try:
            image = np.ascontiguousarray(self._read(z), dtype=self.dtype)
        except MemoryError as error:
            raise VolumeError(
                f"There is not enough memory to read slice {z} of {self.path}; close other programs and try again."
            ) from error
        if image.shape != self.shape[1:]:
            raise VolumeError(
                f"Slice {z} of {self.path} has the shape {image.shape}, all others {self.shape[1:]} (channels, "
                "height, width); every slice must have the same size, so cut or remove it."
            )
        if image.dtype.kind == "f":
            _refuse_not_finite(image, z, self.path)
        return image

    @abstractmethod
    def _read(self, z: int) -> NDArray[Any]:
        """Read slice ``z`` as ``(C, H, W)``, in the stored dtype or the volume's."""

    def _memory_to_decode(self) -> int:
        """Return how many bytes decoding a slice takes at once, the slice as it is stored included."""
        return self._slice_bytes()

    def _slice_bytes(self) -> int:
        return math.prod(self.shape[1:]) * self.dtype.itemsize

    def _refuse_beyond_memory(self) -> None:
        refuse_beyond_memory(self._slice_bytes() + self._memory_to_decode(), f"A slice of {self.path}")

    def close(self) -> None:  # noqa: B027 - most formats keep no file open
        """Close open files."""

    def __enter__(self) -> Volume:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


def _refuse_not_finite(image: NDArray[Any], z: int, path: Path) -> None:
    # One value that is not finite makes the sum so too. The sum allocates no array, so count only if it fails.
    with np.errstate(all="ignore"):
        if np.isfinite(image.sum(dtype=np.float64)):
            return
    bad = int(np.count_nonzero(~np.isfinite(image)))
    if bad:
        raise VolumeError(
            f"Slice {z} of {path} has {bad} pixels that are NaN or infinite; only finite values are allowed, so "
            "replace them (for example by 0) and open the volume again."
        )
