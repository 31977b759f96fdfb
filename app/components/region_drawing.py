"""Draw the working region of a volume as polygons and rectangles on a downscaled slice; store it in full pixels."""

from __future__ import annotations

from urllib.parse import urljoin

import streamlit as st
from streamlit_drawable_canvas import st_canvas

from app import session
from app.components import clicks, region_shapes
from app.components.status import scores_note
from app.routes import picture_url
from core.geometry import Polygon, SliceId
from core.project import Project
from core.storage.catalog import VolumeRow

_CANVAS_SIDE = 620
_REGION_COLOR = "#d55e00"


def working_region(project: Project) -> None:
    """Ask for the part of the slices to work in; it applies to every slice of the volume."""
    rows = project.volumes
    left, right = st.columns([1, 1.6], gap="large")
    with left:
        st.markdown("Draw around the sample. Training, scanning and measuring then leave out everything outside, on **every "
                    "slice** of the volume. Without a region the whole slice counts.")  # fmt: skip
        index = 0
        if len(rows) > 1:
            index = st.selectbox("Volume", range(len(rows)), format_func=lambda i: f"Volume {i}: {rows[i].path.name}")
        row = rows[index]
        depth = row.depth
        z = st.slider("Slice to look at while drawing", 0, max(1, depth - 1), depth // 2, disabled=depth == 1)
        mode = st.radio("Tool", ["polygon", "rect"], horizontal=True, format_func={"polygon": "Polygon", "rect": "Rectangle"}.get)
        st.caption("Polygon: click the corners, then the first corner again. Rectangle: press and drag. The toolbar on the "
                   "picture has undo, edit (move, resize, delete) and erase all. Several shapes add up.")  # fmt: skip
    shape = row.slice_shape
    shown = region_shapes.display_size(shape, _CANVAS_SIDE)
    with right:
        drawing = _canvas(project, row, min(z, depth - 1), mode, shown)
    with left:
        _save_region(project, row, region_shapes.to_polygons(drawing, shown, shape))


def _canvas_key(project: Project, row: VolumeRow) -> str:
    return f"canvas_{project.name}_{row.index}"


def _canvas(project: Project, row: VolumeRow, z: int, mode: str, shown: tuple[int, int]) -> dict[str, object] | None:
    """Show the slice and the stored region to draw on; return the drawing in the canvas's own format."""
    project.volume(row.index)  # raises an error if its files have moved
    stored = region_shapes.to_drawing(row.region, shown, row.slice_shape, _REGION_COLOR) if row.region else None
    version = session.count(_canvas_key(project, row))
    result = st_canvas(
        fill_color=f"{_REGION_COLOR}40",
        stroke_width=2,
        stroke_color=_REGION_COLOR,
        background_image=_address(picture_url(project, SliceId(row.index, z), layer="grey", side=_CANVAS_SIDE)),
        height=shown[0],
        width=shown[1],
        drawing_mode=mode,
        initial_drawing=stored,
        key=f"{_canvas_key(project, row)}_{version}",
    )
    drawing: dict[str, object] | None = result.json_data
    return drawing


def _address(path: str) -> str | None:
    """Return the full address of a path of this server, as the canvas requires; None without a browser."""
    return urljoin(st.context.url, path) if st.context.url else None


def _save_region(project: Project, row: VolumeRow, polygons: tuple[Polygon, ...]) -> None:
    """Show the drawn share, the buttons to store it, and the stored region."""
    if polygons:
        st.markdown(f"The drawing covers **{100 * region_shapes.share(polygons, row.slice_shape):.0f} %** of the slice.")
    else:
        st.markdown("Nothing is drawn: the whole slice counts.")
    with st.container(horizontal=True):
        if clicks.button("Save the region", type="primary", disabled=not polygons):
            _store(project, row, polygons, "The working region is saved. Train or scan again so that proposals keep to it.")
        if clicks.button("Clear the region", disabled=not (polygons or row.region)):
            _store(project, row, (), "The region is cleared: the whole slice counts.")
    stored = "no region, the whole slice"
    if row.region:
        stored = f"{100 * region_shapes.share(row.region, row.slice_shape):.0f} % of the slice"
    rounds = project.models.rounds()
    note = scores_note(project, rounds[-1]) if rounds else ""
    st.caption(f"Stored: {stored}. {note}")


def _store(project: Project, row: VolumeRow, polygons: tuple[Polygon, ...], message: str) -> None:
    """Store a region and redraw the canvas with it."""
    project.set_region(row.index, polygons)
    key = _canvas_key(project, row)
    session.set_count(key, session.count(key) + 1)
    session.say(message)
    st.rerun()
