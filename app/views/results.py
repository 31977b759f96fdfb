"""Results: segment the volume, measure the amount of each class, and download the masks."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import streamlit as st

from app import session
from app.components import charts, clicks, form_fields
from app.components.messages import duration, empty_page, plural, scores_in_words, spoken
from app.components.score_tables import confusion_table, from_facts, scores_table
from app.components.status import POLL_SECONDS, download, scores_note, show_end, show_job, show_regression_warning
from core.config import TOLERANCE, PredictConfig, setting
from core.evaluation.agreement import class_scores
from core.evaluation.z_average_search import ZAverageChoice
from core.geometry import Polygon
from core.project import Project, Result
from core.storage.rounds import RoundRow

VIEWS = max(setting(PredictConfig, "views", "choices"))
"""The number of mirrored and turned views to average in careful segmentation."""


def show() -> None:
    """Show the page."""
    st.title("Results")
    project = session.project()
    if project is None:
        empty_page("Open or create a project first; then segment it here.", "project", "Go to Project")
        return
    rows = project.models.rounds()
    if not rows:
        empty_page(
            "**There is no model yet.** Paint a few slices and train a first round; then every slice of the volume can "
            "be segmented here, measured and downloaded.",
            "annotate",
            "Go to Annotate",
        )
        return
    st.markdown(f"**Round {rows[-1].round}** is the newest model. {_quality(rows[-1])} {scores_note(project, rows[-1])}")
    show_regression_warning(project)
    _segment(project, rows[-1])
    _scores(project, rows[-1])
    results = [r for r in project.results() if r.kind == "segmentation"]
    for result in results:
        _result(project, result, rows)
    if not results:
        st.caption("Finished segmentations appear here, with the share of each class and a file to download.")


def _quality(row: RoundRow) -> str:
    """Return a round's score in words, with its basis."""
    if not row.validation_pixels:
        return (
            "It has not been measured: no labelled pixel is held back for validation yet. Save a whole slice or a checked "
            "region on the Annotate page before you rely on its numbers."
        )
    return (
        f"Validation Dice: {scores_in_words(row.validation_dice)}, measured on {plural(row.validation_pixels, 'pixel')} "
        "held back from training. Few pixels make a rough score."
    )


def _segment(project: Project, newest: RoundRow) -> None:
    """Show the button to segment a volume, and the progress of the job."""
    job, volumes = project.jobs.current(), project.volumes
    active = job is not None and job.active
    with st.container(horizontal=True, vertical_alignment="bottom"):
        index = 0
        if len(volumes) > 1:
            names = [f"Volume {v.index}: {v.path.name}" for v in volumes]
            index = st.selectbox("Volume", range(len(volumes)), format_func=names.__getitem__, width=280)
        careful = st.checkbox(
            form_fields.label(PredictConfig, "views"),
            value=False,
            disabled=active,
            help=form_fields.page_help(PredictConfig, "views"),
        )
        averaged = volumes[index].depth > 1 and st.checkbox(
            form_fields.label(PredictConfig, "across"),
            value=True,
            disabled=active,
            help=form_fields.page_help(PredictConfig, "across"),
        )
        label = f"Segment all {plural(volumes[index].depth, 'slice')} with round {newest.round}"
        if clicks.button(label, type="primary", icon=":material/play_arrow:", disabled=active):
            project.jobs.start_segment(index, VIEWS if careful else None, None if averaged else 0)
            session.say("Segmenting has started; it continues if you close this window.")
            st.rerun()
    if active:
        st.fragment(run_every=POLL_SECONDS)(_progress)(project)
    show_end(project, "segment", "results")


def _progress(project: Project) -> None:
    """Show the running job, as a fragment; draw the page again at its end."""
    with spoken():
        job = project.jobs.current()
        if job is None or not job.active:
            st.rerun()
        else:
            show_job(project, job, "results")


def _scores(project: Project, newest: RoundRow) -> None:
    """Show the newest round's scores per class on the held-back pixels, and against an external truth."""
    names = [c.name for c in project.classes]
    with st.expander(f"How good round {newest.round} is, class by class", icon=":material/table_chart:"):
        if newest.counts is not None and newest.validation_pixels:
            st.caption(f"Measured on {plural(newest.validation_pixels, 'pixel')} held back from training.")
            known = names[: len(newest.counts)]  # a class may have been added after the scoring
            scores_table(known, class_scores(np.array(newest.counts)))
            confusion_table(known, newest.counts)
        else:
            st.caption("Not measured on held-back pixels; the next round that is trained will be, if any are held back.")
    with st.expander("Score against a truth from elsewhere", icon=":material/fact_check:"):
        _truth(project)
    show_end(project, "evaluate", "results")
    for result in project.results():
        if result.kind == "scores":
            _scored(project, result)


