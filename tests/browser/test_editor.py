"""The editor in a real browser: what is painted is what is stored, and nothing painted is lost."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from core.project import Project
from core.storage.drafts import Patch
from tests.browser.painting import SIDE, brush, on_screen, paint, place, place_or_none, stored, until, values
from tests.serving import let_in

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page


def test_the_painted_pixel_is_the_stored_pixel(opened: Page, project: Project) -> None:
    """A click with a brush of one pixel stores that pixel, in the chosen class, at the fitted zoom and at others."""
    _, z = place(opened)
    brush(opened, 1)
    expected = np.zeros((SIDE, SIDE), np.uint16)
    for x, y in ((0, 0), (31, 17), (63, 63), (5, 60)):
        paint(opened, (x + 0.5, y + 0.5))
        expected[y, x] = 1 | 256
    opened.keyboard.press("3")
    paint(opened, (40.5, 20.5))
    expected[20, 40] = 2 | 256
    np.testing.assert_array_equal(values(project, z), expected)


def test_a_stroke_is_saved_and_becomes_exactly_these_labels(opened: Page, project: Project) -> None:
    """Paint a pore, press Enter: the label holds the stroke's pixels and no others, and the next slice opens."""
    _, z = place(opened)
    brush(opened, 7)
    paint(opened, (20, 20), (40, 24))
    painted = values(project, z)
    assert 100 < (painted == (1 | 256)).sum() < 200
    opened.keyboard.press("Enter")
    until(lambda: bool(project.labels.slices()))
    np.testing.assert_array_equal(project.labels.of(0, z), np.where(painted > 255, painted & 255, 255))
    until(lambda: place_or_none(opened) not in (None, (0, z)))


def test_undo_and_redo_are_stored_too(opened: Page, project: Project) -> None:
    """Undoing every stroke leaves the stored slice as it began, redoing brings every pixel back."""
    _, z = place(opened)
    for i in range(5):
        opened.keyboard.press(str(1 + i % 3))
        paint(opened, (10 + 8 * i, 10), (14 + 6 * i, 50))
    after = values(project, z)
    for _ in range(5):
        opened.keyboard.press("Control+z")
    until(lambda: not values(project, z).any())
    for _ in range(5):
        opened.keyboard.press("Control+Shift+Z")
    until(lambda: np.array_equal(values(project, z), after))


def test_the_eraser_and_the_right_button_paint_background(opened: Page, project: Project) -> None:
    """Both set class 0 and mark the pixels as painted by a person."""
    _, z = place(opened)
    brush(opened, 9)
    paint(opened, (32, 32))
    opened.keyboard.press("e")
    paint(opened, (30, 32))
    opened.keyboard.press("b")
    paint(opened, (36, 32), button="right")
    found = values(project, z)
    assert found[32, 30] == 256
    assert found[32, 36] == 256
    assert set(np.unique(found)) == {0, 256, 1 | 256}


def test_a_drawn_box_is_claimed_as_a_region(opened: Page, project: Project) -> None:
    """Everything in the box becomes a label, outside it nothing."""
    _, z = place(opened)
    assert opened.get_by_text("Box is right").count() == 0
    opened.keyboard.press("x")
    opened.mouse.move(*on_screen(opened, 10.2, 12.3))
    opened.mouse.down()
    opened.mouse.move(*on_screen(opened, 29.8, 39.6), steps=5)
    opened.mouse.up()
    opened.get_by_text("Box is right").click()
    until(lambda: bool(project.labels.slices()))
    expected = np.full((SIDE, SIDE), 255)
    expected[12:40, 10:30] = 0
    np.testing.assert_array_equal(project.labels.of(0, z), expected)


def test_a_whole_slice_is_claimed_only_after_a_question(opened: Page, project: Project) -> None:
    """Shift+Enter asks, Esc says no, Enter says yes."""
    opened.keyboard.press("Shift+Enter")
    opened.keyboard.press("Escape")
    opened.keyboard.press("Shift+Enter")
    assert not project.labels.slices()
    opened.keyboard.press("Enter")
    until(lambda: bool(project.labels.slices()))
    assert project.labels.slices()[0].pixels == SIDE * SIDE


def test_a_reload_brings_the_strokes_back(opened: Page, project: Project) -> None:
    """What was painted and not saved is there again, and the page says so."""
    _, z = place(opened)
    paint(opened, (20, 20), (30, 40))
    before = values(project, z)
    opened.reload()
    opened.wait_for_selector(".editor[data-loaded]")
    assert place(opened) == (0, z)
    assert "strokes are back" in opened.locator(".banner").inner_text()
    paint(opened, (50, 50))
    assert project.labels.editing(0, z).sequence == 2
    assert (values(project, z) != before).any()


def test_undo_works_after_a_reload(opened: Page, project: Project) -> None:
    """What was painted before the page was loaded anew is taken back stroke by stroke; what was undone stays so."""
    _, z = place(opened)
    before = values(project, z)
    paint(opened, (20, 20), (30, 20))
    first = values(project, z)
    paint(opened, (25, 15), (25, 30))
    second = values(project, z)
    paint(opened, (40, 40))
    opened.keyboard.press("Control+z")
    until(lambda: bool((values(project, z) == second).all()))
    opened.reload()
    opened.wait_for_selector(".editor[data-loaded]")
    opened.locator(".overlay").hover()
    opened.wait_for_selector("[data-command=undo]:enabled")
    for expected in (first, before):
        opened.keyboard.press("Control+z")
        until(lambda expected=expected: bool((values(project, z) == expected).all()))
    opened.wait_for_selector("[data-command=undo]:disabled")


