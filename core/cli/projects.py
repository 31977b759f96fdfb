"""Commands about a project and its labels: ``new``, ``labels import``, ``labels export``, ``volumes``, ``rounds``."""

from __future__ import annotations

from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Column, Table

from core.cli.edge import answer, working
from core.cli.options import Json, Name, VolumeIndex, Workspace, parse_names, parse_slices, parse_voxel

if TYPE_CHECKING:
    from core.project import Project


class Role(StrEnum):
    """The permanent use of imported pixels."""

    train = "train"
    validation = "validation"
    audit = "audit"


def new(
    name: Name,
    volume: Annotated[list[Path], typer.Option(help="An image volume: TIFF, zarr or a folder of images; repeatable.")],
    classes: Annotated[str, typer.Option(help="Class names, background first, like background,pore,phase.")],
    axes: Annotated[str | None, typer.Option(help="Order of the axes, like ZYX or CZYX, if the file does not say.")] = None,
    voxel_nm: Annotated[str | None, typer.Option(help="Voxel size z,y,x in nanometres, if the file does not say.")] = None,
    workspace: Workspace = None,
    as_json: Json = False,
) -> None:
    """Create a project from one or several volumes."""
    voxel = None if voxel_nm is None else parse_voxel(voxel_nm)
    from core.project import Project, workspace_folder

    project = Project.create(
        workspace_folder(workspace), name, volumes=volume, classes=parse_names(classes), axes=axes, voxel_nm=voxel
    )
    rows = [{"path": row.path, "shape": row.shape, "voxel_nm": row.voxel_nm} for row in project.volumes]
    result = {"project": name, "folder": project.folder, "classes": [c.name for c in project.classes], "volumes": rows}
    text = f"Created project {name} in {project.folder}: {len(rows)} volume(s), {len(project.classes)} classes."
    answer(result, text, as_json=as_json)


def volumes(
    name: Name,
    volume_index: Annotated[int | None, typer.Option("--volume-index", min=0, help="Volume to change, from 0.")] = None,
    weight: Annotated[
        float | None,
        typer.Option(help="How often to train on the volume's labelled pixels: 1 is the default, 0 leaves it out."),
    ] = None,
    path: Annotated[Path | None, typer.Option(help="New path of its files, or the old one if only their times changed.")] = None,
    voxel_nm: Annotated[str | None, typer.Option(help="Voxel size z,y,x in nanometres.")] = None,
    workspace: Workspace = None,
    as_json: Json = False,
) -> None:
    """List the volumes, or set the path, voxel size or training weight of one."""
    given = [option for option in (weight, path, voxel_nm) if option is not None]
    if len(given) != (volume_index is not None):
        raise typer.BadParameter("give --volume-index and one of --weight, --path and --voxel-nm to set it, or none to list.")
    voxel = None if voxel_nm is None else parse_voxel(voxel_nm)
    from core.project import Project, workspace_folder

    project = Project.open(workspace_folder(workspace), name)
    if volume_index is not None:
        if weight is not None:
            project.set_weight(volume_index, weight)
        elif path is not None:
            project.move_volume(volume_index, path)
        else:
            project.set_voxel_size(volume_index, voxel)
    table = Table("volume", "slices", "voxel, nm", "weight", "path")
    for row in project.volumes:
        size = " x ".join(f"{length:g}" for length in row.voxel_nm or ()) or "not known"
        table.add_row(str(row.index), str(row.depth), size, f"{row.weight:g}", str(row.path))
    rows = [
        {"volume": row.index, "path": row.path, "shape": row.shape, "voxel_nm": row.voxel_nm, "weight": row.weight}
        for row in project.volumes
    ]
    answer({"volumes": rows}, table, as_json=as_json)


