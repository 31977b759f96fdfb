"""Pictures of slices."""

import numpy as np

from app.rendering import confidence_map, overlay, picked, rgb, square_around, with_boxes
from core.geometry import Box


def test_a_mask_is_resized_without_mixing_classes():
    """Every pixel is one of the mask's own, the nearest."""
    mask = np.array([[0, 1], [2, 255]], np.uint8)
    assert picked(mask, (4, 4)).tolist() == [[0, 0, 1, 1], [0, 0, 1, 1], [2, 2, 255, 255], [2, 2, 255, 255]]
    assert picked(np.arange(9, dtype=np.uint8).reshape(3, 3), (1, 1)).tolist() == [[4]]


def test_an_overlay_tints_classes_and_leaves_background_and_unlabelled_grey():
    """Only classes above 0 are coloured."""
    grey = np.full((1, 3), 100, np.uint8)
    image = overlay(grey, np.array([[0, 1, 255]], np.uint8), {0: "#ff0000", 1: "#00c800"}, opacity=0.5)
    assert image.tolist() == [[[100, 100, 100], [50, 150, 50], [100, 100, 100]]]


def test_certainty_is_dark_and_a_guess_is_bright():
    """The ends of the scale are the ends of the colour map; a guess among three classes is a third."""
    image = confidence_map(np.array([[255, 85, 0]], np.uint8), classes=3)
    assert image[0, 0].tolist() == rgb("#0d0887").tolist()
    assert image[0, 1].tolist() == rgb("#f0f921").tolist()
    assert image[0, 2].tolist() == rgb("#f0f921").tolist()


def test_boxes_are_drawn_where_they_lie_on_a_smaller_picture():
    """A box of the full slice is scaled with it, and one that ends at the edge stays inside."""
    image = with_boxes(np.zeros((10, 10, 3), np.uint8), [Box(4, 8, 20, 20)], 0.5)
    red = image[:, :, 0] > 0
    assert red[2, 4:].all()
    assert red[9, 4:].all()
    assert not red[:2].any()
    assert not red[5, 6:8].any()


def test_a_crop_around_a_box_keeps_inside_the_slice():
    """Moved rather than cut, unless the slice is smaller."""
    assert square_around(Box(0, 90, 10, 100), 40, (100, 100)) == Box(0, 60, 40, 100)
    assert square_around(Box(40, 40, 60, 60), 40, (100, 100)) == Box(30, 30, 70, 70)
    assert square_around(Box(0, 0, 10, 10), 40, (20, 30)) == Box(0, 0, 20, 30)
