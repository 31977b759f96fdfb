"""The simulated annotator's cost of a correction, in seconds.

The annotator opens a slice, moves the cursor from each wrong patch to the nearest one left, and paints each patch in one
stroke (after RootPainter's simulated annotator, Abe404/root_painter ``trainer/tests``). The speeds are frozen in
``AnnotatorConfig``, to keep savings comparable over the years; benchmarks vary them by half and double.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import center_of_mass, label

from core.config import UNLABELLED, AnnotatorConfig

_EIGHT_CONNECTED = np.ones((3, 3), dtype=int)


@dataclass(frozen=True)
class Effort:
    """The effort to turn masks into others; add efforts with ``+``.

    Attributes
    ----------
    slices
        Slices to open.
    changed_pixels
        Pixels to paint.
    strokes
        8-connected patches of pixels to paint with one class.
    travel_pixels
        Path length of the cursor in pixels: from the slice's centre over the patch centres, each time to the nearest one left.
    """

    slices: int = 0
    changed_pixels: int = 0
    strokes: int = 0
    travel_pixels: float = 0.0

    def __add__(self, other: Effort) -> Effort:
        return Effort(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(self)))

    def seconds(self, config: AnnotatorConfig) -> float:
        """Return the seconds needed by a person with these speeds."""
        painting = self.changed_pixels / config.paint_px_per_s
        travelling = self.travel_pixels / config.travel_px_per_s
        return self.slices * config.open_s + painting + travelling + self.strokes * config.stroke_s


def effort(shown: NDArray[np.uint8], wanted: NDArray[np.uint8]) -> Effort:
    """Return the effort to turn the shown mask of one slice into the wanted one.

    Parameters
    ----------
    shown, wanted
        Class ids, uint8 ``(H, W)``. Where ``wanted`` is 255, unknown, nothing is painted.

    Raises
    ------
    ValueError
        If the shapes differ.
    """
    if shown.shape != wanted.shape:
        raise ValueError(f"both masks need one shape, got {shown.shape} and {wanted.shape}")
    changed = (shown != wanted) & (wanted != UNLABELLED)
    centres = [_patch_centres(changed & (wanted == value)) for value in np.unique(wanted[changed])]
    stops = np.concatenate(centres) if centres else np.empty((0, 2))
    middle = (np.array(shown.shape) - 1) / 2
    return Effort(1, int(changed.sum()), len(stops), _travel(middle, stops))


def _patch_centres(pixels: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return the centre ``(y, x)`` of every 8-connected patch, float ``(N, 2)``."""
    patches, count = label(pixels, structure=_EIGHT_CONNECTED)
    return np.array(center_of_mass(pixels, patches, np.arange(1, count + 1)), dtype=float).reshape(-1, 2)


def _travel(start: NDArray[np.float64], stops: NDArray[np.float64]) -> float:
    """Return the length of the path over all stops, each time to the nearest one left."""
    total, here = 0.0, start
    for left in range(len(stops), 0, -1):
        distances = np.hypot(*(stops[:left] - here).T)
        nearest = int(distances.argmin())
        total += float(distances[nearest])
        here = stops[nearest].copy()
        stops[nearest] = stops[left - 1]  # the last stop left replaces the visited one
    return total
