"""Slices as the browser takes them: grey bytes, runs of the mask, a heat map, classes and confidence in colours, PNG.

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
_SQUEEZE = 3  # of zlib: noisy greys hardly shrink further, and 9 takes ten times as long


class ByteCache:
    """The last few arrays, ``limit`` bytes of them at most; each is made once, however many ask at the same time.

    Two arrays at most are in the making at once, which bounds the memory it takes; one that is kept is handed out
    meanwhile.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._size = 0
        self._arrays: OrderedDict[Hashable, NDArray[Any]] = OrderedDict()
        self._making: dict[Hashable, threading.Lock] = {}
        self._lock = threading.Lock()
        self._makers = threading.BoundedSemaphore(_MAKERS)

    def get(self, key: Hashable, make: Callable[[], NDArray[Any]]) -> NDArray[Any]:
        """The array kept under ``key``, made and kept if it is not there; what ``make`` raises passes through."""
        with self._lock:
            if key in self._arrays:
                self._arrays.move_to_end(key)
                return self._arrays[key]
            mine = self._making.setdefault(key, threading.Lock())
        with mine:
            with self._lock:
                if key in self._arrays:  # somebody else made it while this thread waited
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
    """Facts and bytes in one answer: uint32 length of the JSON (a multiple of 4), the JSON, the bytes."""
    head = json.dumps(facts).encode()
    head += b" " * (-len(head) % 4)
    return b"".join((len(head).to_bytes(4, "little"), head, body))


def heat_map(confidence: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """How unsure the model is, 0 to 255, as block means no larger than ``HEAT_SIDE`` on a side."""
    height, width = confidence.shape
    step = max(1, -(-max(height, width) // HEAT_SIDE))
    rows, columns = np.arange(0, height, step), np.arange(0, width, step)
    sums = np.add.reduceat(np.add.reduceat(255 - confidence, rows, axis=0, dtype=np.float32), columns, axis=1)
    counts = np.outer(np.diff(rows, append=height), np.diff(columns, append=width))
    return np.asarray(np.rint(sums / counts), dtype=np.uint8)


def resized(mask: NDArray[np.uint8], shape: tuple[int, int]) -> NDArray[np.uint8]:
    """A mask ``(H, W)`` of class ids at another size, by its nearest pixels: classes are never mixed."""
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
    """Only the colours of :func:`overlay`, as a PNG to lie over the grey picture: a palette, and small.

    Parameters
    ----------
    mask
        uint8 ``(H, W)`` of class ids. Class 0, the background, and ids without a colour are transparent.
    colors
        ``#rrggbb`` by class id.
    opacity
        Of the other classes, 0 to 1.
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
    """Confidence uint8 ``(H, W)`` (255 = certain) in colours: dark where sure, bright where unsure.

    The brightest colour stands for a guess, a largest probability of ``1 / classes``; ``classes`` is 2 or more.
    """
    uncertainty = (255 - np.arange(256)) / (255 * (1 - 1 / classes))
    anchors = np.stack([rgb(color) for color in _SURE_TO_UNSURE])
    position = np.clip(uncertainty, 0, 1) * (len(anchors) - 1)
    table = np.stack([np.interp(position, np.arange(len(anchors)), anchors[:, i]) for i in range(3)], axis=1)
    return np.rint(table).astype(np.uint8)[confidence]


def png(picture: NDArray[np.uint8]) -> bytes:
    """A grey picture ``(H, W)`` or a coloured one ``(H, W, 3)``, uint8, as PNG."""
    out = io.BytesIO()
    Image.fromarray(picture).save(out, format="PNG", compress_level=_SQUEEZE)
    return out.getvalue()


def rgb(color: str) -> NDArray[np.float32]:
    """``#rrggbb`` as float32 ``(3,)``, 0 to 255."""
    return np.array(tuple(bytes.fromhex(color.removeprefix("#"))), dtype=np.float32)


def _nearest(length: int, count: int) -> NDArray[np.intp]:
    return np.minimum(((np.arange(count) + 0.5) * length / count).astype(np.intp), length - 1)
