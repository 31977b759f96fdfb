"""Slices as the browser takes them."""

from __future__ import annotations

import io
import threading

import numpy as np
from PIL import Image

from app.pictures import HEAT_SIDE, ByteCache, framed, heat_map, mask_runs, thumbnail_png


def test_a_mask_is_cut_into_runs_of_equal_class_and_touch() -> None:
    """Runs follow one another row after row; a painted pixel begins a run of its own though its class is the same."""
    mask = np.array([[0, 0, 1], [1, 1, 255]], np.uint8)
    touched = np.array([[0, 0, 0], [1, 0, 0]], np.uint8)
    assert mask_runs(mask, touched).tolist() == [[2, 0], [1, 1], [1, 257], [1, 1], [1, 255]]


def test_runs_give_the_slice_back() -> None:
    """Repeating every value as often as its length says is the slice again."""
    rng = np.random.default_rng(1)
    mask, touched = rng.integers(0, 3, (40, 30), dtype=np.uint8), rng.integers(0, 2, (40, 30), dtype=np.uint8)
    runs = mask_runs(mask, touched)
    np.testing.assert_array_equal(np.repeat(runs[:, 1], runs[:, 0]), (mask | touched.astype(np.uint16) << 8).ravel())


def test_a_heat_map_is_the_mean_doubt_of_blocks() -> None:
    """Sure is 0; a slice larger than the limit comes in blocks, those at the far edge cut short."""
    assert heat_map(np.full((4, 5), 255, np.uint8)).tolist() == [[0] * 5] * 4
    wide = np.full((2, 2 * HEAT_SIDE - 1), 255, np.uint8)
    wide[:, 0], wide[0, -1] = 155, 155
    heat = heat_map(wide)
    assert heat.shape == (1, HEAT_SIDE)
    assert (heat[0, 0], heat[0, 1], heat[0, -1]) == (50, 0, 50)


def test_a_thumbnail_is_tinted_by_class_but_not_by_background() -> None:
    """Only pixels of classes other than the first, and not 255, take on a colour."""
    png = thumbnail_png(np.full((2, 2), 100, np.uint8), np.array([[0, 1], [255, 1]], np.uint8), {0: "#00ff00", 1: "#ff0000"})
    rgb = np.asarray(Image.open(io.BytesIO(png)))
    assert rgb[0, 0].tolist() == rgb[1, 0].tolist() == [100, 100, 100]
    assert rgb[0, 1].tolist() == [169, 55, 55]


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
