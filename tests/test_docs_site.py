"""The documentation builds into a site that asks no other host for anything."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built site: every link and anchor leads somewhere, every page is in the navigation."""
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)]
    environment = os.environ | {"NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder


def test_no_page_asks_another_host(site: Path) -> None:
    """Scripts, styles, fonts and pictures lie in the site itself; links to elsewhere are for a reader to follow."""
    asked = []
    for page in site.rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        tags = re.findall(r"<(?:script|link|img|iframe|source|video)\b[^>]*>", text)
        asked += [tag for tag in tags if re.search(r"""(?:src|href)=["']?(?:https?:)?//""", tag)]
    for style in site.rglob("*.css"):
        asked += re.findall(r"""(?:url\(|@import)\s*["']?(?:https?:)?//[^)]*""", style.read_text(encoding="utf-8"))
    assert len(list(site.rglob("*.html"))) > 30
    assert asked == []


def test_the_notebook_and_the_pages_outside_docs_are_on_the_site(site: Path) -> None:
    """The notebook is a page with its pictures; changelog, contributing and the lab log are pages, too."""
    assert (site / "notebooks" / "loop.html").read_text(encoding="utf-8").count('src="loop_files/') == 3
    assert (site / "notebooks" / "loop.ipynb").exists()
    for name in ("CHANGELOG", "CONTRIBUTING", "benchmarks/index", "benchmarks/log/index", "benchmarks/log/2026-11-24"):
        assert (site / f"{name}.html").exists(), name


def test_a_link_between_files_of_the_repository_is_one_between_pages(site: Path) -> None:
    """What reads as ../../benchmarks/log/... on GitHub leads to the log's page on the site."""
    page = (site / "explanation" / "defaults.html").read_text(encoding="utf-8")
    assert 'href="../benchmarks/log/2026-11-25.html#2026-11-25-other-networks"' in page


def test_the_python_reference_shows_verbs_with_their_parameters(site: Path) -> None:
    """The API's page comes from docstrings: each verb is a heading, parameters are listed."""
    page = (site / "reference" / "python.html").read_text(encoding="utf-8")
    for verb in ("create", "predict", "propose", "submit", "train"):
        assert f'id="underpaint.Project.{verb}"' in page
    assert 'id="core.project.results.ProjectResults.evaluate"' in page
    assert page.count("Parameters:") > 5
