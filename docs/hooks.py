"""Hooks of MkDocs: pages that lie outside docs/, links that hold on GitHub and on the site, and the notebook as a page."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import nbformat
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page
from nbconvert import MarkdownExporter

ROOT = Path(__file__).resolve().parents[1]
OUTSIDE = (
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "benchmarks/README.md",
    *(f"benchmarks/log/{p.name}" for p in ROOT.glob("benchmarks/log/*.md")),
)
"""Pages of the repository that the site shows as well, at the same path."""

_LINK = re.compile(r"(\[[^\]]*\])\(([^)\s#]+)(#[^)\s]*)?\)")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages from outside and the pages of notebooks."""
    for path in OUTSIDE:
        files.append(File.generated(config, path, abs_src_path=str(ROOT / path)))
    for notebook in list(files):
        if notebook.src_uri.endswith(".ipynb"):
            for page in _pages(notebook, config):
                files.append(page)
    return files


def _pages(notebook: File, config: MkDocsConfig) -> Iterator[File]:
    """A notebook as Markdown, with its stored pictures; nothing is executed."""
    path = Path(notebook.src_uri)
    read = nbformat.read(notebook.abs_src_path, as_version=4)
    body, made = MarkdownExporter().from_notebook_node(read, {"output_files_dir": f"{path.stem}_files"})
    note = f"[Download the notebook]({path.name}) and run it yourself.\n\n"
    title, _, rest = body.strip().partition("\n")
    yield File.generated(config, path.with_suffix(".md").as_posix(), content=f"{title}\n\n{note}{rest}")
    for name, data in made["outputs"].items():
        yield File.generated(config, (path.parent / name).as_posix(), content=data)


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Turn links between files of the repository into links between pages; what the site has no page of becomes plain text."""
    here = Path(page.file.src_uri)
    outside = page.file.src_uri in OUTSIDE
    folder = (ROOT if outside else Path(config.docs_dir)) / here.parent

    def link(found: re.Match[str]) -> str:
        text, target, anchor = found[1], found[2], found[3] or ""
        if ":" in target:
            return found[0]
        there = Path(os.path.normpath(folder / target))
        known = _uri(there, Path(config.docs_dir), files)
        if known is None:
            return text[1:-1] if there.exists() else found[0]
        return f"{text}({os.path.relpath(known, here.parent)}{anchor})"

    return _LINK.sub(link, markdown)


def _uri(path: Path, docs: Path, files: Files) -> str | None:
    """The site's own name of a file of the repository."""
    root = docs if path.is_relative_to(docs) else ROOT
    if not path.is_relative_to(root):
        return None
    uri = path.relative_to(root).as_posix()
    if root == ROOT and uri not in OUTSIDE:
        return None
    if uri.endswith(".ipynb"):
        return uri
    return uri if files.get_file_from_path(uri) else None


def on_page_content(html: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Show the roles of docstrings (``:class:`Box```) as plain code."""
    return re.sub(r":(?:class|func|meth|mod):(?=<code>)", "", html)
