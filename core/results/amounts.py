"""Amount of each class: pixels, share and volume, counted slice by slice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.config import UNLABELLED

_NM3_PER_UM3 = 1e9


@dataclass(frozen=True)
class Amount:
    """The amount of one class.

    Attributes
    ----------
    pixels
        Voxels of the class in the working region.
    fraction
        Share of all counted voxels, 0 to 1; None without any.
    volume_um3
        Cubic micrometres; None without a voxel size.
    """

    pixels: int
    fraction: float | None
    volume_um3: float | None


class Counter:
    """A counter of the pixels of each class, one slice after the other.

    Parameters
    ----------
    classes
        Number of classes ``K``.
    inside
        The working region, bool ``(H, W)``; pixels outside are not counted. None is the whole slice.
    """

    def __init__(self, classes: int, inside: NDArray[np.bool_] | None = None) -> None:
        self._inside = inside
        self.pixels = np.zeros(classes, dtype=np.int64)

    def add(self, mask: NDArray[np.uint8]) -> None:
        """Count one slice: class ids, uint8 ``(H, W)``; 255 is unlabelled and not counted.

        Raises
        ------
        ValueError
            If the mask differs in shape from the region, or has a class outside ``0 .. K - 1``.
        """
        if self._inside is not None and mask.shape != self._inside.shape:
            raise ValueError(f"mask and region need one shape, got {mask.shape} and {self._inside.shape}")
        found = np.bincount(mask.reshape(-1) if self._inside is None else mask[self._inside], minlength=256)
        if found[len(self.pixels) : UNLABELLED].any():
            raise ValueError(f"classes are 0 to {len(self.pixels) - 1}, got {np.flatnonzero(found[:UNLABELLED])[-1]}")
        self.pixels += found[: len(self.pixels)]

    def amounts(self, voxel_nm: Sequence[float] | None = None) -> tuple[Amount, ...]:
        """Return the amount of each class so far.

        Parameters
        ----------
        voxel_nm
            Voxel size ``(z, y, x)`` in nanometres, if known.
        """
        total = int(self.pixels.sum())
        voxel_um3 = None if voxel_nm is None else float(np.prod(voxel_nm)) / _NM3_PER_UM3
        return tuple(
            Amount(n, n / total if total else None, None if voxel_um3 is None else n * voxel_um3) for n in self.pixels.tolist()
        )
