"""The labels of a project: read, painted, saved, suggested, taken back, and as files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.config import UNLABELLED as UNLABELLED
from core.editing import label_import, session, suggest
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
from core.storage.workspace import list_projects as list_projects
from core.storage.workspace import workspace_folder as workspace_folder


class ProjectLabels:
    """The labels of a project: read, painted, saved, suggested, taken back, and as files."""

    def __init__(self, store: Store, models: LoadedModels) -> None:
        self._store, self._models = store, models
        self._previews = Previews(store)

    def of(self, volume: int, z: int) -> NDArray[np.uint8]:
        """The current label of a slice, uint8 ``(H, W)``, 255 where nobody has labelled."""
        slice_id = SliceId(volume, z)
        return self._store.labels.label(slice_id, self._store.slice_shape(slice_id))

    def roles(self, volume: int, z: int) -> NDArray[np.uint8]:
        """What each labelled pixel is for, uint8 ``(H, W)`` of :class:`core.storage.labels.Role`."""
        slice_id = SliceId(volume, z)
        return self._store.labels.roles(slice_id, self._store.slice_shape(slice_id))

    def slices(self) -> list[Revision]:
        """The newest revision of every labelled slice."""
        return self._store.labels.heads()

    def claimed(self, volume: int, z: int) -> NDArray[np.bool_]:
        """Pixels that somebody has vouched for, bool ``(H, W)``: the labelled ones, and those that nobody can see."""
        slice_id = SliceId(volume, z)
        return self._store.labels.claimed(slice_id, self._store.slice_shape(slice_id))

    def validation_summary(self) -> ValidationSummary:
        """What is held back for validation, now."""
        return held_back.validation_summary(self._store)

    def import_file(self, path: Path, *, slices: Sequence[int] | None = None, role: str = "train", volume: int = 0) -> list[int]:
        """Import a label file, one page per slice of the volume or per slice listed; returns the slices labelled."""
        return label_import.import_labels(self._store, path, slices=slices, role=role, volume=volume)

    def export_file(self, path: Path, *, volume: int = 0, overwrite: bool = False) -> None:
        """Write the labels as a stack of uint8 class ids, 255 where nobody has labelled; ``.tif`` or ``.zarr``."""
        label_import.export_labels(self._store, path, volume=volume, overwrite=overwrite)

    def active_seconds(self) -> float:
        """Seconds of work behind all saved labels."""
        return self._store.labels.active_seconds()

    def mark_model_selected(self, volume: int, z: int) -> None:
        """Note that the model's uncertainty led a person to this slice, so that its labels do not validate."""
        slice_id = SliceId(volume, z)
        self._store.slice_shape(slice_id)
        self._store.proposals.mark_model_selected([slice_id])

    def may_validate(self, volume: int, z: int) -> bool:
        """Whether labels of a slice may validate: no model's uncertainty has led there."""
        slice_id = SliceId(volume, z)
        self._store.slice_shape(slice_id)
        return not self._store.proposals.is_model_selected(slice_id)

    # ---- the editor

    def editing(self, volume: int, z: int, *, round_: int | None = None) -> Editing:
        """A slice to correct: its draft if there is one, else stored label over prediction over background.

        Parameters
        ----------
        round_
            Whose prediction lies under a slice without a draft, 0 for none; the newest one's if None.
        """
        return session.editing(self._models, SliceId(volume, z), round_)

    def sync_state(self, volume: int, z: int) -> SyncState:
        """What a window must know to see that it is out of date; reads no raster."""
        return session.news(self._models, SliceId(volume, z))

    def apply(self, volume: int, z: int, patch: Patch) -> int:
        """Store one action of the editor durably; returns the sequence number acknowledged."""
        return session.apply(self._models, SliceId(volume, z), patch)

    def undo_steps(self, volume: int, z: int, *, sequence: int) -> list[Step]:
        """The steps of a slice's draft that can be undone, the latest last; none where ``sequence`` is not the last action."""
        return session.steps(self._store, SliceId(volume, z), sequence)

    def drafts(self) -> set[SliceId]:
        """``(volume, z)`` of every slice with unclaimed strokes."""
        return self._store.drafts.slices()

    def discard_draft(self, volume: int, z: int) -> None:
        """Forget the unclaimed strokes of a slice."""
        self._store.drafts.discard(SliceId(volume, z))

    def submit(
        self,
        volume: int,
        z: int,
        claim: Claim,
        *,
        active_seconds: float | None = None,
        more_seconds: float = 0.0,
        round_: int | None = None,
        sequence: int | None = None,
    ) -> Revision:
        """Save the draft of a slice: the claimed pixels become a new revision and the draft ends.

        Parameters
        ----------
        active_seconds
            Seconds of work it took; as the draft's actions counted them, if None.
        more_seconds
            Seconds since the last action, to be added to these.
        round_
            Whose prediction lies under a slice without a draft, 0 for none; the newest one's if None.
        sequence
            The last action that the person has seen, if it matters.
        """
        return session.submit(
            self._models,
            SliceId(volume, z),
            claim,
            active_seconds=active_seconds,
            more_seconds=more_seconds,
            round_=round_,
            sequence=sequence,
        )

    def rebase(self, volume: int, z: int, round_: int, *, sequence: int) -> int:
        """Put another round's prediction, 0 for none, under the strokes of a slice; what was painted stays.

        ``sequence`` is the last action that the person has seen; returns the number of this one.
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
        role: Role = Role.TRAIN,
    ) -> Revision:
        """Save a mask, uint8 ``(H, W)``, without the editor; 255 claims nothing. For scripts and simulations."""
        return session.submit_mask(self._store, SliceId(volume, z), mask, claim, work=work, role=role)

    def undo(self, volume: int, z: int, *, revision: int | None = None) -> Revision | None:
        """Take back the newest saved label, if it is ``revision`` or that is None; strokes painted since then stay.

        Returns the label before, which counts again; None where the slice is unlabelled now.
        """
        return session.undo(self._models, SliceId(volume, z), revision)

    # ---- masks from elsewhere

    def suggest_from(self, volume: int, z: int, neighbour: int) -> Suggestion:
        """A mask for a slice: that of another one as the editor shows it, its draft or stored label over prediction."""
        return suggest.from_neighbour(self._models, SliceId(volume, z), neighbour)

    def suggest_between(self, volume: int, z: int) -> Suggestion:
        """A mask for a slice: interpolated between the nearest painted slices below and above."""
        return suggest.between_labelled(self._store, SliceId(volume, z))

    def preview(self, volume: int, z: int, box: Box | None = None, *, anyway: bool = False) -> Preview:
        """A box of a slice as a quick first model sees it, fitted to the strokes and saved labels as they are now.

        After :meth:`prepare_preview`, with 1024 x 1024 pixels on two cores of its own, about half a second after a stroke
        while nothing is saved, a bit over one with whole slices saved; nearly all of it grows with ``box``, so a large view is
        best asked for in parts, which share one fit. Safe to call from several threads. Never waits for a comparison with a
        network, nor for PyTorch.

        Parameters
        ----------
        box
            The part in view; the whole slice if None.
        anyway
            Draw it even if a network has taken over.
        """
        return self._previews.preview(SliceId(volume, z), box, anyway=anyway)

    def prepare_preview(self, volume: int, z: int, box: Box | None = None) -> None:
        """Do ahead of the first stroke what need not wait for it; to be called in a thread when a slice is opened.

        Reads the image, imports scikit-learn (a second, once), and reads up to 64 labelled slices that were never read,
        about 0.3 s each with 1024 x 1024 pixels. Starts the comparison of a new round in the background.
        """
        self._previews.prepare(SliceId(volume, z), box)

    def preview_choice(self) -> PreviewChoice:
        """Whether the newest round's network has taken over the preview, decided on held-back pixels, and why.

        The first call after a round fits a forest and scores it, 0.3 s for every labelled slice of 1024 x 1024 and a second
        more; the answer is remembered with the project.
        """
        return self._previews.handover()
