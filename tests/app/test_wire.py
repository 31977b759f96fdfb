"""What a request may say: strokes and wishes, each checked before anything is done with it."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.api.wire import DAY_MS, MOST, read_claim, read_rebase, read_runs, read_undo
from app.guard import Refusal
from core.geometry import Box
from core.project import Claim

PIXELS, IDS = 40, [0, 1, 2]


def answered(read: Callable[[], Any]) -> Any:
    """What was read, or the refusal, which is always the status 400."""
    try:
        return read()
    except Refusal as refusal:
        if refusal.status != 400:
            raise
        return refusal


@st.composite
def strokes(draw: st.DrawFn) -> np.ndarray:
    """Runs as the editor sends them: in the slice, in rising order, apart from one another."""
    ends = sorted(draw(st.sets(st.integers(0, PIXELS), min_size=2, max_size=12)))
    pairs = list(zip(ends[::2], ends[1::2], strict=False))
    inks = draw(st.lists(st.sampled_from([0, 1, 2, 255, 256, 257, 258, 511]), min_size=len(pairs), max_size=len(pairs)))
    return np.array([(start, end - start, ink) for (start, end), ink in zip(pairs, inks, strict=True)], "<u4")


@settings(max_examples=200)
@given(strokes())
def test_every_stroke_of_an_editor_is_read_as_it_was_sent(sent: np.ndarray) -> None:
    """Start, length and value of every run come through."""
    read = read_runs(sent.tobytes(), PIXELS, IDS)
    np.testing.assert_array_equal(read, sent)
    assert read.dtype == np.uint32


@settings(max_examples=500)
@given(strokes(), st.data())
def test_a_stroke_with_one_number_wrong_is_read_only_if_it_is_still_a_stroke(sent: np.ndarray, data: st.DataObject) -> None:
    """Whatever is put in the place of a number: what is read fits the slice and the classes, all else is refused."""
    row, column = data.draw(st.integers(0, len(sent) - 1)), data.draw(st.integers(0, 2))
    wrong = data.draw(st.one_of(st.integers(0, 2**32 - 1), st.sampled_from([0, 3, PIXELS, PIXELS + 1, 512, 2**31, 2**32 - 1])))
    changed = sent.copy()
    changed[row, column] = wrong
    good, before = True, 0
    for start, length, value in changed.tolist():
        good &= length > 0 and start >= before and start + length <= PIXELS and value < 512 and value % 256 in {*IDS, 255}
        before = start + length
    read = answered(lambda: read_runs(changed.tobytes(), PIXELS, IDS))
    assert isinstance(read, Refusal) != good


@settings(max_examples=200)
@given(st.binary(max_size=80))
def test_bytes_are_read_or_refused(body: bytes) -> None:
    """No body makes a fault."""
    read = answered(lambda: read_runs(body, PIXELS, IDS))
    assert isinstance(read, Refusal) or read.tobytes() == body


anything = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(max_size=70)),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=4), inner, max_size=3)),
    max_leaves=4,
)
NAMES = ["id", "kind", "sequence", "revision", "round", "box", "active_ms"]


def is_whole(value: object, most: int) -> bool:
    """Whether a value is a whole number from 0 to ``most``, and no boolean."""
    return type(value) is int and 0 <= value <= most


@settings(max_examples=300)
@given(st.dictionaries(st.sampled_from(NAMES), anything))
def test_random_wishes_are_refused_unless_they_are_good(said: dict[str, Any]) -> None:
    """Whatever JSON comes, what is read is within its bounds, and nothing else is raised than a refusal."""
    body = json.dumps(said).encode()
    for read in (lambda: read_claim(body, (5, 8)), lambda: read_undo(body), lambda: read_rebase(body)):
        wish = answered(read)
        if not isinstance(wish, Refusal):
            assert 0 < len(wish.id) <= 64
            for name, most in (("sequence", MOST), ("revision", MOST), ("active_ms", DAY_MS)):
                assert not hasattr(wish, name) or is_whole(getattr(wish, name), most)
            assert getattr(wish, "round", None) is None or is_whole(wish.round, MOST)


@given(st.sampled_from(["strokes", "slice", "region"]), st.integers(0, MOST), st.one_of(st.none(), st.integers(0, MOST)))
def test_a_good_claim_is_read(kind: str, sequence: int, round_: int | None) -> None:
    """A round of null is no prediction at all, and none said is the newest."""
    said = {"id": "A-9", "kind": kind, "sequence": sequence, "revision": None, "box": [0, 1, 5, 8], "active_ms": 7}
    wish = read_claim(json.dumps({**said, "round": round_}).encode(), (5, 8))
    claims = {"strokes": Claim.strokes(), "slice": Claim.slice(), "region": Claim.region(Box(0, 1, 5, 8))}
    assert (wish.id, wish.sequence, wish.claim, wish.active_ms) == ("A-9", sequence, claims[kind], 7)
    assert (wish.round, wish.seen) == (round_ or 0, 0)
    assert read_claim(json.dumps({**said, "revision": sequence}).encode(), (5, 8)).seen == sequence
    assert read_claim(json.dumps(said).encode(), (5, 8)).round is None


@given(st.lists(st.integers(-1, 9), min_size=4, max_size=4))
def test_a_box_lies_in_the_slice(corners: list[int]) -> None:
    """It is not empty, its corners are in order, and none leaves the slice of 5 x 8 pixels."""
    y0, x0, y1, x1 = corners
    body = json.dumps({"id": "a", "kind": "region", "sequence": 0, "revision": None, "box": corners}).encode()
    if 0 <= y0 < y1 <= 5 and 0 <= x0 < x1 <= 8:
        assert read_claim(body, (5, 8)).claim.box == Box(*corners)
    else:
        with pytest.raises(Refusal, match="leaves the slice"):
            read_claim(body, (5, 8))
