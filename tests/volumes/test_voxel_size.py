"""Lengths in the units that programs write, in nanometres."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from core.errors import VolumeError
from core.volumes.voxel_size import checked_voxel_size, nanometres_per, voxel_size


@pytest.mark.parametrize(
    ("unit", "nanometres"),
    [
        ("nm", 1), (" NM ", 1), ("nanometer", 1), ("Nanometres", 1),
        ("µm", 1e3), ("\u03bcm", 1e3), ("um", 1e3), ("\\u00B5m", 1e3), ("micron", 1e3), ("microns", 1e3), ("micrometers", 1e3),
        ("mm", 1e6), ("millimetres", 1e6), ("cm", 1e7), ("m", 1e9), ("meters", 1e9),
        ("Å", 0.1), ("\u212b", 0.1), ("angstrom", 0.1), ("Angstroms", 0.1), ("pm", 1e-3), ("picometer", 1e-3),
        ("inch", 2.54e7), ("inches", 2.54e7), ("in", 2.54e7),
    ],
)  # fmt: skip
def test_units_of_length_are_known(unit: str, nanometres: float) -> None:
    """In any case, in the plural, with either micro sign, and as ImageJ escapes it."""
    assert nanometres_per(unit) == nanometres


@pytest.mark.parametrize("unit", [None, "", " ", "pixel", "pixels", "s", "sec", "ms", "ns", "kV", "%"])
def test_other_units_are_no_length(unit: str | None) -> None:
    """Least of all those of time: a symbol has no plural, so that "ms" is not several metres."""
    assert nanometres_per(unit) is None


def test_every_axis_has_a_unit_of_its_own() -> None:
    """Sizes and units are in the order z, y, x."""
    assert voxel_size([0.02, 5, 40], ["um", "nm", "Å"]) == (20.0, 5.0, 4.0)


@pytest.mark.parametrize("size", [None, 0, -5.0, math.nan, math.inf, 1e308, 1e-323])
def test_a_size_that_cannot_be_one_makes_the_whole_unknown(size: float | None) -> None:
    """Absent, not positive, not finite, or no longer so in nanometres."""
    unit = "pm" if size == 1e-323 else "m"
    for at in range(3):
        sizes, units = [1.0, 1.0, 1.0], ["nm", "nm", "nm"]
        sizes[at], units[at] = size, unit
        assert voxel_size(sizes, units) is None


def test_an_unknown_unit_makes_the_whole_unknown() -> None:
    """Two known lengths are no voxel."""
    assert voxel_size([1, 1, 1], ["nm", "nm", "pixel"]) is None


def test_a_size_and_a_unit_for_each_axis() -> None:
    """Anything else is a fault of the caller."""
    with pytest.raises(ValueError, match="zip"):
        voxel_size([1, 1, 1], ["nm", "nm"])


def test_a_size_from_the_user_becomes_floats() -> None:
    """As the records store it."""
    checked = checked_voxel_size((20, 5, 5), Path("a.tif"))
    assert checked == (20.0, 5.0, 5.0)
    assert [type(length) for length in checked] == [float, float, float]


@pytest.mark.parametrize("given", [(), (5.0,), (5.0, 5.0), (5.0,) * 4, (0, 5, 5), (5, -5, 5), (5, 5, math.nan), (5, 5, math.inf)])
def test_a_size_from_the_user_is_three_positive_lengths(given: tuple[float, ...]) -> None:
    """The error gives the size, the file and what is needed."""
    with pytest.raises(VolumeError) as told:
        checked_voxel_size(given, Path("a.tif"))  # type: ignore[arg-type]
    assert str(told.value) == (
        f"The voxel size {given} was given for a.tif; it needs three positive lengths (z, y, x) in nanometres."
    )
