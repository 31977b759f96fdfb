"""Masks suggested for a slice from other slices of its volume, for a person to accept or reject."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.config import UNLABELLED
from core.editing.interpolate import interpolate
from core.editing.session import editing
from core.errors import LabelError
from core.geometry import SliceId
from core.models.loaded import LoadedModels
from core.storage.store import Store


@dataclass(frozen=True)
class Suggestion:
    """A mask, uint8 ``(H, W)`` of class ids, 255 without a suggestion, and its source slices."""

    mask: NDArray[np.uint8]
    slices: tuple[int, ...]


def from_neighbour(models: LoadedModels, slice_id: SliceId, neighbour: int) -> Suggestion:
    """Suggest the mask of another slice, as in the editor: its draft, or stored label over prediction.

    Raises
    ------
    LabelError
        If the other slice is the slice itself, or has no mask.
    """
    if neighbour == slice_id.z:
        raise LabelError(f"Slice {slice_id.z} cannot suggest a mask to itself; name another slice.")
    shown = editing(models, SliceId(slice_id.volume, neighbour))
    if shown.origin == "empty":
        raise LabelError(f"Slice {neighbour} is neither painted nor predicted yet, so it has no mask to take over.")
    return Suggestion(shown.mask, (neighbour,))


def between_labelled(store: Store, slice_id: SliceId) -> Suggestion:
    """Interpolate between the nearest painted slices below and above, see :func:`core.editing.interpolate.interpolate`.

    Raises
    ------
    LabelError
        If one of these slices is missing, or no pixel is labelled in both.
    """
    store.slice_shape(slice_id)
    volume, z = slice_id
    painted = {head.z for head in store.labels.heads() if head.volume == volume}
    painted |= {other.z for other in store.drafts.slices() if other.volume == volume}
    lower, upper = max((p for p in painted if p < z), default=None), min((p for p in painted if p > z), default=None)
    if lower is None or upper is None:
        raise LabelError(
            f"Interpolation needs a painted slice below slice {z} and one above; there is {_named(lower, upper)}, "
            "so paint the missing one first."
        )
    below, above = (_painted(store, SliceId(volume, end)) for end in (lower, upper))
    mask = interpolate(below, above, (z - lower) / (upper - lower))
    if (mask == UNLABELLED).all():
        raise LabelError(
            f"Slices {lower} and {upper} have no labelled pixel in common, so there is nothing to interpolate; label a box or "
            "the whole slice in both."
        )
    return Suggestion(mask, (lower, upper))


def _named(lower: int | None, upper: int | None) -> str:
    there = [f"slice {z}" for z in (lower, upper) if z is not None]
    return f"only {there[0]}" if there else "none"


def _painted(store: Store, slice_id: SliceId) -> NDArray[np.uint8]:
    """Return a person's labels of a slice, saved or not: strokes over the stored label, 255 elsewhere."""
    shape = store.slice_shape(slice_id)
    label = store.labels.label(slice_id, shape)
    draft = store.drafts.get(slice_id, shape)
    if draft is not None:
        np.copyto(label, draft.mask, where=draft.touched.astype(bool))
    return label
