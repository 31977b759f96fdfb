"""Review: see the model's prediction and uncertainty on any slice, and open a slice in the editor."""

from __future__ import annotations

import html
from collections.abc import Sequence

import streamlit as st

from app import session
from app.api import cached_predictions
from app.api.thumbnails import Layer
from app.background import tasks
from app.components import charts, clicks, slice_figures
from app.components.confidence_export import confidence_export
from app.components.messages import empty_page, plural, slice_name
from app.components.scan_table import scanned_table
from app.components.status import scan_button, show_regression_warning
from app.routes import picture_url
from core.geometry import Box, SliceId
from core.project import Project
from core.storage.proposals import ScannedSlice

_SHOWN_SIDE = 900
_CROP_SIDE = 192
_TALLEST, _TALLEST_CROP = "46vh", "40vh"
_WHAT: dict[Layer, str] = {"grey": "image", "prediction": "prediction", "confidence": "confidence"}
_ON_CONFIDENCE = "#ffffff"  # the confidence map contains orange


def show() -> None:
    """Show the page."""
    project = session.project()
    if project is None:
        st.title("Review")
        empty_page("Open or create a project first; then review its predictions here.", "project", "Go to Project")
        return
    if not project.models.rounds():
        st.title("Review")
        empty_page(
            "**There is no model yet.** Paint a few slices and train a first round; then see here what the model "
            "predicts on every slice, and where it is unsure.",
            "annotate",
            "Go to Annotate",
        )
        return
    st.html(slice_figures.CSS)
    scores = project.proposals.scanned()
    slice_id = _slice_to_show(project, scores)
    show_regression_warning(project)
    _choice(project, scores, slice_id)
    _pictures(project, scores, slice_id)
    _below(project, scores, slice_id.volume)


def _below(project: Project, scores: list[ScannedSlice], volume: int) -> None:
    """Show the tabs under the pictures; only the front tab is computed."""
    hottest, table, export = st.tabs(
        ["Hottest places", "All scanned slices", "Export confidence"], key="review_tab", on_change="rerun"
    )
    with hottest:
        if hottest.open:
            _hottest(project, scores)
    with table:
        if table.open:
            scanned_table(project, scores)
    with export:
        if export.open:
            confidence_export(project, volume)


def _edit(project: Project, slice_id: SliceId) -> None:
    """Open a slice in the editor, marked as model-selected: uncertainty may have led the user here."""
    if project.proposals.scanned():
        project.labels.mark_model_selected(*slice_id)
    session.open_in_editor(slice_id)


