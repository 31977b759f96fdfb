"""Parts shared by several pages: the project's job and the pixels held back for validation."""

from __future__ import annotations

import html
import time
from collections.abc import Callable, Hashable
from pathlib import Path

import streamlit as st

from app import session
from app.background import tasks
from app.components import clicks
from app.components.messages import duration, slice_name, spoken
from app.routes import result_url
from core.project import Project, ValidationSummary
from core.storage.jobs import Job
from core.storage.rounds import RoundRow

KIND_WORDS = {
    "round": "Training and scanning",
    "train": "Training",
    "restore": "Going back",
    "scan": "Scanning the volume",
    "segment": "Segmenting everything",
    "confidence": "Exporting confidence",
    "evaluate": "Scoring against a truth",
}
"""The names of the kinds of job on the page."""

POLL_SECONDS = 2.0

_PATIENCE_SECONDS = 0.3
_NAMED = 4
_COUNTING = ValidationSummary(0, 0, {}, "Counting what is held back for validation …")


def sidebar() -> None:
    """Show the open project's name and its job, kept up to date by a small fragment."""
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
        job = project.jobs.current()
        if job is not None:
            show_job(project, job, "side", brief=True)


def show_job(project: Project, job: Job, key: str, *, brief: bool = False) -> None:
    """Show a job in a few lines: its task, progress, a cancel button, or its end (with the reason, unless ``brief``)."""
    name = KIND_WORDS.get(job.kind, job.kind)
    if job.active:
        st.progress(job.progress, text=job.message[:1].upper() + job.message[1:] if job.message else f"{name}: {job.state}")
        if clicks.button("Cancel", key=f"cancel_{key}_{job.id}", icon=":material/stop_circle:", type="tertiary"):
            project.jobs.cancel(job.id)
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
    elif job.result and job.result.get("caution"):
        said = trained_with_warning(job.result["round"], job.result["caution"])
        st.expander(f":orange[{name} ended with a warning]", key=f"why_{key}_{job.id}").caption(said)


def trained_with_warning(round_: int, warning: str) -> str:
    """Return a sentence: the round is trained, but with a regression warning."""
    return f"Round {round_} is trained, but {warning}."


def show_regression_warning(project: Project) -> None:
    """Show a warning if the newest round deserves less trust than an earlier one."""
    warning = project.models.regression_warning()
    if warning is not None:
        said = trained_with_warning(project.models.rounds()[-1].round, warning)
        st.warning(
            f"{said} It is still the newest model: check its predictions with care, train again, or "
            "go back to a better snapshot on the Rounds page.",
            icon=":material/warning:",
        )


def not_learnt_from(project: Project) -> None:
    """List the slices with unsaved strokes, invisible to the next round; show nothing if there are none."""
    drafts = sorted(project.labels.drafts())
    if drafts:
        names = [slice_name(slice_id, len(project.volumes)).lower() for slice_id in drafts[:_NAMED]]
        more = f" and {len(drafts) - _NAMED:,} more" if len(drafts) > _NAMED else ""
        st.caption(f":orange[Strokes on {', '.join(names)}{more} are not saved, so a round does not learn from them.]")


def show_end(project: Project, kind: str, key: str) -> None:
    """Show the last job if it is of this kind and did not finish."""
    job = project.jobs.current()
    if job is not None and job.kind == kind and job.state not in ("queued", "running", "done"):
        show_job(project, job, key)


def _took(job: Job) -> str:
    if job.started is None or job.ended is None:
        return ""
    return f" after {duration(job.ended - job.started)}"


def scan_button(project: Project) -> None:
    """Offer to scan the volume with the newest model, as after a change of the working region."""
    if clicks.button("Scan the volume", icon=":material/search:", help="Finds the slices the newest model is least sure about."):
        project.jobs.start_scan()
        session.say("The newest model is scanning the volume; its proposals appear automatically.")
        st.rerun()


def held_back(project: Project) -> None:
    """Show what is held back for validation; redraw the sentence while the pixels are being counted."""
    counting = validation(project) is _COUNTING
    st.fragment(run_every=POLL_SECONDS if counting else None)(_held_back)(project, counting)


def _held_back(project: Project, was_counting: bool) -> None:
    with spoken():
        summary = validation(project)
        if was_counting and summary is not _COUNTING:
            st.rerun()
        st.caption(summary.sentence)


def scores_note(project: Project, newest: RoundRow) -> str:
    """Return a sentence if the working region has changed since the rounds were scored; else "".

    On the same labels, only a different region changes the number of held-back pixels.
    """
    held = {head.id for head in project.labels.slices() if head.validation_pixels}
    same_labels = held == set(newest.validation_revisions)
    now = validation(project)
    if now is _COUNTING or not same_labels or now.pixels == newest.validation_pixels:
        return ""
    return "The scores were measured before the working region was changed; the next round updates them."


def validation(project: Project) -> ValidationSummary:
    """Return what is held back for validation, counted again only after a change of labels or working regions.

    A large project is counted in the background; until then the summary has no pixels and says so.
    """
    revisions = tuple(revision.id for revision in project.labels.slices())
    regions = tuple(row.region for row in project.volumes)
    state = (revisions, regions, tuple(c.name for c in project.classes))
    counted, folder = _counted(), project.folder
    if folder not in counted or counted[folder][0] != state:
        key = ("validation", folder, state)
        _do(key, lambda: counted.update({folder: (state, project.labels.validation_summary())}))
    known, summary = counted.get(folder, (None, _COUNTING))
    return summary if known == state else _COUNTING


def _do(key: Hashable, work: Callable[[], None]) -> None:
    """Run work in the background, waiting ``_PATIENCE_SECONDS`` at most where it starts here; raise its error once."""
    if not tasks().running(key) and tasks().failure(key) is None:
        tasks().start(key, work)
        until = time.monotonic() + _PATIENCE_SECONDS
        while tasks().running(key) and time.monotonic() < until:
            time.sleep(0.01)
    failure = tasks().failure(key)
    if failure is not None:
        tasks().forget(key)
        raise failure


@st.cache_resource(show_spinner=False)
def _counted() -> dict[Path, tuple[object, ValidationSummary]]:
    """Return the latest counts by project folder, with the labels, regions and classes they were counted from."""
    return {}


def download(project: Project, name: str) -> None:
    """Show a link to download a result file."""
    url = html.escape(result_url(project.name, name))
    st.html(f'<a class="up-download" href="{url}" download>Download {html.escape(name)}</a>')
