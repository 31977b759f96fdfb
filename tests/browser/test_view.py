"""What is seen of a slice, in a real browser: tone, minimap, thin labels far out, and a newer prediction."""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray
from PIL import Image

from core.project import Project
from tests.browser.painting import SIDE, brush, on_screen, paint, place, until, values
from tests.predicted import add_round, keep

if TYPE_CHECKING:
    from playwright.sync_api import Page

FIRST, SECOND = (np.zeros((SIDE, SIDE), np.uint8) for _ in range(2))
FIRST[:, :32] = 1
SECOND[:, 32:] = 2
SURE = np.full((SIDE, SIDE), 255, np.uint8)
PORE = 1 | 256


def picture(page: Page) -> NDArray[np.uint8]:
    """The picture on the screen, (H, W, 3), the cursor and the notes out of the way."""
    page.mouse.move(5, 5)
    page.wait_for_timeout(250)
    shot = page.locator(".base").screenshot()
    return np.asarray(Image.open(io.BytesIO(shot)).convert("RGB"))


def greys(page: Page) -> NDArray[np.uint8]:
    """The middle of the picture, where nothing but the slice lies."""
    shown = picture(page)[..., 0]
    height, width = shown.shape
    return shown[height // 2 - 100 : height // 2 + 100, width // 2 - 100 : width // 2 + 100]


# ---- tone


def test_a_preset_of_the_window_changes_the_picture(opened: Page) -> None:
    """The full range is flatter than the window without its tails, and going back brings the same picture back."""
    opened.locator("[data-preset=narrow]").click()
    narrow = greys(opened)
    opened.locator("[data-preset=full]").click()
    full = greys(opened)
    assert opened.locator("[data-preset=full]").get_attribute("aria-pressed") == "true"
    assert full.std() < narrow.std()
    opened.locator("[data-preset=narrow]").click()
    np.testing.assert_array_equal(greys(opened), narrow)


def test_dragging_the_window_changes_the_picture(opened: Page) -> None:
    """Black drawn to the right darkens every pixel, and the value under the handle follows."""
    before, value = greys(opened), opened.locator(".ends output").first.inner_text()
    handle = opened.locator("input[data-tone=low]")
    box = handle.bounding_box()
    assert box is not None
    share = float(handle.input_value()) / float(str(handle.get_attribute("max")))
    x, y = box["x"] + 6 + share * (box["width"] - 12), box["y"] + box["height"] / 2
    opened.mouse.move(x, y)
    opened.mouse.down()
    opened.mouse.move(x + 60, y, steps=5)
    opened.mouse.up()
    after = greys(opened)
    assert (after <= before).all()
    assert after.mean() < before.mean() - 20
    assert float(opened.locator(".ends output").first.inner_text()) > float(value)


def test_inverting_swaps_black_and_white(opened: Page) -> None:
    """Pixel by pixel."""
    before = greys(opened)
    opened.locator("input[data-tone=invert]").check()
    np.testing.assert_array_equal(greys(opened), 255 - before)


# ---- minimap


def test_a_click_on_the_minimap_moves_the_view(opened: Page, project: Project) -> None:
    """It is there while the view shows a part, and leads to a part that is clicked with Space held; strokes go through."""
    minimap = opened.locator(".minimap")
    assert minimap.is_hidden()
    stage = opened.locator(".overlay").bounding_box()
    assert stage is not None
    middle = stage["x"] + stage["width"] / 2, stage["y"] + stage["height"] / 2
    opened.mouse.move(*middle)
    opened.mouse.wheel(0, -1200)
    minimap.wait_for(state="visible")
    box = minimap.bounding_box()
    assert box is not None
    for share in (0.25, 0.75):
        opened.keyboard.down("Space")
        opened.mouse.click(box["x"] + share * box["width"], box["y"] + share * box["height"])
        opened.keyboard.up("Space")
        opened.mouse.move(middle[0] + share, middle[1])
        opened.wait_for_timeout(150)
        said = re.search(r"x (\d+)\s+y (\d+)", opened.locator(".status").inner_text())
        assert said is not None
        assert [int(said[1]), int(said[2])] == pytest.approx([share * SIDE, share * SIDE], abs=2)
    opened.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    until(lambda: project.labels.drafts() == {place(opened)})
    until(lambda: float(minimap.evaluate("e => getComputedStyle(e).opacity")) < 0.2)  # it fades
    opened.keyboard.press("0")
    minimap.wait_for(state="hidden")


# ---- far out


def test_a_line_of_one_pixel_is_seen_when_a_large_slice_is_fitted(
    tmp_path: Path, browser_page: Page, shared_app: tuple[str, Path]
) -> None:
    """Painted row by row across 1800 pixels, of which the screen shows fewer than half: no gap in any row of the picture."""
    side = 1800
    tifffile.imwrite(tmp_path / "grey.tif", np.full((1, side, side), 90, np.uint8), metadata={"axes": "ZYX"})
    project = Project.create(
        shared_app[1], f"wide-{tmp_path.name}"[:40], volumes=[tmp_path / "grey.tif"], classes=["matrix", "pore"]
    )
    browser_page.goto(f"{shared_app[0]}/annotate?project={project.name}")
    browser_page.wait_for_selector(".editor[data-loaded]")
    browser_page.locator(".overlay").hover()
    brush(browser_page, 1)
    stage = browser_page.locator(".overlay").bounding_box()
    assert stage is not None
    x, top = stage["x"] + stage["width"] / 2, stage["y"] + stage["height"] / 2
    browser_page.mouse.move(x, top - 200)
    browser_page.mouse.down()
    browser_page.mouse.move(x + 90, top + 200, steps=20)
    browser_page.mouse.up()
    until(lambda: (values(project, 0) == PORE).sum() > 700)
    for zooms in (0, 4):
        for _ in range(zooms):
            browser_page.locator(".overlay").hover()
            browser_page.keyboard.press("-")
        shown = picture(browser_page).astype(int)
        orange = (shown[..., 0] - shown[..., 2] > 25).any(axis=1)
        rows = np.flatnonzero(orange)
        assert len(rows) > 80
        assert orange[rows[0] : rows[-1] + 1].all(), "a row of the picture in which the line is not seen"


# ---- a newer prediction


def test_a_newer_prediction_is_offered_and_never_put_on_by_itself(
    project: Project, browser_page: Page, shared_app: tuple[str, Path]
) -> None:
    """It waits for a click; then it lies under what was painted, which wins; undo brings the old one back, then the stroke."""
    page = browser_page
    for z in range(4):
        keep(project, z, FIRST, SURE)
    page.goto(f"{shared_app[0]}/annotate?project={project.name}")
    page.wait_for_selector(".editor[data-loaded]")
    page.locator(".overlay").hover()
    _, z = place(page)
    brush(page, 9)
    paint(page, (40, 20), (50, 20))
    painted = values(project, z) == PORE
    assert painted.sum() > 100
    add_round(project)
    for each in range(4):
        keep(project, each, SECOND, SURE)

    page.wait_for_selector(".notice[data-kind=prediction]", timeout=60_000)
    assert "Round 2" in page.locator(".notice").inner_text()
    np.testing.assert_array_equal(values(project, z), laid_over(FIRST, painted))
    assert_shown(page, (45, 50), "matrix")
    page.get_by_role("button", name="Use it").click()
    until(lambda: np.array_equal(values(project, z), laid_over(SECOND, painted)))
    page.locator(".notice").wait_for(state="hidden")
    assert_shown(page, (45, 50), "phase")
    assert_shown(page, (45, 20), "pore")

    page.keyboard.press("Control+z")
    until(lambda: np.array_equal(values(project, z), laid_over(FIRST, painted)))
    assert_shown(page, (10, 50), "pore")
    page.keyboard.press("Control+z")
    until(lambda: np.array_equal(values(project, z), FIRST))


def laid_over(mask: NDArray[np.uint8], painted: NDArray[np.bool_]) -> NDArray[np.uint16]:
    """A prediction with painted pixels over it."""
    return np.where(painted, np.uint16(PORE), mask.astype(np.uint16))


def assert_shown(page: Page, point: tuple[float, float], name: str) -> None:
    """The status line comes to name this class under an image point."""
    page.mouse.move(*on_screen(page, *point))
    until(lambda: f"  {name} (" in page.locator(".status").inner_text())
