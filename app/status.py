"""The side bar that every page shows: which project is open, and what its job is doing."""

from __future__ import annotations

import streamlit as st

from app import session
from app.messages import duration, spoken
from core.geometry import Polygon
from core.jobs import Job
from core.project import Project, ValidationSummary

KIND_WORDS = {
    "round": "Training and scanning",
    "train": "Training",
    "scan": "Scanning the volume",
    "segment": "Segmenting everything",
    "confidence": "Exporting confidence",
}
"""What the kinds of job are called on the page."""

POLL_SECONDS = 2.0


def sidebar() -> None:
    """The open project's name and its job, kept up to date by a small fragment."""
    with st.sidebar, spoken():
        project = session.project()
        if project is None:
            st.caption("No project is open.")
            return
        st.markdown(f"**{project.name}**")
        _job_line(project)


@st.fragment(run_every=POLL_SECONDS)
def _job_line(project: Project) -> None:
    with spoken():
        job = project.job()
        if job is not None:
            show_job(project, job, "side", brief=True)


def show_job(project: Project, job: Job, key: str, *, brief: bool = False) -> None:
    """A job in a few lines: what it does, how far it is, how to stop it, or how it ended (why, unless ``brief``)."""
    name = KIND_WORDS.get(job.kind, job.kind)
    if job.active:
        st.progress(job.progress, text=f"{name}: {job.message or job.state}")
        if st.button("Cancel", key=f"cancel_{key}_{job.id}", icon=":material/stop_circle:", type="tertiary"):
            project.cancel(job.id)
            session.say("Asked the job to stop; it ends at the next safe moment.")
            st.rerun()
    elif job.state in ("failed", "dead"):
        outcome = "failed" if job.state == "failed" else "was stopped"
        if brief:
            st.expander(f":red[{name} {outcome}]", key=f"why_{key}_{job.id}").caption(job.error or "No reason was recorded.")
        else:
            st.error(f"{name} {outcome}: {job.error}", icon=":material/error:")
    elif job.state == "cancelled":
        st.caption(f"{name} was cancelled{_took(job)}.")


def show_end(project: Project, kind: str, key: str) -> None:
    """Why the last job was not finished, where it was of this kind; nothing else."""
    job = project.job()
    if job is not None and job.kind == kind and job.state not in ("queued", "running", "done"):
        show_job(project, job, key)


def _took(job: Job) -> str:
    if job.started is None or job.ended is None:
        return ""
    return f" after {duration(job.ended - job.started)}"


def scan_button(project: Project) -> None:
    """Where the newest model has not looked through the volume, as after a new working region: let it look."""
    if st.button("Scan the volume", icon=":material/search:", help="Finds the slices the newest model is least sure about."):
        project.start_scan()
        session.say("The newest model is looking through the volume; its proposals appear by themselves.")
        st.rerun()


def validation(project: Project) -> ValidationSummary:
    """What is held back for validation; counted anew only when a label or a working region has changed."""
    revisions = tuple(revision.id for revision in project.labelled_slices())
    regions = tuple(row.region for row in project.volumes)
    names = tuple(c.name for c in project.classes)
    return _validation(project, str(project.folder), revisions, regions, names)


@st.cache_data(max_entries=32, show_spinner=False)
def _validation(
    _project: Project,
    folder: str,
    revisions: tuple[int, ...],
    regions: tuple[tuple[Polygon, ...], ...],
    names: tuple[str, ...],
) -> ValidationSummary:
    return _project.validation_summary()
