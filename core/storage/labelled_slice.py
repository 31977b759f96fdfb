"""One labelled slice as training and scoring see it: image, class ids of one role, and pixels closed to learning."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from core.config import UNLABELLED
from core.storage.catalog import Catalog
from core.storage.labels import LabelStore, Revision, Role


class LabelledSlice(Protocol):
    """One slice as training sees it; its methods read anew at every call."""

    weight: float
    """How often its patches are drawn, relative to other slices; 1 is ordinary."""

    def image(self, neighbours: int = 0) -> NDArray:
        """``(C, H, W)`` in the stored dtype; with neighbours ``(C * (2 * neighbours + 1), H, W)``, the lowest slice first."""

    def label(self) -> NDArray:
        """``(H, W)`` uint8 class ids; 255 where a pixel is not used."""

    def closed(self) -> NDArray[np.bool_]:
        """``(H, W)``: where nothing may be learnt, not even that a model is sure of it; such pixels are not labelled."""


class FrozenSlice:
    """The pixels of one role in one revision, within the working region; read anew at every call."""

    def __init__(self, catalog: Catalog, labels: LabelStore, revision: Revision, role: Role, weight: float = 1.0) -> None:
        self._catalog, self._labels = catalog, labels
        self._revision, self._role = revision, role
        self.weight = weight

    def image(self, neighbours: int = 0) -> NDArray[Any]:
        """``(C, H, W)`` in the stored dtype; with neighbours on each side, these as channels too."""
        return self._catalog.image(self._revision.slice_id, neighbours)

    def label(self) -> NDArray[np.uint8]:
        """``(H, W)`` uint8 class ids, 255 where the pixel has another role or lies outside the working region."""
        catalog, revision = self._catalog, self._revision
        label = self._labels.part(revision, catalog.row(revision.volume).slice_shape, self._role)
        region = catalog.region_mask(revision.volume)
        if region is not None:
            label[~region] = UNLABELLED
        return label

    def closed(self) -> NDArray[np.bool_]:
        """Pixels ``(H, W)`` that nothing may be learnt of: those of ``LabelStore.closed``, and outside the working region."""
        catalog, revision = self._catalog, self._revision
        closed = self._labels.closed(revision, catalog.row(revision.volume).slice_shape)
        region = catalog.region_mask(revision.volume)
        return closed if region is None else closed | ~region

    def any(self) -> bool:
        """Whether there is a pixel to look at."""
        return bool((self.label() != UNLABELLED).any())
