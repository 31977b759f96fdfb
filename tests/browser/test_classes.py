"""More classes than digits, in a real browser."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from core.project import Project
from tests.browser.painting import paint, place, values

if TYPE_CHECKING:
    from playwright.sync_api import Page

COUNT = 20


@pytest.fixture
def many(project: Project, browser_page: Page, shared_app: tuple[str, object]) -> Page:
    """The annotate page of a project with twenty classes, in a small window."""
    project.set_classes([f"class {i}" for i in range(COUNT)])
    browser_page.set_viewport_size({"width": 1280, "height": 720})
    browser_page.goto(f"{shared_app[0]}/annotate?project={project.name}")
    browser_page.wait_for_selector(".editor[data-loaded]")
    browser_page.locator(".overlay").hover()
    return browser_page


def chosen(page: Page) -> int:
    """The class that would be painted."""
    return int(str(page.locator(".classes [aria-checked=true]").get_attribute("data-class")))


def test_keys_reach_every_class(many: Page, project: Project) -> None:
    """Digits, Shift and a digit, and the arrows on from there; what is painted is that class."""
    _, z = place(many)
    reached = []
    for key in ("9", "Shift+1", "Shift+9", "ArrowDown", "ArrowDown", "ArrowDown", "ArrowUp"):
        many.keyboard.press(key)
        reached.append(chosen(many))
    assert reached == [8, 9, 17, 18, 19, 0, 19]
    paint(many, (32, 32))
    assert values(project, z)[32, 32] == 19 | 256


def test_the_chosen_class_and_the_tools_are_in_view(many: Page) -> None:
    """However long the list, the class chosen by a key is seen, and so is what lies below the list."""
    many.keyboard.press("ArrowUp")
    many.keyboard.press("ArrowUp")
    assert chosen(many) == COUNT - 1
    panel, button, slider = (
        many.locator(selector).bounding_box() for selector in ("aside", ".classes [aria-checked=true]", "[data-setting=size]")
    )
    assert panel is not None
    assert button is not None
    assert slider is not None
    assert panel["y"] <= button["y"] < slider["y"] < panel["y"] + panel["height"]


def test_a_class_says_its_key(many: Page) -> None:
    """In its tooltip, and in the sheet of keys."""
    titles = [str(many.locator(f".classes [data-class='{i}']").get_attribute("title")) for i in (0, 9, 18)]
    assert titles[0] == "Paint class 0 (1)"
    assert titles[1] == "Paint class 9 (Shift+1)"
    assert "step through" in titles[2]
    many.keyboard.press("?")
    assert "Classes 10 to 18" in many.locator(".sheet").inner_text()