def _truth(project: Project) -> None:
    """Show a form to score the newest round against a label file."""
    st.caption("Class ids, one page per slice of the volume, 255 where not labelled. Only slices without a label of any role "
               "are scored, slice by slice; boundaries take about 2 s for a slice of 1024 × 1024 pixels.")  # fmt: skip
    path = st.text_input("Label file", placeholder="/data/truth.tif")
    index = st.number_input("Volume", 0, len(project.volumes) - 1, 0) if len(project.volumes) > 1 else 0
    boundaries = st.checkbox(f"Boundaries, too, within {TOLERANCE:g} pixels", value=True)
    job = project.jobs.current()
    if clicks.button("Score", disabled=not path.strip() or (job is not None and job.active)):
        with spoken():
            project.jobs.start_evaluate(Path(path.strip()), int(index), tolerance=TOLERANCE if boundaries else None)
            session.say("Scoring has started; it continues if you close this window.")
            st.rerun()


def _scored(project: Project, result: Result) -> None:
    """Show the scores against a truth: their basis, the classes and the file."""
    facts = result.facts
    names, scores = from_facts(facts["classes"])
    with st.container(border=True):
        what, truth = project.volumes[result.volume].path.name, Path(facts["truth"]).name
        st.markdown(f"**{what}, round {result.round} against {truth}**  \n"
                    f"{_made(result)}, measured on {plural(facts['pixels'], 'pixel')} of "
                    f"{plural(len(facts['slices']), 'slice')} without a label.")  # fmt: skip
        scores_table(names, scores)
        if _z_averaging(result):
            st.caption(_z_averaging(result))
        if facts["tolerance_px"] is not None:
            st.caption(f"Boundary F within {facts['tolerance_px']:g} pixels. HD95 is ∞ where a class is missed altogether on too "
                       "many slices.")  # fmt: skip
        confusion_table(names, facts["confusion"])
        download(project, result.path.name)


def _result(project: Project, result: Result, rows: list[RoundRow]) -> None:
    """Show one finished segmentation: its origin, the amount of each class and its file."""
    volume = project.volumes[result.volume]
    with st.container(border=True):
        left, right = st.columns([1.3, 1], gap="large")
        left.markdown(f"**{volume.path.name}, segmented with round {result.round}**  \n{_made(result)}, "
                      f"{plural(volume.depth, 'slice')} in {duration(result.facts.get('seconds'))}"
                      + (", carefully" if result.facts.get("views") == VIEWS else ""))  # fmt: skip
        older = [_quality(row) for row in rows[:-1] if row.round == result.round]
        left.caption(" ".join([_z_averaging(result), *older]).strip())
        with left:
            _file(project, result)
        _amounts(project, result.facts.get("amounts", {}), right)
        where = "the working region of " if result.facts.get("in_region") else ""
        counted = f"Counted over {where}all {plural(volume.depth, 'slice')}, as predicted;"
        right.caption(f"{counted} the model's errors are not corrected for.")
        if _region_of(result) not in (None, volume.region):
            right.caption("The working region has changed since; segment again to count in the current one.")


def _region_of(result: Result) -> tuple[Polygon, ...] | None:
    """Return the working region of a result's count; None if it was not recorded."""
    region = result.facts.get("region")
    return None if region is None else tuple(tuple((y, x) for y, x in polygon) for polygon in region)


def _z_averaging(result: Result) -> str:
    """Return the z-averaging of a result in words; "" without averaging and for results of earlier versions."""
    return ZAverageChoice(**result.facts["across"]).sentence if "across" in result.facts else ""


def _made(result: Result) -> str:
    return datetime.fromtimestamp(result.created).strftime("%d %b %Y, %H:%M")


def _file(project: Project, result: Result) -> None:
    """Show a download link for the file, and its path."""
    download(project, result.path.name)
    st.caption(f"{result.path.stat().st_size / 1e6:,.1f} MB, one page per slice, values are class ids: "
               + ", ".join(f"{c.id} {c.name}" for c in project.classes))  # fmt: skip


def _amounts(project: Project, amounts: dict[str, dict[str, Any]], place: Any) -> None:
    """Show the share of each class as bars, and its volume if the voxel size was known."""
    names = [c.name for c in project.classes if c.name in amounts]
    names += [name for name in amounts if name not in names]  # a class renamed since
    rows = [{"class": name, **amounts[name]} for name in names if amounts[name]["fraction"] is not None]
    if not rows:
        return
    place.altair_chart(charts.shares(rows, {c.name: c.color for c in project.classes}))
    place.dataframe([_amount(row) for row in rows], hide_index=True)
    if rows[0]["volume_um3"] is None:
        place.caption("Give the voxel size on the Project page and segment again to have volumes in µm³.")


def _amount(row: dict[str, Any]) -> dict[str, str]:
    shown = {"Class": row["class"], "Share": f"{100 * row['fraction']:.2f} %", "Voxels": f"{row['pixels']:,}"}
    return shown if row["volume_um3"] is None else {**shown, "Volume, µm³": f"{row['volume_um3']:,.4g}"}


show()
