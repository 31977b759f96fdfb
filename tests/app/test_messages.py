"""Numbers and states in words."""

import pytest

from app.components.messages import duration, plural, scores_in_words, slice_name
from core.geometry import SliceId


@pytest.mark.parametrize(
    ("seconds", "words"), [(None, "–"), (0, "0 s"), (89, "89 s"), (120, "2 min"), (5399, "90 min"), (9000, "2.5 h")]
)
def test_a_time_is_said_in_the_unit_a_person_would_use(seconds, words):
    """Seconds, then minutes, then hours."""
    assert duration(seconds) == words


def test_numbers_and_their_nouns_agree():
    """One slice, two slices, two classes, many pixels with a comma."""
    assert [plural(1, "slice"), plural(2, "slice"), plural(2, "class"), plural(1200, "pixel")] == [
        "1 slice",
        "2 slices",
        "2 classes",
        "1,200 pixels",
    ]


def test_a_class_that_was_not_measured_is_said_so():
    """Neither 0 nor 1."""
    assert scores_in_words({"pore": 0.934, "phase": None}) == "pore 0.93, phase not measured"


def test_a_slice_names_its_volume_only_where_there_are_several():
    """One volume needs no number."""
    assert slice_name(SliceId(0, 12), 1) == "Slice 12"
    assert slice_name(SliceId(1, 12), 2) == "Volume 1, slice 12"
