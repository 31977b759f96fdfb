"""Measure the editor in a real browser on slices of 6000 x 6000: frames, storing, opening, memory, agreement, aim.

Frames, storing and opening beside a training process, too.

    python benchmarks/editor.py --quick
    python benchmarks/editor.py --json > results.json
    python benchmarks/editor.py --only frames

Server, browser and this script share the machine, and headless chromium draws without a GPU: a person's machine is
faster. ``--quick`` takes slices of 2048 pixels and fewer repeats.
"""

from __future__ import annotations

import argparse
import io
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from cells import keep
from page import OPENED, WATCH, annotate_page, large_project, spread
from PIL import Image
from report import Goal, Report, Section

FRAME_MS, STORED_MS, STORED_95_MS = 20.0, 30.0, 100.0
CACHED_MS, COLD_MS = 1000.0, 3000.0
SENT_BYTES, HEAP_MB = 10_000, 400.0
ACTIONS = 500
BESIDE = ", beside a training process"

INSIDE = Path(__file__).with_name("inside.js").read_text(encoding="utf-8").partition("\n")[2]


@dataclass(frozen=True)
class Setting:
    """What a section needs to know; ``workspace`` holds the project with the large slices."""

    quick: bool
    side: int
    workspace: Path


@contextmanager
def opened(setting: Setting, ratio: float = 1.0) -> Iterator[Any]:
    """The annotate page with ``window.bench`` in it."""
    with annotate_page(setting.workspace, ratio) as shown:
        shown.evaluate(INSIDE)
        yield shown


@contextmanager
def training(setting: Setting) -> Iterator[None]:
    """A round in training, from its first steps on; it is cancelled at the end."""
    from core.config import TrainConfig
    from core.project import Project

    project = Project.open(setting.workspace, "large")
    job = project.jobs.start_round(TrainConfig(seconds=240))
    try:
        wait_for_training(project, job.id)
        yield
        if not any_active(project):
            raise SystemExit("the training ended before what was to be measured beside it")
    finally:
        project.jobs.cancel(job.id)
        until(lambda: not any_active(project), 120)


def beside(section: Callable[[Setting], Section]) -> Callable[[Setting], Section]:
    """The same section, measured beside a training process."""

    def measured(setting: Setting) -> Section:
        with training(setting):
            found = section(setting)
        return replace(found, name=found.name + BESIDE, measured=found.measured + BESIDE)

    return measured


def frames(setting: Setting) -> Section:
    """Milliseconds between frames while the hand moves."""
    rows = []
    with opened(setting) as shown:
        for name, work in (
            ("paint, brush 15", lambda: paint(shown, 15)),
            ("paint, brush 80", lambda: paint(shown, 80)),
            ("pan", lambda: pan(shown)),
            ("zoom", lambda: zoom(shown)),
        ):
            shown.wait_for_timeout(700)
            shown.evaluate("bench.watchFrames()")
            work()
            rows.append((name, *timed(shown.evaluate("bench.stopFrames()"))))
    goals = [Goal(f"{row[0]}: 95 % of frames within {FRAME_MS:g} ms", row[3], row[3] <= FRAME_MS) for row in rows]
    sentence = f"milliseconds from frame to frame on {setting.side} x {setting.side}, view of 1440 x 900, drawn without a GPU"
    return Section("frames", sentence, ("while", "frames", "median", "95th percentile", "most"), tuple(rows), tuple(goals))


def timed(times: list[float]) -> tuple[int, float, float, float]:
    """Number, median, 95th percentile and largest."""
    return len(times), *spread(times)


def middle(shown: Any) -> tuple[float, float]:
    """The middle of the picture on the page."""
    area = shown.locator(".overlay").bounding_box()
    return area["x"] + area["width"] / 2, area["y"] + area["height"] / 2


def paint(shown: Any, size: int) -> None:
    """Three seconds of strokes to and fro, at the size of the pixels on the screen."""
    shown.locator("input[data-setting=size]").fill(str(size))
    x, y = middle(shown)
    shown.mouse.move(x, y)
    shown.keyboard.press("0")
    shown.mouse.wheel(0, -900)
    for number in range(4):
        shown.mouse.move(x - 250, y - 150 + 60 * number)
        shown.mouse.down()
        for step in range(40):
            shown.mouse.move(x - 250 + 12 * step, y - 150 + 60 * number + 40 * (step % 5))
        shown.mouse.up()


def pan(shown: Any) -> None:
    """Drag the picture about with the middle button."""
    x, y = middle(shown)
    shown.mouse.move(x, y)
    shown.mouse.down(button="middle")
    for step in range(150):
        shown.mouse.move(x + 250 * ((step % 50) / 25 - 1), y + 180 * ((step % 30) / 15 - 1))
    shown.mouse.up(button="middle")


def zoom(shown: Any) -> None:
    """Wheel in and out at the cursor."""
    shown.mouse.move(*middle(shown))
    for step in range(120):
        shown.mouse.wheel(0, -80 if step % 60 < 30 else 80)


