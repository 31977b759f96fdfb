"""How a slice is scanned, and which slices are proposed why."""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Collection, Iterator
from dataclasses import asdict
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from core.errors import CheckpointError
from core.geometry import Box, SliceId, tile_boxes
from core.proposals.queries import QUERIES
from core.proposals.ranking import choose, reason
from core.proposals.slice_scan import scan_slice
from core.storage.proposals import ScannedSlice

NAMES = ("matrix", "pore", "phase")


def tiles_of(probabilities: NDArray[np.float32], size: int = 64) -> Iterator[tuple[Box, NDArray[np.float32]]]:
    """Whole-slice probabilities (K, H, W), handed out in tiles as the predictor does."""
    for box in tile_boxes(probabilities.shape[1:], size):
        yield box, probabilities[(slice(None), *box.slices)]


def drawn(shape: tuple[int, int] = (200, 300)) -> NDArray[np.float32]:
    """Matrix for sure; a sure pore of 40 x 40; a square of 50 x 50 torn between phase (0.6) and matrix (0.4)."""
    probabilities = np.zeros((3, *shape), dtype=np.float32)
    probabilities[0] = 1
    probabilities[:, 10:50, 10:50] = np.array([[[0.1]], [[0.9]], [[0]]])
    probabilities[:, 100:150, 200:250] = np.array([[[0.4]], [[0]], [[0.6]]])
    return probabilities


def scored(z: int, score: float = 0.5, volume: int = 0, **more: Any) -> ScannedSlice:
    """A scanned slice with a score."""
    return ScannedSlice(volume, z, score, (), (0.9, 0.8, None), (0.7, 0.3, 0.0), **more)


def places(scores: list[ScannedSlice], number: int, labelled: Collection[tuple[int, int]] = (), depth: int = 40) -> list[int]:
    """The chosen z, as proposed, in one volume."""
    return [p.z for p in choose(scores, labelled, [depth], NAMES, number)]


@pytest.mark.parametrize("size", [37, 64, 512])
def test_a_scan_is_the_same_whatever_the_tiles(size: int) -> None:
    """Mask, confidence, heat and numbers come out alike from tiles of any size."""
    probabilities = drawn()
    scan = scan_slice(SliceId(0, 0), tiles_of(probabilities, size), (200, 300), query=QUERIES["least-confidence"], inside=None)

    np.testing.assert_array_equal(scan.mask, probabilities.argmax(axis=0))
    np.testing.assert_array_equal(scan.confidence, np.rint(255 * probabilities.max(axis=0)))
    assert scan.heat.shape == (13, 19)
    assert scan.heat[7, 13] == pytest.approx(0.6)  # (1 - 0.6) * 3/2
    assert scan.scanned.score == pytest.approx((2500 * 0.6 + 1600 * 0.15) / 6000, abs=0.01)
    assert scan.scanned.class_fraction == pytest.approx((55900 / 60000, 1600 / 60000, 2500 / 60000))
    assert scan.scanned.class_confidence == pytest.approx((1.0, 0.9, 0.6))


def test_a_scan_names_the_two_classes_it_confuses() -> None:
    """The likelier class first, and the share of the pixels that are unsure between these two."""
    scan = scan_slice(SliceId(0, 0), tiles_of(drawn()), (200, 300), query=QUERIES["least-confidence"], inside=None)

    assert scan.scanned.unsure_classes == (2, 0)
    assert scan.scanned.unsure_fraction == pytest.approx(2500 / 60000)
    assert scan.scanned.query == "least-confidence"
    assert len(scan.scanned.boxes) == 1
    assert scan.mask[scan.scanned.boxes[0].slices].sum() == 2 * 2500  # the box holds all of the torn square


def test_pixels_outside_the_region_count_for_nothing() -> None:
    """With the torn square outside, neither score nor boxes nor fractions know of it; the mask still does."""
    inside = np.zeros((200, 300), dtype=bool)
    inside[0:160, 0:160] = True
    scan = scan_slice(SliceId(0, 0), tiles_of(drawn()), (200, 300), query=QUERIES["least-confidence"], inside=inside)

    assert scan.scanned.unsure_classes is None
    assert scan.scanned.class_fraction == pytest.approx((24000 / 25600, 1600 / 25600, 0))
    assert scan.scanned.class_confidence[2] is None
    assert all(inside[box.slices].all() for box in scan.scanned.boxes)
    assert scan.scanned.score < 0.15
    assert scan.mask[120, 220] == 2


def test_a_region_that_misses_the_slice_scores_nothing() -> None:
    """No pixel inside: score 0, no box, no class measured, and no division by nought."""
    scan = scan_slice(
        SliceId(0, 0), tiles_of(drawn()), (200, 300), query=QUERIES["random"], inside=np.zeros((200, 300), dtype=bool)
    )

    assert (scan.scanned.score, scan.scanned.boxes, scan.scanned.class_confidence) == (0.0, (), (None, None, None))


def test_a_scan_holds_a_tile_at_a_time() -> None:
    """Peak memory of a slice of 2048 x 2048 stays far below its probabilities (K, H, W)."""
    tile = np.full((4, 256, 256), 0.25, dtype=np.float32)
    tiles = ((box, tile[:, : box.shape[0], : box.shape[1]]) for box in tile_boxes((2048, 2048), 256))
    tracemalloc.start()
    scan_slice(SliceId(0, 0), tiles, (2048, 2048), query=QUERIES["least-confidence"], inside=None)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert peak < 4 * 4 * 2048 * 2048 / 3


