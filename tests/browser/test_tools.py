"""Every tool of the editor in a real browser: what each leaves on the server, and the way back through undo."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from numpy.typing import NDArray

from core.geometry import SliceId
from core.project import Project
from tests.browser.painting import SIDE, brush, on_screen, paint, place, place_or_none, stored, until, values

if TYPE_CHECKING:
    from playwright.sync_api import Page

PORE = 1 | 256
PHASE = 2 | 256


def click(page: Page, x: float, y: float) -> None:
    """One click on an image point, stored."""
    page.mouse.click(*on_screen(page, x, y))
    stored(page)


def square(page: Page, left: float, top: float, side: float) -> None:
    """Drag once around a square."""
    corners = ((left, top), (left + side, top), (left + side, top + side), (left, top + side), (left, top))
    paint(page, *corners)


def press(page: Page, *keys: str) -> None:
    """Keys one after another, in the editor."""
    for key in keys:
        page.keyboard.press(key)


def test_the_eraser_of_a_scribble_leaves_nothing(opened: Page, project: Project) -> None:
    """When scribbling the eraser takes strokes back, as if never painted; when correcting it paints background."""
    _, z = place(opened)
    press(opened, "s")
    assert opened.locator(".editor").get_attribute("data-mode") == "scribble"
    brush(opened, 9)
    paint(opened, (20, 20), (40, 20))
    press(opened, "e")
    paint(opened, (20, 20), (40, 20))
    assert not values(project, z).any()
    press(opened, "s")
    paint(opened, (20, 20))
    assert set(np.unique(values(project, z))) == {0, 256}


def test_a_scribble_is_saved_as_strokes_only(opened: Page, project: Project) -> None:
    """The whole slice cannot be claimed while the prediction is hidden."""
    press(opened, "s")
    assert opened.locator("[data-command=claimSlice]").is_disabled()
    press(opened, "Shift+Enter")
    assert opened.locator(".confirm").is_hidden()
    paint(opened, (20, 20))
    press(opened, "Enter")
    until(lambda: bool(project.labels.slices()))
    assert project.labels.slices()[0].pixels < 300


def test_restore_brings_the_start_back(opened: Page, project: Project) -> None:
    """A restored pixel counts as never painted."""
    _, z = place(opened)
    brush(opened, 15)
    paint(opened, (30, 30))
    press(opened, "r")
    brush(opened, 25)
    paint(opened, (30, 30))
    assert not values(project, z).any()


def test_shift_paints_a_straight_line(opened: Page, project: Project) -> None:
    """A click with Shift paints from the last stroke's end."""
    _, z = place(opened)
    brush(opened, 1)
    click(opened, 10.5, 12.5)
    opened.keyboard.down("Shift")
    click(opened, 50.5, 12.5)
    opened.keyboard.up("Shift")
    expected = np.zeros((SIDE, SIDE), np.uint16)
    expected[12, 10:51] = PORE
    np.testing.assert_array_equal(values(project, z), expected)


def test_the_lasso_fills_what_it_surrounds(opened: Page, project: Project) -> None:
    """Dragged once around a square: its pixels and no others; corner by corner gives the same."""
    _, z = place(opened)
    press(opened, "l")
    square(opened, 10, 10, 20)
    expected = np.zeros((SIDE, SIDE), np.uint16)
    expected[10:30, 10:30] = PORE
    np.testing.assert_array_equal(values(project, z), expected)
    press(opened, "3")
    for x, y in ((40, 40), (60, 40), (60, 60), (40, 60)):
        opened.mouse.click(*on_screen(opened, x, y))
        opened.wait_for_timeout(350)  # slower than a double click
    opened.get_by_role("button", name="Close the polygon").wait_for()
    press(opened, "Enter")
    opened.get_by_role("button", name="Save strokes").wait_for()
    until(lambda: bool((values(project, z) == PHASE).any()))
    expected[40:60, 40:60] = PHASE
    np.testing.assert_array_equal(values(project, z), expected)
    assert not project.labels.slices(), "Enter closes the polygon and saves nothing"


def test_fill_stops_at_what_is_painted(opened: Page, project: Project) -> None:
    """Inside a closed outline only the inside is filled."""
    _, z = place(opened)
    brush(opened, 1)
    square(opened, 10.5, 10.5, 20)
    press(opened, "3", "f")
    assert opened.locator("[data-command=flood]").get_attribute("aria-pressed") == "true"
    click(opened, 20, 20)
    found = values(project, z)
    assert (found[11:30, 11:30] == PHASE).all()
    assert (found == PHASE).sum() == 19 * 19


