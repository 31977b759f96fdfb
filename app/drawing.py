"""The working region of a volume: drawn as polygons and rectangles on a downscaled slice, stored in its pixels."""

from __future__ import annotations

import streamlit as st
from PIL import Image
from streamlit_drawable_canvas import st_canvas

from app import regions, rendering, session
from core.catalog import VolumeRow
from core.geometry import Polygon, polygons_to_mask
from core.project import Project

_CANVAS_SIDE = 620
_REGION_COLOR = "#d55e00"


def share(project: Project, row: VolumeRow) -> float:
    """Share of a slice that the stored working region covers, 0 to 1."""
    mask = project.region_mask(row.index)
    return 1.0 if mask is None else float(mask.mean())


def working_region(project: Project) -> None:
    """Draw the part of the slices to work in; it holds for every slice of the volume."""
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
    shown = regions.display_size(shape, _CANVAS_SIDE)
    with right:
        drawing = _canvas(project, row, min(z, depth - 1), mode, shown)
    with left:
        _save_region(project, row, regions.to_polygons(drawing, shown, shape))


def _canvas_key(project: Project, row: VolumeRow) -> str:
    return f"canvas_{project.name}_{row.index}"


def _canvas(project: Project, row: VolumeRow, z: int, mode: str, shown: tuple[int, int]) -> dict[str, object] | None:
    grey = rendering.slice_grey(project, str(project.folder), row.index, z, _CANVAS_SIDE)
    stored = regions.to_drawing(row.region, shown, row.slice_shape, _REGION_COLOR) if row.region else None
    version = session.count(_canvas_key(project, row))
    result = st_canvas(
        fill_color=f"{_REGION_COLOR}40",
        stroke_width=2,
        stroke_color=_REGION_COLOR,
        background_image=Image.fromarray(grey),
        height=shown[0],
        width=shown[1],
        drawing_mode=mode,
        initial_drawing=stored,
        key=f"{_canvas_key(project, row)}_{version}",
    )
    drawing: dict[str, object] | None = result.json_data
    return drawing


def _save_region(project: Project, row: VolumeRow, polygons: tuple[Polygon, ...]) -> None:
    shape = row.slice_shape
    small = regions.display_size(shape, 512)
    if polygons:
        ratio = (small[0] / shape[0], small[1] / shape[1])
        mask = polygons_to_mask([tuple((y * ratio[0], x * ratio[1]) for y, x in p) for p in polygons], small)
        st.markdown(f"The drawing covers **{100 * mask.mean():.0f} %** of the slice.")
    else:
        st.markdown("Nothing is drawn: the whole slice counts.")
    with st.container(horizontal=True):
        if st.button("Save the region", type="primary", disabled=not polygons):
            project.set_region(row.index, polygons)
            session.set_count(_canvas_key(project, row), session.count(_canvas_key(project, row)) + 1)
            session.say("The working region is saved. Train or scan again so that proposals keep to it.")
            st.rerun()
        if st.button("Clear the region", disabled=not (polygons or row.region)):
            project.set_region(row.index, ())
            session.set_count(_canvas_key(project, row), session.count(_canvas_key(project, row)) + 1)
            session.say("The region is cleared: the whole slice counts.")
            st.rerun()
    stored = f"Stored: {100 * share(project, row):.0f} % of the slice." if row.region else "Stored: no region, the whole slice."
    st.caption(stored)
