"""Convert shapes of the drawing canvas to working regions and back, and measure regions; pure functions.

The canvas uses screen ``(x, y)`` on a downscaled slice; a region is polygons of ``(y, x)`` in pixels of the full slice.
Coordinates are swapped here and nowhere else.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from core.geometry import Polygon, polygons_to_mask

_RASTER = 512
_CORNERS = ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0))


def display_size(shape: tuple[int, int], longest: int) -> tuple[int, int]:
    """Return ``(height, width)`` of a slice of ``shape`` ``(H, W)`` drawn at most ``longest`` pixels long."""
    factor = longest / max(shape)
    return max(1, round(shape[0] * factor)), max(1, round(shape[1] * factor))


def to_polygons(drawing: Mapping[str, Any] | None, shown: tuple[int, int], shape: tuple[int, int]) -> tuple[Polygon, ...]:
    """Convert the polygons and rectangles of a canvas to regions of the full slice.

    Parameters
    ----------
    drawing
        ``json_data`` of the canvas (Fabric 7 objects, possibly moved, scaled or rotated by the user), or None.
    shown
        ``(height, width)`` of the canvas in screen pixels.
    shape
        ``(H, W)`` of the slice; corners are clipped to it.

    Returns
    -------
    tuple of polygons of ``(y, x)`` corners in pixels; shapes without area are left out.
    """
    objects = (drawing or {}).get("objects", [])
    polygons = (_scaled(_corners(shape_), shown, shape) for shape_ in objects)
    return tuple(p for p in polygons if len(p) >= 3 and _area(p) >= 1)


def to_drawing(polygons: Sequence[Polygon], shown: tuple[int, int], shape: tuple[int, int], color: str) -> dict[str, Any]:
    """Return a canvas drawing of regions of the full slice; the inverse of ``to_polygons``."""
    return {"objects": [_polygon_object(_scaled_to_screen(p, shown, shape), color) for p in polygons]}


def share(polygons: Sequence[Polygon], shape: tuple[int, int]) -> float:
    """Return the share of a slice of ``shape`` ``(H, W)`` inside a region, 0 to 1, to about 0.001."""
    small = display_size(shape, _RASTER)
    scaled = [tuple((y * small[0] / shape[0], x * small[1] / shape[1]) for y, x in polygon) for polygon in polygons]
    return float(polygons_to_mask(scaled, small).mean())


def _corners(item: Mapping[str, Any]) -> list[tuple[float, float]]:
    """Return the screen corners ``(x, y)`` of a Fabric object; none for other kinds of object."""
    kind = str(item.get("type", "")).lower()
    if kind == "polygon":
        points = [(float(p["x"]), float(p["y"])) for p in item.get("points", [])]
        return _placed(points, item) if points else []
    if kind == "rect":
        width, height = item["width"], item["height"]
        return _placed([(x * width, y * height) for x, y in _CORNERS], item)
    return []


def _placed(points: Sequence[tuple[float, float]], item: Mapping[str, Any]) -> list[tuple[float, float]]:
    """Move points from an object's own coordinates to the screen, by its origin, scale and angle."""
    xs, ys = [p[0] for p in points], [p[1] for p in points]
    pivot_x = _pivot(min(xs), max(xs), item.get("originX", "left"))
    pivot_y = _pivot(min(ys), max(ys), item.get("originY", "top"))
    angle = math.radians(item.get("angle", 0))
    cos, sin = math.cos(angle), math.sin(angle)
    placed = []
    for x, y in points:
        dx, dy = (x - pivot_x) * item.get("scaleX", 1), (y - pivot_y) * item.get("scaleY", 1)
        placed.append((item["left"] + cos * dx - sin * dy, item["top"] + sin * dx + cos * dy))
    return placed


def _pivot(low: float, high: float, origin: str) -> float:
    return {"left": low, "top": low, "right": high, "bottom": high}.get(origin, (low + high) / 2)


def _scaled(points: Iterable[tuple[float, float]], shown: tuple[int, int], shape: tuple[int, int]) -> Polygon:
    ratio_y, ratio_x = shape[0] / shown[0], shape[1] / shown[1]
    return tuple((_cut(y * ratio_y, shape[0]), _cut(x * ratio_x, shape[1])) for x, y in points)


def _scaled_to_screen(polygon: Polygon, shown: tuple[int, int], shape: tuple[int, int]) -> list[tuple[float, float]]:
    ratio_y, ratio_x = shown[0] / shape[0], shown[1] / shape[1]
    return [(x * ratio_x, y * ratio_y) for y, x in polygon]


def _cut(value: float, size: int) -> float:
    return min(max(round(value, 1), 0.0), float(size))


def _area(polygon: Polygon) -> float:
    """Return the area in pixels, by the shoelace formula."""
    pairs = zip(polygon, (*polygon[1:], polygon[0]), strict=True)
    return abs(sum(y0 * x1 - y1 * x0 for (y0, x0), (y1, x1) in pairs)) / 2


def _polygon_object(points: Sequence[tuple[float, float]], color: str) -> dict[str, Any]:
    xs, ys = [p[0] for p in points], [p[1] for p in points]
    return {
        "type": "Polygon",
        "points": [{"x": x, "y": y} for x, y in points],
        "originX": "center",
        "originY": "center",
        "left": (min(xs) + max(xs)) / 2,
        "top": (min(ys) + max(ys)) / 2,
        "width": max(xs) - min(xs),
        "height": max(ys) - min(ys),
        "fill": f"{color}40",
        "stroke": color,
        "strokeWidth": 2,
    }
