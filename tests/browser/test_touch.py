"""Fingers and pens in a real browser, sent through its own input, not as events made by a script."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from core.project import Project
from tests.browser.painting import SIDE, brush, on_screen, place, stored, until, values, zoom
from tests.serving import let_in

if TYPE_CHECKING:
    from playwright.sync_api import Browser, CDPSession, Page

PORE = 1 | 256
Point = tuple[float, float]


@pytest.fixture
def tablet(chromium: Browser, project: Project, shared_app: tuple[str, Path]) -> Iterator[Page]:
    """The annotate page on a screen that feels fingers."""
    context = chromium.new_context(viewport={"width": 1440, "height": 900}, has_touch=True)
    let_in(context, *shared_app)
    page = context.new_page()
    page.goto(f"{shared_app[0]}/annotate?project={project.name}")
    page.wait_for_selector(".editor[data-loaded]")
    brush(page, 1)
    yield page
    context.close()


@pytest.fixture
def inputs(tablet: Page) -> CDPSession:
    """The way to the browser's own input."""
    return tablet.context.new_cdp_session(tablet)


def fingers(inputs: CDPSession, *steps: tuple[Point, ...]) -> None:
    """Put fingers down, move them, and lift them: their places on the page at every step, the first ones first."""
    down = 0
    for places in [*steps, ()]:
        kind = "touchStart" if len(places) > down else "touchMove" if len(places) == down else "touchEnd"
        points = [{"x": x, "y": y, "id": number} for number, (x, y) in enumerate(places)]
        inputs.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
        down = len(places)


def pen(inputs: CDPSession, *places: Point, button: str = "left", lift: bool = True) -> None:
    """Draw with a pen through places on the page."""
    bit = {"left": 1, "right": 2}[button]

    def send(kind: str, at: Point, buttons: int) -> None:
        said = {"type": kind, "x": at[0], "y": at[1], "button": button, "buttons": buttons, "clickCount": 1, "force": 0.5}
        inputs.send("Input.dispatchMouseEvent", {**said, "pointerType": "pen"})

    send("mousePressed", places[0], bit)
    for at in places[1:]:
        send("mouseMoved", at, bit)
    if lift:
        send("mouseReleased", places[-1], 0)


def row(y: int, x0: int, x1: int) -> np.ndarray:
    """A slice in which a part of one row is painted."""
    expected = np.zeros((SIDE, SIDE), np.uint16)
    expected[y, x0:x1] = PORE
    return expected


def test_one_finger_paints(tablet: Page, inputs: CDPSession, project: Project) -> None:
    """A stroke of a finger stores the pixels that it passed."""
    _, z = place(tablet)
    fingers(inputs, *((on_screen(tablet, x, 20.5),) for x in (10.5, 20.5, 40.5)))
    until(lambda: values(project, z).any())
    stored(tablet)
    np.testing.assert_array_equal(values(project, z), row(20, 10, 41))


def test_two_fingers_zoom_and_paint_nothing(tablet: Page, inputs: CDPSession, project: Project) -> None:
    """Spread to twice their distance, they double the zoom; what the first had begun is taken back, the next stroke counts."""
    _, z = place(tablet)
    before = zoom(tablet)
    (x0, y0), (x1, y1) = on_screen(tablet, 20.5, 32), on_screen(tablet, 40.5, 32)
    apart = (x1 - x0) / 2
    steps = [((x0 - apart * n / 8, y0), (x1 + apart * n / 8, y1)) for n in range(9)]
    fingers(inputs, ((x0 - 30, y0),), ((x0, y0),), *steps)
    tablet.wait_for_timeout(300)
    assert zoom(tablet) == pytest.approx(2 * before, rel=0.02)
    assert not values(project, z).any()
    assert tablet.locator("[data-command=undo]").is_disabled()
    fingers(inputs, (((x0 + x1) / 2, y0),))
    until(lambda: values(project, z).any())
    ((y, x),) = np.argwhere(values(project, z))
    assert abs(x - 30) <= 1, "the point between the fingers stayed where it was"
    assert abs(y - 32) <= 1


def test_two_fingers_pan(tablet: Page, inputs: CDPSession, project: Project) -> None:
    """Moved side by side, they move the slice with them and leave the zoom."""
    _, z = place(tablet)
    before = zoom(tablet)
    (x0, y0), (x1, y1) = on_screen(tablet, 20.5, 30.5), on_screen(tablet, 40.5, 30.5)
    shift = 10 * before
    fingers(inputs, ((x0, y0),), *(((x0 + shift * n / 5, y0), (x1 + shift * n / 5, y1)) for n in range(6)))
    fingers(inputs, ((x0 + shift, y0),))
    until(lambda: values(project, z).any())
    assert zoom(tablet) == before
    np.testing.assert_array_equal(values(project, z), row(30, 20, 21))


def test_a_pen_paints_and_the_palm_beside_it_does_not(tablet: Page, inputs: CDPSession, project: Project) -> None:
    """The pen's stroke is stored; a touch while it is down, or just after, leaves no trace."""
    _, z = place(tablet)
    line = [on_screen(tablet, x, 20.5) for x in (10.5, 20.5, 30.5)]
    palm = on_screen(tablet, 40.5, 50.5)
    pen(inputs, *line, lift=False)
    fingers(inputs, (palm,))
    pen(inputs, line[-1])
    fingers(inputs, (palm,))
    until(lambda: values(project, z).any())
    stored(tablet)
    np.testing.assert_array_equal(values(project, z), row(20, 10, 31))


def test_the_button_of_a_pen_erases(tablet: Page, inputs: CDPSession, project: Project) -> None:
    """As the right button of a mouse does: background where the stroke was."""
    _, z = place(tablet)
    pen(inputs, *(on_screen(tablet, x, 20.5) for x in (10.5, 30.5)))
    until(lambda: values(project, z).any())
    pen(inputs, on_screen(tablet, 20.5, 20.5), button="right")
    until(lambda: values(project, z)[20, 20] == 256)
    expected = row(20, 10, 31)
    expected[20, 20] = 256
    np.testing.assert_array_equal(values(project, z), expected)
