"""Stack a slice and its neighbours as channels, for models with more than one input slice."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.geometry import mirrored
from core.volumes.base import Volume


class SliceStack:
    """The model input for each slice of a volume; use it from one thread at a time.

    Called for consecutive slices in order, it reads every slice once: it keeps only the slices shared with the last
    call. Beyond its first and last slice the volume is mirrored.

    Parameters
    ----------
    volume
        The volume to read from.
    neighbours
        Slices on each side.
    """

    def __init__(self, volume: Volume, neighbours: int) -> None:
        self._volume, self._neighbours = volume, neighbours
        self._held: dict[int, NDArray[Any]] = {}

    def __call__(self, z: int) -> NDArray[Any]:
        """Return slices ``z - neighbours`` to ``z + neighbours`` as channels, in the volume's dtype.

        The shape is ``(C * (2 * neighbours + 1), H, W)``. All channels of the lowest slice come first; slice ``z`` is
        in the middle. Do not write to the array.

        Raises
        ------
        IndexError
            If ``z`` is out of range.
        VolumeError
            If a slice cannot be read.
        """
        if not self._neighbours:
            return self._volume.read(z)
        if not 0 <= z < self._volume.depth:
            raise IndexError(f"slice {z} of a volume of {self._volume.depth} slices, counted from 0")
        wanted = mirrored(np.arange(z - self._neighbours, z + self._neighbours + 1), self._volume.depth).tolist()
        held = {at: self._held[at] for at in wanted if at in self._held}
        self._held = held | {at: self._volume.read(at) for at in sorted({*wanted} - held.keys())}
        return np.concatenate([self._held[at] for at in wanted])
