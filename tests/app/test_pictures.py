"""Slices as the browser takes them."""

from __future__ import annotations

import io
import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image

from app.api.pictures import (
    HEAT_SIDE,
    ByteCache,
    confidence_colors,
    framed,
    heat_map,
    overlay,
    png,
    resized,
    rgb,
)


def test_a_heat_map_is_the_mean_uncertainty_of_blocks() -> None:
    """Sure is 0; a slice larger than the limit comes in blocks, those at the far edge cut short."""
    assert heat_map(np.full((4, 5), 255, np.uint8)).tolist() == [[0] * 5] * 4
    wide = np.full((2, 2 * HEAT_SIDE - 1), 255, np.uint8)
    wide[:, 0], wide[0, -1] = 155, 155
    heat = heat_map(wide)
    assert heat.shape == (1, HEAT_SIDE)
    assert (heat[0, 0], heat[0, 1], heat[0, -1]) == (50, 0, 50)


def test_a_mask_is_resized_without_mixing_classes() -> None:
    """Every pixel is one of the mask's own, the nearest."""
    mask = np.array([[0, 1], [2, 255]], np.uint8)
    assert resized(mask, (4, 4)).tolist() == [[0, 0, 1, 1], [0, 0, 1, 1], [2, 2, 255, 255], [2, 2, 255, 255]]
    assert resized(np.arange(9, dtype=np.uint8).reshape(3, 3), (1, 1)).tolist() == [[4]]


@given(hnp.arrays(np.uint8, hnp.array_shapes(min_dims=2, max_dims=2, max_side=9)), st.integers(1, 12), st.integers(1, 12))
def test_a_resized_mask_has_no_class_of_its_own(mask: np.ndarray, height: int, width: int) -> None:
    """Whatever the sizes; at its own size it is as it was."""
    small = resized(mask, (height, width))
    assert small.shape == (height, width)
    assert np.isin(small, mask).all()
    np.testing.assert_array_equal(resized(mask, mask.shape), mask)


def test_an_overlay_tints_classes_and_leaves_background_and_unlabelled_grey() -> None:
    """Only classes above 0 are coloured, by a share of their colour."""
    grey = np.array([[100, 100, 100, 0]], np.uint8)
    image = overlay(grey, np.array([[0, 1, 255, 1]], np.uint8), {0: "#ff0000", 1: "#00c800"}, opacity=0.5)
    assert image.tolist() == [[[100, 100, 100], [50, 150, 50], [100, 100, 100], [0, 100, 0]]]


def test_certainty_is_dark_and_a_guess_is_bright() -> None:
    """The ends of the scale are the ends of the colour map; a guess among three classes is a third."""
    image = confidence_colors(np.array([[255, 85, 0]], np.uint8), classes=3)
    assert image[0, 0].tolist() == rgb("#0d0887").tolist()
    assert image[0, 1].tolist() == image[0, 2].tolist() == rgb("#f0f921").tolist()


@given(hnp.arrays(np.uint8, st.tuples(st.integers(1, 8), st.integers(1, 8)) | st.tuples(*map(st.just, (5, 6, 3)))))
def test_a_png_holds_exactly_the_picture(picture: np.ndarray) -> None:
    """Grey or coloured, nothing is lost on the way."""
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(png(picture)))), picture)


def test_facts_and_bytes_travel_together() -> None:
    """The bytes begin at a multiple of four, so that the browser can read them as numbers without a copy."""
    answer = framed({"a": 1}, b"xyz")
    length = int.from_bytes(answer[:4], "little")
    assert length % 4 == 0
    assert answer[4 + length :] == b"xyz"


def test_the_cache_keeps_to_its_limit_and_makes_each_array_once() -> None:
    """The oldest array goes when there is no room; eight threads asking at once cause one making."""
    made: list[str] = []

    def make(name: str) -> np.ndarray:
        made.append(name)
        return np.zeros(100, np.uint8)

    cache = ByteCache(250)
    threads = [threading.Thread(target=cache.get, args=("a", lambda: make("a"))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for name in ("b", "a", "c", "a", "b"):
        cache.get(name, lambda name=name: make(name))
    assert made == ["a", "b", "c", "b"]


def test_a_kept_array_is_handed_out_while_another_is_made() -> None:
    """A slow disk behind one slice does not keep the pictures of the others waiting."""
    cache, gate = ByteCache(1000), threading.Event()
    cache.get("quick", lambda: np.ones(1, np.uint8))

    def slow() -> np.ndarray:
        gate.wait(30)
        return np.zeros(1, np.uint8)

    thread = threading.Thread(target=cache.get, args=("slow", slow))
    thread.start()
    assert cache.get("quick", lambda: pytest.fail("it was kept")).tolist() == [1]
    assert thread.is_alive()
    gate.set()
    thread.join()


def test_what_could_not_be_made_is_tried_again() -> None:
    """An error is the caller's, and is not kept."""
    cache = ByteCache(1000)
    with pytest.raises(ZeroDivisionError):
        cache.get("a", lambda: np.array(1 // 0))
    assert cache.get("a", lambda: np.ones(1, np.uint8)).tolist() == [1]