def test_the_grey_range_brush_paints_only_alike_pixels(opened: Page, project: Project) -> None:
    """Pixels under the disc that are as bright as the first one, by the raw values of the volume."""
    _, z = place(opened)
    press(opened, "g")
    opened.locator("input[data-setting=tolerance]").fill("12")
    brush(opened, 31)
    paint(opened, (32.5, 32.5))
    grey = project.image(0, z)[0].astype(int)
    found = values(project, z) == PORE
    assert found[32, 32]
    assert 10 < found.sum() < 400, "some pixels of the disc, not all 755"
    spread = np.abs(grey[found] - grey[32, 32]).max()
    assert spread < 20
    near = np.hypot(*np.mgrid[-32:32, -32:32]) < 14
    assert not (found[near] != (np.abs(grey[near] - grey[32, 32]) <= spread)).any()


def test_superpixels_paint_whole_patches(opened: Page, project: Project) -> None:
    """A click paints one connected patch of more than a few pixels."""
    _, z = place(opened)
    press(opened, "p")
    for _ in range(20):  # the first click asks the server for the patches
        opened.mouse.click(*on_screen(opened, 32.5, 32.5))
        stored(opened)
        if values(project, z).any():
            break
        opened.wait_for_timeout(200)
    found = values(project, z) == PORE
    assert found[32, 32]
    assert 20 < found.sum() < 2000


def test_the_lock_paints_over_one_class_only(opened: Page, project: Project) -> None:
    """Locked to the class under the cursor, the brush leaves every other class alone."""
    _, z = place(opened)
    brush(opened, 11)
    paint(opened, (20, 32), (44, 32))
    before = values(project, z)
    opened.mouse.move(*on_screen(opened, 32, 10))
    press(opened, "k", "3")
    assert opened.locator("select[data-setting=lock]").input_value() == "0"
    paint(opened, (32, 10), (32, 54))
    found = values(project, z)
    np.testing.assert_array_equal(found[before > 0], before[before > 0])
    assert (found == PHASE).sum() > 100
    press(opened, "k")
    assert opened.locator("select[data-setting=lock]").input_value() == ""


def test_the_eyedropper_takes_the_class_under_the_cursor(opened: Page, project: Project) -> None:
    """And gives the hand back to the brush."""
    _, z = place(opened)
    press(opened, "3")
    paint(opened, (20, 20))
    press(opened, "2", "i")
    opened.mouse.click(*on_screen(opened, 20, 20))
    assert opened.locator(".classes [aria-checked=true]").get_attribute("data-class") == "2"
    assert opened.locator("[data-command=brush]").get_attribute("aria-pressed") == "true"
    paint(opened, (50, 50))
    assert values(project, z)[50, 50] == PHASE


def test_unsure_is_a_class_of_its_own(opened: Page, project: Project) -> None:
    """Unsure pixels are saved as looked at, and train nothing."""
    _, z = place(opened)
    press(opened, "u")
    paint(opened, (20, 20))
    assert values(project, z)[20, 20] == 255 | 256
    press(opened, "Enter")
    until(lambda: place_or_none(opened) not in (None, (0, z)))
    assert project.labels.of(0, z)[20, 20] == 255


def test_undo_goes_back_across_a_save(opened: Page, project: Project) -> None:
    """Enter saves and goes on; undo leads back, takes the save back, then the stroke; redo does both again."""
    _, z = place(opened)
    brush(opened, 7)
    paint(opened, (20, 20), (30, 30))
    painted = values(project, z)
    press(opened, "Enter")
    until(lambda: place_or_none(opened) not in (None, (0, z)))
    press(opened, "Control+z")
    opened.get_by_role("button", name=f"Go back to slice {z}").click()
    until(lambda: place_or_none(opened) == (0, z))
    press(opened, "Control+z")
    until(lambda: not project.labels.slices())
    until(lambda: np.array_equal(values(project, z), painted))
    press(opened, "Control+z")
    until(lambda: not values(project, z).any())
    press(opened, "Control+y")
    until(lambda: np.array_equal(values(project, z), painted))
    press(opened, "Control+y")
    until(lambda: bool(project.labels.slices()))
    np.testing.assert_array_equal(project.labels.of(0, z), np.where(painted > 255, painted & 255, 255))


def test_undo_works_on_a_slice_that_was_left(opened: Page, project: Project) -> None:
    """Stepping to the neighbour and back keeps the history."""
    _, z = place(opened)
    paint(opened, (20, 20))
    step, back = (".", ",") if z < 3 else (",", ".")
    press(opened, step)
    until(lambda: place_or_none(opened) not in (None, (0, z)))
    press(opened, back)
    until(lambda: place_or_none(opened) == (0, z))
    press(opened, "Control+z")
    until(lambda: not values(project, z).any())


