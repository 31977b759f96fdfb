"""The documentation says what is there: every command and option, the README's commands, every link."""

from __future__ import annotations

import dataclasses
import re
import shlex
import sys
import tomllib
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "docs"))

import generate  # type: ignore[import-not-found]

from tests.shell import run
from tests.test_cli import COMMANDS

ROOT = Path(__file__).resolve().parents[1]
TOP = [page for place in (".", "data", "checkpoints") for page in sorted((ROOT / place).glob("*.md"))]
PAGES = [*TOP, *(page for place in ("docs", "benchmarks") for page in sorted((ROOT / place).rglob("*.md")))]
REFERENCE = (ROOT / "docs" / "reference" / "command-line.md").read_text()
README = (ROOT / "README.md").read_text()

ISSUED = """
underpaint demo --no-browser
underpaint app --port
underpaint new --volume --classes --axes --voxel-nm
underpaint volumes --weight --path --voxel-nm --volume-index
underpaint labels import --slices --role --volume-index
underpaint labels export --volume-index
underpaint train --seconds --seed --loss --augment --epochs --stop-loss --patience --tensorboard --watch --volume-index --resume
underpaint train --architecture --neighbours --initial-weights --patch --batch --devices
underpaint train --channels --depth --local --learning-rate --unlabelled
underpaint restore --round --moment
underpaint restore --round --snapshot
underpaint propose -n --query
underpaint predict --slices --probabilities --views --across --round --volume-index
underpaint evaluate --truth --boundaries --tolerance --views --across --round --volume-index
underpaint rounds --moments
underpaint rounds --snapshots
underpaint simulate --volume --truth --classes --rounds --start --per-round --seconds --query --test-slices --seed
"""

JSON_KEYS = """
round seconds validation_loss validation_dice checkpoint proposals volume slice score reason boxes slices rounds
megapixels_per_second peak_memory_mb dice mean_dice validation_pixels labelled_slices active_seconds annotation_seconds ended_by
moments step origin confusion across
""".split()  # noqa: SIM905 (a list of names is read as one)


def _section(command: str) -> str:
    """The part of the reference about one command."""
    parts = re.split(r"^## ", REFERENCE, flags=re.MULTILINE)
    return next((part for part in parts if part.startswith(f"{command}\n")), "")


@pytest.mark.parametrize("line", ISSUED.strip().splitlines(), ids=lambda line: line.split(" -")[0])
def test_a_command_is_documented_and_takes_what_is_documented(line: str) -> None:
    """Each command has a section in the reference that shows its options, and its --help knows them."""
    command, *options = re.split(r" (?=-)", line)
    section, shown = _section(command), run(*command.split()[1:], "--help").out
    assert section, f"docs/reference/command-line.md has no section {command!r}"
    for option in options:
        assert option in section
        assert option in shown


def test_every_command_is_in_the_list_above() -> None:
    """A new command cannot be added without being documented."""
    listed = {tuple(re.split(r" (?=-)", line)[0].split()[1:]) for line in ISSUED.strip().splitlines()}
    assert listed == set(COMMANDS)
    names = {command[0] for command in COMMANDS}
    assert set(re.findall(r"^│ ([a-z]+) ", run("--help").out, re.MULTILINE)) == names


def test_json_keys_are_documented() -> None:
    """The keys that scripts rely on are in the README and in the reference."""
    for key in JSON_KEYS:
        assert f"`{key}`" in README
        assert f"`{key}`" in REFERENCE


def test_what_the_readme_calls_is_there() -> None:
    """Each ``make`` target and each ``underpaint`` command in the README's blocks exists."""
    blocks = re.findall(r"```(?:console|sh)\n(.*?)```", README, re.DOTALL)
    lines = [line.removeprefix("$ ").split("#")[0].strip() for block in blocks for line in block.splitlines()]
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    calls = [shlex.split(line) for line in lines if line.startswith(("make ", "underpaint "))]
    assert {"demo", "test"} <= {words[1] for words in calls if words[0] == "make"}
    for words in calls:
        if words[0] == "make":
            assert words[1] in targets
        else:
            assert any(tuple(words[1 : 1 + len(command)]) == command for command in COMMANDS), words


def test_the_readme_s_python_runs_as_far_as_its_names() -> None:
    """The example compiles, and its calls name parameters that exist."""
    import inspect

    import underpaint

    (example,) = _python(ROOT / "README.md")
    compile(example, "README.md", "exec")
    for verb, keyword in re.findall(r"(?:project|Project)\.(\w+)\([^\n]*?(\w+)=", example):
        known = inspect.signature(getattr(underpaint.Project, verb)).parameters
        assert keyword in known or keyword in ("seconds", "number")


def _python(page: Path) -> list[str]:
    """The blocks of Python on a page."""
    return re.findall(r"```python\n(.*?)```", page.read_text(), re.DOTALL)


@pytest.mark.parametrize("page", [page for page in PAGES if _python(page)], ids=lambda page: str(page.relative_to(ROOT)))
def test_python_in_the_documentation_names_what_is_there(page: Path) -> None:
    """Each block compiles; whatever it takes from ``underpaint``, or asks of a project or a facade of it, exists."""
    import underpaint

    facades = {name.removeprefix("project."): owner for name, owner in generate.MEMBERS.items() if name.startswith("project.")}
    for block in _python(page):
        compile(block, str(page), "exec")
        assert all(hasattr(underpaint, name) for name in re.findall(r"\bunderpaint\.(\w+)", block))
        for name, member in re.findall(r"\bproject\.(\w+)(?:\.(\w+))?", block):
            assert hasattr(facades[name], member) if name in facades and member else hasattr(underpaint.Project, name), name


