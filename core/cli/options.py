"""Options shared by commands, options made from configurations, and the parsers of their values."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import Field, fields, is_dataclass
from functools import wraps
from inspect import Parameter, signature
from pathlib import Path
from typing import Annotated, Any, TypeVar, get_type_hints

import typer

from core.config import AugmentConfig
from core.errors import ProjectError

Workspace = Annotated[
    Path | None,
    typer.Option(
        "--workspace",
        metavar="DIR",
        envvar="UNDERPAINT_WORKSPACE",
        help="Folder of data/ and checkpoints/; the current folder by default.",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout and nothing else there.")]
Name = Annotated[str, typer.Argument(metavar="NAME", help="The project's name.")]
VolumeIndex = Annotated[int, typer.Option("--volume-index", min=0, help="Index of the volume in the project, from 0.")]
Round = Annotated[int | None, typer.Option("--round", metavar="R", min=1, help="Use this round's model; the newest by default.")]

_NUMBER = re.compile(r"\d{1,6}")  # a number beyond a million is a typing error, and a range up to it would fill the memory
_RANGE = re.compile(r"(\d{1,6}):(\d{1,6})")

C = TypeVar("C")

Command = Callable[..., None]


class Typed(tuple[str, ...]):
    """The names of the options given by the user, even with default values."""


def takes(config: type) -> Callable[[Command], Command]:
    """Give a command an option per field of a configuration, in place of its parameter ``config``.

    The command gets one ``config`` built from the options, and as ``typed``, if it has such a parameter, a :class:`Typed`. A
    value refused by the configuration is reported as a typing error, in the configuration's own sentence.
    """

    def decorate(command: Command) -> Command:
        options, own = _options(config), signature(command, eval_str=True)

        @wraps(command)
        def run(**given: Any) -> None:
            context, chosen = given.pop("context", None), {one.name: given.pop(one.name) for one in options}
            if context is not None:
                given["typed"] = Typed(name for name in chosen if context.get_parameter_source(name).name == "COMMANDLINE")
            command(config=_built(config, chosen), **given)

        shown = [parameter for one in own.parameters.values() for parameter in _in_place_of(one, options)]
        del run.__wrapped__  # or Typer would read its parameters
        run.__signature__ = own.replace(parameters=shown)  # type: ignore[attr-defined]
        run.__annotations__ = {one.name: one.annotation for one in shown}
        return run

    return decorate


def _in_place_of(parameter: Parameter, options: list[Parameter]) -> list[Parameter]:
    """Return the parameters to show Typer for a command's parameter."""
    if parameter.name == "config":
        return options
    if parameter.name == "typed":
        return [Parameter("context", Parameter.KEYWORD_ONLY, annotation=typer.Context)]
    return [parameter.replace(kind=Parameter.KEYWORD_ONLY)]


def option_names(names: tuple[str, ...]) -> str:
    """Return settings as options, such as ``--seed and --stop-loss``."""
    return " and ".join(_option_name(name) for name in names)


def _option_name(name: str) -> str:
    return "--" + name.replace("_", "-")


def _options(config: type) -> list[Parameter]:
    """Return the options of a configuration in the order of its fields, nested parts included."""
    made: list[Parameter] = []
    for one in fields(config):
        parts = one.metadata.get("parts")
        if parts:
            nested: Any = type(one.default)
            made += [_option(part, nested, parts[part.name]) for part in fields(nested) if part.name in parts]
        elif one.metadata.get("help") and one.metadata.get("typed", True):
            made.append(_option(one, config, one.default))
    return made


def _option(one: Field[Any], config: type, default: Any) -> Parameter:
    """Return the option of a configuration's field; the configuration itself checks its limits."""
    metadata, kind = one.metadata, get_type_hints(config)[one.name]
    choices, reader = metadata.get("choices"), _READERS.get(kind)
    names = [f"-{metadata['short']}"] if metadata.get("short") else []
    info = typer.Option(
        *names,
        _option_name(one.name),
        help=metadata["help"],
        metavar=metadata.get("metavar") or ("|".join(map(str, choices)) if choices else None),
        callback=_CALLBACKS.get(one.name),
        parser=reader,
        show_default=metadata.get("default_words", True),
    )
    if isinstance(default, float) and default.is_integer():
        default = int(default)  # shown without a decimal point
    if is_dataclass(default):
        default = None  # the configuration supplies its own default
    annotation: Any = Annotated[Any if reader else kind, info]
    return Parameter(one.name, Parameter.KEYWORD_ONLY, default=default, annotation=annotation)


def _built(config: type[C], chosen: Mapping[str, Any]) -> C:
    """Build a configuration from the values of its options; a nested one as a whole or from its parts."""
    given: dict[str, Any] = {}
    for one in fields(config):  # type: ignore[arg-type]
        parts = one.metadata.get("parts")
        if parts:
            given[one.name] = configured(type(one.default), **{name: chosen[name] for name in parts})
        elif one.name in chosen and not (chosen[one.name] is None and is_dataclass(one.default)):
            given[one.name] = chosen[one.name]
    return configured(config, **given)


def known_query(name: str) -> str:
    """Return the name of a query, if it is known.

    Raises
    ------
    typer.BadParameter
        With the known names.
    """
    from core.proposals.queries import query_named

    try:
        query_named(name)
    except ProjectError as error:
        raise typer.BadParameter(str(error)) from error
    return name


def parse_slices(text: str) -> list[int]:
    """Return slice numbers from ``2,9,16`` or ``10:20`` (10 to 19) or a mixture, in ascending order, each once.

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
    """Return neighbouring slices from ``10:20`` (10 to 19) or one slice from ``9``.

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
    """Return class names from ``background,pore,phase``."""
    return [name.strip() for name in text.split(",")]


def parse_voxel(text: str) -> tuple[float, float, float]:
    """Return a voxel's size ``(z, y, x)`` in nanometres from ``10,5,5``, or ``5`` for a cube.

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
    """Return strengths of augmentation from ``curtain=1.5,shadow=0``; the others keep their defaults.

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
    """Build a configuration from options; report a refused value as a typing error.

    Raises
    ------
    typer.BadParameter
        With the configuration's own sentence.
    """
    try:
        return config(**chosen)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error


_READERS: Mapping[Any, Callable[[str], Any]] = {
    AugmentConfig: parse_augment,
    tuple[int, ...] | None: lambda text: tuple(parse_slices(text)),
}
"""Parsers of typed values, by field type, for types unknown to Typer."""

_CALLBACKS: Mapping[str, Callable[[Any], Any]] = {"query": known_query}
"""Checks of fields beyond the configuration's own limits."""
