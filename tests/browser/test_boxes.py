"""The way a person is led: from box to box of a slice, from slice to slice, with the keyboard alone."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from core.geometry import Box
from core.project import Project
from core.storage.proposals import Proposal
from tests.browser.painting import SIDE, paint, place, place_or_none, until
from tests.predicted import keep

if TYPE_CHECKING:
    from playwright.sync_api import Page

BOXES = (Box(8, 8, 24, 24), Box(40, 40, 56, 56))


@pytest.fixture
def led(project: Project, browser_page: Page, shared_app: tuple[str, Path]) -> Page:
    """The annotate page after a round that is unsure in two places of slice 2 and in one of slice 1; nobody touched it."""
    mask, sure = np.zeros((SIDE, SIDE), np.uint8), np.full((SIDE, SIDE), 200, np.uint8)
    for z in (1, 2):
        keep(project, z, mask, sure)
    proposals = [Proposal(0, 2, 0.5, "unsure here", BOXES), Proposal(0, 1, 0.4, "and here", BOXES[:1])]
    project.store.proposals.replace(1, proposals, model_selected=True)
    browser_page.goto(f"{shared_app[0]}/annotate?project={project.name}")
    browser_page.wait_for_selector(".editor[data-loaded='0/2']")
    return browser_page


def chosen(page: Page) -> str | None:
    """What is written at the box that Enter would save; None where none is chosen."""
    texts = page.locator(".editor").evaluate("root => root.editor.proposalBoxes.boxes.map(box => box.text ?? null)")
    return next((str(text) for text in texts if text is not None), None)


def labelled(project: Project, z: int) -> int:
    """Labelled pixels of a slice."""
    return int((project.labels.of(0, z) != 255).sum())


def test_enter_leads_from_box_to_box_and_on_to_the_next_slice(led: Page, project: Project) -> None:
    """No mouse is needed: N chooses the first box, each Enter saves one and shows the next, here and then on slice 1."""
    led.keyboard.press("n")
    until(lambda: chosen(led) == "unsure 1 of 2")
    led.get_by_text("Box is right").wait_for()
    led.keyboard.press("Enter")
    until(lambda: labelled(project, 2) == 256)
    until(lambda: chosen(led) == "unsure 1 of 1")
    assert place(led) == (0, 2)
    led.keyboard.press("Enter")
    until(lambda: labelled(project, 2) == 512)
    until(lambda: place_or_none(led) == (0, 1) and chosen(led) == "unsure 1 of 1")
    led.keyboard.press("Enter")
    until(lambda: labelled(project, 1) == 256)
    assert project.proposals() == []


def test_enter_on_strokes_leads_to_the_places_that_are_left(led: Page, project: Project) -> None:
    """Strokes answer only for the places they lie in; the slice is left once there is none, and the page says so."""
    for at, left in (((48, 48), "1 place of this slice is left"), ((16, 16), "Next: slice 1")):
        led.keyboard.press("0")
        paint(led, at, (at[0] + 1, at[1]))
        led.keyboard.press("Enter")
        led.get_by_text(left).wait_for()
    until(lambda: place_or_none(led) == (0, 1))
    assert labelled(project, 2) > 0
    assert [p.z for p in project.proposals()] == [1]


def test_a_place_and_a_slice_are_put_off(led: Page, project: Project) -> None:
    """J goes on to the next place, Shift+J to the next slice; both are asked about again at the end."""
    led.keyboard.press("j")
    led.get_by_text("No box is chosen").wait_for()
    led.keyboard.press("n")
    led.keyboard.press("j")
    until(lambda: project.proposals()[0].boxes == BOXES[::-1])
    until(lambda: chosen(led) == "unsure 1 of 2")
    led.get_by_text("is put off").wait_for()
    led.get_by_role("button", name="Skip slice").click()
    until(lambda: place_or_none(led) == (0, 1))
    assert [(p.z, p.put_off) for p in project.proposals()] == [(1, False), (2, True)]
    assert labelled(project, 2) == 0


def test_the_chosen_place_is_chosen_still_after_a_step_away_and_back(led: Page) -> None:
    """Whoever looks at a neighbour goes on where they were."""
    led.keyboard.press("n")
    led.keyboard.press("n")
    until(lambda: chosen(led) == "unsure 2 of 2")
    for key, z in ((",", 1), (".", 2)):
        led.keyboard.press(key)
        until(lambda z=z: place_or_none(led) == (0, z))
    until(lambda: chosen(led) == "unsure 2 of 2")
    led.get_by_role("button", name="Box is right").wait_for()


def test_the_bars_and_sections_keep_their_places(led: Page) -> None:
    """With a reason and without one, with any tool."""

    def places() -> list[float]:
        tops = "root => ['.bottom', '.status', '.tone'].map(s => root.querySelector(s).getBoundingClientRect().top)"
        return [float(top) for top in led.locator(".editor").evaluate(tops)]

    before = places()
    led.keyboard.press("g")
    assert places() == before
    led.locator(".reason").evaluate("e => e.replaceChildren()")
    assert places() == before


def test_the_status_line_follows_a_save(led: Page) -> None:
    """Without a move of the mouse it says that a label lies there now, and the reason counts what is left."""
    assert "prediction of round 1" in led.locator(".status").inner_text()
    led.keyboard.press("n")
    led.keyboard.press("Enter")
    led.get_by_text("1 of them left to check").first.wait_for()
    until(lambda: "your label" in led.locator(".status").inner_text())


def test_a_page_that_is_loaded_anew_is_no_second_window(led: Page, project: Project) -> None:
    """Nobody is warned of themselves."""
    led.wait_for_timeout(500)
    led.reload()
    led.wait_for_selector(".editor[data-loaded='0/2']")
    led.wait_for_timeout(1500)
    assert not led.locator(".notice").is_visible()
    other = led.context.new_page()
    other.goto(led.url)
    other.wait_for_selector(".editor[data-loaded='0/2']")
    other.get_by_text("open in another window").wait_for()


def test_the_question_about_a_whole_slice_is_not_answered_by_another_button(led: Page, project: Project) -> None:
    """Who is asked about the slice and then saves the box has vouched for the box."""
    led.keyboard.press("n")
    until(lambda: chosen(led) == "unsure 1 of 2")
    led.keyboard.press("Shift+Enter")
    led.get_by_text("Is every one of the").wait_for()
    led.get_by_role("button", name="Box is right").click()
    until(lambda: labelled(project, 2) > 0)
    assert labelled(project, 2) == 256


def test_a_save_that_is_taken_back_brings_its_box_back(led: Page, project: Project) -> None:
    """The page and the editor agree on what is left to check."""
    led.keyboard.press("n")
    until(lambda: chosen(led) == "unsure 1 of 2")
    led.keyboard.press("Enter")
    until(lambda: chosen(led) == "unsure 1 of 1")
    led.keyboard.press("Control+z")
    until(lambda: labelled(project, 2) == 0)
    until(lambda: len(led.locator(".editor").evaluate("root => root.editor.proposalBoxes.proposed")) == 2)


def test_a_slice_chosen_by_its_number_has_the_keyboard(led: Page) -> None:
    """Keys typed next are the editor's, not digits for the field."""
    field = led.get_by_test_id("stNumberInputField")
    field.click(click_count=3)
    led.keyboard.type("1")
    led.keyboard.press("Enter")
    until(lambda: place_or_none(led) == (0, 1))
    led.keyboard.press("2")
    assert field.input_value() == "1"
    assert led.locator(".classes [aria-checked=true]").inner_text().startswith("pore")
