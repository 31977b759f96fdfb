"""Parse and check the contents of requests: runs, claims, display settings and numbers."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from starlette.convertors import Convertor
from starlette.requests import Request

from app.guard import Refusal
from core.geometry import Box
from core.project import UNLABELLED, Claim
from core.volumes.histogram import CUTS

DAY_MS = 24 * 3600 * 1000
"""The longest work accepted between two actions."""

MOST = 2**31 - 1
"""The greatest number of a round, revision or action."""

_MOST_DIGITS = 10

_LONGEST_ID = 64
_ID = re.compile(rf"[A-Za-z0-9-]{{1,{_LONGEST_ID}}}")


class Number(Convertor[int]):
    """A whole number in the path of a request, of any length; those above ``MOST`` become ``MOST + 1``, which nothing has.

    Starlette's own fails for 5,000 digits, and what is stored ends at 64 bits.
    """

    regex = "[0-9]+"

    def convert(self, value: str) -> int:
        digits = value.lstrip("0") or "0"
        return min(int(digits), MOST + 1) if len(digits) <= _MOST_DIGITS else MOST + 1

    def to_string(self, value: int) -> str:
        return str(value)


@dataclass(frozen=True)
class ClaimWish:
    """A requested claim: its own id, and what the user saw: the last action, the newest revision, the prediction's round."""

    id: str
    sequence: int
    claim: Claim
    round: int | None
    active_ms: int
    seen: int


@dataclass(frozen=True)
class UndoWish:
    """A requested undo of a save: its own id and the revision made by that save."""

    id: str
    revision: int


@dataclass(frozen=True)
class PutOffWish:
    """A request to put something off: its own id and a box of the slice, or None for the whole slice."""

    id: str
    box: Box | None


@dataclass(frozen=True)
class RebaseWish:
    """A request for another prediction under the strokes: its own id, the last action seen, the round (0 for none)."""

    id: str
    sequence: int
    round: int


@dataclass(frozen=True)
class Picture:
    """Display settings of a slice: its channels and grey-value window.

    Attributes
    ----------
    channel
        The channel to show.
    second, mix
        A second channel to blend in, or None, and its share in per cent.
    limits
        Grey values of ``channel`` shown as black and white, or None for the slice's own percentiles.
    cut
        Per cent of the pixels cut off at either end to find those percentiles.
    smooth
        Whether to smooth noise away, for display only.
    """

    channel: int
    second: int | None
    mix: int
    limits: tuple[float, float] | None
    cut: float
    smooth: bool


