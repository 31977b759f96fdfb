"""A slice with its neighbours as channels, for a model that looks at more than one slice."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.geometry import mirrored
from core.volumes.base import Volume


class SliceStack:
    """What a model is given of each slice of a volume; from one thread at a time.

    Called for one slice after the other in order, it reads every slice once: what the next one shares with the last is
    kept, and nothing else. Beyond the first and the last slice the volume is mirrored.

    Parameters
    ----------
    volume
        Where slices are read.
    neighbours
        Slices on each side.
    """

    def __init__(self, volume: Volume, neighbours: int) -> None:
        self._volume, self._neighbours = volume, neighbours
        self._held: dict[int, NDArray[Any]] = {}

    def __call__(self, z: int) -> NDArray[Any]:
        """Slices ``z - neighbours`` to ``z + neighbours`` as ``(C * (2 * neighbours + 1), H, W)`` in the volume's dtype.

        All channels of the lowest slice come first; the slice itself is in the middle. Not to be written to.

        Raises
        ------
        IndexError
            If there is no slice ``z``.
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
