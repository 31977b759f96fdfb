"""Tests of core.proposals.heatmap."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from core.geometry import Box, tile_boxes
from core.proposals.heatmap import BLOCK, BlockMeans, hottest_boxes, hottest_mean


def blocks_of(values: NDArray[np.float32], inside: NDArray[np.bool_] | None = None, tile: int = 512) -> BlockMeans:
    """The block means of a raster, gathered in tiles."""
    blocks = BlockMeans(values.shape)
    region = np.ones(values.shape, dtype=bool) if inside is None else inside
    for box in tile_boxes(values.shape, tile):
        blocks.add(box, values[box.slices], region[box.slices])
    return blocks


def boxes_of(values: NDArray[np.float32], inside: NDArray[np.bool_] | None = None) -> tuple[Box, ...]:
    """The hottest boxes of a raster."""
    blocks = blocks_of(values, inside)
    return hottest_boxes(blocks.means(), blocks.counts, values.shape)


def with_spots(shape: tuple[int, int], *spots: tuple[int, int, float]) -> NDArray[np.float32]:
    """A cool slice with hot squares of 40 pixels at (y, x, heat)."""
    values = np.zeros(shape, dtype=np.float32)
    for y, x, heat in spots:
        values[y : y + 40, x : x + 40] = heat
    return values


@pytest.mark.parametrize("tile", [512, 100, 37])
def test_block_means_do_not_depend_on_the_tiles(tile: int) -> None:
    """Tiles that do not fit the blocks give the plain means, and edge blocks are means of what is there."""
    values = np.random.default_rng(0).random((130, 75)).astype(np.float32)
    means = blocks_of(values, tile=tile).means()

    assert means.shape == (9, 5)
    assert means[2, 3] == pytest.approx(values[32:48, 48:64].mean())
    assert means[8, 4] == pytest.approx(values[128:130, 64:75].mean())


def test_pixels_outside_the_region_are_not_in_the_mean() -> None:
    """A hot pixel outside counts for nothing; a block wholly outside is 0."""
    values = np.zeros((32, 32), dtype=np.float32)
    values[:, 8:] = 1
    inside = np.zeros((32, 32), dtype=bool)
    inside[:, :8] = True
    blocks = blocks_of(values, inside)

    np.testing.assert_array_equal(blocks.means(), np.zeros((2, 2)))
    np.testing.assert_array_equal(blocks.counts, [[128, 0], [128, 0]])


def test_the_score_is_the_mean_of_the_hottest_tenth() -> None:
    """Of ten equal blocks the hottest one; of twenty the two hottest."""
    heat = np.arange(20, dtype=float).reshape(4, 5)

    assert hottest_mean(heat, np.full((4, 5), 256)) == pytest.approx(18.5)
    assert hottest_mean(heat[:2], np.full((2, 5), 256)) == pytest.approx(9)


def test_a_small_block_weighs_little_in_the_score() -> None:
    """A block with a few pixels in the region cannot make the slice hot by itself."""
    heat, counts = np.array([[1.0] + [0.1] * 10]), np.array([[1] + [256] * 10])

    assert hottest_mean(heat, counts) == pytest.approx(0.1, abs=0.01)


def test_an_empty_region_scores_nothing() -> None:
    """No pixel in the region: score 0 and no box."""
    heat, counts = np.zeros((3, 3)), np.zeros((3, 3), dtype=np.int64)

    assert hottest_mean(heat, counts) == 0
    assert hottest_boxes(heat, counts, (48, 48)) == ()


def test_boxes_come_hottest_first_over_the_hot_places() -> None:
    """Each hot square lies in one box of 128 pixels, the hottest first."""
    values = with_spots((600, 700), (100, 100, 0.6), (400, 500, 0.9))
    boxes = boxes_of(values)

    assert [box.shape for box in boxes] == [(128, 128), (128, 128)]
    assert values[boxes[0].slices].sum() == pytest.approx(40 * 40 * 0.9)
    assert values[boxes[1].slices].sum() == pytest.approx(40 * 40 * 0.6)


def test_boxes_are_at_most_five_and_never_overlap() -> None:
    """A slice that is hot everywhere still gives five separate boxes."""
    boxes = boxes_of(np.random.default_rng(0).random((700, 900)).astype(np.float32))
    painted = np.zeros((700, 900), dtype=int)
    for box in boxes:
        painted[box.slices] += 1

    assert len(boxes) == 5
    assert painted.max() == 1


def test_cool_places_get_no_box() -> None:
    """A place less than half as hot as the hottest is not worth a step, and a slice without heat has no box."""
    assert len(boxes_of(with_spots((600, 700), (100, 100, 0.3), (400, 500, 0.9)))) == 1
    assert boxes_of(np.zeros((200, 200), dtype=np.float32)) == ()


def test_boxes_lie_wholly_in_the_region() -> None:
    """The hottest place is outside: the box is the best one within."""
    inside = np.zeros((600, 700), dtype=bool)
    inside[50:260, 60:330] = True
    boxes = boxes_of(with_spots((600, 700), (100, 100, 0.6), (400, 500, 0.9)), inside)

    assert len(boxes) == 1
    assert inside[boxes[0].slices].all()


def test_a_narrow_region_gets_narrower_boxes() -> None:
    """Where 128 pixels have no room the box is half as wide, and so on."""
    inside = np.zeros((600, 700), dtype=bool)
    inside[:, 60:140] = True  # blocks 4 to 7 fit whole
    boxes = boxes_of(np.ones((600, 700), dtype=np.float32), inside)

    assert {box.shape for box in boxes} == {(64, 64)}
    assert all(inside[box.slices].all() for box in boxes)


def test_a_slice_smaller_than_a_box_is_one_box() -> None:
    """The box ends where the slice ends, also within a block."""
    assert boxes_of(np.ones((50, 90), dtype=np.float32)) == (Box(0, 0, 50, 90),)
    assert BLOCK == 16
