"""Pictures of slices as HTML: an ``<img>`` for the browser to fetch, with boxes drawn over it."""

from __future__ import annotations

import html
from collections.abc import Sequence

from core.geometry import Box

CSS = """
<style>
  .up-picture { position: relative; margin: 0 auto; overflow: hidden; border-radius: 6px; background: #8882; }
  .up-picture img { display: block; width: 100%; height: 100%; font-size: 0.875rem; }
  .up-picture.pixels img { image-rendering: pixelated; }
  .up-picture img.over { position: absolute; inset: 0; }
  .up-picture img.past { animation: up-past 0.4s ease-in forwards; }
  @keyframes up-past { to { opacity: 0; } }
  .up-large .up-picture { margin: 0; }
  .up-legend span { margin-right: 0.9em; font-size: 0.875rem; white-space: nowrap; }
  .up-legend i { display: inline-block; width: 0.8em; height: 0.8em; border-radius: 2px; margin-right: 0.35em; }
  .up-picture i { position: absolute; box-sizing: border-box; border: 2px solid var(--box); outline: 1px solid #0008; }
</style>
"""
"""The style sheet of all pictures; each page includes it once."""

BOX_COLOR = "#d55e00"


def picture(
    url: str,
    alt: str,
    shape: tuple[int, int],
    *,
    tallest: str,
    boxes: Sequence[Box] = (),
    color: str = BOX_COLOR,
    pixels: bool = False,
    over: Sequence[str] = (),
) -> str:
    """Return the HTML of a picture of a slice or a part of it, as wide as its column allows.

    Parameters
    ----------
    url, alt
        Address of the picture, and its text alternative.
    shape
        ``(H, W)`` of the picture in pixels of the slice; the page reserves the space while it loads.
    tallest
        A CSS length, such as ``46vh``.
    boxes
        Boxes to outline in ``color``, in pixels of the picture.
    pixels
        Draw enlarged pixels as squares, for close inspection.
    over
        Addresses of transparent pictures to lay over it. All but the last are earlier ones and fade out, to bridge the time
        until the last one arrives.
    """
    height, width = shape
    size = f"aspect-ratio:{width}/{height};width:min(100%,{tallest}*{width / height:.4f})"
    frames = "".join(_frame(box, shape) for box in boxes)
    layers = "".join(
        f'<img class="over{" past" if number else ""}" src="{html.escape(one)}" alt="">'
        for number, one in reversed(list(enumerate(reversed(over))))
    )
    kind = "up-picture pixels" if pixels else "up-picture"
    return (
        f'<div class="{kind}" style="{size};--box:{color}">'
        f'<img src="{html.escape(url)}" alt="{html.escape(alt)}" decoding="{"sync" if over else "async"}">{layers}{frames}</div>'
    )


def _frame(box: Box, shape: tuple[int, int]) -> str:
    left, top = 100 * box.x0 / shape[1], 100 * box.y0 / shape[0]
    width, height = 100 * box.shape[1] / shape[1], 100 * box.shape[0] / shape[0]
    return f'<i style="left:{left:.3f}%;top:{top:.3f}%;width:{width:.3f}%;height:{height:.3f}%"></i>'


def square_around(box: Box, side: int, shape: tuple[int, int]) -> Box:
    """Return a box of at least ``side`` pixels around ``box``'s centre, shifted into an ``(H, W)`` image."""
    height, width = max(side, box.shape[0]), max(side, box.shape[1])
    y0 = max(0, min((box.y0 + box.y1 - height) // 2, shape[0] - height))
    x0 = max(0, min((box.x0 + box.x1 - width) // 2, shape[1] - width))
    return Box(y0, x0, min(y0 + height, shape[0]), min(x0 + width, shape[1]))


def inside(box: Box, around: Box) -> Box:
    """Return ``box`` in the coordinates of ``around``, a part of the slice containing it."""
    return Box(box.y0 - around.y0, box.x0 - around.x0, box.y1 - around.y0, box.x1 - around.x0)