def stored(setting: Setting) -> Section:
    """Milliseconds from mouse-up to the server's answer, alone and beside a training process, and bytes sent."""
    times = 15 if setting.quick else 60
    with opened(setting) as shown:
        shown.evaluate(WATCH)
        alone, sent = strokes(shown, times)
        with training(setting):
            loaded, _ = strokes(shown, times)
    rows = (
        ("stored, ms", len(alone), *spread(alone)),
        ("stored beside a training process, ms", len(loaded), *spread(loaded)),
        ("sent per stroke, bytes", len(sent), *spread(sent)),
    )
    goals = (
        Goal(f"stored within {STORED_MS:g} ms, median", rows[0][2], rows[0][2] <= STORED_MS),
        Goal(f"stored within {STORED_95_MS:g} ms, 95th percentile", rows[0][3], rows[0][3] <= STORED_95_MS),
        Goal(f"beside training: within {STORED_MS:g} ms, median", rows[1][2], rows[1][2] <= STORED_MS),
        Goal(f"beside training: within {STORED_95_MS:g} ms, 95th percentile", rows[1][3], rows[1][3] <= STORED_95_MS),
        Goal(f"at most {SENT_BYTES:,} bytes a stroke", rows[2][4], rows[2][4] <= SENT_BYTES),
    )
    sentence = f"mouse-up to acknowledged on {setting.side} x {setting.side}, server and browser on this machine"
    return Section("stored", sentence, ("what", "times", "median", "95th percentile", "most"), rows, goals)


def strokes(shown: Any, times: int) -> tuple[list[float], list[float]]:
    """Ordinary strokes of a brush of 15 pixels, each stored before the next; milliseconds and bytes."""
    shown.evaluate("() => { window.strokes = []; }")
    shown.locator("input[data-setting=size]").fill("15")
    x, y = middle(shown)
    shown.mouse.move(x, y)
    shown.keyboard.press("0")
    shown.mouse.wheel(0, -900)
    for number in range(times):
        shown.keyboard.press("32"[number % 2])  # so that every stroke changes something, also where `paint` was
        shown.mouse.move(x - 200 + 6 * (number % 60), y - 120)
        shown.mouse.down()
        shown.mouse.move(x - 160 + 6 * (number % 60), y + 60, steps=10)
        shown.mouse.up()
        shown.wait_for_function(f"window.strokes.length > {number}", timeout=30_000)
        shown.wait_for_timeout(60)
    found = shown.evaluate("window.strokes")
    return [one[0] for one in found], [float(one[1]) for one in found]


def wait_for_training(project: Any, job_id: int) -> None:
    """Until the job's first steps are done."""
    until(
        lambda: len(project.models.curve()) > 0 and project.jobs.current() is not None and project.jobs.current().id == job_id,
        120,
    )


def any_active(project: Any) -> bool:
    """Whether a job is at work."""
    job = project.jobs.current()
    return job is not None and job.active


def until(true: Callable[[], bool], seconds: float) -> None:
    """Wait for something, but not for ever."""
    end = time.monotonic() + seconds
    while not true():
        if time.monotonic() > end:
            raise SystemExit(f"what the benchmark waits for has not happened within {seconds:g} s")
        time.sleep(0.1)


def opening(setting: Setting) -> Section:
    """Milliseconds from the key to a slice that is sharp in the view and can be painted on."""
    with opened(setting) as shown:
        here = int(shown.locator(".editor").get_attribute("data-loaded").split("/")[1])
        depth = 3 if setting.quick else 6
        order = [*range(here - 1, -1, -1), *range(1, depth), *range(depth - 2, -1, -1)]
        cold, cached, seen = [], [], {here}
        for z in order:
            took = step_to(shown, here, z)
            (cached if z in seen else cold).append(took)
            seen.add(z)
            here = z
        shown.wait_for_timeout(2000)  # the rest of the slice has come too
        heap = used_heap(shown)
    rows = (
        ("open a slice, cold, ms", len(cold), *spread(cold)),
        ("open a slice, cached, ms", len(cached), *spread(cached)),
        ("JavaScript heap with arrays, MB", 1, heap, heap, heap),
    )
    goals = (
        Goal(f"cold within {COLD_MS:g} ms, median", rows[0][2], rows[0][2] <= COLD_MS),
        Goal(f"cached within {CACHED_MS:g} ms, median", rows[1][2], rows[1][2] <= CACHED_MS),
        Goal(f"heap at most {HEAP_MB:g} MB", heap, heap <= HEAP_MB),
    )
    sentence = f"slices of {setting.side} x {setting.side} with a prediction; cold: the first time since the app started"
    return Section("opening", sentence, ("what", "times", "median", "95th percentile", "most"), rows, goals)


def step_to(shown: Any, here: int, z: int) -> float:
    """Press the key for the neighbour; the milliseconds until it is there."""
    shown.locator(".overlay").hover()
    shown.wait_for_timeout(1500)  # the page's own rerun after the step before is over
    shown.keyboard.press("." if z > here else ",")
    return float(shown.evaluate(OPENED, f"0/{z}"))


