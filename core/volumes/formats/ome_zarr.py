"""Read zarr v2 and v3 arrays and OME-Zarr images."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import zarr
from numpy.typing import NDArray

from core.errors import VolumeError
from core.volumes.axes import name_axes, to_cyx, to_zcyx
from core.volumes.base import Volume, VolumeInfo, readable_dtype
from core.volumes.formats.tiff_metadata import numbered_names
from core.volumes.formats.zarr_chunks import chunk_beyond_its_pixels
from core.volumes.voxel_size import VoxelSize, voxel_size

_UNNAMED = {2: "YX", 3: "ZYX"}  # the only unambiguous orders


class ZarrVolume(Volume):
    """A zarr array, or the highest resolution of an OME-Zarr image, as a volume.

    A chunk never written reads as the array's fill value, as the zarr standard prescribes. A chunk of several slices
    is decoded again for each of them.

    Parameters
    ----------
    path
        The folder of the array or of the image.
    axes
        One letter of Z, C, Y, X per axis, or None to use the metadata.
    voxel_nm
        Voxel size ``(z, y, x)`` in nanometres, or None to use the metadata.
    as_stored
        Return values in the stored type; see ``open_volume``.

    Raises
    ------
    VolumeError
        If the zarr is damaged or not a single grey volume.
    """

    def __init__(self, path: Path, axes: str | None, voxel_nm: VoxelSize | None, *, as_stored: bool = False) -> None:
        try:
            image = _find_image(path)
        except VolumeError:
            raise
        except Exception as error:  # zarr raises a different class for every fault in metadata
            raise VolumeError(_damaged(path, error)) from error
        self._array = image.array
        self._letters = name_axes(image.axes, self._array.shape, axes, path)
        shape = to_zcyx(self._array.shape, self._letters)
        if 0 in shape:
            raise VolumeError(f"{path} has the shape {self._array.shape} and so holds no pixel; at least one slice is needed.")
        names = numbered_names(list(image.channel_names), shape[1])
        voxel_nm = voxel_nm or _stored_voxel_size(image)
        dtype = readable_dtype(self._array.dtype, str(path), as_stored=as_stored)
        super().__init__(path, VolumeInfo(shape, dtype, voxel_nm, names))

    def _memory_to_decode(self) -> int:
        stored = self._array.dtype.itemsize
        lengths = [1 if letter == "Z" else length for letter, length in zip(self._letters, self._array.shape, strict=True)]
        chunks = math.prod(-(-length // chunk) for length, chunk in zip(lengths, self._array.chunks, strict=True))
        at_once = min(chunks, int(zarr.config.get("async.concurrency")))
        return stored * (math.prod(lengths) + at_once * math.prod(self._array.chunks))

    def _read(self, z: int) -> NDArray[Any]:
        at = tuple(slice(z, z + 1) if letter == "Z" else slice(None) for letter in self._letters)
        try:
            bomb = chunk_beyond_its_pixels(self._array, at)
            block = np.empty(0) if bomb else np.asarray(self._array[at])
        except Exception as error:  # every codec raises its own class for a damaged chunk
            raise VolumeError(f"Slice {z} cannot be read: {_damaged(self.path, error)}") from error
        if bomb:
            raise VolumeError(
                f"Slice {z} cannot be read: {bomb} unpacks to far more bytes than a chunk of {self.path} has; the zarr is "
                "damaged, so copy or save it again."
            )
        return to_cyx(block, self._letters.replace("Z", "."))


class _Image(NamedTuple):
    array: zarr.Array[Any]
    axes: str
    units: tuple[str | None, ...]
    scale: tuple[float, ...] | None
    channel_names: tuple[str | None, ...]


def _find_image(path: Path) -> _Image:
    found = zarr.open(path, mode="r")
    if isinstance(found, zarr.Array):
        return _plain(found)
    attributes: dict[str, Any] = dict(found.attrs)
    described = attributes.get("ome", attributes)  # OME-Zarr 0.5 nests its metadata one level deeper
    multiscales = described.get("multiscales")
    if multiscales:
        return _multiscale(found, multiscales[0], described.get("omero", {}))
    arrays = sorted(name for name, _ in found.arrays())
    if len(arrays) != 1:
        raise VolumeError(
            f"{path} is a zarr group of {len(arrays)} arrays ({', '.join(arrays[:5]) or 'none'}) and not an "
            "OME-Zarr image; give the path of one array."
        )
    return _plain(_array(found, arrays[0]))


def _array(group: zarr.Group, name: str) -> zarr.Array[Any]:
    found = group[name]
    if not isinstance(found, zarr.Array):
        raise ValueError(f"{name} is not an array")
    return found


def _plain(array: zarr.Array[Any]) -> _Image:
    names = getattr(array.metadata, "dimension_names", None) or array.attrs.get("_ARRAY_DIMENSIONS")
    unknown = _UNNAMED.get(array.ndim, "Q" * array.ndim)
    letters = [_letter(str(name)) for name in names] if isinstance(names, Sequence) and len(names) == array.ndim else []
    named = "".join(letters)
    usable = len(set(named)) == len(named) and set("YX") <= set(named)
    return _Image(array, named if usable else unknown, (None,) * array.ndim, None, ())


def _letter(name: str) -> str:
    """Return the letter of an axis name, such as Z for ``z`` or ``depth``; ``Q`` for an unknown name."""
    first = name.strip().upper()
    known = {"CHANNEL": "C", "TIME": "T", "DEPTH": "Z", "HEIGHT": "Y", "WIDTH": "X"}
    return known.get(first, first if len(first) == 1 and first in "TCZYX" else "Q")


def _multiscale(group: zarr.Group, described: Mapping[str, Any], omero: Mapping[str, Any]) -> _Image:
    # The standard puts the highest resolution first, but not every writer does; take the largest array.
    levels = [(level, _array(group, level["path"])) for level in described["datasets"]]
    level, array = max(levels, key=lambda pair: pair[1].size)
    axes = described.get("axes") or list("tczyx")[-array.ndim :]
    names = [axis if isinstance(axis, str) else axis["name"] for axis in axes]
    if len(names) != array.ndim:
        raise VolumeError(
            f"{group.store_path} names {len(names)} axes for an array of the shape {array.shape}; the metadata are "
            "damaged, so save the image again."
        )
    units = tuple(None if isinstance(axis, str) else axis.get("unit") for axis in axes)
    scale = _combined_scale([*level.get("coordinateTransformations", ()), *described.get("coordinateTransformations", ())])
    labels = tuple(channel.get("label") for channel in omero.get("channels", ()))
    return _Image(array, "".join(_letter(name) for name in names), units, scale, labels)


def _combined_scale(transforms: Sequence[Mapping[str, Any]]) -> tuple[float, ...] | None:
    scales = [transform["scale"] for transform in transforms if transform.get("type") == "scale" and "scale" in transform]
    return tuple(float(v) for v in np.prod(scales, axis=0)) if scales else None


def _stored_voxel_size(image: _Image) -> VoxelSize | None:
    if image.scale is None or not set("ZYX") <= set(image.axes):
        return None
    at = [image.axes.index(letter) for letter in "ZYX"]
    return voxel_size([image.scale[i] for i in at], [image.units[i] for i in at])


def _damaged(path: Path, error: BaseException) -> str:
    detail = " ".join(f"{type(error).__name__}: {error}".split())[:160]
    return f"{path} is a damaged zarr ({detail}); a whole one is needed, so copy or save it again."
