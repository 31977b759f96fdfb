"""Convert slices for the browser: grey bytes, framed answers, heat maps, class and confidence colours, PNG.

Arrays in, arrays or bytes out. Sizes are pixels, colours ``#rrggbb``, coloured pictures uint8 ``(H, W, 3)``.
"""

from __future__ import annotations

import io
import json
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

HEAT_SIDE = 1024
"""Longest side of a heat map sent to the browser, in its own pixels."""

_SURE_TO_UNSURE = ("#0d0887", "#7e03a8", "#cc4778", "#f89540", "#f0f921")
"""Five anchors of matplotlib's colour-blind safe ``plasma`` map, dark = sure."""

_MAKERS = 2
_SQUEEZE = 3  # zlib level: noisy greys hardly shrink further, and level 9 takes ten times as long


class ByteCache:
    """The most recently used arrays, at most ``limit`` bytes in all; concurrent requests for one array make it once.

    At most two arrays are made at the same time, to bound the memory in use. A kept array is returned without waiting.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._size = 0
        self._arrays: OrderedDict[Hashable, NDArray[Any]] = OrderedDict()
        self._making: dict[Hashable, threading.Lock] = {}
        self._lock = threading.Lock()
        self._makers = threading.BoundedSemaphore(_MAKERS)

    def get(self, key: Hashable, make: Callable[[], NDArray[Any]]) -> NDArray[Any]:
        """Return the array under ``key``, made and kept if absent; exceptions of ``make`` pass through."""
        with self._lock:
            if key in self._arrays:
                self._arrays.move_to_end(key)
                return self._arrays[key]
            mine = self._making.setdefault(key, threading.Lock())
        with mine:
            with self._lock:
                if key in self._arrays:  # another thread made it while this one waited
                    return self._arrays[key]
            try:
                with self._makers:
                    array = make()
                self._keep(key, array)
            finally:
                with self._lock:
                    self._making.pop(key, None)
        return array

    def _keep(self, key: Hashable, array: NDArray[Any]) -> None:
        with self._lock:
            replaced = self._arrays.pop(key, None)
            self._size += array.nbytes - (0 if replaced is None else replaced.nbytes)
            self._arrays[key] = array
            while self._size > self._limit and len(self._arrays) > 1:
                _, oldest = self._arrays.popitem(last=False)
                self._size -= oldest.nbytes


def framed(facts: Mapping[str, Any], body: bytes | memoryview) -> bytes:
    """Join facts and bytes: uint32 length of the JSON (a multiple of 4), the JSON, the bytes."""
    head = json.dumps(facts).encode()
    head += b" " * (-len(head) % 4)
    return b"".join((len(head).to_bytes(4, "little"), head, body))


def heat_map(confidence: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the uncertainty, 0 to 255, as block means of at most ``HEAT_SIDE`` pixels a side."""
    height, width = confidence.shape
    step = max(1, -(-max(height, width) // HEAT_SIDE))
    rows, columns = np.arange(0, height, step), np.arange(0, width, step)
    sums = np.add.reduceat(np.add.reduceat(255 - confidence, rows, axis=0, dtype=np.float32), columns, axis=1)
    counts = np.outer(np.diff(rows, append=height), np.diff(columns, append=width))
    return np.asarray(np.rint(sums / counts), dtype=np.uint8)


def resized(mask: NDArray[np.uint8], shape: tuple[int, int]) -> NDArray[np.uint8]:
    """Resize a mask ``(H, W)`` of class ids by nearest pixels, so that classes never mix."""
    rows, columns = (_nearest(n, count) for n, count in zip(mask.shape, shape, strict=True))
    return mask[rows[:, None], columns]


def overlay(
    grey: NDArray[np.uint8], mask: NDArray[np.uint8], colors: Mapping[int, str], opacity: float = 0.45
) -> NDArray[np.uint8]:
    """Tint a grey picture by class.

    Parameters
    ----------
    grey, mask
        uint8 ``(H, W)``: 0 to 255, and class ids. Class 0, the background, and ids without a colour stay grey.
    colors
        ``#rrggbb`` by class id.
    opacity
        Share of the class colour, 0 to 1.
    """
    greys = np.arange(256, dtype=np.float32)[:, None]
    table = np.broadcast_to(greys, (256, 256, 3)).copy()  # (class, grey, channel)
    for class_id, color in colors.items():
        if class_id != 0:
            table[class_id] = (1 - opacity) * table[class_id] + opacity * rgb(color)
    return np.asarray(np.rint(table).astype(np.uint8)[mask, grey])


def tint(mask: NDArray[np.uint8], colors: Mapping[int, str], opacity: float = 0.45) -> bytes:
    """Return the colours of :func:`overlay` alone, as a small palette PNG to lay over the grey picture.

    Parameters
    ----------
    mask
        uint8 ``(H, W)`` of class ids. Class 0, the background, and ids without a colour are transparent.
    colors
        ``#rrggbb`` by class id.
    opacity
        Opacity of the other classes, 0 to 1.
    """
    palette, alpha = np.zeros((256, 3), np.uint8), np.zeros(256, np.uint8)
    for class_id, color in colors.items():
        if class_id != 0:
            palette[class_id], alpha[class_id] = rgb(color), round(255 * opacity)
    picture = Image.fromarray(mask, mode="L")
    picture.putpalette(palette.tobytes())
    out = io.BytesIO()
    picture.save(out, format="PNG", transparency=alpha.tobytes(), compress_level=_SQUEEZE)
    return out.getvalue()


def confidence_colors(confidence: NDArray[np.uint8], classes: int) -> NDArray[np.uint8]:
    """Colour confidence uint8 ``(H, W)`` (255 = certain): dark where sure, bright where unsure.

    The brightest colour stands for a guess, a highest probability of ``1 / classes``; ``classes`` is 2 or more.
    """
    uncertainty = (255 - np.arange(256)) / (255 * (1 - 1 / classes))
    anchors = np.stack([rgb(color) for color in _SURE_TO_UNSURE])
    position = np.clip(uncertainty, 0, 1) * (len(anchors) - 1)
    table = np.stack([np.interp(position, np.arange(len(anchors)), anchors[:, i]) for i in range(3)], axis=1)
    return np.rint(table).astype(np.uint8)[confidence]


def png(picture: NDArray[np.uint8]) -> bytes:
    """Encode a grey ``(H, W)`` or coloured ``(H, W, 3)`` uint8 picture as PNG."""
    out = io.BytesIO()
    Image.fromarray(picture).save(out, format="PNG", compress_level=_SQUEEZE)
    return out.getvalue()


def rgb(color: str) -> NDArray[np.float32]:
    """Return ``#rrggbb`` as float32 ``(3,)``, 0 to 255."""
    return np.array(tuple(bytes.fromhex(color.removeprefix("#"))), dtype=np.float32)


def _nearest(length: int, count: int) -> NDArray[np.intp]:
    return np.minimum(((np.arange(count) + 0.5) * length / count).astype(np.intp), length - 1)
