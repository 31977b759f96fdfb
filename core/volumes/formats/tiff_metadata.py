"""Read voxel size and channel names from OME-TIFF and ImageJ metadata."""

from __future__ import annotations

from xml.etree import ElementTree

from tifffile import TiffFile

from core.volumes.voxel_size import VoxelSize, nanometres_per, voxel_size


def stored_voxel_size(tif: TiffFile) -> VoxelSize | None:
    """Return the voxel size ``(z, y, x)`` in nanometres; None unless the file stores all three.

    Outside OME and ImageJ files, the TIFF resolution is ignored: it is nearly always a print resolution.
    """
    if tif.is_ome:
        return _ome_voxel_size(tif)
    if tif.is_imagej:
        return _imagej_voxel_size(tif)
    return None


def channel_names(tif: TiffFile, channels: int) -> tuple[str, ...]:
    """Return the channel names from OME metadata, else ``channel 1``, ``channel 2`` ..."""
    pixels = _ome_pixels(tif) if tif.is_ome else None
    named = [] if pixels is None else [child.get("Name") for child in pixels if _local(child) == "Channel"]
    return numbered_names(named, channels)


def numbered_names(names: list[str | None], channels: int) -> tuple[str, ...]:
    """Return exactly ``channels`` names; missing names are numbered from 1."""
    padded = [*names, *[None] * channels][:channels]
    return tuple(name or f"channel {number}" for number, name in enumerate(padded, start=1))


def _local(element: ElementTree.Element) -> str:
    return element.tag.rpartition("}")[2]


def _ome_pixels(tif: TiffFile) -> ElementTree.Element | None:
    try:
        root = ElementTree.fromstring((tif.ome_metadata or "").encode())
    except ElementTree.ParseError:
        return None
    return next((element for element in root.iter() if _local(element) == "Pixels"), None)


def _ome_voxel_size(tif: TiffFile) -> VoxelSize | None:
    pixels = _ome_pixels(tif)
    if pixels is None:
        return None
    sizes = [_number(pixels.get(f"PhysicalSize{axis}")) for axis in "ZYX"]
    units = [pixels.get(f"PhysicalSize{axis}Unit", "µm") for axis in "ZYX"]  # µm is the standard's default
    return voxel_size(sizes, units)


def _imagej_voxel_size(tif: TiffFile) -> VoxelSize | None:
    metadata = tif.imagej_metadata or {}
    unit = metadata.get("unit")
    if nanometres_per(unit) is None:
        return None
    y, x = (_length_per_pixel(tif, tag) for tag in ("YResolution", "XResolution"))
    # ImageJ omits a spacing of 1; other programs may omit an unknown spacing.
    z = _number(metadata.get("spacing", 1.0 if x == 1.0 else None))
    units = [metadata.get("zunit", unit), metadata.get("yunit", unit), unit]
    return voxel_size([z, y, x], units)


def _length_per_pixel(tif: TiffFile, tag: str) -> float | None:
    found = tif.pages.first.tags.get(tag)
    if found is None:
        return None
    pixels, lengths = found.value
    return lengths / pixels if pixels else None


def _number(text: object) -> float | None:
    try:
        return None if text is None else float(str(text))
    except ValueError:
        return None
