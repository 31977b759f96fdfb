"""The loop as a person walks it, in a real browser on the real app: paint, train, correct, train again."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt

from core.project import UNLABELLED, Project
from core.volumes.phantom import CLASS_NAMES, MATRIX, PHASE, PORE, PhantomConfig, make_phantom

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

SIDE = 192
LEFT = 64
"""Strokes stay left of this column on the first slice, so that a validation tile finds a place right of it."""
NAME = "walk"
ROUND_SECONDS = 120
"""Longest wait for a round of 5 s: a busy machine also starts the worker and looks through the volume."""


class Stroke(NamedTuple):
    """A horizontal drag with the brush, from pixel (y, x0) to pixel (y, x1); ``size`` is odd."""

    class_id: int
    y: int
    x0: int
    x1: int
    size: int

    def onto(self, label: NDArray[np.uint8]) -> None:
        """Paint it into an array: the pixels whose centres the brush's disc has passed over."""
        y, x = np.ogrid[: label.shape[0], : label.shape[1]]
        beside = np.maximum(np.maximum(self.x0 - x, x - self.x1), 0)
        label[(y - self.y) ** 2 + beside**2 <= (self.size / 2) ** 2] = self.class_id


@pytest.mark.timeout(300)
def test_a_person_paints_trains_corrects_and_trains_again(
    running_app: Callable[[Path], str], browser_page: Page, tmp_path: Path
) -> None:
    """From an empty workspace to round 2 with nothing but mouse and keys, and the labels are exactly the painted pixels."""
    page = browser_page
    image, truth = make_phantom(PhantomConfig(depth=10, height=SIDE, width=SIDE, pore_radius=7.0, phase_radius=14.0))
    tifffile.imwrite(tmp_path / "concrete.tif", image, photometric="minisblack", metadata={"axes": "ZYX"})
    workspace = tmp_path / "workspace"
    workspace.mkdir()

    page.goto(running_app(workspace))
    create_project(page, tmp_path / "concrete.tif")

    open_page(page, "Annotate")
    first = opened(page)
    strokes = [in_the_thick(truth[first, :, :LEFT], class_id) for class_id in (PORE, PHASE, MATRIX)]
    paint(page, strokes)
    page.keyboard.press("Enter")
    second = opened(page, unlike=first)

    objects = [in_the_thick(part, class_id, left) for left, part in halves(truth[second]) for class_id in (PORE, PHASE)]
    paint(page, objects)
    page.keyboard.press("Shift+Enter")
    page.get_by_role("alertdialog").wait_for()
    page.keyboard.press("Enter")
    opened(page, unlike=second)

    open_page(page, "Rounds")
    page.locator("input[aria-label='Seconds of training']").fill("5")
    page.locator("input[aria-label='Seconds of training']").press("Enter")
    page.get_by_role("button", name="Start").click()
    page.get_by_text("Round 1 has started").wait_for()
    round_by_round(page, ["1"])
    page.get_by_text(re.compile("measured on the same [1-9][0-9,]* held-back pixels of 1 slice")).wait_for()

    open_page(page, "Annotate")
    page.get_by_text("Correct these next").wait_for()
    (corrected, card), (following, _), *_ = proposals(page)
    card.click()
    assert opened(page, at=corrected) not in (first, second)
    assert "sure" in page.locator(".reason").inner_text()
    correction = in_the_thick(truth[corrected], PORE)
    paint(page, [correction])
    page.keyboard.press("Enter")
    page.get_by_text(f"Strokes saved on slice {corrected}").wait_for()
    if corrected in {proposal.z for proposal in Project.open(workspace, NAME).proposals()}:
        page.get_by_role("button", name="Skip slice").click()  # the stroke leaves places to check
    opened(page, at=following)

    page.get_by_text("Trains for 5 s in the background").wait_for()
    page.get_by_role("button", name="Train round 2").click()
    page.get_by_text("Round 2 has started").wait_for()
    open_page(page, "Rounds")
    round_by_round(page, ["2", "1"])
    page.get_by_text("Learning curve of round 2").wait_for()

    project = Project.open(workspace, NAME)
    assert [row.round for row in project.models.rounds()] == [1, 2]
    assert {row.z: row.claim for row in project.labels.slices()} == {first: "strokes", second: "slice", corrected: "strokes"}
    np.testing.assert_array_equal(project.labels.of(0, first), expected(UNLABELLED, strokes))
    np.testing.assert_array_equal(project.labels.of(0, second), expected(MATRIX, objects))
    np.testing.assert_array_equal(project.labels.of(0, corrected), expected(UNLABELLED, [correction]))


# ---- what is painted