def _slice_to_show(project: Project, scores: list[ScannedSlice]) -> SliceId:
    """Return the slice under review: the one chosen before, else the least sure one, else the middle."""
    chosen, volumes = session.reviewing(), project.volumes
    if chosen is not None and chosen.volume < len(volumes) and chosen.z < volumes[chosen.volume].depth:
        return chosen
    worst = max(scores, key=lambda s: s.score, default=None)
    slice_id = SliceId(0, volumes[0].depth // 2) if worst is None else worst.slice_id
    session.review(slice_id)
    return slice_id


def _choice(project: Project, scores: list[ScannedSlice], slice_id: SliceId) -> None:
    """Show the slider and the chart to choose the slice, and the actions on it."""
    depth = project.volumes[slice_id.volume].shape[0]
    session.set_widget("review_volume", slice_id.volume)
    session.set_widget("review_slice", slice_id.z)
    if len(project.volumes) > 1:
        st.selectbox("Volume", range(len(project.volumes)), key="review_volume", on_change=_moved,
                     format_func=lambda i: f"Volume {i}: {project.volumes[i].path.name}")  # fmt: skip
    left, right = st.columns([3, 1.25], vertical_alignment="bottom", gap="medium")
    left.slider(f"Slice (0 to {depth - 1})", 0, max(1, depth - 1), key="review_slice", on_change=_moved)
    with right.container(horizontal=True, vertical_alignment="center"):
        if clicks.button("Open in the editor", icon=":material/brush:", type="primary"):
            _edit(project, slice_id)
        looked = slice_id in project.proposals.looked()
        session.set_widget("looked_at", looked)
        st.checkbox("Looked at", key="looked_at", on_change=lambda: project.proposals.look(*slice_id, not looked),
                    help="Your own mark for this slice. It is never a label: nothing is trained or scored on it.")  # fmt: skip
    rows = _along_z(project, scores, slice_id.volume)
    if not rows:
        _unscanned(project)
        return
    st.altair_chart(charts.scores_along_z(rows, slice_id.z, depth), key=f"along_{slice_id.volume}", selection_mode="pick",
                    on_select=lambda: _clicked(slice_id.volume))  # fmt: skip
    st.caption(f"Uncertainty of round {project.models.rounds()[-1].round} per slice, by the model's own estimate on "
               f"{plural(len(rows), 'scanned slice')} of {depth}; higher = less sure; grey dots are painted. Click to open "
               "a slice.")  # fmt: skip


def _unscanned(project: Project) -> None:
    st.caption(f"Round {project.models.rounds()[-1].round} has not scanned this volume yet, or not since its working region was "
               "changed; a scan comes at the end of every training round.")  # fmt: skip
    job = project.jobs.current()
    if job is None or not job.active:
        scan_button(project)


def _moved() -> None:
    session.review(SliceId(int(session.widget("review_volume", 0)), int(session.widget("review_slice", 0))))


def _clicked(volume: int) -> None:
    event = session.widget(f"along_{volume}")
    picked = event["selection"]["pick"] if event else []
    if picked:
        session.review(SliceId(volume, int(picked[0]["z"])))


def _along_z(project: Project, scores: list[ScannedSlice], volume: int) -> list[charts.Row]:
    painted = {row.slice_id for row in project.labels.slices()}
    return [{"z": s.z, "score": s.score, "labelled": (volume, s.z) in painted} for s in scores if s.volume == volume]


def _pictures(project: Project, scores: list[ScannedSlice], slice_id: SliceId) -> None:
    """Show slice, prediction and confidence side by side; the browser fetches them, nothing is computed here."""
    project.volume(slice_id.volume)  # raises an error if its files have moved
    boxes = next((s.boxes for s in scores if s.slice_id == slice_id), ())
    raw, overlaid, heat = (column.container(gap="xsmall") for column in st.columns(3))
    raw.html(_picture(project, slice_id, "grey", boxes))
    explained = " Boxes: the hottest places." if boxes else ""
    raw.caption(f"**{slice_name(slice_id, len(project.volumes))}**.{explained}")
    if cached_predictions.stamp(project, slice_id) is None:
        with overlaid:
            _compute(project, slice_id)
        return
    round_ = project.models.rounds()[-1].round
    overlaid.html(_picture(project, slice_id, "prediction"))
    overlaid.html(_legend(project, round_))
    heat.html(_picture(project, slice_id, "confidence", boxes))
    heat.caption(f"Confidence of round {round_} in its own prediction: dark = sure, yellow = a guess.")


def _picture(project: Project, slice_id: SliceId, layer: Layer, boxes: Sequence[Box] = (), *, around: Box | None = None) -> str:
    """Return the HTML of one layer of a slice, or of its part ``around``; ``boxes`` are in pixels of the slice."""
    part = Box(0, 0, *project.volumes[slice_id.volume].slice_shape) if around is None else around
    return slice_figures.picture(
        picture_url(project, slice_id, layer=layer, side=_SHOWN_SIDE, box=around),
        f"{slice_name(slice_id, len(project.volumes))}: {_WHAT[layer]}",
        part.shape,
        tallest=_TALLEST if around is None else _TALLEST_CROP,
        boxes=[slice_figures.inside(box, part) for box in boxes],
        color=_ON_CONFIDENCE if layer == "confidence" else slice_figures.BOX_COLOR,
        pixels=around is not None,
    )


def _legend(project: Project, round_: int) -> str:
    chips = "".join(
        f'<span style="display:inline-block;width:.8em;height:.8em;border-radius:2px;background:{c.color};'
        f'margin:0 .35em 0 .9em"></span>{html.escape(c.name)}'
        for c in project.classes[1:]
    )
    faint = "font-size:.875rem;color:color-mix(in srgb, currentColor 60%, transparent)"
    return f'<div style="{faint}">Prediction of round {round_}{chips}</div>'


def _compute(project: Project, slice_id: SliceId) -> None:
    """Offer to predict a slice without a cached prediction, and wait for the background thread."""
    key = (str(project.folder), "predict", slice_id, len(project.models.rounds()))
    failure = tasks().failure(key)
    if failure is not None:
        st.error(str(failure))
    if tasks().running(key):
        st.fragment(run_every=0.5)(_wait)(key)
        return
    st.info("This slice has not been predicted by the newest round yet; a scan looks at some slices first.")
    if clicks.button("Predict this slice", icon=":material/auto_fix_high:"):
        tasks().start(key, lambda: project.models.predict_slice(*slice_id))
        st.rerun()


def _wait(key: tuple[object, ...]) -> None:
    """Wait for the prediction, as a fragment; then draw the page again."""
    if not tasks().running(key):
        st.rerun()
    st.markdown("The model is predicting this slice; this takes a few seconds …")


def _hottest(project: Project, scores: list[ScannedSlice]) -> None:
    """Show the boxes of highest uncertainty one by one, least sure slice first, enlarged."""
    places = [(s, box) for s in sorted(scores, key=lambda s: -s.score) for box in s.boxes]
    if not places:
        st.caption("No uncertain places are known yet; the scan at the end of each training round finds them.")
        return
    index = session.count("hot") % len(places)
    scored, box = places[index]
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button("Previous", icon=":material/chevron_left:", on_click=session.set_count, args=("hot", index - 1))
        st.button("Next", icon=":material/chevron_right:", on_click=session.set_count, args=("hot", index + 1))
        if clicks.button("Open this slice in the editor", icon=":material/brush:", key="open_hot"):
            _edit(project, scored.slice_id)
        name = slice_name(scored.slice_id, len(project.volumes))
        st.caption(f"Place {index + 1} of {len(places)}: {name}, rows {box.y0} to {box.y1}, columns {box.x0} to {box.x1}")
    _crops(project, scored, box)


def _crops(project: Project, scored: ScannedSlice, box: Box) -> None:
    """Show a box and its surroundings: the image and, if cached, prediction and confidence."""
    around = slice_figures.square_around(box, _CROP_SIDE, project.volumes[scored.volume].slice_shape)
    captions: dict[Layer, str] = {"grey": "image"}
    if cached_predictions.stamp(project, scored.slice_id) is not None:
        captions |= {"prediction": "prediction", "confidence": "confidence, dark = sure"}
    for column, (layer, caption) in zip(st.columns(3), captions.items(), strict=False):
        with column.container(gap="xsmall"):
            st.html(_picture(project, scored.slice_id, layer, [box], around=around))
            st.caption(caption, text_alignment="center")


show()
