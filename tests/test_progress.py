"""A report of progress goes through, and a wish to stop comes back as one error."""

from __future__ import annotations

import pytest

from core.errors import Cancelled
from core.progress import advance, silent


def test_a_report_goes_through() -> None:
    """Share and sentence, in this order; work goes on."""
    told: list[tuple[float, str]] = []

    def report(share: float, message: str) -> bool:
        told.append((share, message))
        return False

    advance(report, 0.25, "scanning: 1 of 4 slices")
    advance(report, 1.0, "scanning: 4 of 4 slices", cancelled="unused")
    assert told == [(0.25, "scanning: 1 of 4 slices"), (1.0, "scanning: 4 of 4 slices")]


@pytest.mark.parametrize(
    ("given", "sentence"),
    [({}, "It was cancelled; nothing was written."), ({"cancelled": "Some is kept."}, "Some is kept.")],
)
def test_a_wish_to_stop_is_an_error(given: dict[str, str], sentence: str) -> None:
    """The sentence says what is left of the work."""
    with pytest.raises(Cancelled) as told:
        advance(lambda share, message: True, 0.5, "segmenting", **given)
    assert str(told.value) == sentence


def test_silence_never_stops() -> None:
    """Work that nobody follows is done to its end."""
    assert silent(0.5, "segmenting") is False
    advance(silent, 0.5, "segmenting")
