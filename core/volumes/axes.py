"""Assign Z, C, Y and X to the axes of a stored array, from metadata or from the user."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.errors import VolumeError

DROPPED = "."
"""Marks an axis of length 1 to drop, such as a single time point."""

_MOST_CHANNELS = 8  # no microscope has more detectors


def name_axes(found: str, shape: tuple[int, ...], given: str | None, path: Path) -> str:
    """Name every axis of an array Z, C, Y or X, or ``.`` for an axis to drop.

    Axes from the user override the metadata. A single time axis or unnamed axis counts as Z, because many programs
    write an image sequence as a time series. So does a single C axis longer than eight, as some libraries write for
    ImageJ.

    Parameters
    ----------
    found
        One letter per axis from the metadata; T is time, S colour samples, any other letter unknown.
    shape
        Length of every axis.
    given
        Axes from the user, such as ``"ZCYX"``, or None: one letter per axis, or per axis longer than 1.
    path
        Path to name in error messages.

    Raises
    ------
    VolumeError
        If the axes do not fit the array or leave Z undetermined.
    """
    if given is not None:
        return _given_axes(given, shape, path)
    letters = [DROPPED if n == 1 and a not in "ZCYX" else a for a, n in zip(found.upper(), shape, strict=True)]
    _refuse_colour(letters, shape, path)
    others = [i for i, letter in enumerate(letters) if letter not in "ZCYX."]
    if len(others) == 1 and "Z" not in letters:
        letters[others[0]] = "Z"
        others = []
    elif not others and "Z" not in letters and "C" in letters and shape[letters.index("C")] > _MOST_CHANNELS:
        letters[letters.index("C")] = "Z"
    if others and "Z" in letters:
        raise VolumeError(
            f"{path} has the axes {found} with lengths {shape}; allowed are Z, C, Y and X, "
            "so save one time point or position by itself."
        )
    if others:
        raise VolumeError(
            f"{path} has the shape {shape} and its metadata do not say which axis is which; "
            'give the axes, for example axes "ZCYX" or "CZYX" (C is channels).'
        )
    if "Z" not in letters:
        raise VolumeError(flat_image(path, shape, channels="C" in letters))
    if any(letters.count(letter) != 1 for letter in "ZYX") or letters.count("C") > 1:
        raise VolumeError(
            f"{path} has the axes {found} with lengths {shape}; Z, Y and X are needed once each and C at most once, "
            'so give the axes, for example axes "ZYX".'
        )
    return "".join(letters)


def flat_image(path: Path, shape: tuple[int, ...], *, channels: bool = False) -> str:
    """Return the error message for a single image in place of a volume."""
    what = f"one 2-D image with channels, shape {shape}" if channels else f"one 2-D image, shape {shape}"
    hint = ' or, if its pages are slices, give axes "ZYX"' if channels else ""
    return (
        f"{path} is {what}; a volume needs slices, so give a multi-page TIFF or the folder that holds all images "
        f"of the stack{hint}."
    )


def _given_axes(given: str, shape: tuple[int, ...], path: Path) -> str:
    letters = given.strip().upper()
    if len(set(letters)) != len(letters) or not set("ZYX") <= set(letters) <= set("ZCYX"):
        raise VolumeError(
            f'The axes "{given}" were given for {path}; allowed are Z, Y and X once each and C at most once, '
            'such as "ZYX" or "ZCYX".'
        )
    if len(shape) == 2:
        raise VolumeError(flat_image(path, shape))
    if len(letters) == len(shape):
        return letters
    if len(letters) != sum(n > 1 for n in shape):
        raise VolumeError(
            f'The axes "{given}" name {len(letters)} axes but {path} has {len(shape)}, with lengths {shape}; '
            "give one letter for each, or for each longer than 1."
        )
    left = iter(letters)
    return "".join(next(left) if n > 1 else DROPPED for n in shape)


def _refuse_colour(letters: list[str], shape: tuple[int, ...], path: Path) -> None:
    if "S" in letters:
        raise VolumeError(colour_image(str(path), shape[letters.index("S")]))


def colour_image(where: str, samples: int) -> str:
    """Return the error message for a colour image."""
    kind = {2: "grey with transparency", 3: "RGB colour", 4: "RGB colour with transparency"}.get(samples, "colour")
    return (
        f"{where} is {kind} ({samples} values per pixel) where grey values are expected; convert it to 8-bit or "
        "16-bit grey, or save the colours as separate channels."
    )


def to_zcyx(shape: tuple[int, ...], letters: str) -> tuple[int, int, int, int]:
    """Return the lengths as ``(Z, C, Y, X)``, with 1 for a missing axis."""
    length = dict(zip(letters, shape, strict=True))
    return length["Z"], length.get("C", 1), length["Y"], length["X"]


def to_cyx(array: NDArray[Any], letters: str) -> NDArray[Any]:
    """Transpose an array to ``(C, Y, X)``; ``letters`` names its axes: Y, X, optionally C and ``.``."""
    kept = letters.replace(DROPPED, "")
    array = array.reshape([n for n, letter in zip(array.shape, letters, strict=True) if letter != DROPPED])
    if "C" not in kept:
        array, kept = array[np.newaxis], "C" + kept
    return array.transpose([kept.index(letter) for letter in "CYX"])
