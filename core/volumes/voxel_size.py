"""Convert voxel sizes to nanometres."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

from core.errors import VolumeError

VoxelSize = tuple[float, float, float]
"""``(z, y, x)`` in nanometres."""

_NANOMETRES = {
    "m": 1e9, "meter": 1e9, "metre": 1e9,
    "cm": 1e7, "centimeter": 1e7, "centimetre": 1e7,
    "mm": 1e6, "millimeter": 1e6, "millimetre": 1e6,
    "um": 1e3, "µm": 1e3, "μm": 1e3, "micron": 1e3, "microns": 1e3, "micrometer": 1e3, "micrometre": 1e3,
    "nm": 1.0, "nanometer": 1.0, "nanometre": 1.0,
    "å": 0.1, "angstrom": 0.1, "a": 0.1,
    "pm": 1e-3, "picometer": 1e-3, "picometre": 1e-3,
    "inch": 2.54e7, "inches": 2.54e7, "in": 2.54e7,
}  # fmt: skip


def nanometres_per(unit: str | None) -> float | None:
    """Return the nanometres in one unit of length, None for other units (``pixel``, empty, unknown)."""
    if not unit:
        return None
    text = unit.strip().replace("\\u00B5", "µ").lower()
    one = text.removesuffix("s") if len(text) > 3 else text  # symbols have no plural: "ms" is a time
    return _NANOMETRES.get(text) or _NANOMETRES.get(one)


def voxel_size(sizes: Sequence[float | None], units: Sequence[str | None]) -> VoxelSize | None:
    """Convert sizes ``(z, y, x)``, each with its unit, to nanometres; None unless all are known and positive."""
    found = []
    for size, unit in zip(sizes, units, strict=True):
        factor = nanometres_per(unit)
        length = 0.0 if size is None or factor is None else float(size) * factor
        if not (math.isfinite(length) and length > 0):
            return None
        found.append(length)
    z, y, x = found
    return z, y, x


def checked_voxel_size(voxel_nm: VoxelSize, path: Path) -> VoxelSize:
    """Return a voxel size from the user as floats.

    Raises
    ------
    VolumeError
        Unless it consists of three positive lengths.
    """
    if len(voxel_nm) != 3 or not all(math.isfinite(v) and v > 0 for v in voxel_nm):
        raise VolumeError(
            f"The voxel size {tuple(voxel_nm)} was given for {path}; it needs three positive lengths (z, y, x) in nanometres."
        )
    z, y, x = (float(v) for v in voxel_nm)
    return z, y, x
