"""Write the lists of commands, options, settings, queries, verbs and keys into docs/reference/ from the code that defines them.

    python docs/generate.py

Each list stands between ``<!-- begin: NAME -->`` and ``<!-- end -->``; the text around it is written by hand. A test compares
the pages with what this makes.
"""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Iterator
from dataclasses import MISSING, Field, fields
from pathlib import Path
from typing import Any

import typer

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import underpaint
from core import config
from core.cli import app
from core.project.jobs import ProjectJobs
from core.project.labels import ProjectLabels
from core.project.models import ProjectModels
from core.project.proposals import ProjectProposals
from core.project.results import ProjectResults
from core.proposals.queries import QUERIES

ROOT = Path(__file__).resolve().parents[1]
NAMES = ("command-line.md", "editor.md", "python.md", "training-settings.md")
PAGES = [ROOT / "docs" / "reference" / name for name in NAMES]
CONFIGS = {
    "train": config.TrainConfig,
    "propose": config.ProposeConfig,
    "predict": config.PredictConfig,
    "simulate": config.SimulateConfig,
}
"""Where a command takes the defaults of its options from."""

MEMBERS = {
    "underpaint": underpaint,
    "Project": underpaint.Project,
    "project.labels": ProjectLabels,
    "project.models": ProjectModels,
    "project.proposals": ProjectProposals,
    "project.results": ProjectResults,
    "project.jobs": ProjectJobs,
}
"""What a page of the Python API lists."""

BINDINGS = ROOT / "app" / "editor" / "panel" / "key_bindings.js"
_BINDING = re.compile(r'row\("([^"]+)", "([^"]+)", "[^"]+", "([^"]+)"')
_BLOCK = re.compile(r"(<!-- begin: (.+?) -->\n).*?(<!-- end -->)", re.DOTALL)


def filled(text: str) -> str:
    """A page with its lists made anew.

    Raises
    ------
    KeyError
        If a block names neither a command nor a configuration.
    """
    return _BLOCK.sub(lambda found: f"{found[1]}{_block(found[2])}{found[3]}", text)


def _block(name: str) -> str:
    if name == "keys":
        made = _keys()
    elif name == "queries":
        made = _queries()
    elif name in MEMBERS:
        made = _members(MEMBERS[name])
    else:
        made = _command(name) if name.startswith("underpaint ") else _settings(vars(config)[name])
    return "\n" + "\n".join(made) + "\n\n"


def _command(name: str) -> Iterator[str]:
    """Of a command: its call, what it does, and a line for each argument and option."""
    command: Any = typer.main.get_command(app)
    for word in name.split()[1:]:
        command = command.commands[word]
    own = [one for one in command.params if not {"--workspace", "--json"}.intersection(one.opts)]
    arguments = " ".join(_call(one) for one in own if one.param_type_name == "argument")
    needed = " ".join(f"{one.opts[0]} {_call(one)}" for one in own if one.param_type_name == "option" and one.required)
    yield "```text"
    yield " ".join(part for part in (name, arguments, needed, "[OPTIONS]" if len(own) else "") if part)
    yield "```\n"
    yield f"{command.help}\n"
    yield from (_option(one, CONFIGS.get(name.split()[-1])) for one in own)


def _call(parameter: Any) -> str:
    return str(parameter.metavar or parameter.name.upper())


def _option(parameter: Any, configured: Any) -> str:
    """A line of Markdown about an argument or an option."""
    shown = _call(parameter) if parameter.param_type_name == "argument" else ", ".join(parameter.opts)
    if parameter.param_type_name == "option" and parameter.metavar:
        shown += f" {parameter.metavar}"
    usual = parameter.default
    if usual in (None, False, ...) and configured is not None:
        usual = next((_default(one) for one in fields(configured) if one.name == parameter.name), None)
    told = f" Default: {_shown(usual)}." if isinstance(usual, (int, float, str)) and usual is not False else ""
    return f"- `{shown}`: {parameter.help or ''}{told}"


def _settings(configured: Any) -> Iterator[str]:
    """A table of a configuration's fields: name, default, what is allowed, help."""
    yield "| setting | default | allowed | what it does |"
    yield "|---|---|---|---|"
    for one in fields(configured):
        usual = _default(one)
        yield f"| `{one.name}` | {_shown(usual)} | {_allowed(one)} | {one.metadata.get('help', '')} |"


def _keys() -> Iterator[str]:
    """A table of the editor's key bindings, in the order of its own list of keys."""
    bindings = _BINDING.findall(BINDINGS.read_text(encoding="utf-8"))
    yield "| key | group | effect |"
    yield "|---|---|---|"
    yield from (f"| `{shown}` | {group} | {told} |" for group, shown, told in bindings)


def _queries() -> Iterator[str]:
    """A table of the queries: name, and the first sentence on its function."""
    yield "| query | score of a pixel |"
    yield "|---|---|"
    for name, query in QUERIES.items():
        first = (inspect.getdoc(query.score) or "").split("\n\n")[0].replace("\n", " ").replace("``", "`")
        told = first.removeprefix("Return ")
        yield f"| `{name}` | {told[0].upper()}{told[1:]} |"


def _members(owner: Any) -> Iterator[str]:
    """A table of what a module exports, or of a class's public methods: name and first sentence of the docstring."""
    names = sorted(owner.__all__, key=str.lower) if hasattr(owner, "__all__") else [n for n in vars(owner) if n[0] != "_"]
    yield "| name | what it is |" if hasattr(owner, "__all__") else "| method or attribute | what it does |"
    yield "|---|---|"
    for name in names:
        told = getattr(owner, name)
        first = f"`{told}`" if isinstance(told, int) else (inspect.getdoc(told) or "").split("\n\n")[0].replace("\n", " ")
        yield f"| `{name}` | {re.sub(r':(?:class|func|meth|mod):', '', first).replace('``', '`').replace('|', chr(92) + '|')} |"


def _shown(value: Any) -> str:
    """A default as code; nothing where there is none."""
    if value is None or isinstance(value, (int, float, str)):
        return "" if value is None else f"`{value:g}`" if isinstance(value, float) else f"`{value}`"
    return f"`{type(value).__name__}()`"


def _default(one: Field[Any]) -> Any:
    if one.default is not MISSING:
        return one.default
    return one.default_factory() if one.default_factory is not MISSING else None


def _allowed(one: Field[Any]) -> str:
    choices, least, most = (one.metadata.get(key) for key in ("choices", "at_least", "at_most"))
    if choices:
        return ", ".join(f"`{choice}`" for choice in choices)
    bounds = [
        f"from {least:g}" if least is not None else "",
        f"to {most:g}" if most not in (None, float("inf"), 2**32 - 1) else "",
    ]
    return " ".join(bound for bound in bounds if bound)


def main() -> None:
    """Write the pages."""
    for page in PAGES:
        page.write_text(filled(page.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