def read_runs(body: bytes, pixels: int, class_ids: list[int]) -> NDArray[np.uint32]:
    """Return the runs of one action, all checked.

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
        400, if the body breaks any of these rules.
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


def read_claim(body: bytes, shape: tuple[int, int]) -> ClaimWish:
    """Return a claim on a slice of ``shape`` ``(H, W)``.

    Parameters
    ----------
    body
        JSON: ``id``, ``sequence``, ``kind`` (strokes, region or slice) and, for a region, ``box`` (y0, x0, y1, x1);
        ``round`` of the prediction on the screen (null for none); ``revision``, the newest seen (null for none); ``active_ms``,
        the work since the last action.

    Raises
    ------
    Refusal
        400, if the body breaks any of these rules.
    """
    said = _read_object(body)
    kind = said.get("kind")
    if kind == "strokes":
        claim = Claim.strokes()
    elif kind == "slice":
        claim = Claim.slice()
    elif kind == "region":
        claim = Claim.region(_read_box(said.get("box"), shape))
    else:
        raise Refusal(400, "A claim is one of strokes, region and slice; reload the page.")
    round_ = _read_round(said) if "round" in said else None
    return ClaimWish(
        said["id"],
        _whole(said, "sequence", MOST),
        claim,
        round_,
        _whole({"active_ms": 0, **said}, "active_ms", DAY_MS),
        0 if said.get("revision", 0) is None else _whole(said, "revision", MOST),
    )


def read_undo(body: bytes) -> UndoWish:
    """Return a save to take back, from JSON of ``id`` and its ``revision``.

    Raises
    ------
    Refusal
        400, if the body breaks any of these rules.
    """
    said = _read_object(body)
    return UndoWish(said["id"], _whole(said, "revision", MOST))


def read_put_off(body: bytes, shape: tuple[int, int]) -> PutOffWish:
    """Return a request to put off a slice of ``shape`` ``(H, W)``, from JSON of ``id`` and ``box``.

    ``box`` is y0, x0, y1, x1, or null for the whole slice.

    Raises
    ------
    Refusal
        400, if the body breaks any of these rules.
    """
    said = _read_object(body)
    if "box" not in said:
        raise Refusal(400, "What is put off is a box, or null for the whole slice; reload the page.")
    return PutOffWish(said["id"], None if said["box"] is None else _read_box(said["box"], shape))


def read_rebase(body: bytes) -> RebaseWish:
    """Return a request for another prediction, from JSON of ``id``, ``sequence`` and ``round`` (null for none).

    Raises
    ------
    Refusal
        400, if the body breaks any of these rules.
    """
    said = _read_object(body)
    return RebaseWish(said["id"], _whole(said, "sequence", MOST), _read_round(said))


def window_of(request: Request) -> str:
    """Return the self-assigned id of a browser window: ``window`` of the query."""
    window = request.query_params.get("window")
    if not _is_id(window):
        raise Refusal(400, f"window must be 1 to {_LONGEST_ID} letters, digits and -; reload the page.")
    return str(window)


def number(request: Request, name: str, default: int, low: int, high: int) -> int:
    """Return a whole number of the query, from ``low`` to ``high``; ``default`` if missing."""
    text = request.query_params.get(name)
    try:
        value = default if text is None else int(text)
    except ValueError:
        value = low - 1
    if not low <= value <= high:
        raise Refusal(400, f"{name} must be a whole number from {low} to {high}.")
    return value


def round_of(request: Request) -> int | None:
    """Return the round of the prediction under a slice, from the query: 0 for no prediction, None if missing."""
    return number(request, "round", 0, 0, MOST) if "round" in request.query_params else None


def window(request: Request) -> tuple[float, float] | None:
    """Return the query's grey values ``lo`` and ``hi``, shown as black and white; None if missing."""
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


def picture(request: Request, channels: int) -> Picture:
    """Return the query's display settings for a slice of ``channels``; the first channel in its own window by default."""
    second = number(request, "second", -1, -1, channels - 1)
    cut = request.query_params.get("cut", "0.5")
    allowed = {f"{c:g}": c for c in CUTS}
    if cut not in allowed:
        raise Refusal(400, f"cut must be one of {', '.join(allowed)}.")
    return Picture(
        channel=number(request, "channel", 0, 0, channels - 1),
        second=None if second < 0 else second,
        mix=number(request, "mix", 50, 0, 100),
        limits=window(request),
        cut=allowed[cut],
        smooth=number(request, "smooth", 0, 0, 1) == 1,
    )


def _read_object(body: bytes) -> dict[str, Any]:
    """Return a JSON object with a valid ``id``."""
    try:
        said = json.loads(body)
    except (ValueError, RecursionError):
        said = None
    if not isinstance(said, dict) or not _is_id(said.get("id")):
        raise Refusal(400, "A change is a JSON object with an id of its own; reload the page.")
    return said


def _whole(said: Mapping[str, Any], name: str, most: int) -> int:
    value = said.get(name)
    if type(value) is not int or not 0 <= value <= most:
        raise Refusal(400, f"{name} must be a whole number from 0 to {most}; reload the page.")
    return value


def _read_round(said: Mapping[str, Any]) -> int:
    return 0 if said.get("round", "") is None else _whole(said, "round", MOST)


def _is_id(value: object) -> bool:
    return isinstance(value, str) and _ID.fullmatch(value) is not None


def _read_box(corners: object, shape: tuple[int, int]) -> Box:
    if not isinstance(corners, list) or len(corners) != 4 or not all(type(c) is int for c in corners):
        raise Refusal(400, "A region is four whole numbers y0, x0, y1, x1; draw the box again.")
    y0, x0, y1, x1 = corners
    if not (0 <= y0 < y1 <= shape[0] and 0 <= x0 < x1 <= shape[1]):
        raise Refusal(400, f"The box leaves the slice of {shape[0]} x {shape[1]} pixels; draw it inside.")
    return Box(y0, x0, y1, x1)
