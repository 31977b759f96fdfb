"""The options that several commands share, and how their values are read."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer

from core.config import AugmentConfig, PredictConfig, help_text
from core.errors import ProjectError

Workspace = Annotated[
    Path | None,
    typer.Option(
        "--workspace",
        metavar="DIR",
        envvar="UNDERPAINT_WORKSPACE",
        help="Folder that holds data/ and checkpoints/; the current folder by default.",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout and nothing else there.")]
Name = Annotated[str, typer.Argument(metavar="NAME", help="The project's name.")]
VolumeIndex = Annotated[int, typer.Option("--volume-index", min=0, help="Which of the project's volumes, from 0.")]
Views = Annotated[int | None, typer.Option(metavar="1|2|4|8", help=help_text(PredictConfig, "views"))]
AcrossSlices = Annotated[int | None, typer.Option("--across", help=help_text(PredictConfig, "across"))]
Round = Annotated[int | None, typer.Option("--round", metavar="R", min=1, help="Use this round's model; the newest by default.")]

_NUMBER = re.compile(r"\d{1,6}")  # beyond a million it is a slip of the hand, and a list of them would fill the memory
_RANGE = re.compile(r"(\d{1,6}):(\d{1,6})")

C = TypeVar("C")


def known_query(name: str) -> str:
    """The name of a query, if there is one of that name.

    Raises
    ------
    typer.BadParameter
        With the names there are.
    """
    from core.proposals.queries import query_named

    try:
        query_named(name)
    except ProjectError as error:
        raise typer.BadParameter(str(error)) from error
    return name


def parse_slices(text: str) -> list[int]:
    """Slice numbers from ``2,9,16`` or ``10:20`` (10 to 19) or a mixture, in ascending order, each once.

    Raises
    ------
    typer.BadParameter
        If a part of the text is neither, or names no slice.
    """
    chosen: set[int] = set()
    for part in text.split(","):
        bounds = _RANGE.fullmatch(part.strip())
        if bounds:
            named = range(int(bounds[1]), int(bounds[2]))
        elif _NUMBER.fullmatch(part.strip()):
            named = range(int(part), int(part) + 1)
        else:
            raise typer.BadParameter(f"{part!r} is neither a slice like 9 nor a range like 10:20; slices count from 0.")
        if not named:
            raise typer.BadParameter(f"{part!r} names no slice; a range like 10:20 means slices 10 to 19.")
        chosen.update(named)
    return sorted(chosen)


def parse_range(text: str) -> range:
    """Neighbouring slices from ``10:20`` (10 to 19) or one slice from ``9``.

    Raises
    ------
    typer.BadParameter
        If the slices do not follow one another.
    """
    chosen = parse_slices(text)
    if chosen != list(range(chosen[0], chosen[-1] + 1)):
        raise typer.BadParameter(f"{text!r} has gaps; give slices that follow one another, like 10:20.")
    return range(chosen[0], chosen[-1] + 1)


def parse_names(text: str) -> list[str]:
    """Class names from ``background,pore,phase``."""
    return [name.strip() for name in text.split(",")]


def parse_voxel(text: str) -> tuple[float, float, float]:
    """A voxel's size ``(z, y, x)`` in nanometres from ``10,5,5``, or ``5`` for a cube.

    Raises
    ------
    typer.BadParameter
        If there are not one or three lengths above zero.
    """
    try:
        lengths = [float(part) for part in text.split(",")]
    except ValueError:
        lengths = []
    if len(lengths) == 1:
        lengths *= 3
    if len(lengths) != 3 or not all(0 < length < float("inf") for length in lengths):
        raise typer.BadParameter(f"{text!r} is not a voxel size; give z,y,x in nanometres, like 10,5,5.")
    return lengths[0], lengths[1], lengths[2]


def parse_augment(text: str) -> AugmentConfig:
    """Strengths of augmentation from ``curtain=1.5,shadow=0``; what is not named keeps its default.

    Raises
    ------
    typer.BadParameter
        If a part is not ``NAME=VALUE``, or a name or value is not allowed.
    """
    known = {f.name: f.type for f in fields(AugmentConfig)}
    chosen: dict[str, Any] = {}
    for part in text.split(","):
        name, equals, value = (word.strip() for word in part.partition("="))
        if not equals or name not in known:
            raise typer.BadParameter(f"{part.strip()!r} is not a setting like shadow=0.5; there are {', '.join(known)}.")
        try:
            chosen[name] = value if known[name] == "str" else float(value)
        except ValueError as error:
            raise typer.BadParameter(f"{name} is {value!r}, which is no number; give one like {name}=0.5.") from error
    return configured(AugmentConfig, **chosen)


def configured(config: type[C], **chosen: Any) -> C:
    """Build a configuration from options; a value it refuses is a mistake in typing the command.

    Raises
    ------
    typer.BadParameter
        With the configuration's own sentence.
    """
    try:
        return config(**chosen)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