def test_the_python_reference_lists_all_of_the_public_api() -> None:
    """Each name that ``underpaint`` exports has its place on the page, and no other."""
    import underpaint

    page = (ROOT / "docs" / "reference" / "python.md").read_text()
    assert set(re.findall(r"^::: underpaint\.(\w+)", page, re.MULTILINE)) == set(underpaint.__all__)


@pytest.mark.parametrize("name", generate.NAMES)
def test_lists_of_options_settings_and_verbs_are_what_the_code_says(name: str) -> None:
    """Nobody has edited a generated list, and no option was added without making it anew."""
    page = (ROOT / "docs" / "reference" / name).read_text()
    assert page == generate.filled(page), "run python docs/generate.py"


@pytest.mark.parametrize("name", ["Nonesuch", "underpaint nonesuch"])
def test_a_list_of_nothing_is_refused(name: str) -> None:
    """A block that names neither a command nor a configuration is an error that holds the name."""
    with pytest.raises(KeyError, match=r"(?i)nonesuch"):
        generate.filled(f"<!-- begin: {name} -->\n<!-- end -->")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    """Relative links in the documentation point at files that exist, and at headings that these have."""
    for link in re.findall(r"\]\(([^)\s]+)", page.read_text()):
        if link.startswith(("http://", "https://")):
            continue
        path, _, heading = link.partition("#")
        target = page.parent / path if path else page
        assert target.exists(), link
        if heading:
            assert heading in _anchors(target), link


def _anchors(page: Path) -> set[str]:
    """The anchors that GitHub gives the headings of a page."""
    headings = re.findall(r"^#+ (.+)", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_every_package_is_in_the_architecture() -> None:
    """Each package of the engine and each folder of the screen is named where the house is explained."""
    page = (ROOT / "docs" / "explanation" / "architecture.md").read_text()
    packages = {file.parent.name for folder in ("core", "app") for file in (ROOT / folder).glob("*/__init__.py")}
    assert {"volumes", "cli"} <= packages
    missing = [name for name in sorted(packages) if not re.search(rf"`(?:core\.(?:\w+\.)?|app/){name}/?`", page)]
    assert missing == []


def test_the_citation_names_this_version() -> None:
    """CITATION.cff and the package say the same of name, version and licence."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    cited = dict(re.findall(r"^([a-z-]+): (.+)$", (ROOT / "CITATION.cff").read_text(), re.MULTILINE))
    assert cited["title"].lower() == project["name"]
    assert (cited["version"], cited["license"]) == (project["version"], project["license"])


def test_a_commit_runs_what_make_lint_runs() -> None:
    """The hooks of pre-commit call the Makefile, whose targets exist, and no tool of another version."""
    import yaml

    told = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())
    hooks = [hook for repository in told["repos"] for hook in repository["hooks"]]
    assert [repository["repo"] for repository in told["repos"]] == ["local"]
    assert [(hook["entry"], hook["language"]) for hook in hooks] == [("make lint", "system")]


def test_nothing_names_another_machine() -> None:
    """Pins name versions, never a host, a path or a local build."""
    pins = [line for line in (ROOT / "constraints.txt").read_text().splitlines() if line and not line.startswith("#")]
    assert all(re.fullmatch(r"[A-Za-z0-9._-]+==[0-9][A-Za-z0-9.]*", pin) for pin in pins)
    assert "torch==2.13.0" in pins


def test_every_default_points_to_what_chose_it() -> None:
    """Each setting is in the table of defaults, with a link into the log, or is said not to be compared."""
    from core import config

    page = (ROOT / "docs" / "explanation" / "defaults.md").read_text()
    table = page[page.index("| default | chosen by |") :].split("\n\n")[0].splitlines()[2:]
    told = set[str]()
    for line in table:
        settings, why = (cell.strip() for cell in line.strip("|").split("|"))
        owner = ""
        for name in re.findall(r"`([\w.]+)`", settings):
            owner, setting = name.split(".") if "." in name else (owner, name)
            told.add(f"{owner}.{setting}")
        assert why.startswith("not compared: ") or "](../../benchmarks/log/" in why, line
    checked = [one for one in vars(config).values() if isinstance(one, type) and dataclasses.is_dataclass(one)]
    assert told == {f"{one.__name__}.{field.name}" for one in checked for field in dataclasses.fields(one)}


def test_the_log_s_list_names_every_entry() -> None:
    """The list of the lab log links to each of its files."""
    log = ROOT / "benchmarks" / "log"
    listed = set(re.findall(r"\]\((\d[\w-]*\.md)", (log / "README.md").read_text()))
    assert listed == {entry.name for entry in log.glob("2*.md")}


def test_every_page_that_the_code_names_is_there() -> None:
    """A docstring or comment that sends its reader to a page of the repository names one that exists."""
    code = [file for folder in ("core", "app", "benchmarks", "docs", "tests") for file in (ROOT / folder).rglob("*.py")]
    page = re.compile(r"\b(?:docs|benchmarks)/[\w/-]+\.(?:md|jsonl|ipynb)\b")
    named = {found for file in code for found in page.findall(file.read_text())}
    assert "docs/explanation/defaults.md" in named
    assert [name for name in sorted(named) if not (ROOT / name).exists()] == []
