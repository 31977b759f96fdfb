"""A slice with its neighbours, mirrored at the ends of the volume, every slice read once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from core.volumes.base import Volume, VolumeInfo
from core.volumes.slice_stack import SliceStack


class Numbered(Volume):
    """Slices of one grey value, ten times their number plus the channel's; remembers what is read."""

    def __init__(self, depth: int, channels: int = 1) -> None:
        super().__init__(Path("numbered"), VolumeInfo((depth, channels, 2, 3), np.dtype(np.uint8), None, ("",) * channels))
        self.reads: list[int] = []

    def _read(self, z: int) -> NDArray[Any]:
        self.reads.append(z)
        return np.broadcast_to(10 * z + np.arange(self.channels, dtype=np.uint8)[:, None, None], self.shape[1:])


def values(image: NDArray[Any]) -> list[int]:
    """The one grey value of each channel."""
    assert (image == image[:, :1, :1]).all()
    return image[:, 0, 0].tolist()


@pytest.mark.parametrize(
    ("z", "expected"), [(0, [20, 10, 0, 10, 20]), (1, [10, 0, 10, 20, 30]), (2, [0, 10, 20, 30, 40]), (4, [20, 30, 40, 30, 20])]
)
def test_the_volume_is_mirrored_beyond_its_ends(z: int, expected: list[int]) -> None:
    """Neighbours beyond the ends are mirrored, without repeating the end slice; the slice is in the middle."""
    image = SliceStack(Numbered(5), 2)(z)
    assert image.shape == (5, 2, 3)
    assert image.dtype == np.uint8
    assert values(image) == expected


def test_all_channels_of_a_slice_stay_together() -> None:
    """The lowest slice comes first, with all its channels."""
    assert values(SliceStack(Numbered(5, channels=2), 1)(2)) == [10, 11, 20, 21, 30, 31]


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_volumes_thinner_than_the_neighbourhood(depth: int) -> None:
    """Volumes of one, two and three slices have three neighbours on each side."""
    assert len(SliceStack(Numbered(depth), 3)(0)) == 7


@pytest.mark.parametrize("neighbours", [0, 1, 3])
def test_a_walk_reads_every_slice_once(neighbours: int) -> None:
    """Requests in order read every slice once and hold only the slices needed next."""
    volume = Numbered(9)
    seen = SliceStack(volume, neighbours)
    for z in range(9):
        assert values(seen(z))[neighbours] == 10 * z
        assert len(seen._held) <= 2 * neighbours + 1
    assert volume.reads == list(range(9))


@pytest.mark.parametrize("neighbours", [0, 1])
@pytest.mark.parametrize("z", [-1, 3])
def test_no_slice_outside_the_volume(neighbours: int, z: int) -> None:
    """A requested slice outside the volume raises IndexError; only neighbours are mirrored."""
    with pytest.raises(IndexError, match=f"slice {z} of a volume of 3 slices"):
        SliceStack(Numbered(3), neighbours)(z)
