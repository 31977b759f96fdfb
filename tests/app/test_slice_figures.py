"""Pictures of slices on a page."""

import re

from hypothesis import given
from hypothesis import strategies as st

from app.components.slice_figures import inside, picture, square_around
from core.geometry import Box

SHAPES = st.tuples(st.integers(1, 5000), st.integers(1, 5000))


def test_boxes_lie_where_they_are_in_the_slice_whatever_its_size_on_the_screen():
    """Their corners are shares of the picture, and the picture has the proportions of the slice."""
    made = picture("/a.png", "Slice 1", (200, 400), tallest="46vh", boxes=[Box(50, 100, 150, 120)], color="#ffffff")
    assert "aspect-ratio:400/200;width:min(100%,46vh*2.0000)" in made
    assert 'style="left:25.000%;top:25.000%;width:5.000%;height:50.000%"' in made
    assert "--box:#ffffff" in made


def test_words_of_a_person_are_never_markup():
    """A file may be called anything; what it is called is text in the picture's attributes."""
    made = picture("/a.png?x=1&y=2", '"><script>alert(1)</script>', (10, 10), tallest="1vh")
    assert "<script" not in made
    assert 'src="/a.png?x=1&amp;y=2"' in made
    assert len(re.findall('"', made)) % 2 == 0


def test_what_lies_over_a_picture_is_stacked_with_the_newest_on_top():
    """The one before fades out below it, so that there is no moment without any."""
    made = picture("/grey.png", "Slice 1", (10, 10), tallest="1vh", over=["/before.png", "/now.png"])
    layers = re.findall(r'<img(?: class="([a-z ]+)")? src="([^"]+)"', made)
    assert layers == [("", "/grey.png"), ("over past", "/before.png"), ("over", "/now.png")]
    assert 'class="over' not in picture("/grey.png", "Slice 1", (10, 10), tallest="1vh")


def test_a_crop_around_a_box_keeps_inside_the_slice():
    """Moved rather than cut, unless the slice is smaller."""
    assert square_around(Box(0, 90, 10, 100), 40, (100, 100)) == Box(0, 60, 40, 100)
    assert square_around(Box(40, 40, 60, 60), 40, (100, 100)) == Box(30, 30, 70, 70)
    assert square_around(Box(0, 0, 10, 10), 40, (20, 30)) == Box(0, 0, 20, 30)


@given(SHAPES, st.integers(1, 400), st.data())
def test_a_crop_always_holds_the_box_it_was_made_for(shape, side, data):
    """Wherever the box lies, and however small the slice: the crop is inside it and the box inside the crop."""
    y0, x0 = data.draw(st.integers(0, shape[0] - 1)), data.draw(st.integers(0, shape[1] - 1))
    box = Box(y0, x0, data.draw(st.integers(y0 + 1, shape[0])), data.draw(st.integers(x0 + 1, shape[1])))
    around = square_around(box, side, shape)
    assert around.within(shape)
    assert around.shape >= (min(side, shape[0]), min(side, shape[1]))
    assert inside(box, around).within(around.shape)
    assert inside(box, around).shape == box.shape
