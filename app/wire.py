"""What a request may say: runs, claims and numbers, each checked before anything is done with it."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from starlette.requests import Request

from app.guard import Refusal
from core.geometry import Box
from core.project import UNLABELLED, Claim

DAY_MS = 24 * 3600 * 1000
"""More work than this lies between no two actions."""

_LONGEST_ID = 64


@dataclass(frozen=True)
class Wish:
    """A claim as it was asked for: its own id, and the last action that the person saw stored."""

    id: str
    sequence: int
    claim: Claim
    active_ms: int


def read_runs(body: bytes, pixels: int, class_ids: list[int]) -> NDArray[np.uint32]:
    """The runs of one action, each checked.

    Parameters
    ----------
    body
        Little-endian uint32 triples (start, length, value = class | touched << 8).
    pixels
        H * W of the slice; runs stay inside, in rising order, and never overlap.
    class_ids
        Classes that may be painted, besides 255 = unsure.

    Returns
    -------
    NDArray[np.uint32]
        ``(N, 3)``.

    Raises
    ------
    Refusal
        400, if anything about the body is not so.
    """
    if not body or len(body) % 12:
        raise Refusal(400, f"A stroke is a list of 12-byte runs, got {len(body)} bytes; reload the page.")
    runs = np.frombuffer(body, dtype="<u4").reshape(-1, 3).astype(np.uint32)
    start, length, value = runs.astype(np.int64).T
    end = start + length
    if (length < 1).any() or end[-1] > pixels or (start[1:] < end[:-1]).any():
        raise Refusal(400, f"A run leaves the slice of {pixels} pixels or overlaps another; reload the page.")
    if not np.isin(value & 255, [*class_ids, UNLABELLED]).all() or (value > 511).any():
        raise Refusal(400, f"A stroke carries a class that is none of {class_ids}; reload the page.")
    return runs


def read_wish(body: bytes, shape: tuple[int, int]) -> Wish:
    """A claim about a slice of ``shape`` ``(H, W)``.

    Parameters
    ----------
    body
        JSON: ``id``, ``sequence``, ``kind`` (strokes, region or slice) and, for a region, ``box`` (y0, x0, y1, x1);
        ``active_ms``, the work since the last action.

    Raises
    ------
    Refusal
        400, if anything about the body is not so.
    """
    try:
        said = json.loads(body)
    except ValueError:
        said = None
    if not isinstance(said, dict) or not _is_id(said.get("id")) or type(said.get("sequence")) is not int:
        raise Refusal(400, "A claim is a JSON object with id, sequence and kind; reload the page.")
    kind = said.get("kind")
    if kind == "strokes":
        claim = Claim.strokes()
    elif kind == "slice":
        claim = Claim.slice()
    elif kind == "region":
        claim = Claim.region(_read_box(said.get("box"), shape))
    else:
        raise Refusal(400, "A claim is one of strokes, region and slice; reload the page.")
    return Wish(said["id"], said["sequence"], claim, _milliseconds(said.get("active_ms", 0)))


def number(request: Request, name: str, default: int, low: int, high: int) -> int:
    """A whole number of the query, from ``low`` to ``high``; ``default`` where it is not given."""
    text = request.query_params.get(name)
    try:
        value = default if text is None else int(text)
    except ValueError:
        value = low - 1
    if not low <= value <= high:
        raise Refusal(400, f"{name} must be a whole number from {low} to {high}.")
    return value


def window(request: Request) -> tuple[float, float] | None:
    """The grey values ``lo`` and ``hi`` of the query, shown as black and white; None where they are not given."""
    given = [request.query_params.get(name) for name in ("lo", "hi")]
    if given == [None, None]:
        return None
    try:
        low, high = (float(text or "nan") for text in given)
    except ValueError:
        low, high = math.nan, math.nan
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise Refusal(400, "A window needs two numbers, lo below hi.")
    return low, high


def _milliseconds(value: object) -> int:
    if type(value) is not int or not 0 <= value <= DAY_MS:
        raise Refusal(400, f"active_ms must be a whole number from 0 to {DAY_MS}; reload the page.")
    return value


def _is_id(value: object) -> bool:
    return isinstance(value, str) and 0 < len(value) <= _LONGEST_ID


def _read_box(corners: object, shape: tuple[int, int]) -> Box:
    if not isinstance(corners, list) or len(corners) != 4 or not all(type(c) is int for c in corners):
        raise Refusal(400, "A region is four whole numbers y0, x0, y1, x1; draw the box again.")
    y0, x0, y1, x1 = corners
    if not (0 <= y0 < y1 <= shape[0] and 0 <= x0 < x1 <= shape[1]):
        raise Refusal(400, f"The box leaves the slice of {shape[0]} x {shape[1]} pixels; draw it inside.")
    return Box(y0, x0, y1, x1)
