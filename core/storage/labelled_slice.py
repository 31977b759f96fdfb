"""One labelled slice for training and scoring: image, class ids of one role, and pixels closed to learning."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from core.config import UNLABELLED
from core.storage.catalog import Catalog
from core.storage.labels import LabelStore, Revision, Role


class LabelledSlice(Protocol):
    """One slice for training; its methods read anew at every call."""

    weight: float
    """Sampling weight of its patches, relative to other slices; 1 by default."""

    def image(self, neighbours: int = 0) -> NDArray:
        """Return the image, ``(C, H, W)`` in the stored dtype.

        With neighbours its shape is ``(C * (2 * neighbours + 1), H, W)``, the lowest slice first.
        """

    def label(self) -> NDArray:
        """Return the class ids, uint8 ``(H, W)``; 255 at unused pixels."""

    def closed(self) -> NDArray[np.bool_]:
        """Return the pixels closed to learning, bool ``(H, W)``.

        They are unlabelled, and training must not use pseudo-labels there either.
        """


class FrozenSlice:
    """The pixels of one role in one revision, inside the working region; read anew at every call."""

    def __init__(self, catalog: Catalog, labels: LabelStore, revision: Revision, role: Role, weight: float = 1.0) -> None:
        self._catalog, self._labels = catalog, labels
        self._revision, self._role = revision, role
        self.weight = weight

    def image(self, neighbours: int = 0) -> NDArray[Any]:
        """Return the image, ``(C, H, W)`` in the stored dtype, with neighbouring slices on each side as further channels."""
        return self._catalog.image(self._revision.slice_id, neighbours)

    def label(self) -> NDArray[np.uint8]:
        """Return the class ids, uint8 ``(H, W)``; 255 at pixels of another role or outside the working region."""
        catalog, revision = self._catalog, self._revision
        label = self._labels.part(revision, catalog.row(revision.volume).slice_shape, self._role)
        region = catalog.region_mask(revision.volume)
        if region is not None:
            label[~region] = UNLABELLED
        return label

    def closed(self) -> NDArray[np.bool_]:
        """Return the pixels closed to learning, bool ``(H, W)``: ``LabelStore.closed``, and all outside the working region."""
        catalog, revision = self._catalog, self._revision
        closed = self._labels.closed(revision, catalog.row(revision.volume).slice_shape)
        region = catalog.region_mask(revision.volume)
        return closed if region is None else closed | ~region

    def any(self) -> bool:
        """Return whether any pixel is labelled."""
        return bool((self.label() != UNLABELLED).any())
