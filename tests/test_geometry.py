"""Slices, boxes, tiles and polygons."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.draw import polygon2mask

from core.geometry import Box, SliceId, bounds, mirrored, polygons_to_mask, tile_boxes


def test_a_slice_is_found_by_the_plain_pair_too():
    """A SliceId equals the pair ``(volume, z)`` and hashes like it, so that scripts may go on passing pairs."""
    assert SliceId(1, 7) == (1, 7)
    assert (1, 7) in {SliceId(1, 7)}
    assert {(1, 7): "label"}[SliceId(1, 7)] == "label"


def test_a_box_names_its_pixels():
    """A box indexes exactly the pixels between its corners."""
    image = np.zeros((4, 5), int)
    image[Box(1, 2, 3, 4).slices] = 1
    assert image.tolist() == [[0, 0, 0, 0, 0], [0, 0, 1, 1, 0], [0, 0, 1, 1, 0], [0, 0, 0, 0, 0]]


def test_an_empty_box_is_refused():
    """A box without a pixel cannot be made."""
    with pytest.raises(ValueError, match="y0 < y1"):
        Box(3, 0, 3, 4)


def test_a_grown_box_stays_in_the_image():
    """The margin is cut off at the border."""
    assert Box(1, 2, 3, 4).grown(2, (4, 5)) == Box(0, 0, 4, 5)


def test_tiles_cover_every_pixel_once():
    """Tiles are disjoint and leave nothing out, also at odd sizes."""
    count = np.zeros((7, 10), int)
    for box in tile_boxes((7, 10), 4):
        count[box.slices] += 1
    assert (count == 1).all()


def test_a_polygon_is_filled_in_y_x():
    """Corners are (y, x); the union of all polygons is filled."""
    mask = polygons_to_mask([((0, 0), (0, 3), (1, 3), (1, 0)), ((3, 3), (3, 4), (4, 4), (4, 3))], (5, 6))
    assert mask[0, :3].all()
    assert mask[3, 3]
    assert not mask[2].any()


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 2**32 - 1))
def test_polygons_are_filled_as_scikit_image_fills_them(seed):
    """Random polygons, also self-crossing and reaching out of the image; corners off the pixel grid, where rules differ."""
    rng = np.random.default_rng(seed)
    shape = tuple(rng.integers(4, 60, 2))
    polygon = tuple((float(y), float(x)) for y, x in rng.uniform(-10, 70, (rng.integers(3, 9), 2)))
    np.testing.assert_array_equal(polygons_to_mask([polygon], shape), polygon2mask(shape, np.array(polygon)))


def test_mirrored_positions():
    """Positions fold at both ends without repeating the edge."""
    assert mirrored(np.arange(-4, 8), 3).tolist() == [0, 1, 2, 1, 0, 1, 2, 1, 0, 1, 2, 1]
    assert mirrored(np.arange(-2, 3), 1).tolist() == [0] * 5


def test_the_smallest_box_holds_what_is_true_and_nothing_where_nothing_is() -> None:
    """Half-open, and moved along with its tile."""
    mask = np.zeros((9, 7), bool)
    assert bounds(mask) is None
    mask[2, 5] = mask[6, 3] = True
    found = bounds(mask)
    assert found == Box(2, 3, 7, 6)
    assert found.shifted(10, 20) == Box(12, 23, 17, 26)