def used_heap(shown: Any) -> float:
    """Megabytes of live objects and array buffers, after a garbage collection."""
    session = shown.context.new_cdp_session(shown)
    session.send("HeapProfiler.collectGarbage")
    used = session.send("Runtime.getHeapUsage")
    return float(used["usedSize"] + used.get("backingStorageSize", 0)) / 1e6


def agreement(setting: Setting) -> Section:
    """Pixels that differ between the browser's mask and the server's after random work."""
    count = 60 if setting.quick else ACTIONS
    rows = []
    with opened(setting) as shown:
        shown.evaluate("work => bench.act(work)", [count, 7])
        rows.append((f"{count} random actions", shown.evaluate("bench.differ()")))
        steps = shown.evaluate("bench.stepAll('undo')")
        rows.append((f"undo all ({steps} steps kept)", shown.evaluate("bench.differ()")))
        shown.evaluate("bench.stepAll('redo')")
        rows.append(("redo all", shown.evaluate("bench.differ()")))
    worst = max(row[1] for row in rows)
    goal = Goal("pixels that differ", float(worst), worst == 0)
    sentence = f"of {setting.side * setting.side:,} pixels, class and painted-or-not, browser against server"
    return Section("agreement", sentence, ("after", "pixels that differ"), tuple(rows), (goal,))


def aim(setting: Setting) -> Section:
    """Whether a click paints the pixel that the status line names, at zooms and device pixel ratios."""
    rows = []
    for ratio in (1.0, 1.25, 2.0):
        with opened(setting, ratio) as shown:
            shown.locator("input[data-setting=size]").fill("1")
            for scale in (1, 4, 8):
                rows.append((scale, ratio, *aimed(shown, scale, ratio, 4 if setting.quick else 12)))
    missed = sum(row[2] - row[3] for row in rows)
    goal = Goal("clicks that painted another pixel", float(missed), missed == 0)
    columns = ("zoom", "device pixel ratio", "clicks", "hit")
    return Section(
        "aim",
        "a click with a brush of one pixel: the pixel under the cursor by the status line and, zoomed in, by a screenshot",
        columns,
        tuple(rows),
        (goal,),
    )


def aimed(shown: Any, scale: int, ratio: float, clicks: int) -> tuple[int, int]:
    """Clicks made and clicks that painted exactly the pixel under the cursor, by the screen's geometry."""
    x, y = middle(shown)
    hits = 0
    for number in range(clicks):
        px, py = ((int(v * ratio) + 0.5) / ratio for v in (x - 90 + 17.3 * number, y + 60 - 11.7 * number))
        shown.mouse.move(px, py)
        shown.evaluate("scale => bench.zoom(scale)", scale)
        under = shown.evaluate("point => bench.pixelUnder(point)", [px, py])
        before = shown.evaluate("bench.steps()")
        shown.keyboard.press(shown.evaluate("point => bench.otherKey(point)", [px, py]))
        plain = seen_at(shown, px, py, ratio)
        shown.mouse.move(px, py)
        shown.mouse.down()
        shown.mouse.up()
        painted = shown.evaluate("before => bench.painted(before)", before) == under
        hits += painted and (scale == 1 or seen_at(shown, px, py, ratio) != plain)
    return clicks, hits


def seen_at(shown: Any, x: float, y: float, ratio: float) -> Any:
    """The device pixel of the screen under a point of the page, the cursor moved out of the way."""
    shown.mouse.move(x + 120, y + 90)
    shown.wait_for_timeout(60)
    picture = Image.open(io.BytesIO(shown.screenshot()))
    return picture.getpixel((int(x * ratio), int(y * ratio)))


SECTIONS: dict[str, Callable[[Setting], Section]] = {
    "opening": opening,
    "frames": frames,
    "stored": stored,
    "opening-beside": beside(opening),
    "frames-beside": beside(frames),
    "agreement": agreement,
    "aim": aim,
}


def parse() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="under five minutes: smaller slices, fewer repeats")
    parser.add_argument("--side", type=int, help="pixels along a side of the slices (6000; --quick: 2048)")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of tables")
    parser.add_argument("--only", choices=SECTIONS, help="one section")
    parser.add_argument("--results", type=Path, help="file to which each section is added as a cell")
    return parser.parse_args()


def main() -> None:
    """Make the project, run the sections asked for, and print what they found."""
    chosen = parse()
    side = chosen.side or (2048 if chosen.quick else 6000)
    report = Report(chosen.quick, 1)
    with tempfile.TemporaryDirectory(prefix="underpaint-benchmark-") as folder:
        setting = Setting(chosen.quick, side, Path(folder))
        large_project(setting.workspace, seconds=3 if chosen.quick else 30, side=side, depth=3 if chosen.quick else 6)
        for name in [chosen.only] if chosen.only else SECTIONS:
            started = time.monotonic()
            report.sections.append(SECTIONS[name](setting))
            print(f"{name} took {time.monotonic() - started:.0f} s", file=sys.stderr, flush=True)
    if chosen.results:
        keep(report, "editor", chosen.results)
    with suppress(BrokenPipeError):
        report.tell(as_json=chosen.json)


if __name__ == "__main__":
    main()
