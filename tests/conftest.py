"""Fixtures that several test files share, and the rule that nothing is skipped under ``CI=true``."""

from __future__ import annotations

import os
import shutil
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

from core.config import TrainConfig
from core.volumes.phantom import CLASS_NAMES, PhantomConfig, make_phantom

if TYPE_CHECKING:
    from starlette.testclient import TestClient

    from core.project import Project
    from tests.thresholding import ThresholdModels

pytest_plugins = ["pytester"]

# An example takes as long as a busy machine lets it.
settings.register_profile("no deadline", deadline=None)
settings.load_profile("no deadline")

# Help and errors are compared as plain text, whatever terminal or CI the tests run in.
os.environ["_TYPER_FORCE_DISABLE_TERMINAL"] = "1"
os.environ["COLUMNS"] = "100"
# Networks in tests are tiny: a second thread makes no step faster, and beside busy programs each step many times slower.
os.environ.setdefault("OMP_NUM_THREADS", "1")

SMALL = PhantomConfig(depth=12, height=160, width=160, pore_radius=7.0, phase_radius=14.0)
"""Small enough to learn in seconds, large enough for a validation tile."""

TINY = TrainConfig(seconds=600, epochs=3, patch=64, batch=2, channels=4, depth=2)
"""A round of 18 steps on two slices of that volume, which take half a second: some model, however good."""


@dataclass(frozen=True)
class Files:
    """A volume on disk with its truth: both ``(Z, Y, X)`` uint8 TIFF; the classes in order of their ids."""

    image: Path
    truth: Path
    classes: tuple[str, ...]

    @property
    def names(self) -> str:
        """The classes as the command line takes them."""
        return ",".join(self.classes)


LONGEST = (
    "browser/test_pages.py",
    "test_loop.py",
    "training/test_ranks.py",
    "browser/test_tools.py",
    "browser/test_loop.py",
    "training/test_networks_training.py",
    "browser/test_view.py",
    "browser/test_boxes.py",
    "browser/test_editor.py",
    "training/test_round.py",
    "app/test_views.py",
    "test_project.py",
    "training/test_fit.py",
    "test_cli.py",
)
"""Files that take longest. They run first: where two run at a time, none of them is left over when all others are done."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the longest files first; the others keep their order."""
    tests = Path(__file__).parent
    rank = {tests / name: number for number, name in enumerate(LONGEST)}
    items.sort(key=lambda item: rank.get(item.path, len(LONGEST)))


@pytest.fixture(scope="session")
def volumes_folder() -> Path:
    """The real volumes; a test that needs them is skipped where they are not."""
    given = os.environ.get("UNDERPAINT_VOLUMES")
    folder = Path(given) if given else Path(__file__).resolve().parents[2] / "shared" / "volumes"
    if not (folder / "vnc" / "image.tif").exists():
        pytest.skip(f"no real volumes in {folder}; UNDERPAINT_VOLUMES says where they are")
    return folder


@pytest.fixture(scope="session")
def phantom_files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    """A small generated volume and its truth."""
    import tifffile

    folder = tmp_path_factory.mktemp("phantom")
    files = Files(folder / "image.tif", folder / "truth.tif", CLASS_NAMES)
    for path, stack in zip((files.image, files.truth), make_phantom(SMALL), strict=True):
        tifffile.imwrite(path, stack, photometric="minisblack")
    return files


@pytest.fixture
def phantom_project(tmp_path: Path, phantom_files: Files) -> Project:
    """A project on the small volume with two whole slices labelled from the truth, nothing trained."""
    from core.project import Project

    project = Project.create(tmp_path, "toy", volumes=[phantom_files.image], classes=phantom_files.classes)
    project.labels.import_file(phantom_files.truth, slices=[2, 8])
    return project


@pytest.fixture(scope="session")
def trained_workspace(tmp_path_factory: pytest.TempPathFactory, phantom_files: Files) -> Path:
    """A workspace with the project ``toy``: two whole slices labelled, and a tiny round. Copy it to change it."""
    from core.project import Project

    workspace = tmp_path_factory.mktemp("trained")
    project = Project.create(workspace, "toy", volumes=[phantom_files.image], classes=phantom_files.classes)
    project.labels.import_file(phantom_files.truth, slices=[2, 8])
    project.train(TINY)
    project.store.records.close()
    return workspace


@pytest.fixture
def trained_project(tmp_path: Path, trained_workspace: Path) -> Project:
    """A copy of that project, to be changed at will."""
    from core.project import Project

    shutil.copytree(trained_workspace, tmp_path, dirs_exist_ok=True)
    return Project.open(tmp_path, "toy")


@pytest.fixture(autouse=True)
def _no_workspace_of_the_user(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("UNDERPAINT_WORKSPACE", raising=False)
    monkeypatch.delenv("UNDERPAINT_DEBUG", raising=False)


def _skip_is_failure(report: pytest.TestReport | pytest.CollectReport) -> None:
    if os.environ.get("CI") == "true" and report.outcome == "skipped" and not hasattr(report, "wasxfail"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        report.outcome = "failed"
        report.longrepr = f"{reason} (with CI=true nothing may be skipped)"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """With CI=true a skipped test has failed."""
    report = yield
    _skip_is_failure(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """With CI=true a skipped test file has failed."""
    report = yield
    _skip_is_failure(report)
    return report


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """The toy project, in the workspace that the routes look into."""
    from tests.toy import make_toy

    monkeypatch.setenv("UNDERPAINT_WORKSPACE", str(tmp_path))
    return make_toy(tmp_path)


@pytest.fixture
def models(project: Project) -> ThresholdModels:
    """The models of the toy project, which has one round then: a threshold on grey values."""
    from tests.predicted import add_round
    from tests.thresholding import ThresholdModels

    add_round(project)
    return ThresholdModels(project.store)


@pytest.fixture
def client(project: Project) -> Iterator[TestClient]:
    """A browser on the app's own page, with a token, before the toy project."""
    from tests.toy import browser

    with browser() as made:
        yield made