def test_a_server_that_does_not_answer_loses_no_stroke(opened: Page, project: Project) -> None:
    """While requests fail the page says so and holds the person back from leaving; later everything arrives in order."""
    _, z = place(opened)
    opened.route("**/patch/*", lambda route: route.abort())
    brush(opened, 3)
    opened.mouse.click(*on_screen(opened, 10, 10))
    opened.wait_for_selector(".chip[data-state=retrying]")
    assert opened.locator(".chip").inner_text() == "not kept, retrying"
    opened.mouse.click(*on_screen(opened, 20, 20))
    assert not values(project, z).any()
    assert opened.evaluate("() => !window.dispatchEvent(new Event('beforeunload', { cancelable: true }))")
    opened.unroute("**/patch/*")
    stored(opened)
    assert project.labels.editing(0, z).sequence == 2
    assert (values(project, z) > 0).sum() == 18
    assert opened.evaluate("() => window.dispatchEvent(new Event('beforeunload', { cancelable: true }))")


def test_a_save_while_the_server_is_away_is_done_when_it_is_back(opened: Page, project: Project) -> None:
    """Enter is not forgotten, and the page says that it waits; Esc gives it up."""
    paint(opened, (20, 20), (30, 20))
    opened.route("**/claim", lambda route: route.abort())
    opened.keyboard.press("Enter")
    opened.get_by_text("as soon as the app answers").wait_for()
    opened.keyboard.press("Escape")
    opened.get_by_text("Given up").wait_for()
    opened.keyboard.press("Enter")
    opened.get_by_text("as soon as the app answers").wait_for()
    assert project.labels.slices() == []
    opened.unroute("**/claim")
    until(lambda: len(project.labels.slices()) == 1)
    opened.get_by_text("as soon as the app answers").wait_for(state="hidden")


def test_the_same_slice_in_another_window_is_not_overwritten(opened: Page, project: Project) -> None:
    """A stroke on a slice that changed meanwhile is refused, the person is told, and the stored slice is shown."""
    _, z = place(opened)
    elsewhere = Patch(1, np.array([[0, SIDE, 2 | 256]], np.uint32))
    project.labels.apply(0, z, elsewhere)
    opened.mouse.click(*on_screen(opened, 30, 30))
    opened.wait_for_selector(".banner[data-kind=problem]")
    assert "another window" in opened.locator(".banner").inner_text()
    expected = np.zeros((SIDE, SIDE), np.uint16)
    expected[0] = 2 | 256
    np.testing.assert_array_equal(values(project, z), expected)
    paint(opened, (40, 40))
    assert project.labels.editing(0, z).sequence == 2


def test_streamlits_own_keys_do_not_fire(opened: Page) -> None:
    """Neither `c` (clear caches) nor `r` (rerun) of Streamlit is heard while the editor has the keyboard."""
    opened.keyboard.press("c")
    opened.keyboard.press("r")
    opened.wait_for_timeout(300)
    assert opened.get_by_role("dialog").count() == 0


def test_keys_belong_to_a_text_field_that_has_the_focus(opened: Page) -> None:
    """Typing elsewhere on the page neither chooses a tool nor steps to another slice."""
    field = opened.locator("input[type=number]").first
    field.click()
    opened.locator(".overlay").hover()
    opened.keyboard.press("e")
    assert opened.locator("[data-command=eraser]").get_attribute("aria-pressed") == "false"


def test_keys_step_through_slices_and_the_page_follows(opened: Page, project: Project) -> None:
    """`.` and `,` open the neighbours at once, and the page's own field shows the same slice."""
    _, z = place(opened)
    step, key = (1, ".") if z < 3 else (-1, ",")
    opened.keyboard.press(key)
    until(lambda: place_or_none(opened) == (0, z + step))
    until(lambda: opened.locator("input[type=number]").first.input_value() == str(z + step))
    assert place(opened) == (0, z + step)


@pytest.mark.parametrize("ratio", [1.0, 1.25, 2.0])
def test_the_pixel_under_the_cursor_is_painted_at_every_pixel_ratio(
    project: Project, chromium: Browser, shared_app: tuple[str, Path], ratio: float
) -> None:
    """The status line names the pixel under the cursor, and a click stores exactly that one, also zoomed in."""
    context = chromium.new_context(viewport={"width": 1440, "height": 900}, device_scale_factor=ratio)
    let_in(context, *shared_app)
    page = context.new_page()
    page.goto(f"{shared_app[0]}/annotate?project={project.name}")
    page.wait_for_selector(".editor[data-loaded]")
    _, z = place(page)
    brush(page, 1)
    box = page.locator(".overlay").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    expected = set()
    for wheel, dx, dy in ((0, 3, 5), (-300, -41, 17), (-500, 60, -33)):
        page.mouse.move(box["x"] + box["width"] / 2 + dx, box["y"] + box["height"] / 2 + dy)
        page.mouse.wheel(0, wheel)
        page.wait_for_timeout(60)
        page.mouse.move(box["x"] + box["width"] / 2 + dx + 1, box["y"] + box["height"] / 2 + dy)
        said = re.search(r"x (\d+)\s+y (\d+)", page.locator(".status").inner_text())
        assert said is not None
        page.mouse.down()
        page.mouse.up()
        stored(page)
        expected.add((int(said[2]), int(said[1])))
    assert {(int(y), int(x)) for y, x in np.argwhere(values(project, z))} == expected
    context.close()