def test_a_broken_model_is_not_ranked() -> None:
    """NaN in one tile stops the scan with a sentence."""
    probabilities = drawn()
    probabilities[0, 150, 150] = np.nan

    with pytest.raises(CheckpointError, match="not numbers"):
        scan_slice(SliceId(0, 0), tiles_of(probabilities), (200, 300), query=QUERIES["least-confidence"], inside=None)


def test_a_slice_without_tiles_is_refused() -> None:
    """Nothing predicted is not a slice without doubt."""
    with pytest.raises(ValueError, match="at least one tile"):
        scan_slice(SliceId(0, 0), [], (20, 30), query=QUERIES["least-confidence"], inside=None)


def test_a_scored_slice_survives_json() -> None:
    """Everything that is kept of a scan can be stored as JSON and comes back equal."""
    kept = scan_slice(SliceId(1, 7), tiles_of(drawn()), (200, 300), query=QUERIES["least-confidence"], inside=None).scanned

    assert (kept.volume, kept.z) == (1, 7)
    assert ScannedSlice.from_json(json.loads(json.dumps(asdict(kept)))) == kept


def test_the_highest_scores_are_proposed_first() -> None:
    """Far enough apart, only the score decides."""
    scores = [scored(z, score) for z, score in [(0, 0.2), (10, 0.9), (20, 0.1), (30, 0.5)]]

    assert places(scores, 3) == [10, 30, 0]


def test_labelled_slices_are_skipped_and_their_neighbours_last() -> None:
    """The hottest slices are labelled or near copies of a labelled one: others go first."""
    scores = [scored(10, 0.9), scored(11, 0.8), scored(25, 0.3)]

    assert places(scores, 1, {(0, 10)}) == [25]


def test_near_neighbours_are_kept_apart() -> None:
    """Of two hot neighbours only one is proposed while others are to be had."""
    assert places([scored(10, 0.9), scored(11, 0.8), scored(30, 0.1)], 2) == [10, 30]


def test_the_distance_softens_until_the_number_is_reached() -> None:
    """A small volume still gives the full number of proposals, best first, without labelled slices."""
    scores = [scored(z, z / 10) for z in range(6)]

    assert places(scores, 4, {(0, 2), (0, 5)}, depth=6) == [4, 3, 1, 0]


def test_fewer_are_proposed_only_when_there_are_no_more() -> None:
    """Two slices without a label give two proposals, none gives none."""
    assert len(places([scored(z) for z in range(3)], 5, {(0, 1)}, depth=3)) == 2
    assert places([scored(0)], 5, {(0, 0)}, depth=1) == []
    assert places([], 5) == []


def test_ties_have_a_stable_order() -> None:
    """Equal scores are taken by z, in whatever order they come."""
    scores = [scored(z) for z in range(40)]

    assert places(scores, 3) == places(scores[::-1], 3) == [0, 6, 12]


def test_volumes_do_not_crowd_each_other() -> None:
    """The same z in another volume is no neighbour, and a label there takes nothing away here."""
    scores = [scored(10, 0.9, volume=0), scored(10, 0.8, volume=1)]
    chosen = choose(scores, {(1, 11)}, [40, 40], NAMES, 2)

    assert [(p.volume, p.z) for p in chosen] == [(0, 10), (1, 10)]


@given(
    st.lists(st.tuples(st.integers(0, 2), st.integers(0, 11)), unique=True),
    st.sets(st.tuples(st.integers(0, 2), st.integers(0, 11))),
    st.integers(1, 12),
)
def test_every_unlabelled_slice_can_be_had(scanned: list[tuple[int, int]], labelled: set[tuple[int, int]], number: int) -> None:
    """As many distinct unlabelled slices come back as are asked for and there are."""
    chosen = choose([scored(z, z / 12, v) for v, z in scanned], labelled, [12, 12, 12], NAMES, number)
    found = {(p.volume, p.z) for p in chosen}

    assert len(found) == len(chosen) == min(number, len(set(scanned) - labelled))
    assert not found & labelled


def test_the_reason_says_what_was_computed() -> None:
    """Classes, share and number of places, in plain words."""
    boxes = (Box(0, 0, 128, 128), Box(200, 0, 328, 128))
    torn = ScannedSlice(0, 3, 0.5, boxes, (), (), (1, 0), 0.071, "least-confidence")

    assert reason(torn, NAMES) == "unsure between pore and matrix over 7 % of the slice, least sure in 2 places"


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({"query": "random"}, "picked at random, regardless of the model"),
        ({"query": "foreground-random"}, "picked at random among places with pore or phase"),
        ({"query": "random", "unsure_classes": (0, 2)}, "picked at random, regardless of the model"),
        ({"query": "of an earlier version"}, "at least 75 % sure everywhere in the slice"),
        ({"query": "entropy"}, "at least 75 % sure everywhere in the slice"),
        (
            {"query": "entropy", "unsure_classes": (0, 2), "unsure_fraction": 0.004, "in_region": True},
            "unsure between matrix and phase over less than 1 % of the working region",
        ),
    ],
)
def test_the_reason_claims_no_doubt_that_was_not_asked_for(more: dict[str, Any], expected: str) -> None:
    """A random choice says that it is one; a sure slice is not called unsure."""
    assert reason(scored(0, **more), NAMES) == expected


def test_foreground_random_prefers_slices_with_something_to_see() -> None:
    """A slice predicted empty scores 0, and its reason says so."""
    empty = np.zeros((3, 200, 300), dtype=np.float32)
    empty[0] = 1
    bare, full = (
        scan_slice(SliceId(0, 0), tiles_of(p), (200, 300), query=QUERIES["foreground-random"], inside=None).scanned
        for p in (empty, drawn())
    )

    assert full.score > bare.score == 0
    assert reason(bare, NAMES) == "picked at random, with no pore or phase seen"
