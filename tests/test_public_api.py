"""``import underpaint`` from an editable install and from a wheel, each in an environment of its own."""

from __future__ import annotations

import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

import underpaint
from tests.serving import ROOT

FOREIGN = "raise SystemExit('the foreign core was run')\n"


def test_the_api_is_what_it_says() -> None:
    """Every public name is there, and no other but the submodules that Python adds."""
    public = {name for name in vars(underpaint) if not name.startswith("_")}
    assert public - {"annotations"} == set(underpaint.__all__)


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of what is installed, so that the working tree stays clean."""
    copy = tmp_path_factory.mktemp("source") / "underpaint"
    copy.mkdir()
    for name in ("app", "core"):
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("underpaint.py", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, copy / name)
    return copy


@pytest.fixture(scope="module", params=["editable", "wheel"])
def python(request: pytest.FixtureRequest, source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of a fresh environment that sees this one's libraries and one install of Underpaint."""
    environment = tmp_path_factory.mktemp(request.param) / "env"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", environment], check=True)
    made = environment / "bin" / "python"
    folder = sysconfig.get_path("purelib", vars={"base": str(environment)})
    libraries = [path for path in sys.path if Path(path).name == "site-packages"]
    Path(folder, "libraries.pth").write_text("\n".join(libraries))  # paths only: .pth files in these are not read
    kind = ["--editable"] if request.param == "editable" else []
    pip = [sys.executable, "-m", "pip", "--python", str(made), "--disable-pip-version-check", "--quiet"]
    subprocess.run([*pip, "install", "--no-deps", "--no-index", "--no-build-isolation", *kind, source], check=True)
    return made


def run(python: Path, folder: Path, code: str) -> subprocess.CompletedProcess[str]:
    """What a script in a folder sees, which is first on its path."""
    (folder / "script.py").write_text(code)
    return subprocess.run([python, "script.py"], cwd=folder, capture_output=True, text=True)


def test_a_script_imports_it(python: Path, tmp_path: Path) -> None:
    """From any folder, with the engine that was installed along."""
    done = run(python, tmp_path, "import core, underpaint; print(core.__file__); print(underpaint.__file__)")
    assert done.returncode == 0, done.stderr
    engine, api = (Path(line) for line in done.stdout.splitlines())
    assert engine.parent.parent == api.parent
    assert ROOT not in api.parents


@pytest.mark.parametrize("name", ["core.py", "core/__init__.py"])
def test_a_foreign_core_is_never_used(python: Path, tmp_path: Path, name: str) -> None:
    """One ImportError names it and the package that was wanted; nothing of it runs."""
    foreign = tmp_path / name
    foreign.parent.mkdir(exist_ok=True)
    foreign.write_text(FOREIGN)
    done = run(python, tmp_path, "import underpaint")
    assert done.returncode == 1
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("ImportError: Underpaint needs its own package core, ")
    assert str(foreign) in last
    assert "/core/__init__.py, but Python finds" in last


def test_a_foreign_core_that_is_imported_already_is_never_used(python: Path, tmp_path: Path) -> None:
    """Not even when the script has used it before."""
    (tmp_path / "core.py").write_text("answer = 42\n")
    done = run(python, tmp_path, "import core\nprint(core.answer)\nimport underpaint")
    assert (done.returncode, done.stdout) == (1, "42\n")
    assert str(tmp_path / "core.py") in done.stderr.strip().splitlines()[-1]
