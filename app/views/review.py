"""Review: see what the model makes of any slice, where it is unsure, and open what needs work in the editor."""

from __future__ import annotations

import html

import streamlit as st

from app import charts, rendering, session
from app.background import tasks
from app.messages import empty_page, plural, slice_name, spoken
from app.routes import result_url
from app.status import POLL_SECONDS, scan_button, show_end, show_job
from core.geometry import Box
from core.project import Project, Result
from core.propose import ScoredSlice

_SHOWN_SIDE = 900
_CROP_SIDE = 192
_CSS = """
<style>
  .st-key-pictures img { max-height: 46vh; object-fit: contain; }
  .st-key-crops img { max-height: 40vh; object-fit: contain; image-rendering: pixelated; }
</style>
"""


def show() -> None:
    """The page."""
    project = session.project()
    if project is None:
        st.title("Review")
        empty_page("Open or create a project first; its predictions are reviewed here.", "project", "Go to Project")
        return
    if not project.rounds():
        st.title("Review")
        empty_page(
            "**There is no model yet.** Paint a few slices and train a first round; then you see here what the model "
            "makes of every slice, and where it is unsure.",
            "annotate",
            "Go to Annotate",
        )
        return
    st.html(_CSS)
    scores = project.scores()
    volume, z = _place(project, scores)
    _choice(project, scores, volume, z)
    _pictures(project, scores, volume, z)
    hottest, table, export = st.tabs(["Hottest places", "All scanned slices", "Export confidence"])
    with hottest:
        _hottest(project, scores)
    with table:
        _table(project, scores)
    with export:
        _export(project, volume)


def _edit(project: Project, volume: int, z: int) -> None:
    """Open a slice in the editor; whoever comes from here may have been led by the model's doubt."""
    if project.scores():
        project.seek(volume, z)
    session.open_in_editor(volume, z)


