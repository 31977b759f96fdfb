"""Open a path as a volume, whatever its format."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from core.errors import VolumeError
from core.volumes.axes import flat_image
from core.volumes.base import Volume
from core.volumes.formats.folder import FolderVolume, image_shape
from core.volumes.formats.tiff import TiffVolume
from core.volumes.voxel_size import VoxelSize, checked_voxel_size

_TIFF_MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_FLAT_SUFFIXES = {".png", ".jpg", ".jpeg"}
_ZARR_FILES = ("zarr.json", ".zarray", ".zgroup", ".zattrs")


def open_volume(path: Path, *, axes: str | None = None, voxel_nm: VoxelSize | None = None, as_stored: bool = False) -> Volume:
    """Open a TIFF file, a folder of images or a zarr as a volume, without reading a slice.

    Parameters
    ----------
    path
        A ``.tif``/``.tiff`` file (classic, BigTIFF, OME, ImageJ); a folder of one image per slice, in natural order of
        names; a zarr v2 or v3 array; or an OME-Zarr, opened at its highest resolution.
    axes
        One letter per axis, or per axis longer than 1, such as ``"ZCYX"``. Overrides the metadata, and is needed only if they
        name no axes.
    voxel_nm
        Voxel size ``(z, y, x)`` in nanometres; overrides the file's own.
    as_stored
        Read integers and floats of any width unchanged, as class ids need it. By default values become uint8, uint16 or
        float32.

    Returns
    -------
    Volume
        The volume, readable slice by slice from any thread; close it when done.

    Raises
    ------
    VolumeError
        If ``path`` does not exist, cannot be read or is no grey volume.
    """
    path = Path(path)
    if voxel_nm is not None:
        voxel_nm = checked_voxel_size(voxel_nm, path)
    try:
        of_format = _format_of(path)
    except OSError as error:
        raise VolumeError(
            f"{path} cannot be read ({error.strerror}); check the path, its permissions and the disk that holds it."
        ) from error
    return of_format(path, axes, voxel_nm, as_stored=as_stored)


def _format_of(path: Path) -> Callable[..., Volume]:
    """Return the class for a path's format; raise ``VolumeError`` for any other, ``OSError`` where the disk gives no answer."""
    if not path.exists():
        raise VolumeError(f"There is no file or folder {path}; check the path, or whether the disk that holds it is mounted.")
    return _format_of_folder(path) if path.is_dir() else _format_of_file(path)


def _format_of_folder(path: Path) -> Callable[..., Volume]:
    if any((path / name).exists() for name in _ZARR_FILES):
        from core.volumes.formats.ome_zarr import ZarrVolume  # importing zarr takes half a second; most starts need none

        return ZarrVolume
    if path.suffix.lower() == ".zarr":
        raise VolumeError(
            f"{path} has no zarr metadata (zarr.json, .zarray or .zgroup); it is damaged or not a zarr, so copy it again."
        )
    return FolderVolume


def _format_of_file(path: Path) -> Callable[..., Volume]:
    with path.open("rb") as file:
        magic = file.read(4)
    if not magic:
        raise VolumeError(f"{path} is empty (0 bytes); an image volume is needed, so copy or save it again.")
    if magic in _TIFF_MAGIC:
        return TiffVolume
    if path.suffix.lower() in _FLAT_SUFFIXES:
        raise VolumeError(flat_image(path, image_shape(path)))
    raise VolumeError(
        f"{path} is not an image that can be read here; allowed are TIFF files, folders of TIFF, PNG or JPEG "
        "images, and zarr, so convert it to one of these."
    )
