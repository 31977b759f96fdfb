"""What a hand does in the editor of a small slice, for the tests in this folder."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from core.project import Project

if TYPE_CHECKING:
    from playwright.sync_api import Page

SIDE = 64
"""Pixels along a side of the slices."""


def place(page: Page) -> tuple[int, int]:
    """Volume and z of the slice in the editor."""
    volume, z = str(page.locator(".editor").get_attribute("data-loaded")).split("/")
    return int(volume), int(z)


def on_screen(page: Page, x: float, y: float) -> tuple[float, float]:
    """Where the image point (x, y) lies on the page while the slice is fitted into the view."""
    box = page.locator(".overlay").bounding_box()
    assert box is not None
    scale = zoom(page)
    left = box["x"] + round((box["width"] - SIDE * scale) / 2)
    top = box["y"] + round((box["height"] - SIDE * scale) / 2)
    return left + x * scale, top + y * scale


def zoom(page: Page) -> float:
    """Screen pixels per image pixel, as the status line says."""
    found = re.search(r"([\d.]+) %(?! sure)", page.locator(".status").inner_text())
    assert found is not None
    return round(float(found[1]) / 100 * 512) / 512


def paint(page: Page, *points: tuple[float, float], button: str = "left") -> None:
    """One stroke through image points."""
    page.mouse.move(*on_screen(page, *points[0]))
    page.mouse.down(button=button)  # type: ignore[arg-type]
    for point in points[1:]:
        page.mouse.move(*on_screen(page, *point), steps=6)
    page.mouse.up(button=button)  # type: ignore[arg-type]
    stored(page)


def stored(page: Page) -> None:
    """Wait until the editor says that everything is stored."""
    page.wait_for_selector(".chip[data-state=saved]")


def brush(page: Page, size: int) -> None:
    """Set the brush size."""
    page.locator("input[data-setting=size]").fill(str(size))


def until(true: Callable[[], bool]) -> None:
    """Wait until something has happened on the server."""
    end = time.monotonic() + 60
    while not true():
        assert time.monotonic() < end, "it has not happened within a minute"
        time.sleep(0.05)


def values(project: Project, z: int) -> NDArray[np.uint16]:
    """A slice as stored, class | touched << 8."""
    editing = project.labels.editing(0, z)
    return editing.mask | editing.touched.astype(np.uint16) << 8


def place_or_none(page: Page) -> tuple[int, int] | None:
    """Volume and z of the slice in the editor, None while it is loading."""
    loaded = page.locator(".editor").get_attribute("data-loaded")
    if loaded is None:
        return None
    volume, z = loaded.split("/")
    return int(volume), int(z)