def _place(project: Project, scores: list[ScoredSlice]) -> session.Place:
    """The slice under review: the one chosen before, else the least sure one, else the middle."""
    chosen = session.reviewing()
    if chosen is not None and chosen[0] < len(project.volumes) and chosen[1] < project.volumes[chosen[0]].shape[0]:
        return chosen
    worst = max(scores, key=lambda s: s.score, default=None)
    place = (0, project.volumes[0].shape[0] // 2) if worst is None else (worst.volume, worst.z)
    session.review(*place)
    return place


def _choice(project: Project, scores: list[ScoredSlice], volume: int, z: int) -> None:
    """Slider and chart that choose the slice, and what can be done with it."""
    depth = project.volumes[volume].shape[0]
    session.set_widget("review_volume", volume)
    session.set_widget("review_slice", z)
    if len(project.volumes) > 1:
        st.selectbox("Volume", range(len(project.volumes)), key="review_volume", on_change=_moved,
                     format_func=lambda i: f"Volume {i}: {project.volumes[i].path.name}")  # fmt: skip
    left, right = st.columns([3, 1.25], vertical_alignment="bottom", gap="medium")
    left.slider(f"Slice (0 to {depth - 1})", 0, max(1, depth - 1), key="review_slice", on_change=_moved)
    with right.container(horizontal=True, vertical_alignment="center"):
        if st.button("Open in the editor", icon=":material/brush:", type="primary"):
            _edit(project, volume, z)
        looked = (volume, z) in project.looked()
        session.set_widget("looked_at", looked)
        st.checkbox("Looked at", key="looked_at", on_change=lambda: project.look(volume, z, not looked),
                    help="Your own mark for this slice. It is never a label: nothing is trained or scored on it.")  # fmt: skip
    rows = _along_z(project, scores, volume)
    if not rows:
        _unscanned(project)
        return
    st.altair_chart(charts.scores_along_z(rows, z, depth), key=f"along_{volume}", selection_mode="pick",
                    on_select=lambda: _clicked(volume))  # fmt: skip
    st.caption(f"How unsure round {project.rounds()[-1].round} is, per slice: measured by the model on itself over "
               f"{plural(len(rows), 'scanned slice')} of {depth}, higher = less sure; grey dots are painted. Click to go "
               "there.")  # fmt: skip


def _unscanned(project: Project) -> None:
    st.caption("No slice of this volume has been scanned yet; slices are scanned at the end of a training round.")
    job = project.job()
    if job is None or not job.active:
        scan_button(project)


def _moved() -> None:
    session.review(int(session.widget("review_volume", 0)), int(session.widget("review_slice", 0)))


def _clicked(volume: int) -> None:
    event = session.widget(f"along_{volume}")
    picked = event["selection"]["pick"] if event else []
    if picked:
        session.review(volume, int(picked[0]["z"]))


def _along_z(project: Project, scores: list[ScoredSlice], volume: int) -> list[charts.Row]:
    painted = {(row.volume, row.z) for row in project.labelled_slices()}
    return [{"z": s.z, "score": s.score, "labelled": (volume, s.z) in painted} for s in scores if s.volume == volume]


def _pictures(project: Project, scores: list[ScoredSlice], volume: int, z: int) -> None:
    """Slice with prediction, and confidence, side by side; never computed here."""
    grey = rendering.slice_grey(project, str(project.folder), volume, z, _SHOWN_SIDE)
    scale = grey.shape[0] / project.volumes[volume].shape[2]
    boxes = next((s.boxes for s in scores if (s.volume, s.z) == (volume, z)), ())
    predicted = project.cached_prediction(volume, z)
    name = slice_name(volume, z, len(project.volumes))
    colors = {c.id: c.color for c in project.classes}
    with st.container(key="pictures"):
        raw, overlaid, heat = st.columns(3)
    raw.image(rendering.with_boxes(rendering.overlay(grey, None, {}), boxes, scale), width="stretch")
    raw.caption(f"**{name}**. Boxes: the hottest places.")
    if predicted is None:
        with overlaid:
            _compute(project, volume, z)
        return
    mask = rendering.picked(predicted.mask, grey.shape)
    overlaid.image(rendering.overlay(grey, mask, colors), width="stretch")
    overlaid.html(_legend(project, predicted.round))
    confidence = rendering.confidence_map(rendering.picked(predicted.confidence, grey.shape), len(colors))
    heat.image(rendering.with_boxes(confidence, boxes, scale, "#ffffff"), width="stretch")
    heat.caption(f"Confidence of round {predicted.round} in its own prediction: dark = sure, yellow = a guess.")


def _legend(project: Project, round_: int) -> str:
    chips = "".join(
        f'<span style="display:inline-block;width:.8em;height:.8em;border-radius:2px;background:{c.color};'
        f'margin:0 .35em 0 .9em"></span>{html.escape(c.name)}'
        for c in project.classes[1:]
    )
    return f'<div style="font-size:.875rem;opacity:.75">Prediction of round {round_}{chips}</div>'


def _compute(project: Project, volume: int, z: int) -> None:
    """For a slice that was not predicted yet: a button, and the wait for the background thread."""
    key = (str(project.folder), "predict", volume, z, len(project.rounds()))
    failure = tasks().failure(key)
    if failure is not None:
        st.error(str(failure))
    if tasks().running(key):
        st.fragment(run_every=0.5)(_wait)(key)
        return
    st.info("This slice has not been predicted by the newest round yet; a scan looks at some slices first.")
    if st.button("Predict this slice", icon=":material/auto_fix_high:"):
        tasks().start(key, lambda: project.predict_slice(volume, z))
        st.rerun()


def _wait(key: tuple[object, ...]) -> None:
    """A fragment that draws the page again once the slice is predicted."""
    if not tasks().running(key):
        st.rerun()
    st.markdown("The model is looking at this slice, a few seconds …")


def _hottest(project: Project, scores: list[ScoredSlice]) -> None:
    """One hot box after the other, least sure slice first, zoomed in."""
    places = [(s, box) for s in sorted(scores, key=lambda s: -s.score) for box in s.boxes]
    if not places:
        st.caption("No hot places are known yet; they are found by the scan at the end of a training round.")
        return
    index = session.count("hot") % len(places)
    scored, box = places[index]
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button("Previous", icon=":material/chevron_left:", on_click=session.set_count, args=("hot", index - 1))
        st.button("Next", icon=":material/chevron_right:", on_click=session.set_count, args=("hot", index + 1))
        if st.button("Open this slice in the editor", icon=":material/brush:", key="open_hot"):
            _edit(project, scored.volume, scored.z)
        name = slice_name(scored.volume, scored.z, len(project.volumes))
        st.caption(f"Place {index + 1} of {len(places)}: {name}, rows {box.y0} to {box.y1}, columns {box.x0} to {box.x1}")
    _crops(project, scored, box)


def _crops(project: Project, scored: ScoredSlice, box: Box) -> None:
    shape = project.volumes[scored.volume].shape[2:]
    around = rendering.square_around(box, _CROP_SIDE, shape)
    corners = (around.y0, around.x0, around.y1, around.x1)
    grey = rendering.crop_grey(project, str(project.folder), scored.volume, scored.z, corners)
    predicted = project.cached_prediction(scored.volume, scored.z)
    inner = Box(box.y0 - around.y0, box.x0 - around.x0, box.y1 - around.y0, box.x1 - around.x0)
    colors = {c.id: c.color for c in project.classes}
    images = [(rendering.overlay(grey, None, colors), "image")]
    if predicted is not None:
        images.append((rendering.overlay(grey, predicted.mask[around.slices], colors), "prediction"))
        confidence = rendering.confidence_map(predicted.confidence[around.slices], len(colors))
        images.append((confidence, "confidence, dark = sure"))
    with st.container(key="crops"):
        columns = st.columns(3)
    for column, (image, caption) in zip(columns, images, strict=False):
        column.image(rendering.with_boxes(image, [inner], 1.0), caption=caption, width="stretch")


def _table(project: Project, scores: list[ScoredSlice]) -> None:
    """Scanned slices with the model's confidence per class, to sort, filter and click on."""
    names = [c.name for c in project.classes]
    one, two, three = st.columns([1.2, 2, 1.4], vertical_alignment="center", gap="large")
    name = one.selectbox("Filter by the confidence of", names, index=min(1, len(names) - 1))
    limit = two.slider("Show slices where that confidence is at most", 50, 100, 100, format="%d %%")
    hide = three.checkbox("Hide what I looked at or painted")
    marks = project.looked(), {(row.volume, row.z) for row in project.labelled_slices()}
    table = _filtered([_row(s, names, marks) for s in scores], f"{name}, sure", limit, hide)
    if not table:
        st.caption("No scanned slice fits this filter.")
        return
    percent = {f"{n}, {what}": st.column_config.NumberColumn(format="%.1f %%") for n in names for what in ("sure", "share")}
    places = [(row["Volume"], row["Slice"]) for row in table]
    key = f"table_{name}_{limit}_{hide}"
    st.dataframe(table, hide_index=True, height=320, key=key, column_config=percent, selection_mode="single-row",
                 on_select=lambda: _selected(key, places))  # fmt: skip
    st.caption("Sure: mean probability of the winning class over the pixels predicted as that class, as the model sees it. "
               "Share: of the working region. Select a row to see its slice above; click a heading to sort.")  # fmt: skip


def _filtered(table: list[charts.Row], column: str, limit: int, hide: bool) -> list[charts.Row]:
    """Rows at most ``limit`` per cent sure in ``column``, least sure first; all of them at 100."""
    if limit < 100:
        table = [row for row in table if row[column] is not None and row[column] <= limit]
    if hide:
        table = [row for row in table if not (row["Looked at"] or row["Painted"])]
    return sorted(table, key=lambda row: 101.0 if row[column] is None else row[column])


def _selected(key: str, places: list[session.Place]) -> None:
    event = session.widget(key)
    rows = event["selection"]["rows"] if event else []
    if rows and rows[0] < len(places):
        session.review(*places[rows[0]])


def _row(scored: ScoredSlice, names: list[str], marks: tuple[set[session.Place], set[session.Place]]) -> charts.Row:
    place = (scored.volume, scored.z)
    row: charts.Row = {"Volume": scored.volume, "Slice": scored.z, "Unsure (score)": round(scored.score, 3)}
    for name, sure, share in zip(names, scored.class_confidence, scored.class_fraction, strict=False):
        row[f"{name}, sure"] = None if sure is None else round(100 * sure, 1)
        row[f"{name}, share"] = round(100 * share, 1)
    return {**row, "Looked at": place in marks[0], "Painted": place in marks[1]}


def _export(project: Project, volume: int) -> None:
    """The confidence of every slice as one file, written by a background job."""
    st.caption("Writes, for every slice, how sure the newest model is of each pixel: 255 times the probability of the winning "
               "class, one byte per pixel. Low values are where to look, or what to leave out of a measurement.")  # fmt: skip
    job = project.job()
    active = job is not None and job.active
    with st.container(horizontal=True, vertical_alignment="center"):
        kind = st.segmented_control("Format", ["TIFF", "Zarr"], default="TIFF", required=True, label_visibility="collapsed")
        if st.button(f"Export the confidence of volume {volume}", disabled=active, icon=":material/save:"):
            project.start_confidence_export(volume, ".zarr" if kind == "Zarr" else ".tif")
            session.say("The export has started; it goes on when you close this window.")
            st.rerun()
    if active:
        st.fragment(run_every=POLL_SECONDS)(_until_done)(project)
    show_end(project, "confidence", "review")
    for result in project.results():
        if result.kind == "confidence":
            _exported(project, result)


def _until_done(project: Project) -> None:
    """A fragment that follows the job and draws the page again when it ends."""
    with spoken():
        job = project.job()
        if job is None or not job.active:
            st.rerun()
        else:
            show_job(project, job, "review")


def _exported(project: Project, result: Result) -> None:
    name = html.escape(result.path.name)
    if result.path.is_dir():
        st.markdown(f"Round {result.round}, volume {result.volume}: the folder `{result.path}`")
        return
    url = html.escape(result_url(project.name, result.path.name), quote=True)
    st.html(f'<a class="up-download" href="{url}" download>Download {name}</a>')


show()
