"""Slices as the browser takes them: grey bytes, runs of the mask, a heat map, a thumbnail; arrays in, bytes out."""

from __future__ import annotations

import io
import json
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

HEAT_SIDE = 1024
"""Longest side of a heat map sent to the browser, in its own pixels."""


class ByteCache:
    """The last few arrays, ``limit`` bytes of them at most; each is made once, however many ask at the same time."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._size = 0
        self._arrays: OrderedDict[Hashable, NDArray[Any]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Hashable, make: Callable[[], NDArray[Any]]) -> NDArray[Any]:
        """The array kept under ``key``, made and kept if it is not there."""
        with self._lock:
            if key not in self._arrays:
                array = make()
                self._arrays[key] = array
                self._size += array.nbytes
            self._arrays.move_to_end(key)
            found = self._arrays[key]
            while self._size > self._limit and len(self._arrays) > 1:
                _, oldest = self._arrays.popitem(last=False)
                self._size -= oldest.nbytes
            return found


def framed(facts: Mapping[str, Any], body: bytes | memoryview) -> bytes:
    """Facts and bytes in one answer: uint32 length of the JSON (a multiple of 4), the JSON, the bytes."""
    head = json.dumps(facts).encode()
    head += b" " * (-len(head) % 4)
    return b"".join((len(head).to_bytes(4, "little"), head, body))


def mask_runs(mask: NDArray[np.uint8], touched: NDArray[np.uint8]) -> NDArray[np.uint32]:
    """The whole slice as runs of equal pixels, row after row.

    Parameters
    ----------
    mask, touched
        uint8 ``(H, W)``: class ids, and 1 where a person has painted.

    Returns
    -------
    NDArray[np.uint32]
        ``(N, 2)``: length, and value = class | touched << 8.
    """
    classes, painted = mask.ravel(), touched.ravel()
    changes = classes[1:] != classes[:-1]
    if painted.any():
        changes |= painted[1:] != painted[:-1]
    starts = np.concatenate(([0], np.flatnonzero(changes) + 1))
    values = classes[starts] | painted[starts].astype(np.uint32) << 8
    return np.stack((np.diff(starts, append=classes.size), values), axis=1).astype("<u4")


def heat_map(confidence: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """How unsure the model is, 0 to 255, as block means no larger than ``HEAT_SIDE`` on a side."""
    height, width = confidence.shape
    step = max(1, -(-max(height, width) // HEAT_SIDE))
    rows, columns = np.arange(0, height, step), np.arange(0, width, step)
    sums = np.add.reduceat(np.add.reduceat(255 - confidence, rows, axis=0, dtype=np.float32), columns, axis=1)
    counts = np.outer(np.diff(rows, append=height), np.diff(columns, append=width))
    return np.asarray(np.rint(sums / counts), dtype=np.uint8)


def thumbnail_png(
    grey: NDArray[np.uint8], mask: NDArray[np.uint8] | None, colors: Mapping[int, str], opacity: float = 0.45
) -> bytes:
    """A small slice as PNG, tinted by its mask where there is one.

    Parameters
    ----------
    grey
        uint8 ``(h, w)``, already small.
    mask
        uint8 ``(H, W)`` of the full slice, class ids; nearest pixels are taken. Class 0 and 255 stay grey.
    colors
        ``#rrggbb`` of every class id.
    opacity
        Share of the class colour, 0 to 1.
    """
    rgb = np.repeat(grey[..., None], 3, axis=2).astype(np.float32)
    if mask is not None:
        small = mask[np.ix_(_nearest(mask.shape[0], grey.shape[0]), _nearest(mask.shape[1], grey.shape[1]))]
        for class_id, color in colors.items():
            if class_id != 0:
                chosen = small == class_id
                rgb[chosen] = (1 - opacity) * rgb[chosen] + opacity * np.asarray(rgb_of(color), np.float32)
    out = io.BytesIO()
    Image.fromarray(rgb.astype(np.uint8)).save(out, format="PNG")
    return out.getvalue()


def rgb_of(color: str) -> Sequence[int]:
    """``#rrggbb`` as three numbers from 0 to 255."""
    return tuple(bytes.fromhex(color.removeprefix("#")))


def _nearest(length: int, count: int) -> NDArray[np.intp]:
    return np.minimum(((np.arange(count) + 0.5) * length / count).astype(np.intp), length - 1)
