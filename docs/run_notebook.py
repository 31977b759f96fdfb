"""Execute docs/notebooks/loop.ipynb and store its outputs.

    python docs/run_notebook.py

Run it after a change of the notebook or of what it calls. A test executes the notebook as well and looks at its results.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import nbformat
from nbclient import NotebookClient
from nbformat import NotebookNode
from traitlets.config import Config

os.environ.setdefault("OMP_NUM_THREADS", "1")  # a small network gains nothing from a second thread, and loses on a busy machine
ROOT = Path(__file__).resolve().parents[1]
NOTEBOOK = ROOT / "docs" / "notebooks" / "loop.ipynb"


def executed(path: Path = NOTEBOOK, *, timeout: int = 300) -> NotebookNode:
    """The notebook with its outputs, run by a kernel of this environment in the repository's root.

    Raises
    ------
    nbclient.exceptions.CellExecutionError
        With the traceback of the first cell that fails.
    """
    notebook = nbformat.read(path, as_version=4)
    with TemporaryDirectory(prefix="kernel-") as folder:
        # Through a socket file: a kernel on TCP listens on a port and warns of it.
        sockets = Config(KernelManager={"transport": "ipc", "ip": str(Path(folder, "socket"))})
        there = {"metadata": {"path": str(ROOT)}}
        return NotebookClient(notebook, timeout=timeout, kernel_name="python3", resources=there, config=sockets).execute()


def slim(notebook: NotebookNode) -> NotebookNode:
    """The same without times, and with each picture once."""
    notebook.metadata["language_info"] = {"name": "python"}
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
        for output in cell.get("outputs", []):
            if "image/png" in output.get("data", {}):
                output["data"].pop("image/jpeg", None)
    return notebook


def main() -> None:
    """Execute and store."""
    started = time.monotonic()
    nbformat.write(slim(executed()), NOTEBOOK)
    print(f"{NOTEBOOK.relative_to(ROOT)}: {time.monotonic() - started:.0f} s, {NOTEBOOK.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
