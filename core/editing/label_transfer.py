"""Import and export of a project's labels as files."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from core.config import UNLABELLED
from core.editing.session import submit_mask
from core.errors import LabelError
from core.geometry import SliceId
from core.models.loaded import LoadedModels
from core.storage.labels import Claim, Role, Work
from core.storage.store import Store
from core.volumes.label_files import LabelFile
from core.volumes.writers import open_stack

_ROLES = {role.name.lower(): role for role in (Role.TRAIN, Role.VALIDATION, Role.AUDIT)}


def role_named(name: str) -> Role:
    """Return the role of a name, such as ``validation``.

    Raises
    ------
    LabelError
        If there is no such role.
    """
    if name not in _ROLES:
        raise LabelError(f"There is no role {name!r}; choose one of {', '.join(_ROLES)}.")
    return _ROLES[name]


def import_labels(models: LoadedModels, path: Path, *, slices: Sequence[int] | None, role: str, volume: int) -> list[int]:
    """Store a label file's pages as labels, after a check of all pages.

    Returns
    -------
    list of int
        The labelled slices; pages without a labelled pixel are skipped.

    Raises
    ------
    LabelError
        If the file does not fit the volume, the slices or the classes, or holds no labelled pixel; if the role is unknown, or
        differs from a pixel's; if a slice has unsaved strokes.
    """
    store = models.store
    row = store.catalog.row(volume)
    chosen = role_named(role)
    file = LabelFile(Path(os.path.expanduser(path)), row.slice_shape, len(store.catalog.classes))
    pairs = file.pages_for(slices, row.depth)
    labelled = [(page, z) for page, z in pairs if (file.read(page) != UNLABELLED).any()]
    if not labelled:
        raise LabelError(f"{path} holds no labelled pixel on these slices (all are {UNLABELLED}); nothing was imported.")
    painted = sorted({z for _, z in labelled} & {z for v, z in store.drafts.slices() if v == volume})
    if painted:
        raise LabelError(f"Slice {painted[0]} has strokes that are not saved yet; save or discard them, then import again.")
    for page, z in labelled:
        store.labels.check_role(SliceId(volume, z), file.read(page) != UNLABELLED, chosen)
    for page, z in labelled:
        submit_mask(models, SliceId(volume, z), file.read(page), Claim.slice(), work=Work(author="import"), role=chosen)
    return [z for _, z in labelled]


def export_labels(store: Store, path: Path, *, volume: int, overwrite: bool) -> None:
    """Write every slice's label as a stack of uint8 class ids, 255 where unlabelled; ``.tif`` or ``.zarr``."""
    store.check_target(path)
    row = store.catalog.row(volume)
    with open_stack(
        path, pages=row.depth, page_shape=row.slice_shape, dtype=np.uint8, voxel_nm=row.voxel_nm, overwrite=overwrite
    ) as stack:
        for z in range(row.depth):
            stack.write(z, store.labels.label(SliceId(volume, z), row.slice_shape))