def import_labels(
    name: Name,
    labels: Annotated[Path, typer.Argument(metavar="LABELS.tif", help="Class ids, one page per slice; 255 = not labelled.")],
    slices: Annotated[
        str | None, typer.Option(help="Slices to take, from 0, like 2,9,16 or 10:20; all pages by default.")
    ] = None,
    role: Annotated[Role, typer.Option(help="Permanent use of these pixels.")] = Role.train,
    volume_index: VolumeIndex = 0,
    workspace: Workspace = None,
    as_json: Json = False,
) -> None:
    """Import painted slices from a label file with one page per slice of the volume, or per listed slice."""
    chosen = None if slices is None else parse_slices(slices)
    from core.project import Project, workspace_folder

    project = Project.open(workspace_folder(workspace), name)
    imported = project.labels.import_file(labels, slices=chosen, role=role.value, volume=volume_index)
    text = f"Imported {len(imported)} slice(s) into {name} as {role.value}."
    answer({"slices": imported, "role": role.value, "volume": volume_index}, text, as_json=as_json)


def export_labels(
    name: Name,
    out: Annotated[Path, typer.Argument(metavar="OUT.tif", help="Where to write; one page per slice, 255 = not labelled.")],
    volume_index: VolumeIndex = 0,
    workspace: Workspace = None,
    as_json: Json = False,
) -> None:
    """Write all labels of a volume as one TIFF."""
    from core.project import Project, workspace_folder

    project = Project.open(workspace_folder(workspace), name)
    with working("Writing labels"):
        project.labels.export_file(out, volume=volume_index, overwrite=False)
    labelled = [row.z for row in project.labels.slices() if row.volume == volume_index]
    answer({"path": out, "slices": labelled}, f"Wrote {out}: {len(labelled)} labelled slice(s).", as_json=as_json)


def rounds(
    name: Name,
    snapshots: Annotated[
        bool,
        typer.Option("--snapshots", "--moments", help="List the kept snapshots of the last trainings instead, to restore one."),
    ] = False,
    workspace: Workspace = None,
    as_json: Json = False,
) -> None:
    """List the rounds with their labels, scores and cost."""
    from core.project import Project, workspace_folder

    project = Project.open(workspace_folder(workspace), name)
    if snapshots:
        _snapshots(project, as_json=as_json)
        return
    rows = project.models.rounds()
    columns = "network", "labelled slices", "active seconds", "ended by", "validation loss", "validation Dice"
    table = Table(Column("round", no_wrap=True), *columns)
    for row in rows:
        table.add_row(
            str(row.round) if row.origin is None else f"{row.round} (round {row.origin.round} at {row.origin.seconds:.0f} s)",
            row.network,
            str(row.labelled_slices),
            f"{row.active_seconds:.0f}",
            row.ended_by,
            number(row.validation_loss),
            dice_words(row.validation_dice).replace(", ", "\n"),
        )
    result = [
        {
            "round": row.round,
            "validation_loss": row.validation_loss,
            "validation_dice": row.validation_dice,
            "validation_pixels": row.validation_pixels,
            "labelled_slices": row.labelled_slices,
            "active_seconds": row.active_seconds,
            "seconds": row.seconds,
            "network": row.network,
            "checkpoint": row.checkpoint,
            "ended_by": row.ended_by,
            "changed": dict(row.changed),
            "origin": None if row.origin is None else asdict(row.origin),
        }
        for row in rows
    ]
    answer({"rounds": result}, table if rows else f"No round yet: run underpaint train {name}.", as_json=as_json)


def _snapshots(project: Project, *, as_json: bool) -> None:
    kept = [snapshot for round_ in project.models.snapshot_rounds() for snapshot in project.models.snapshots(round_)]
    table = Table("round", "snapshot", "steps", "validation loss", "MB")
    for one in kept:
        when = f"{one.seconds:.0f} s" + (", the end" if one.end else "")
        table.add_row(str(one.round), when, str(one.step), number(one.validation_loss), f"{one.size / 1e6:.1f}")
    result = [
        {
            "round": one.round,
            "seconds": one.seconds,
            "step": one.step,
            "validation_loss": one.validation_loss,
            "end": one.end,
            "bytes": one.size,
            "path": one.folder,
        }
        for one in kept
    ]
    none = f"No snapshot is kept: run underpaint train {project.name}."
    answer({"moments": result}, table if kept else none, as_json=as_json)


def number(value: float | None, digits: int = 3) -> str:
    """Format a measured value; ``not measured`` for None."""
    return "not measured" if value is None else f"{value:.{digits}f}"


def dice_words(dice: dict[str, float | None]) -> str:
    """Format Dice per class in one line."""
    return ", ".join(f"{name} {number(value)}" for name, value in dice.items())
