"""Shapes of the drawing canvas to working regions and back."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.components.region_shapes import display_size, share, to_drawing, to_polygons

SHAPE, SHOWN = (400, 1000), (200, 500)


def polygon(points, **placed):
    """A polygon as the canvas gives it: origin in the middle of its points."""
    xs, ys = [x for x, _ in points], [y for _, y in points]
    middle = {"left": (min(xs) + max(xs)) / 2, "top": (min(ys) + max(ys)) / 2, "originX": "center", "originY": "center"}
    return {"type": "Polygon", "points": [{"x": x, "y": y} for x, y in points], **middle, **placed}


def rect(left, top, width, height, **placed):
    """A rectangle as the canvas gives it: origin at its upper left corner."""
    return {"type": "Rect", "left": left, "top": top, "width": width, "height": height, **placed}


def drawn(*objects):
    """A drawing of these objects, as a region of the slice."""
    return to_polygons({"objects": list(objects)}, SHOWN, SHAPE)


def test_a_polygon_turns_from_screen_xy_to_slice_yx():
    """The canvas shows half the size: every corner is doubled and turned round."""
    assert drawn(polygon([(10, 20), (110, 20), (60, 120)])) == (((40, 20), (40, 220), (240, 120)),)


def test_a_rectangle_becomes_four_corners():
    """Clockwise from the upper left."""
    assert drawn(rect(10, 20, 100, 50)) == (((40, 20), (40, 220), (140, 220), (140, 20)),)


def test_a_shape_that_was_moved_and_scaled_is_taken_where_it_is():
    """Fabric keeps the first points and says elsewhere where they are now."""
    moved = polygon([(0, 0), (10, 0), (10, 10), (0, 10)], left=105, top=55, scaleX=2, scaleY=1)
    assert drawn(moved) == (((100, 190), (100, 230), (120, 230), (120, 190)),)
    assert drawn(rect(10, 20, 10, 10, scaleX=3)) == (((40, 20), (40, 80), (60, 80), (60, 20)),)


def test_a_turned_rectangle_turns_about_its_corner():
    """90 degrees clockwise on the screen, about the upper left corner."""
    assert drawn(rect(100, 50, 40, 10, angle=90)) == (((100, 200), (180, 200), (180, 180), (100, 180)),)


def test_corners_outside_the_slice_are_cut_to_it():
    """A region never leaves the slice."""
    assert drawn(rect(-10, -10, 1000, 1000)) == (((0, 0), (0, 1000), (400, 1000), (400, 0)),)


@pytest.mark.parametrize("drawing", [None, {}, {"objects": []}, {"objects": [{"type": "Circle", "left": 1, "top": 1}]}])
def test_nothing_drawn_is_no_region(drawing):
    """Neither an empty canvas nor another kind of shape makes a region."""
    assert to_polygons(drawing, SHOWN, SHAPE) == ()


def test_a_click_without_area_is_no_region():
    """A rectangle of no size and a line are left out."""
    assert drawn(rect(10, 10, 0, 0), polygon([(0, 0), (50, 0), (90, 0)])) == ()


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 400), st.integers(0, 1000)), min_size=3, max_size=6, unique=True))
def test_a_stored_region_comes_back_from_the_canvas_as_it_was(corners):
    """Showing a region for editing and saving it untouched changes nothing; without area it was no region."""
    stored = tuple((float(y), float(x)) for y, x in corners)
    back = to_polygons(to_drawing([stored], SHOWN, SHAPE, "#d55e00"), SHOWN, SHAPE)
    assert back in ((), (stored,))
    assert back or area(stored) < 1


def area(corners):
    """Area of a polygon, by triangles from its first corner."""
    (y0, x0), *rest = corners
    return abs(sum((ya - y0) * (xb - x0) - (yb - y0) * (xa - x0) for (ya, xa), (yb, xb) in pairwise(rest))) / 2


def test_a_slice_is_shown_in_its_own_proportions():
    """The longest side is as long as asked, larger or smaller than the slice."""
    assert display_size((400, 1000), 500) == (200, 500)
    assert display_size((10, 5), 100) == (100, 50)
    assert display_size((1, 4000), 600) == (1, 600)


@pytest.mark.parametrize("shape", [(40, 100), (4000, 10_000)])
def test_the_share_of_a_region_is_known_whatever_the_size_of_the_slice(shape):
    """Half of it is half of it; where two polygons overlap, pixels count once; and a large slice costs no more."""
    height, width = shape
    left = ((0, 0), (0, width / 2), (height, width / 2), (height, 0))
    quarter = ((0, 0), (0, width / 2), (height / 2, width / 2), (height / 2, 0))
    assert share([left], shape) == pytest.approx(0.5, abs=0.02)
    assert share([left, quarter], shape) == share([left], shape)
    assert share([((0, 0), (0, width), (height, 0))], shape) == pytest.approx(0.5, abs=0.02)
