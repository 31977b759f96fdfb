"""Shape-based interpolation: a mask between two labelled ones, from the distances to the borders of their classes.

After Herman, Zheng and Bucholtz, "Shape-based interpolation" (IEEE Computer Graphics and Applications 12(3), 1992) and
Raya and Udupa, "Shape-based interpolation of multidimensional objects" (IEEE Transactions on Medical Imaging 9(1),
1990). Every class of a mask becomes a signed distance to its border, positive inside. Distances, unlike masks, can be
averaged. They are computed only where the two masks differ, as no average changes common pixels: whole distance transforms
of 6000 x 6000 pixels would take 2.5 s for every class of either mask.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from core.config import UNLABELLED
from core.geometry import Box, bounds, tile_boxes

REACH = 127
"""Largest distance to a border in pixels; larger ones are clipped, so that a tile needs only this margin."""

_TILE = 256


def interpolate(below: NDArray[np.uint8], above: NDArray[np.uint8], weight: float) -> NDArray[np.uint8]:
    """Interpolate a mask between two others.

    Parameters
    ----------
    below, above
        uint8 ``(H, W)``: class ids, 255 where unlabelled.
    weight
        Position between them, 0 (``below``) to 1 (``above``).

    Returns
    -------
    ndarray
        uint8 ``(H, W)``: the class with the greatest weighted signed distance, the lower id of equal ones; 255 where
        either mask is unlabelled. As always with this method, a shape without overlap in the other mask ends close to its
        own slice.

    Raises
    ------
    ValueError
        If the shapes differ or the weight lies outside 0 to 1.
    """
    if below.shape != above.shape or below.ndim != 2:
        raise ValueError(f"both masks need one shape (H, W), got {below.shape} and {above.shape}")
    if not 0 <= weight <= 1:
        raise ValueError(f"a weight lies between 0 and 1, got {weight}")
    differ = (below != above) & (below != UNLABELLED) & (above != UNLABELLED)
    between = np.where(below == above, below, np.uint8(UNLABELLED))
    shape = (below.shape[0], below.shape[1])
    classes = np.setdiff1d(np.concatenate([np.unique(below), np.unique(above)]), UNLABELLED)
    for tile in tile_boxes(shape, _TILE):
        inside = bounds(differ[tile.slices])
        if inside is not None:
            box = inside.shifted(tile.y0, tile.x0)
            wanted = differ[box.slices]
            between[box.slices][wanted] = _winners(below, above, weight, box, wanted, classes)
    return between


def _winners(
    below: NDArray[np.uint8],
    above: NDArray[np.uint8],
    weight: float,
    tile: Box,
    wanted: NDArray[np.bool_],
    classes: NDArray[np.uint8],
) -> NDArray[np.uint8]:
    """Return the classes of the ``wanted`` pixels of a tile, uint8 ``(N,)``."""
    windows = [_window(mask, tile) for mask in (below, above)]
    near = np.array([c for c in classes if any((window == c).any() for window in windows)], np.uint8)
    own = [np.searchsorted(near, mask[tile.slices][wanted]) for mask in (below, above)]
    scores = np.zeros((len(near), len(own[0])), np.float32)
    for window, rival, share in zip(windows, own[::-1], (1 - weight, weight), strict=True):
        outside = _distances(np.stack([window == c for c in near]), wanted, rival)
        inside = np.min(outside, axis=0, initial=REACH, where=outside > 0)  # to the nearest pixel of another class
        scores += np.float32(share) * np.where(outside > 0, np.float32(0.5) - outside, inside - np.float32(0.5))
    return near[np.argmax(scores, axis=0)]


def _window(mask: NDArray[np.uint8], tile: Box) -> NDArray[np.uint8]:
    """Return a tile with ``REACH`` pixels around it, 255 beyond the mask."""
    near = tile.grown(REACH, (mask.shape[0], mask.shape[1]))
    missing = (
        (near.y0 - tile.y0 + REACH, tile.y1 + REACH - near.y1),
        (near.x0 - tile.x0 + REACH, tile.x1 + REACH - near.x1),
    )
    return np.pad(mask[near.slices], missing, constant_values=UNLABELLED)


def _distances(members: NDArray[np.bool_], wanted: NDArray[np.bool_], rival: NDArray[np.intp]) -> NDArray[np.float32]:
    """Return the Euclidean distance of ``wanted`` pixels to the nearest member of each class, up to ``REACH``.

    As in exact distance transforms, distances within the columns come first. The lower envelope of their parabolas along the
    rows follows, here only as far as a decision needs. A pixel has one class in this mask and another, its rival, in the other
    mask. A third class as far as the rival in one mask loses at any weight. So a lower bound of its distance is enough.

    Parameters
    ----------
    members
        bool ``(K, H + 2 * REACH, W + 2 * REACH)``, the tile with its margin.
    wanted
        bool ``(H, W)`` with N pixels set.
    rival
        ``(N,)``: index of a class for each of them.

    Returns
    -------
    ndarray
        float32 ``(K, N)`` in pixels: exact up to the rival's distance, a lower bound of at least that beyond.
    """
    height, width = wanted.shape
    squares = np.square(_column_distances(members)[:, REACH : REACH + height], dtype=np.uint16)
    nearest = squares[:, :, REACH : REACH + width].copy()
    sideways = np.empty_like(nearest)
    pixels = np.flatnonzero(wanted)
    rivals = rival * wanted.size + pixels
    for step in range(1, REACH):
        square = np.uint16(step * step)
        if step % 4 == 1 and not (nearest.take(rivals) > square).any():
            break
        left, right = squares[:, :, REACH - step :][:, :, :width], squares[:, :, REACH + step :][:, :, :width]
        np.minimum(left, right, out=sideways)
        sideways += square
        np.minimum(nearest, sideways, out=nearest)
    return np.sqrt(nearest.reshape(len(members), -1)[:, pixels], dtype=np.float32)


def _column_distances(members: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Return the distance to the nearest member within the column, uint8 of the same shape ``(K, H, W)``, up to ``REACH``."""
    column = ~members * np.uint8(REACH)
    step = 1
    while step < REACH:  # steps of 1, 2, 4 ... 64 add up to every distance up to REACH
        nearer = column.copy()
        np.minimum(nearer[:, step:], column[:, :-step] + np.uint8(step), out=nearer[:, step:])
        np.minimum(nearer[:, :-step], column[:, step:] + np.uint8(step), out=nearer[:, :-step])
        column, step = nearer, 2 * step
    return column