def labelled(project: Project, z: int, mask: NDArray[np.uint8]) -> None:
    """Save a whole slice from the shell's side."""
    from core.storage.labels import Claim

    project.store.labels.claim(SliceId(0, z), mask, np.ones(mask.shape, bool), Claim.slice())


@pytest.fixture
def two_labels(project: Project) -> None:
    """Slices 0 and 2 are labelled with squares of 20 and 40 pixels."""
    for z, half in ((0, 10), (2, 20)):
        mask = np.zeros((SIDE, SIDE), np.uint8)
        mask[32 - half : 32 + half, 32 - half : 32 + half] = 2
        labelled(project, z, mask)


@pytest.mark.usefixtures("two_labels")
def test_a_mask_is_suggested_from_other_slices(project: Project, browser_page: Page, shared_app: tuple[str, object]) -> None:
    """Interpolation lies between the two, copying takes one of them; both are undone in one step and count as not painted."""
    page = browser_page
    page.goto(f"{shared_app[0]}/annotate?project={project.name}")
    page.wait_for_selector(".editor[data-loaded]")
    page.locator("input[type=number]").first.fill("1")
    page.keyboard.press("Tab")
    until(lambda: place_or_none(page) == (0, 1))
    page.get_by_role("button", name="Interpolate labels").click()
    until(lambda: bool((values(project, 1) == 2).any()))
    assert (values(project, 1) == 2).sum() == pytest.approx(30 * 30, rel=0.1)
    page.locator(".overlay").hover()
    press(page, "Control+z")
    until(lambda: not values(project, 1).any())
    page.get_by_role("button", name="Copy next").click()
    until(lambda: bool((values(project, 1) == 2).any()))
    assert (values(project, 1) == 2).sum() == 40 * 40


def test_the_sheet_shows_every_key(opened: Page) -> None:
    """`?` opens it, and the next key closes it and does its work."""
    press(opened, "?")
    assert opened.locator(".sheet").is_visible()
    assert "Superpixels" in opened.locator(".sheet").inner_text()
    press(opened, "e")
    assert opened.locator(".sheet").is_hidden()
    assert opened.locator("[data-command=eraser]").get_attribute("aria-pressed") == "true"


def test_a_second_window_is_told(opened: Page, project: Project, shared_app: tuple[str, object]) -> None:
    """Two windows on the same slice: both are told, and strokes of one are announced in the other."""
    second = opened.context.new_page()
    second.goto(f"{shared_app[0]}/annotate?project={project.name}")
    second.wait_for_selector(".editor[data-loaded]")
    second.wait_for_selector(".notice[data-kind=others]", timeout=60_000)
    paint(opened, (20, 20))
    second.wait_for_selector(".notice[data-kind=elsewhere]", timeout=60_000)
    second.get_by_role("button", name="Show it as it is now").click()
    second.wait_for_selector(".editor[data-loaded]")
    assert "strokes are back" in second.locator(".banner").inner_text()
    second.close()


def test_a_preview_appears_while_one_paints_and_can_be_taken_into_the_mask(opened: Page, project: Project) -> None:
    """From the second class on unlabelled pixels show it; nothing is stored before it is taken, and one step undoes that."""
    _, z = place(opened)
    brush(opened, 5)
    press(opened, "1")
    paint(opened, (10, 10), (30, 12))
    take = opened.get_by_role("button", name="Take the preview")
    assert take.is_disabled()
    press(opened, "2")
    paint(opened, (10, 50), (30, 52))
    opened.get_by_text("A quick first model of 2 classes").wait_for()
    before = values(project, z)
    take.click()
    stored(opened)
    until(lambda: (values(project, z) != before).any())
    after = values(project, z)
    np.testing.assert_array_equal(after >> 8, before >> 8)
    np.testing.assert_array_equal(after[before > 255], before[before > 255])
    assert set(np.unique(after & 255)) == {0, 1}
    press(opened, "Control+z")
    until(lambda: np.array_equal(values(project, z), before))


def test_nobody_vouches_for_what_the_preview_covers(opened: Page, project: Project) -> None:
    """Who says that the slice is right sees the mask first, and is asked; V brings the preview back."""
    _, z = place(opened)
    press(opened, "1")
    paint(opened, (10, 10), (30, 12))
    press(opened, "2")
    paint(opened, (10, 50), (30, 52))
    opened.get_by_text("A quick first model of 2 classes").wait_for()
    press(opened, "Shift+Enter")
    opened.get_by_role("alertdialog").wait_for()
    opened.get_by_text("The preview is hidden now").wait_for()
    assert opened.get_by_role("button", name="Take the preview").is_disabled()
    press(opened, "Enter")
    until(lambda: bool(project.labels.slices()))
    label = project.labels.of(0, z)
    assert set(np.unique(label)) == {0, 1}
    assert (label == 1).sum() < 1000
