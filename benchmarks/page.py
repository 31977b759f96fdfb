"""The annotate page in a real browser: how soon a stroke is stored and a large slice is open."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from report import Goal, Section

ROOT = Path(__file__).resolve().parents[1]
SIDE = 4096
STROKES = 30
OPENINGS = 8
STORED_MS, OPEN_MS = 100.0, 1000.0
# Notes when the pointer is lifted and when the server has acknowledged the stroke, by the page's own clock.
WATCH = """() => {
  window.strokes = [];
  const fetched = window.fetch;
  window.fetch = async (...asked) => {
    const lifted = window.lifted, answer = await fetched(...asked);
    if (asked[1]?.method === 'POST' && String(asked[0]).includes('/patch/')) {
      window.strokes.push([performance.now() - lifted, asked[1].body.byteLength]);
    }
    return answer;
  };
  window.addEventListener('pointerup', () => { window.lifted = performance.now(); }, true);
}"""
OPENED = """place => new Promise(done => {
  const editor = document.querySelector('.editor') ?? find(document);
  const start = performance.now();
  function find(root) {
    for (const one of root.querySelectorAll('*')) {
      const found = one.shadowRoot && (one.shadowRoot.querySelector('.editor') ?? find(one.shadowRoot));
      if (found) return found;
    }
  }
  const look = () => editor.dataset.loaded === place ? done(performance.now() - start) : requestAnimationFrame(look);
  look();
})"""


def page(scratch: Path, quick: bool) -> Section:
    """Strokes and openings on a volume of 4096 x 4096 with a prediction under the mask."""
    large_project(scratch, seconds=3 if quick else 20)
    with annotate_page(scratch) as shown:
        opened = openings(shown, 4 if quick else OPENINGS)
        stored, sent = strokes(shown, 10 if quick else STROKES)
    rows = (
        ("mouse-up to stored and acknowledged, ms", len(stored), *spread(stored)),
        ("sent per stroke, bytes", len(sent), *spread(sent)),
        ("open a cached slice, ms", len(opened), *spread(opened)),
    )
    goals = (
        Goal(f"stroke stored within {STORED_MS:g} ms, median", rows[0][2], rows[0][2] <= STORED_MS),
        Goal(f"cached slice of {SIDE} open within {OPEN_MS:g} ms, median", rows[2][2], rows[2][2] <= OPEN_MS),
    )
    sentence = f"slices of {SIDE} x {SIDE} in headless chromium without a GPU, server and browser on this machine"
    return Section("app", sentence, ("what", "times", "median", "95th percentile", "most"), rows, goals)


def large_project(scratch: Path, seconds: float, *, side: int = SIDE, depth: int = 3) -> None:
    """Slices of ``side`` x ``side`` (a phantom laid side by side), one painted, one short round, all predicted."""
    from core.config import ProposeConfig, TrainConfig
    from core.project import Project
    from core.volumes.phantom import CLASS_NAMES, PhantomConfig, make_phantom

    image, truth = make_phantom(PhantomConfig(depth=depth, height=512, width=512))
    repeats = -(-side // 512)
    for name, stack in (("image.tif", image), ("truth.tif", truth)):
        pages = np.tile(stack, (1, repeats, repeats))[:, :side, :side]
        tifffile.imwrite(scratch / name, pages, photometric="minisblack", metadata={"axes": "ZYX"})
    project = Project.create(scratch, "large", volumes=[scratch / "image.tif"], classes=CLASS_NAMES)
    project.labels.import_file(scratch / "truth.tif", slices=[0])
    project.train(TrainConfig(seconds=seconds))
    project.propose(ProposeConfig(scan_seconds=600))


@contextmanager
def annotate_page(workspace: Path, scale: float = 1.0) -> Iterator[Any]:
    """The page on a slice, loaded, in a browser of its own with a device pixel ratio; app and browser end with the block."""
    from playwright.sync_api import sync_playwright

    sys.path.insert(0, str(ROOT))
    from tests.serving import CHROMIUM_FLAGS, chromium_path, free_port, let_in, serving

    browser_path = chromium_path()
    if browser_path is None:
        raise SystemExit("chromium is not installed; install it to measure the page, or choose another section with --only.")
    port = free_port()
    command = [sys.executable, "-m", "streamlit", "run", "app/server.py"]
    with (
        serving(command, port=port, workspace=workspace, log=workspace / "app.log") as url,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=browser_path, args=list(CHROMIUM_FLAGS))
        shown = browser.new_page(viewport={"width": 1440, "height": 900}, device_scale_factor=scale)
        let_in(shown.context, url, workspace)
        shown.goto(f"{url}/annotate?project=large")
        shown.wait_for_selector(".editor[data-loaded]", timeout=60_000)
        yield shown
        browser.close()


def openings(shown: Any, times: int) -> list[float]:
    """Milliseconds from the key to the slice loaded whole, to and fro between two slices that were open before."""
    taken = []
    for number in range(times + 2):
        here = int(shown.locator(".editor").get_attribute("data-loaded").split("/")[1])
        there, key = (here + 1, ".") if here < 2 else (here - 1, ",")
        shown.locator(".overlay").hover()
        shown.wait_for_timeout(800)  # the page's own rerun after the step before is over
        shown.keyboard.press(key)
        took = shown.evaluate(OPENED, f"0/{there}")
        if number >= 2:
            taken.append(took)
    return taken


def strokes(shown: Any, times: int) -> tuple[list[float], list[float]]:
    """Milliseconds from mouse-up to acknowledged, and bytes sent, of strokes across the view."""
    shown.evaluate(WATCH)
    area = shown.locator(".overlay").bounding_box()
    left, top = area["x"] + area["width"] / 2 - 150, area["y"] + area["height"] / 2 - 100
    for number in range(times):
        shown.mouse.move(left + 8 * number, top)
        shown.mouse.down()
        shown.mouse.move(left + 8 * number + 40, top + 120, steps=12)
        shown.mouse.up()
        shown.wait_for_timeout(150)
    shown.wait_for_function(f"window.strokes.length >= {times}", timeout=20_000)
    found = shown.evaluate("window.strokes")
    return [one[0] for one in found], [float(one[1]) for one in found]


def spread(values: list[float]) -> tuple[float, float, float]:
    """Median, 95th percentile and largest."""
    return float(np.median(values)), float(np.percentile(values, 95)), max(values)
