"""Which part of which slice to look at while a round is trained."""

from __future__ import annotations

import numpy as np

from core.config import UNLABELLED
from core.geometry import Box, SliceId
from core.storage.labels import Revision
from core.storage.snapshots import REGION_SIDE, WatchedRegion
from core.storage.store import Store


def choose_watched_region(store: Store, slice_id: SliceId | None = None) -> WatchedRegion:
    """A frame of the slice asked for, or of one that tells most.

    Parameters
    ----------
    slice_id
        A slice to look at. If None, the slice without a label nearest to the middle one of the labelled slices: what the model
        makes of a place that it has not learnt by heart, close to what the person knows. Where every slice of the volume is
        labelled, the middle one itself.

    Returns
    -------
    WatchedRegion
        At most ``REGION_SIDE`` pixels on a side, around what is labelled nearest, or around the middle of the slice.

    Raises
    ------
    ProjectError
        If there is no such slice.
    """
    chosen = choose_slice(store) if slice_id is None else slice_id
    near = [head for head in store.labels.heads() if head.volume == chosen.volume]
    return _frame(store, chosen, min(near, key=lambda head: abs(head.z - chosen.z), default=None))


def choose_slice(store: Store) -> SliceId:
    """The slice that tells most, see :func:`choose_watched_region`; reads no raster."""
    heads = sorted(store.labels.heads(), key=lambda head: head.slice_id)
    if not heads:
        return SliceId(0, store.catalog.row(0).depth // 2)
    middle = heads[len(heads) // 2]
    return SliceId(middle.volume, _free_near(store, middle, heads))


def _free_near(store: Store, head: Revision, heads: list[Revision]) -> int:
    """The slice without a label nearest to a labelled one of its volume, the later of two; its own where there is none."""
    taken = {other.z for other in heads if other.volume == head.volume}
    free = [z for z in range(store.catalog.row(head.volume).depth) if z not in taken]
    return min(free, key=lambda z: (abs(z - head.z), -z), default=head.z)


def _frame(store: Store, slice_id: SliceId, near: Revision | None) -> WatchedRegion:
    height, width = store.slice_shape(slice_id)
    y, x = height // 2, width // 2
    if near is not None and max(height, width) > REGION_SIDE:
        rows, columns = np.nonzero(store.labels.label(near.slice_id, (height, width)) != UNLABELLED)
        if rows.size:
            y, x = int(np.median(rows)), int(np.median(columns))
    (y0, y1), (x0, x1) = _around(y, height), _around(x, width)
    return WatchedRegion(*slice_id, Box(y0, x0, y1, x1))


def _around(centre: int, length: int) -> tuple[int, int]:
    """At most ``REGION_SIDE`` pixels around a place, moved inside ``0 .. length``."""
    side = min(REGION_SIDE, length)
    start = min(max(centre - side // 2, 0), length - side)
    return start, start + side
