"""Names of code in docstrings and on pages lead to code that is there."""

from __future__ import annotations

import ast
import importlib
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "docs"))

import generate  # type: ignore[import-not-found]

import underpaint
from core.project.earlier_names import EarlierNames

ROOT = Path(__file__).resolve().parents[1]
MODULES = [file for folder in ("core", "app") for file in sorted((ROOT / folder).rglob("*.py"))] + [ROOT / "underpaint.py"]
EVERY_PAGE = [page for place in ("docs", "benchmarks") for page in sorted((ROOT / place).rglob("*.md"))]
PAGES = [*sorted(ROOT.glob("*.md")), *(page for page in EVERY_PAGE if "log" not in page.parts)]
"""A log entry keeps the names of its day."""

ROLE = re.compile(r":(?:class|func|meth|mod|attr|data|exc):`~?([\w.]+)`")
DOTTED = re.compile(r"(?<![\w`])`{1,2}((?:core|app|underpaint)(?:\.\w+)+)(?:\([^`]*\))?`{1,2}(?!`)")
OF_A_PROJECT = re.compile(r"`[Pp]roject\.(\w+)(?:\.(\w+))?")
FILES = (".py", ".md", ".toml", ".js", ".css")
FACADES = {name.removeprefix("project."): owner for name, owner in generate.MEMBERS.items() if name.startswith("project.")}
SAID_TO_GO = {"docs/reference/python.md": {"label", "import_labels"}}
"""Earlier names that a page calls earlier names."""


def has(owner: Any, name: str) -> bool:
    """Whether a module or class has a member; fields and attributes set in ``__init__`` count."""
    if hasattr(owner, name) or any(name in vars(one).get("__annotations__", {}) for one in getattr(owner, "__mro__", ())):
        return True
    made = getattr(owner, "__init__", None) if isinstance(owner, type) else None
    code = getattr(made, "__code__", None)
    return code is not None and name in code.co_names


def leads_somewhere(name: str, *scopes: Any) -> bool:
    """Whether a dotted name is a module's or a member's, from one of the scopes or from the top."""
    return any(_found(scope, name.split(".")) for scope in scopes) or _imported(name)


def _found(owner: Any, parts: list[str]) -> bool:
    for at, part in enumerate(parts):
        if not hasattr(owner, part):
            return at == len(parts) - 1 and has(owner, part)
        owner = getattr(owner, part)
    return True


def _imported(name: str) -> bool:
    parts = name.split(".")
    for count in range(len(parts), 0, -1):
        try:
            module = importlib.import_module(".".join(parts[:count]))
        except ModuleNotFoundError:
            continue
        return _found(module, parts[count:])
    return False


def docstrings(node: ast.AST, scopes: tuple[str, ...] = ()) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Every string that stands alone as a statement, with the classes around it."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Expr) and isinstance(child.value, ast.Constant) and isinstance(child.value.value, str):
            yield child.value.value, scopes
        yield from docstrings(child, (*scopes, child.name) if isinstance(child, ast.ClassDef) else scopes)


def dead_names(file: Path) -> list[str]:
    """The names in a module's docstrings that lead nowhere; a module without any is not imported."""
    dead = []
    for text, classes in docstrings(ast.parse(file.read_text(encoding="utf-8"))):
        for name in (*ROLE.findall(text), *(found for found in DOTTED.findall(text) if not found.endswith(FILES))):
            module = importlib.import_module(".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"))
            scopes = [module, *(getattr(module, name) for name in classes if hasattr(module, name))]
            dead += [] if leads_somewhere(name, *scopes) else [name]
    return dead


def test_a_name_that_is_not_there_is_noticed() -> None:
    """Modules, functions, methods and fields are found; what is misspelt or has moved is not."""
    for name in (
        "core.proposals.queries",
        "core.proposals.queries.QUERIES",
        "core.config.TrainConfig.seconds",
        "underpaint.Project",
    ):
        assert leads_somewhere(name), name
    assert leads_somewhere("seconds", underpaint.TrainConfig)
    for name in ("core.propose", "core.proposals.queries.hotspots", "core.config.TrainConfig.minutes"):
        assert not leads_somewhere(name), name
    assert of_a_project("train", "")
    assert of_a_project("labels", "apply")
    assert not of_a_project("apply", ""), "a name of version 0.1"
    assert not of_a_project("labels", "applied")


@pytest.mark.parametrize("file", MODULES, ids=lambda file: str(file.relative_to(ROOT)))
def test_names_in_docstrings_lead_somewhere(file: Path) -> None:
    """Each ``:meth:``, ``:class:``, ``:func:`` and each dotted name of a module is there."""
    assert dead_names(file) == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_names_on_a_page_lead_somewhere(page: Path) -> None:
    """Each dotted name of a module is there, and each method of a project under its name of now."""
    text = page.read_text(encoding="utf-8")
    dead = [name for name in DOTTED.findall(text) if not name.endswith(FILES) and not leads_somewhere(name)]
    dead += [
        ".".join(filter(None, ("project", name, member)))
        for name, member in OF_A_PROJECT.findall(text)
        if name not in SAID_TO_GO.get(str(page.relative_to(ROOT)), ()) and not of_a_project(name, member)
    ]
    assert dead == []


def of_a_project(name: str, member: str) -> bool:
    """Whether a project has a method under its name of now, or a facade has a member."""
    if name in FACADES and member:
        return has(FACADES[name], member)
    return has(underpaint.Project, name) and not hasattr(EarlierNames, name)
