"""Pictures of slices for the Review page: grey image, class overlay, confidence map, boxes, crops.

Arrays in, arrays out; the cached functions at the end read a slice once per project, volume and slice. Sizes are
pixels, colours ``#rrggbb``, images uint8 ``(H, W, 3)``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from core.geometry import Box
from core.project import Project
from core.volumes.display import display_window, thumbnail, to_grey

BOX_COLOR = "#d55e00"
_SURE_TO_UNSURE = ("#0d0887", "#7e03a8", "#cc4778", "#f89540", "#f0f921")
"""Five anchors of matplotlib's colour-blind safe ``plasma`` map, dark = sure."""

_WINDOW_SIDE = 1024


def rgb(color: str) -> NDArray[np.float32]:
    """``#rrggbb`` as float32 ``(3,)``, 0 to 255."""
    return np.array([int(color[i : i + 2], 16) for i in (1, 3, 5)], dtype=np.float32)


def picked(mask: NDArray[np.uint8], shape: tuple[int, int]) -> NDArray[np.uint8]:
    """A mask ``(H, W)`` resized to ``shape`` by nearest neighbour: classes are never mixed."""
    rows = ((np.arange(shape[0]) + 0.5) * mask.shape[0] / shape[0]).astype(int)
    columns = ((np.arange(shape[1]) + 0.5) * mask.shape[1] / shape[1]).astype(int)
    return mask[rows[:, None], columns[None, :]]


def overlay(
    grey: NDArray[np.uint8], mask: NDArray[np.uint8] | None, colors: Mapping[int, str], opacity: float = 0.45
) -> NDArray[np.uint8]:
    """Tint a grey image ``(H, W)`` by class; the background class 0 and unlabelled pixels stay grey."""
    image = np.repeat(grey[:, :, None], 3, axis=2).astype(np.float32)
    for class_id, color in colors.items():
        if mask is not None and class_id != 0:
            here = mask == class_id
            image[here] = (1 - opacity) * image[here] + opacity * rgb(color)
    return image.astype(np.uint8)


def confidence_map(confidence: NDArray[np.uint8], classes: int) -> NDArray[np.uint8]:
    """Confidence uint8 ``(H, W)`` (255 = certain) in colours: dark where sure, bright where unsure.

    The brightest colour stands for a guess, a largest probability of ``1 / classes``.
    """
    doubt = (255 - np.arange(256)) / (255 * (1 - 1 / classes))
    anchors = np.stack([rgb(c) for c in _SURE_TO_UNSURE])
    position = np.clip(doubt, 0, 1) * (len(anchors) - 1)
    table = np.stack([np.interp(position, np.arange(len(anchors)), anchors[:, i]) for i in range(3)], axis=1)
    return np.rint(table).astype(np.uint8)[confidence]


def with_boxes(image: NDArray[np.uint8], boxes: Sequence[Box], scale: float, color: str = BOX_COLOR) -> NDArray[np.uint8]:
    """Draw the outlines of boxes (pixels of the full slice) on an image that is ``scale`` times as large."""
    drawn = image.copy()
    bottom, right = drawn.shape[0] - 1, drawn.shape[1] - 1
    for box in boxes:
        y0, y1 = (min(int(v * scale), bottom) for v in (box.y0, box.y1))
        x0, x1 = (min(int(v * scale), right) for v in (box.x0, box.x1))
        for t in (0, 1):
            drawn[min(y0 + t, bottom), x0 : x1 + 1] = drawn[max(y1 - t, 0), x0 : x1 + 1] = rgb(color)
            drawn[y0 : y1 + 1, min(x0 + t, right)] = drawn[y0 : y1 + 1, max(x1 - t, 0)] = rgb(color)
    return drawn


def square_around(box: Box, side: int, shape: tuple[int, int]) -> Box:
    """A box of at least ``side`` pixels with ``box`` in the middle, moved inside an ``(H, W)`` image."""
    height, width = max(side, box.shape[0]), max(side, box.shape[1])
    y0 = max(0, min((box.y0 + box.y1 - height) // 2, shape[0] - height))
    x0 = max(0, min((box.x0 + box.x1 - width) // 2, shape[1] - width))
    return Box(y0, x0, min(y0 + height, shape[0]), min(x0 + width, shape[1]))


@st.cache_data(max_entries=64, show_spinner=False)
def slice_grey(_project: Project, folder: str, volume: int, z: int, longest: int) -> NDArray[np.uint8]:
    """One slice in grey, uint8, at most ``longest`` pixels long; the first channel."""
    image = _project.image(volume, z)[0]
    small = image if max(image.shape) <= longest else thumbnail(image, longest)
    return to_grey(small, display_window(small))


@st.cache_data(max_entries=64, show_spinner=False)
def crop_grey(_project: Project, folder: str, volume: int, z: int, box: tuple[int, int, int, int]) -> NDArray[np.uint8]:
    """A crop ``(y0, x0, y1, x1)`` of one slice in grey, uint8, with the brightness of the whole slice."""
    image = _project.image(volume, z)[0]
    step = max(1, max(image.shape) // _WINDOW_SIDE)
    return to_grey(image[Box(*box).slices], display_window(image[::step, ::step]))
