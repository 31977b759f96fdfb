"""The labels of a project: reading, painting, saving, suggestions, undo, import and export."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.editing import label_transfer, session, suggest
from core.editing.preview import Preview, Previews
from core.editing.preview_choice import PreviewChoice
from core.editing.session import SyncState
from core.editing.suggest import Suggestion
from core.editing.undo_steps import Step
from core.evaluation import held_back
from core.evaluation.held_back import ValidationSummary
from core.geometry import Box, SliceId
from core.models.loaded import LoadedModels
from core.storage.drafts import Editing, Patch
from core.storage.labels import Claim, Revision, Role, Work
from core.storage.store import Store


class ProjectLabels:
    """The labels of a project: reading, painting, saving, suggestions, undo, import and export."""

    def __init__(self, store: Store, models: LoadedModels) -> None:
        self._store, self._models = store, models
        self._previews = Previews(store)

    def of(self, volume: int, z: int) -> NDArray[np.uint8]:
        """Return the current label of a slice, uint8 ``(H, W)``, 255 where unlabelled."""
        slice_id = SliceId(volume, z)
        return self._store.labels.label(slice_id, self._store.slice_shape(slice_id))

    def roles(self, volume: int, z: int) -> NDArray[np.uint8]:
        """Return the role of each labelled pixel, uint8 ``(H, W)`` of :class:`core.storage.labels.Role`."""
        slice_id = SliceId(volume, z)
        return self._store.labels.roles(slice_id, self._store.slice_shape(slice_id))

    def slices(self) -> list[Revision]:
        """Return the newest revision of every labelled slice."""
        return self._store.labels.heads()

    def claimed(self, volume: int, z: int) -> NDArray[np.bool_]:
        """Return the claimed pixels, bool ``(H, W)``: labelled ones, and those claimed as undecidable."""
        slice_id = SliceId(volume, z)
        return self._store.labels.claimed(slice_id, self._store.slice_shape(slice_id))

    def validation_summary(self) -> ValidationSummary:
        """Return a summary of the pixels held back for validation."""
        return held_back.validation_summary(self._store)

    def import_file(self, path: Path, *, slices: Sequence[int] | None = None, role: str = "train", volume: int = 0) -> list[int]:
        """Import a label file, one page per slice of the volume or per listed slice, and return the labelled slices."""
        return label_transfer.import_labels(self._models, path, slices=slices, role=role, volume=volume)

    def export_file(self, path: Path, *, volume: int = 0, overwrite: bool = False) -> None:
        """Write the labels as a stack of uint8 class ids, 255 where unlabelled; ``.tif`` or ``.zarr``."""
        label_transfer.export_labels(self._store, path, volume=volume, overwrite=overwrite)

    def active_seconds(self) -> float:
        """Return the seconds of work behind all saved labels."""
        return self._store.labels.active_seconds()

    def mark_model_selected(self, volume: int, z: int) -> None:
        """Mark a slice as chosen by the model's uncertainty; its labels do not validate."""
        slice_id = SliceId(volume, z)
        self._store.slice_shape(slice_id)
        self._store.proposals.mark_model_selected([slice_id])

    def may_validate(self, volume: int, z: int) -> bool:
        """Return whether labels of a slice may validate: it was never model-selected."""
        slice_id = SliceId(volume, z)
        self._store.slice_shape(slice_id)
        return not self._store.proposals.is_model_selected(slice_id)

    # ---- the editor

    def editing(self, volume: int, z: int, *, round_: int | None = None) -> Editing:
        """Return a slice to correct: its draft if any, else stored label over prediction over background.

        Parameters
        ----------
        round_
            The round of the prediction under a slice without a draft; 0 for none, None for the newest.
        """
        return session.editing(self._models, SliceId(volume, z), round_)

    def sync_state(self, volume: int, z: int) -> SyncState:
        """Return the stored state of a slice, to tell whether a window is out of date; reads no raster."""
        return session.sync_state(self._models, SliceId(volume, z))

    def apply(self, volume: int, z: int, patch: Patch) -> int:
        """Store one action of the editor durably and return the acknowledged sequence number."""
        return session.apply(self._models, SliceId(volume, z), patch)

    def undo_steps(self, volume: int, z: int, *, sequence: int) -> list[Step]:
        """Return the undo steps of a slice's draft, the latest last; empty unless ``sequence`` is the last action."""
        return session.undo_steps(self._store, SliceId(volume, z), sequence)

    def drafts(self) -> set[SliceId]:
        """Return ``(volume, z)`` of every slice with unclaimed strokes."""
        return self._store.drafts.slices()

    def discard_draft(self, volume: int, z: int) -> None:
        """Discard the unclaimed strokes of a slice."""
        self._store.drafts.discard(SliceId(volume, z))

    def rebase(self, volume: int, z: int, round_: int, *, sequence: int) -> int:
        """Put another round's prediction, 0 for none, under the strokes of a slice, and return the number of this action.

        The strokes stay. ``sequence`` is the number of the last action known to the caller.
        """
        return session.rebase(self._models, SliceId(volume, z), round_, sequence)

    def submit_mask(
        self,
        volume: int,
        z: int,
        mask: NDArray[np.uint8],
        claim: Claim,
        *,
        work: Work = Work(),
        role: Role | str = Role.TRAIN,
    ) -> Revision:
        """Save a mask, uint8 ``(H, W)``, without the editor; 255 claims nothing. For scripts and simulations.

        Parameters
        ----------
        role
            Also by its name: ``train``, ``validation`` or ``audit``.
        """
        chosen = label_transfer.role_named(role) if isinstance(role, str) else role
        return session.submit_mask(self._models, SliceId(volume, z), mask, claim, work=work, role=chosen)

    def undo(self, volume: int, z: int, *, revision: int | None = None, wish: str | None = None) -> Revision | None:
        """Undo the newest saved label, if it is ``revision`` or ``revision`` is None; strokes painted since then stay.

        Return the label before, now the newest again, or None if the slice is unlabelled now. A request repeated with the same
        ``wish``, an id unique on its slice, undoes nothing more.
        """
        return session.undo(self._models, SliceId(volume, z), revision, wish=wish)

    # ---- masks from elsewhere

    def suggest_from(self, volume: int, z: int, neighbour: int) -> Suggestion:
        """Suggest the mask of another slice for a slice: its draft, or stored label over prediction."""
        return suggest.from_neighbour(self._models, SliceId(volume, z), neighbour)

    def suggest_between(self, volume: int, z: int) -> Suggestion:
        """Suggest a mask for a slice, interpolated between the nearest painted slices below and above."""
        return suggest.between_labelled(self._store, SliceId(volume, z))

    def preview(self, volume: int, z: int, box: Box | None = None, *, anyway: bool = False) -> Preview:
        """Predict a box of a slice with a quick first model, fitted to the current strokes and saved labels.

        After :meth:`prepare_preview`, 1024 x 1024 pixels take about half a second on two free cores, with nothing saved yet;
        with whole slices saved, a bit over one second. Nearly all of it grows with ``box``, so request a large view in parts;
        they share one fit. Safe to call from several threads. Never waits for a comparison with a network, nor for PyTorch.

        Parameters
        ----------
        box
            The part in view; the whole slice if None.
        anyway
            Draw the preview even if a network has taken over.
        """
        return self._previews.preview(SliceId(volume, z), box, anyway=anyway)

    def prepare_preview(self, volume: int, z: int, box: Box | None = None) -> None:
        """Prepare the preview before the first stroke; call this in a thread when a slice opens.

        Imports scikit-learn (a second, once) and reads the image. Also reads up to 64 labelled slices not read before, about
        0.3 s each with 1024 x 1024 pixels. Starts the comparison of a new round in the background.
        """
        self._previews.prepare(SliceId(volume, z), box)

    def preview_choice(self) -> PreviewChoice:
        """Return the choice between forest and network for the preview, made on held-back pixels, with its reason.

        The first call after a round fits and scores a forest: a second, plus 0.3 s for every labelled slice of 1024 x 1024.
        The choice is then stored with the project.
        """
        return self._previews.choice()
