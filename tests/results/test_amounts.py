"""Tests of core.results.amounts."""

from __future__ import annotations

import numpy as np
import pytest

from core.results.amounts import Amount, Counter

MASK = np.array([[0, 0, 1], [0, 2, 255]], dtype=np.uint8)


def test_slices_are_added_up() -> None:
    """Pixels of several slices count together; unlabelled ones do not count."""
    counter = Counter(3)
    counter.add(MASK)
    counter.add(np.ones((1, 5), dtype=np.uint8))

    assert counter.amounts() == (Amount(3, 0.3, None), Amount(6, 0.6, None), Amount(1, 0.1, None))


def test_pixels_outside_the_region_are_not_counted() -> None:
    """The share is of the working region, not of the slice."""
    counter = Counter(3, np.array([[True, False, True], [False, False, False]]))
    counter.add(MASK)

    assert [a.fraction for a in counter.amounts()] == [0.5, 0.5, 0]


def test_volume_comes_from_the_voxel_size() -> None:
    """1000 voxels of 10 x 100 x 100 nm are 0.1 cubic micrometres."""
    counter = Counter(2)
    counter.add(np.ones((10, 100), dtype=np.uint8))

    assert counter.amounts((10, 100, 100))[1].volume_um3 == pytest.approx(0.1)


def test_nothing_counted_has_no_share() -> None:
    """Before the first slice the fraction is not measured, rather than 0."""
    assert Counter(2).amounts((1, 1, 1)) == (Amount(0, None, 0.0), Amount(0, None, 0.0))


def test_an_unknown_class_is_refused() -> None:
    """A class that is not in the list is never dropped silently."""
    with pytest.raises(ValueError, match="classes are 0 to 1, got 2"):
        Counter(2).add(MASK)


def test_a_mask_of_another_shape_is_refused() -> None:
    """The message names both shapes."""
    with pytest.raises(ValueError, match=r"got \(2, 3\) and \(4, 4\)"):
        Counter(3, np.ones((4, 4), dtype=bool)).add(MASK)
