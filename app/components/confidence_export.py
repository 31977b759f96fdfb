"""Export the model's confidence in every pixel of a volume as a file."""

from __future__ import annotations

import streamlit as st

from app import session
from app.components import clicks
from app.components.messages import spoken
from app.components.status import POLL_SECONDS, download, show_end, show_job
from core.project import Project, Result


def confidence_export(project: Project, volume: int) -> None:
    """Ask for a format and start a background job to export the confidence of every slice as one file."""
    st.caption("Writes, for every slice, how sure the newest model is of each pixel: 255 times the probability of the winning "
               "class, one byte per pixel. Low values mark pixels to check, or to leave out of a measurement.")  # fmt: skip
    job = project.jobs.current()
    active = job is not None and job.active
    with st.container(horizontal=True, vertical_alignment="center"):
        kind = st.segmented_control("Format", ["TIFF", "Zarr"], default="TIFF", required=True, label_visibility="collapsed")
        if clicks.button(f"Export the confidence of volume {volume}", disabled=active, icon=":material/save:"):
            project.jobs.start_confidence_export(volume, ".zarr" if kind == "Zarr" else ".tif")
            session.say("The export has started; it continues if you close this window.")
            st.rerun()
    if active:
        st.fragment(run_every=POLL_SECONDS)(_until_done)(project)
    show_end(project, "confidence", "review")
    for result in project.results():
        if result.kind == "confidence":
            _exported(project, result)


def _until_done(project: Project) -> None:
    """Follow the job, as a fragment; draw the page again at its end."""
    with spoken():
        job = project.jobs.current()
        if job is None or not job.active:
            st.rerun()
        else:
            show_job(project, job, "review")


def _exported(project: Project, result: Result) -> None:
    """Show a download link for the file, or for the folder as a zip, and the folder's path."""
    name = result.path.name
    if result.path.is_dir():
        name += ".zip"
        st.caption(f"Round {result.round}, volume {result.volume}: the folder `{result.path}`, or all of it as one file:")
    download(project, name)
