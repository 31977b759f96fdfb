"""A real chromium and a real app, for the tests in this folder."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

import numpy as np
import pytest
import tifffile

from core.project import Project
from tests.browser.painting import SIDE
from tests.serving import CHROMIUM_FLAGS, chromium_path, free_port, let_in, serving

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Every test in this folder carries the mark `browser`."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """The system's chromium; the test is skipped where there is none."""
    path = chromium_path()
    if path is None:
        pytest.skip("none of chromium, chromium-browser, google-chrome is installed")
    sync_api = pytest.importorskip("playwright.sync_api")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(CHROMIUM_FLAGS))
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def window(chromium: Browser) -> Iterator[BrowserContext]:
    """A browser of 1440 x 900 whose cache all tests share: compiling Streamlit's code takes most of opening a page."""
    context = chromium.new_context(viewport={"width": 1440, "height": 900})
    yield context
    context.close()


@pytest.fixture
def browser_page(window: BrowserContext) -> Iterator[Page]:
    """A page that remembers nothing of tests before; an error in its own scripts fails the test."""
    page = window.new_page()
    page.set_default_timeout(60_000)
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    yield page
    for other in window.pages:
        other.evaluate("window.localStorage.clear()")
        other.close()
    assert not errors, errors


@pytest.fixture
def running_app(window: BrowserContext, tmp_path: Path) -> Iterator[Callable[[Path], str]]:
    """Start the app on a workspace and get its address; it is stopped after the test."""
    with ExitStack() as stack:

        def start(workspace: Path) -> str:
            url = stack.enter_context(_app(workspace, tmp_path))
            let_in(window, url, workspace)
            return url

        yield start


@pytest.fixture(scope="session")
def shared_app(window: BrowserContext, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """One app for all tests that bring a project of their own: its address and its workspace."""
    workspace = tmp_path_factory.mktemp("workspace")
    with _app(workspace, tmp_path_factory.mktemp("log")) as url:
        let_in(window, url, workspace)
        yield url, workspace


def _app(workspace: Path, folder: Path) -> AbstractContextManager[str]:
    port = free_port()
    command = [sys.executable, "-m", "streamlit", "run", "app/server.py"]
    return serving(command, port=port, workspace=workspace, log=folder / f"app-{port}.log")


@pytest.fixture
def project(tmp_path: Path, shared_app: tuple[str, Path]) -> Project:
    """Four grey slices of 64 x 64 pixels, in a project of its own of the running app."""
    rng = np.random.default_rng(0)
    volume = rng.integers(40, 200, (4, SIDE, SIDE), dtype=np.uint8)
    tifffile.imwrite(tmp_path / "toy.tif", volume, photometric="minisblack", metadata={"axes": "ZYX"})
    name = f"toy-{uuid4().hex[:8]}"
    return Project.create(shared_app[1], name, volumes=[tmp_path / "toy.tif"], classes=["matrix", "pore", "phase"])


@pytest.fixture
def opened(project: Project, browser_page: Page, shared_app: tuple[str, Path]) -> Page:
    """The annotate page with a slice in the editor, which has the keyboard."""
    browser_page.goto(f"{shared_app[0]}/annotate?project={project.name}")
    browser_page.wait_for_selector(".editor[data-loaded]")
    browser_page.locator(".overlay").hover()
    return browser_page