def in_the_thick(truth: NDArray[np.uint8], class_id: int, left: int = 0) -> Stroke:
    """A stroke inside the thickest object of a class; ``left`` is the slice's column at which ``truth`` begins."""
    inside = distance_transform_edt(np.pad(truth == class_id, 1))[1:-1, 1:-1]
    y, x = map(int, np.unravel_index(inside.argmax(), inside.shape))
    half = int(inside[y, x]) // 2
    assert half > 0, f"the phantom shows no {CLASS_NAMES[class_id]} here"
    return Stroke(class_id, y, left + x - half, left + x + half, 2 * half - 1)


def halves(truth: NDArray[np.uint8]) -> list[tuple[int, NDArray[np.uint8]]]:
    """The left and the right half of a slice, each with its first column."""
    return [(0, truth[:, : SIDE // 2]), (SIDE // 2, truth[:, SIDE // 2 :])]


def expected(ground: int, strokes: Sequence[Stroke]) -> NDArray[np.uint8]:
    """The label that these strokes must become, on a slice that is ``ground`` elsewhere."""
    label = np.full((SIDE, SIDE), ground, np.uint8)
    for stroke in strokes:
        stroke.onto(label)
    return label


def paint(page: Page, strokes: Sequence[Stroke]) -> None:
    """Choose the class by its key and the size by its slider, then drag; each stroke is stored before the next."""
    page.get_by_test_id("stToast").first.wait_for(state="detached")  # it may lie over the picture
    for stroke in strokes:
        page.locator("input[data-setting=size]").fill(str(stroke.size))
        page.locator(".overlay").hover()
        page.keyboard.press(str(stroke.class_id + 1))
        page.mouse.move(*on_screen(page, stroke.y, stroke.x0))
        page.mouse.down()
        page.mouse.move(*on_screen(page, stroke.y, stroke.x1), steps=5)
        with page.expect_response("**/patch/*"):
            page.mouse.up()
        page.wait_for_selector(".chip[data-state=saved]")


def on_screen(page: Page, y: int, x: int) -> tuple[float, float]:
    """Where the middle of a pixel lies on the page while the slice is fitted into the view."""
    box = page.locator(".overlay").bounding_box()
    said = re.search(r"([\d.]+) %(?! sure)", page.locator(".status").inner_text())
    assert box is not None
    assert said is not None
    scale = float(said[1]) / 100
    middle_x, middle_y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    return middle_x + (x + 0.5 - SIDE / 2) * scale, middle_y + (y + 0.5 - SIDE / 2) * scale


# ---- what is clicked and read


def create_project(page: Page, volume: Path) -> None:
    """Fill in the form of the first screen and wait until the project is open."""
    page.get_by_role("textbox", name="Project name").fill(NAME)
    page.get_by_role("textbox", name="Volume", exact=True).fill(str(volume))
    for class_id, name in enumerate(CLASS_NAMES):
        page.get_by_role("textbox", name=f"Name of class {class_id}").fill(name)
    page.get_by_role("button", name="Create the project").click()
    page.get_by_role("heading", name=NAME).wait_for()


def open_page(page: Page, name: str) -> None:
    """Go to a page by the link in the side bar."""
    page.get_by_test_id("stSidebarNav").get_by_role("link", name=name).click()
    page.wait_for_url(f"**/{name.lower()}*")


def opened(page: Page, *, at: int | None = None, unlike: int | None = None) -> int:
    """Wait until the editor shows a slice, that one or another one; its z."""
    wanted = ".editor[data-loaded]" if at is None else f".editor[data-loaded='0/{at}']"
    if unlike is not None:
        wanted += f":not([data-loaded='0/{unlike}'])"
    page.wait_for_selector(wanted)
    return int(str(page.locator(".editor").get_attribute("data-loaded")).split("/")[1])


def proposals(page: Page) -> list[tuple[int, Locator]]:
    """Slices proposed in the side bar with the buttons that open them, in their order."""
    buttons = page.get_by_test_id("stSidebar").get_by_role("button", name=re.compile(r"^Slice \d+ · score \d"))
    buttons.nth(1).wait_for()
    return [(int(re.findall(r"\d+", button.inner_text())[0]), button) for button in buttons.all()]


def round_by_round(page: Page, rounds: Sequence[str]) -> None:
    """Wait until the table of the Rounds page lists these rounds, newest first, and the next one may be started."""
    column = page.get_by_test_id("stDataFrame").locator("td[aria-colindex='1']")
    start = page.get_by_role("button", name="Start")
    end = time.monotonic() + ROUND_SECONDS
    while column.all_text_contents() != list(rounds) or start.is_disabled():
        assert time.monotonic() < end, f"not in {ROUND_SECONDS} s; the table shows the rounds {column.all_text_contents()}"
        page.wait_for_timeout(200)
