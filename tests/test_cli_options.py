"""Options made from a configuration: one line in ``core.config`` is a new option with its limits, default and help."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from core.cli import app
from core.cli.options import Name, Typed, takes
from core.config import (
    AugmentConfig,
    Checked,
    PredictConfig,
    ProposeConfig,
    SimulateConfig,
    TrainConfig,
    help_text,
    option,
)

ROOT = Path(__file__).resolve().parents[1]
CONFIGS: dict[str, type] = {
    "train": TrainConfig,
    "propose": ProposeConfig,
    "predict": PredictConfig,
    "evaluate": PredictConfig,
    "simulate": SimulateConfig,
}


@dataclass(frozen=True)
class Inner(Checked):
    """A configuration in another one, of which one setting is an option."""

    speed: float = option(2.0, "Slices per second.", at_least=1)
    depth: int = option(3, "Not an option.")


@dataclass(frozen=True)
class Toy(Checked):
    """One setting of each kind."""

    slice_gap: int = option(4, "Slices between two.", at_least=1, at_most=9, short="g")
    order: str = option("up", "The order of slices.", choices=("up", "down"))
    limit: float | None = option(None, "Seconds at most.", at_least=0)
    dry: bool = option(False, "Do nothing.")
    augment: AugmentConfig = option(AugmentConfig(), "Strengths.", metavar="KIND=STRENGTH,...", default_words="1 each")
    inner: Inner = option(Inner(), "Nested.", parts={"speed": 5.0})  # noqa: RUF009 - a field
    quiet: int = option(1, "Left to Python.", typed=False)


GIVEN: list[tuple[Toy, Typed]] = []


@takes(Toy)
def play(name: Name, config: Toy, typed: Typed) -> None:
    """Keep what was given."""
    GIVEN.append((config, typed))


def run(*words: str) -> tuple[int, str]:
    """Exit status and what was said, as one line."""
    toy = typer.Typer()
    toy.command()(play)
    done = CliRunner().invoke(toy, ["mine", *words])
    return done.exit_code, " ".join(done.output.replace("│", " ").split())


def test_each_setting_is_an_option() -> None:
    """With its default and help; not those that are left to Python."""
    status, said = run("--help")
    assert status == 0
    for shown in (
        "--slice-gap -g <int> Slices between two. [default: 4]",
        "--order up|down The order of slices. [default: up]",
        "--limit <float> Seconds at most.",
        "--dry <bool> Do nothing.",
        "--augment KIND=STRENGTH,... Strengths. [default: (1 each)]",
        "--speed <float> Slices per second. [default: 5]",
    ):
        assert shown in said, said
    assert "--no-dry" not in said
    assert "Left to Python" not in said
    assert "Not an option" not in said


def test_the_command_is_handed_one_configuration() -> None:
    """Built from the options, with the defaults of those that were not typed, and the names of those that were."""
    GIVEN.clear()
    assert run()[0] == 0
    assert run("-g", "4", "--dry", "--augment", "shadow=0", "--speed", "7", "--limit", "3", "--order", "down")[0] == 0
    assert [
        (Toy(inner=Inner(speed=5)), ()),
        (
            Toy(order="down", limit=3.0, dry=True, augment=AugmentConfig(shadow=0), inner=Inner(speed=7)),
            ("slice_gap", "order", "limit", "dry", "augment", "speed"),
        ),
    ] == GIVEN


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--slice-gap", "10"), "slice_gap is 10; allowed is 1 to 9."),
        (("--order", "left"), "order is 'left'; allowed is up, down."),
        (("--speed", "0"), "speed is 0.0; allowed is 1 or more."),
        (("--augment", "shadow=9"), "shadow is 9.0; allowed is 0 to 3"),
        (("--slice-gap", "few"), "as an integer"),
    ],
)
def test_a_value_that_is_not_allowed_is_told_in_the_words_of_the_configuration(words: tuple[str, ...], told: str) -> None:
    """As a mistake in typing."""
    status, said = run(*words)
    assert status == 2
    assert told in said


def constants(path: Path) -> Iterator[str]:
    """Every text in a module, joined where it is written in parts."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


@pytest.mark.parametrize("name", CONFIGS)
def test_no_option_repeats_what_its_configuration_says(name: str) -> None:
    """Each has the help and the default of its field, which the command writes nowhere."""
    config, command = CONFIGS[name], typer.main.get_command(app).commands[name]  # type: ignore[attr-defined]
    options = {one.name: one for one in command.params}
    usual = asdict(config())
    taken = [f.name for f in fields(config) if f.name in options]
    assert taken
    for field in taken:
        assert options[field].help == help_text(config, field)
        assert options[field].default in (usual[field], None)
    (source,) = (path for path in (ROOT / "core" / "cli").glob("*.py") if f"\ndef {name}(" in path.read_text())
    tree = ast.parse(source.read_text())
    (function,) = (node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == name)
    written = {one.arg for one in (*function.args.args, *function.args.kwonlyargs)}
    assert not written & set(taken)


def test_helps_and_labels_of_settings_are_written_once() -> None:
    """In ``core.config``: neither the commands nor the page have them."""
    every: list[Any] = [f for config in {*CONFIGS.values(), AugmentConfig} for f in fields(config)]
    helps = {f.metadata["help"] for f in every if "help" in f.metadata}
    labels = {f.metadata["label"] for f in every if "label" in f.metadata}
    labels |= {f.metadata["page_help"] for f in every if "page_help" in f.metadata}
    modules = ("training_form", "network_form", "form_fields", "augmentation")
    forms = [*(ROOT / "app" / "components" / f"{name}.py" for name in modules), ROOT / "app" / "views" / "results.py"]
    for path in [*(ROOT / "core" / "cli").glob("*.py"), *(ROOT / "app").rglob("*.py")]:
        assert not helps.intersection(constants(path)), path
    for form in forms:
        assert not labels.intersection(constants(form)), form
