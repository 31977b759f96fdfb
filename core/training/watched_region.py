"""Choice of the watched region: the part of a slice predicted repeatedly during training."""

from __future__ import annotations

import numpy as np

from core.config import UNLABELLED
from core.geometry import Box, SliceId
from core.storage.labels import Revision
from core.storage.snapshots import REGION_SIDE, WatchedRegion
from core.storage.store import Store


def choose_watched_region(store: Store, slice_id: SliceId | None = None) -> WatchedRegion:
    """Choose the watched region, in a given slice or in the most telling one.

    Parameters
    ----------
    slice_id
        The slice. If None, the unlabelled slice nearest to the middle one of the labelled slices: unseen in training, but
        similar to slices known to the person. If every slice of the volume is labelled, the middle one itself.

    Returns
    -------
    WatchedRegion
        At most ``REGION_SIDE`` pixels on a side: around the labelled pixels of the nearest labelled slice, else in the middle.

    Raises
    ------
    ProjectError
        If there is no such slice.
    """
    chosen = choose_slice(store) if slice_id is None else slice_id
    near = [head for head in store.labels.heads() if head.volume == chosen.volume]
    return _region_of(store, chosen, min(near, key=lambda head: abs(head.z - chosen.z), default=None))


def choose_slice(store: Store) -> SliceId:
    """Return the default slice of :func:`choose_watched_region`; reads no raster."""
    heads = sorted(store.labels.heads(), key=lambda head: head.slice_id)
    if not heads:
        return SliceId(0, store.catalog.row(0).depth // 2)
    middle = heads[len(heads) // 2]
    return SliceId(middle.volume, _unlabelled_near(store, middle, heads))


def _unlabelled_near(store: Store, head: Revision, heads: list[Revision]) -> int:
    """Return z of the nearest unlabelled slice, the higher of two; z of ``head`` if all slices of the volume are labelled."""
    taken = {other.z for other in heads if other.volume == head.volume}
    free = [z for z in range(store.catalog.row(head.volume).depth) if z not in taken]
    return min(free, key=lambda z: (abs(z - head.z), -z), default=head.z)


def _region_of(store: Store, slice_id: SliceId, near: Revision | None) -> WatchedRegion:
    height, width = store.slice_shape(slice_id)
    y, x = height // 2, width // 2
    if near is not None and max(height, width) > REGION_SIDE:
        rows, columns = np.nonzero(store.labels.label(near.slice_id, (height, width)) != UNLABELLED)
        if rows.size:
            y, x = int(np.median(rows)), int(np.median(columns))
    (y0, y1), (x0, x1) = _around(y, height), _around(x, width)
    return WatchedRegion(*slice_id, Box(y0, x0, y1, x1))


def _around(centre: int, length: int) -> tuple[int, int]:
    """Return a range of at most ``REGION_SIDE`` pixels around ``centre``, moved inside ``0 .. length``."""
    side = min(REGION_SIDE, length)
    start = min(max(centre - side // 2, 0), length - side)
    return start, start + side
