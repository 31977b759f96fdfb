"""The classes and volumes of a project, with voxel sizes and working regions."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from threading import RLock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.errors import ProjectError, VolumeError
from core.geometry import Polygon, SliceId, polygons_to_mask
from core.storage.database import LabelClass, Records, to_json
from core.volumes import Volume, content_digest, fingerprint, glance, open_volume
from core.volumes.slice_stack import SliceStack
from core.volumes.voxel_size import checked_voxel_size
from core.volumes.watch import WatchedVolume

PALETTE = (
    *("#808080", "#e69f00", "#56b4e9", "#009e73", "#f0e442", "#0072b2", "#d55e00", "#cc79a7"),
    *("#9900ff", "#00ff88", "#9977ff", "#aa0033", "#aaffee", "#aa9955"),
    *("#881177", "#0044aa", "#ffbbaa", "#99dd55", "#eeccff", "#773355"),
)
"""Class colours, the background grey: eight safe for colour-blind readers (Okabe and Ito 2008), and twelve more.

Each of the twelve lies as far as possible in CIE Lab from all before it, in normal, red-, green- and blue-blind vision
(Machado et al. 2009). Dark colours and near-greys are excluded. With more classes the colours repeat.
"""

_COLOR = re.compile(r"#[0-9a-fA-F]{6}")

MOST_CLASSES = 64
HIGHEST_WEIGHT = 100.0
_LONGEST_NAME = 60


@dataclass(frozen=True)
class VolumeRow:
    """A volume of a project: shape ``(Z, C, Y, X)``, voxel size ``(z, y, x)`` in nm, region in ``(y, x)`` pixels.

    ``weight`` is the sampling weight of its labelled pixels in training, relative to other volumes: 1 by default, 0 never.
    ``fingerprint`` identifies its files and changes with them. ``content`` identifies its values wherever the files lie; None
    where they could not be read, or were never needed.
    """

    index: int
    path: Path
    axes: str | None
    fingerprint: str
    content: str | None
    shape: tuple[int, int, int, int]
    dtype: str
    voxel_nm: tuple[float, float, float] | None
    region: tuple[Polygon, ...]
    weight: float = 1.0

    @property
    def depth(self) -> int:
        """Number of slices."""
        return self.shape[0]

    @property
    def slice_shape(self) -> tuple[int, int]:
        """``(H, W)`` in pixels."""
        return self.shape[2], self.shape[3]


def weight_of(volume: int, weights: Sequence[float]) -> float:
    """Return the weight of a volume from those in a plan or a card; 1 for a volume not in it."""
    return weights[volume] if volume < len(weights) else 1.0


def palette_color(class_id: int) -> str:
    """Return the colour that a class gets by default."""
    return PALETTE[class_id % len(PALETTE)]


def _is_color(color: object) -> bool:
    return isinstance(color, str) and _COLOR.fullmatch(color) is not None


def check_classes(classes: Sequence[str] | Sequence[LabelClass]) -> tuple[LabelClass, ...]:
    """Return classes, with ids and colours added to bare names.

    Raises
    ------
    ProjectError
        If there are fewer than two or more than 64, a name is empty, too long or given twice, or a colour is not ``#rrggbb``.
    """
    made = tuple(
        c if isinstance(c, LabelClass) else LabelClass(i, str(c).strip(), palette_color(i)) for i, c in enumerate(classes)
    )
    names = [c.name for c in made]
    if not 2 <= len(made) <= MOST_CLASSES:
        raise ProjectError(
            f"{len(made)} classes were given ({', '.join(names) or 'none'}); a project needs 2 to {MOST_CLASSES}, "
            "the background first, for example background,pore."
        )
    for name in names:
        if not 0 < len(name) <= _LONGEST_NAME or "," in name or not name.isprintable():
            raise ProjectError(
                f"{name!r} is not a valid class name; allowed are 1 to {_LONGEST_NAME} characters without a comma."
            )
        if names.count(name) > 1:
            raise ProjectError(f"The class {name!r} is given twice; every class needs a name of its own.")
    for c in made:
        if not _is_color(c.color):
            raise ProjectError(
                f"{c.color!r} is not a colour for the class {c.name!r}; allowed are # and six digits, such as #e69f00."
            )
    if [c.id for c in made] != list(range(len(made))):
        raise ProjectError("Class ids run from 0 without a gap; keep the classes in their order and add new ones last.")
    return made


class Catalog:
    """Classes and volumes of one project, stored in its records."""

    def __init__(self, records: Records) -> None:
        self._records = records
        self._lock = RLock()
        self._open: dict[int, WatchedVolume] = {}

    @property
    def classes(self) -> tuple[LabelClass, ...]:
        """The classes by id; the first is the background. A stored colour that is none is left out for one of the palette."""
        rows = self._records.rows("SELECT id, name, color FROM classes ORDER BY id")
        return tuple(
            LabelClass(r["id"], r["name"], r["color"] if _is_color(r["color"]) else palette_color(r["id"])) for r in rows
        )

    def set_classes(self, classes: Sequence[str] | Sequence[LabelClass]) -> None:
        """Rename, recolour or append classes; existing ids stay."""
        checked, present = check_classes(classes), self.classes
        if len(checked) < len(present):
            raise ProjectError(
                f"{len(checked)} classes were given, the project has {len(present)}; a class may be renamed but not "
                "removed, because labels name it."
            )
        with self._records.transaction() as db:
            db.execute("DELETE FROM classes")
            db.executemany("INSERT INTO classes VALUES (?, ?, ?)", [(c.id, c.name, c.color) for c in checked])

    @property
    def volumes(self) -> tuple[VolumeRow, ...]:
        """The volumes in the order they were added."""
        rows = self._records.rows("SELECT * FROM volumes ORDER BY id")
        return tuple(
            VolumeRow(
                index=r["id"],
                path=Path(r["path"]),
                axes=r["axes"],
                fingerprint=r["fingerprint"],
                content=r["content"],
                shape=tuple(json.loads(r["shape"])),
                dtype=r["dtype"],
                voxel_nm=None if r["voxel_nm"] is None else tuple(json.loads(r["voxel_nm"])),
                region=tuple(tuple((y, x) for y, x in polygon) for polygon in json.loads(r["region"])),
                weight=r["weight"],
            )
            for r in rows
        )

    def row(self, index: int) -> VolumeRow:
        """Return one volume's row.

        Raises
        ------
        ProjectError
            If there is no such volume.
        """
        rows = self.volumes
        if not 0 <= index < len(rows):
            raise ProjectError(f"There is no volume {index}; the project has volumes 0 to {len(rows) - 1}.")
        return rows[index]

    def add_volume(self, path: Path, *, axes: str | None = None, voxel_nm: tuple[float, float, float] | None = None) -> VolumeRow:
        """Add a volume.

        Raises
        ------
        VolumeError
            If it cannot be used, or differs from the volumes before it in the number of channels.
        """
        path = Path(os.path.expanduser(path)).resolve()
        volume = open_volume(path, axes=axes, voxel_nm=voxel_nm)
        voxel = None if volume.voxel_nm is None else to_json(list(volume.voxel_nm))
        shape, dtype = to_json(list(volume.shape)), str(volume.dtype)
        facts = (str(path), axes, fingerprint(path), _content(volume), shape, dtype, voxel)
        with self._records.transaction() as db:
            rows = self.volumes
            if rows and rows[0].shape[1] != volume.shape[1]:
                raise VolumeError(
                    f"{path} has {volume.shape[1]} channels, the project's first volume has {rows[0].shape[1]}; "
                    "all volumes of a project need the same channels."
                )
            columns = "id, path, axes, fingerprint, content, shape, dtype, voxel_nm"
            db.execute(f"INSERT INTO volumes ({columns}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)", (len(rows), *facts))
        return self.row(len(rows))

    def move_volume(self, index: int, path: Path) -> None:
        """Set the new path of a volume with the same shape, dtype and values.

        Values are compared on a few slices. A volume of an earlier version, with values never read, is accepted by its shape
        and dtype.

        Raises
        ------
        VolumeError
            If the new path holds another volume.
        """
        if self.row(index).content is None:
            with suppress(VolumeError):
                self.volume(index)  # reads its values, if the files still exist at the old path
        row, path = self.row(index), Path(os.path.expanduser(path)).resolve()
        volume = open_volume(path, axes=row.axes)
        if tuple(volume.shape) != row.shape or str(volume.dtype) != row.dtype:
            raise VolumeError(
                f"{path} holds {tuple(volume.shape)} {volume.dtype}, volume {index} was {row.shape} {row.dtype}; "
                "choose the same volume at its new path."
            )
        content = _content(volume) if row.content is None else content_digest(volume)
        if row.content not in (None, content):
            raise VolumeError(
                f"{path} has the size of volume {index} but holds other values; choose the same volume at its new path, "
                "or add this one as another volume."
            )
        with self._lock:
            self._open.pop(index, None)
            self._records.write(
                "UPDATE volumes SET path = ?, fingerprint = ?, content = ? WHERE id = ?",
                (str(path), fingerprint(path), content, index),
            )

    def volume(self, index: int) -> Volume:
        """Return the opened volume; about once a second, check its files for changes first.

        Raises
        ------
        VolumeError
            If its files have moved or changed since they were added.
        """
        with self._lock:
            watched = self._open.get(index)
            if watched is None or not watched.is_current():
                self._open.pop(index, None)
                watched = self._open[index] = self._opened(self.row(index))
            return watched.volume

    def _opened(self, row: VolumeRow) -> WatchedVolume:
        looks = _looks_unchanged(row)
        volume = open_volume(row.path, axes=row.axes, voxel_nm=row.voxel_nm)
        if row.content is None:  # a project of an earlier version
            self._records.write("UPDATE volumes SET content = ? WHERE id = ?", (_content(volume), row.index))
        return WatchedVolume(volume, looks)

    def set_voxel_size(self, index: int, voxel_nm: tuple[float, float, float] | None) -> None:
        """Set the voxel size ``(z, y, x)`` in nm, or None for unknown."""
        checked = None if voxel_nm is None else checked_voxel_size(voxel_nm, self.row(index).path)
        text = None if checked is None else to_json(list(checked))
        self._records.write("UPDATE volumes SET voxel_nm = ? WHERE id = ?", (text, index))
        with self._lock:
            self._open.pop(index, None)

    def set_weight(self, index: int, weight: float) -> None:
        """Set the sampling weight of a volume's labelled pixels in training, relative to other volumes.

        Raises
        ------
        ProjectError
            If there is no such volume, or the weight is not 0 to 100.
        """
        self.row(index)
        if not 0 <= weight <= HIGHEST_WEIGHT:
            raise ProjectError(
                f"The weight of volume {index} cannot be {weight:g}; allowed are 0 (left out of training) to {HIGHEST_WEIGHT:g}, "
                "with 1 as the default."
            )
        self._records.write("UPDATE volumes SET weight = ? WHERE id = ?", (float(weight), index))

    def set_region(self, index: int, polygons: Sequence[Polygon]) -> None:
        """Set the working region: the union of polygons of ``(y, x)`` pixels; none for the whole slice.

        Raises
        ------
        ProjectError
            If a polygon has fewer than three corners, or the region covers no pixel.
        """
        row = self.row(index)
        for polygon in polygons:
            if len(polygon) < 3 or not np.isfinite(np.asarray(polygon, dtype=float)).all():
                raise ProjectError(f"A region needs at least three corners, got {len(polygon)}; draw it again.")
        if polygons and not polygons_to_mask(polygons, row.slice_shape).any():
            raise ProjectError("The drawn region covers no pixel of the slice; draw a larger one.")
        value = to_json([[list(corner) for corner in polygon] for polygon in polygons])
        self._records.write("UPDATE volumes SET region = ? WHERE id = ?", (value, index))

    def region_mask(self, index: int) -> NDArray[np.bool_] | None:
        """Return the working region, bool ``(H, W)``, read-only; None for the whole slice."""
        row = self.row(index)
        return _filled(row.region, row.slice_shape) if row.region else None

    def image(self, slice_id: SliceId, neighbours: int = 0) -> NDArray[Any]:
        """Return a raw slice, ``(C, H, W)`` in its stored dtype, with neighbouring slices on each side as further channels."""
        return SliceStack(self.volume(slice_id.volume), neighbours)(slice_id.z)


@lru_cache(maxsize=4)
def _filled(polygons: tuple[Polygon, ...], shape: tuple[int, int]) -> NDArray[np.bool_]:
    """Return the filled working region; cached because every save needs it."""
    mask = polygons_to_mask(polygons, shape)
    mask.flags.writeable = False
    return mask


def _content(volume: Volume) -> str | None:
    """Return the digest of a volume's values, or None for an unreadable slice; opening that slice reports the error."""
    try:
        return content_digest(volume)
    except VolumeError:
        return None


def _looks_unchanged(row: VolumeRow) -> str:
    """Return the glance at a volume's files, after a check that they are the added ones.

    Raises
    ------
    VolumeError
        If they have moved or changed.
    """
    if not row.path.exists():
        raise VolumeError(
            f"{row.path} no longer exists; move it back, or enter its new path on the Project page "
            f"(or by underpaint volumes NAME --volume-index {row.index} --path FILE)."
        )
    looks = glance(row.path)  # first, so that the next check notices a change meanwhile
    if fingerprint(row.path) != row.fingerprint:
        raise VolumeError(
            f"{row.path} has changed since it was added to the project, so its labels may not fit; put the original "
            "file back, or make a new project for the changed one. If only its modification time changed, enter its path again "
            f"on the Project page (or by underpaint volumes NAME --volume-index {row.index} --path FILE)."
        )
    return looks
