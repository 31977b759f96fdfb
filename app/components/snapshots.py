"""Show a training in its watched region, live and at every kept snapshot, and restore a snapshot."""

from __future__ import annotations

import html
from collections.abc import Sequence

import streamlit as st

from app import session
from app.components import clicks, slice_figures
from app.components.form_fields import Form
from app.components.messages import plural, slice_name
from app.routes import picture_url, snapshot_url
from core.geometry import SliceId
from core.project import Project
from core.storage.jobs import Job
from core.storage.rounds import Origin
from core.storage.snapshots import KEPT_ROUNDS, Snapshot, WatchedRegion

_SIDE = 1024
_THUMB_SIDE = 128
_TALLEST = "44vh"
_FEWEST = 8
_CSS = """
<style>
  [class*="st-key-snapshot-"] { position: relative; gap: 0; text-align: center; }
  [class*="st-key-snapshot-"] [data-testid="stElementContainer"], [class*="st-key-snapshot-"] .stButton { position: static; }
  [class*="st-key-snapshot-"] button { position: static; min-height: 0; padding: 0.2rem 0; }
  [class*="st-key-snapshot-"] button:disabled { color: inherit; cursor: default; }
  [class*="st-key-snapshot-"] button:not(:disabled)::after { content: ""; position: absolute; inset: 0; }
  [class*="st-key-snapshot-"]:has(button) .thumbnail { visibility: visible !important; }
  [class*="st-key-snapshot-"]:has(.chosen) button p { font-weight: 600; }
  [class*="st-key-snapshot-"] .chosen .up-picture { outline: 2px solid #0b6e75; outline-offset: 1px; }
</style>
"""
"""Puts a button's words below its thumbnail and extends the button over both.

This sheet and the code of buttons may arrive after a thumbnail. The thumbnail stays hidden until then: a click on it
would be lost.
"""


def to_watch(project: Project) -> SliceId:
    """Return the slice to watch during the next training: the one in the editor, or one beside the labels.

    The second replaces a labelled slice, because a prediction learnt by heart says little.
    """
    slice_id = session.editing()
    labelled = {head.slice_id for head in project.labels.slices()}
    volumes = project.volumes
    there = slice_id is not None and slice_id.volume < len(volumes) and slice_id.z < volumes[slice_id.volume].depth
    return slice_id if slice_id is not None and there and slice_id not in labelled else project.models.slice_to_watch()


def ask_slice_to_watch(project: Project, form: Form) -> SliceId:
    """Ask for the slice to watch, and for its volume if there are several."""
    volume, z = to_watch(project)
    volumes = project.volumes
    if len(volumes) > 1:
        volume = int(st.selectbox("Volume to watch", range(len(volumes)), volume, format_func=lambda i: volumes[i].path.name))
    chosen = int(
        form.number(
            "Slice to watch", least=0, most=volumes[volume].depth - 1, value=min(z, volumes[volume].depth - 1),
            help="Its prediction is redrawn throughout training. Choose an unpainted slice, to judge the model on pixels it "
                 "has not learnt.",
        )
    )  # fmt: skip
    return SliceId(volume, chosen)


def strip(project: Project, newest: int, job: Job | None) -> int:
    """Show the snapshots of a training, the newest during training and any of them afterwards; offer to restore one.

    Return the round shown.
    """
    active = job is not None and job.active
    training = active and newest > len(project.models.rounds())
    round_ = newest if training else _chosen_round(project, newest)
    snapshots = project.models.snapshots(round_)
    if not snapshots:
        _without_snapshots(project, round_, training, active)
        return round_
    st.subheader(f"Round {round_} as it {'learns' if training else 'learnt'}")
    left, right = st.columns([1.5, 1], gap="medium")
    with right:
        snapshot = snapshots[-1] if training else _chosen(snapshots, round_)
        _facts(project, snapshot)
        if not training:
            _way_back(project, snapshot, active)
    before = snapshots[-2:-1] if training else []
    left.html(f'<div class="up-large">{_picture(project, snapshot, before)}</div>')
    _thumbnails(project, snapshots, snapshot, training=training)
    if not training:
        st.caption(_room(project))
    return round_


def _chosen_round(project: Project, newest: int) -> int:
    """Return the chosen round, among those trained or stopped during training."""
    rows = project.models.rounds()
    known = sorted({*(row.round for row in rows), *project.models.snapshot_rounds()}, reverse=True)
    if len(known) < 2:
        return newest if newest in known or not known else known[0]
    origin = rows[-1].origin if rows and newest == rows[-1].round else None
    start = newest if origin is None or project.models.snapshots(newest) else origin.round
    index = known.index(start) if start in known else 0
    return int(st.selectbox("Look at", known, index, format_func=lambda round_: f"round {round_}", width=180))


def _without_snapshots(project: Project, round_: int, training: bool, active: bool) -> None:
    rows = project.models.rounds()
    if training:
        st.caption("The prediction of the watched slice appears here a few seconds after training has begun.")
    elif rows and round_ < rows[-1].round:
        st.caption(f"No snapshots of round {round_} are kept; its end is.")
        _confirm(project, round_, None, f"Go back to the end of round {round_}", active)


def _chosen(snapshots: Sequence[Snapshot], round_: int) -> Snapshot:
    """Return the snapshot of the clicked thumbnail; the last one by default and after new snapshots."""
    of_these, step = session.snapshot() or (None, 0)
    chosen = [snapshot for snapshot in snapshots if snapshot.step == step and of_these == (round_, snapshots[-1].step)]
    return chosen[0] if chosen else snapshots[-1]


def _facts(project: Project, snapshot: Snapshot) -> None:
    """Show the snapshot's time and scores, and the legend of its colours."""
    ended = " – the end" if snapshot.end else ""
    st.markdown(f"After **{_when(snapshot)}** of training, {plural(snapshot.step, 'step')}{ended}")
    if snapshot.validation_loss is None:
        st.markdown("Validation loss: not measured yet")
    else:
        late = snapshot.validated is not None and snapshot.seconds - snapshot.validated > 1
        measured = f" (measured at {snapshot.validated:.0f} s)" if late else ""
        st.markdown(f"Validation loss: **{snapshot.validation_loss:.3f}**{measured}")
    chips = "".join(f'<span><i style="background:{c.color}"></i>{html.escape(c.name)}</span>' for c in project.classes[1:])
    st.html(f'<div class="up-legend">{chips}</div>')
    st.caption(_where(project, snapshot.watched))


def _way_back(project: Project, snapshot: Snapshot, active: bool) -> None:
    newest, origin = project.models.rounds()[-1:], Origin(snapshot.round, snapshot.seconds)
    if any(snapshot.end if row.round == snapshot.round else row.origin == origin for row in newest):
        st.caption("This is the newest model. Click another snapshot below to look at it and go back to it.")
        return
    _confirm(project, snapshot.round, snapshot.seconds, "Go back to this snapshot", active)


def _confirm(project: Project, round_: int, seconds: float | None, label: str, active: bool) -> None:
    """Show a button that explains the effect of going back, and ask for confirmation."""
    number = len(project.models.rounds()) + 1
    source = f"the end of round {round_}" if seconds is None else f"round {round_} as it was after {_seconds(seconds)}"
    with st.popover(label, icon=":material/history:", disabled=active):
        st.markdown(
            f"**A new round {number} is made from {source}.** It is scored on the held-back pixels, becomes the newest model "
            "and scans the volume for new proposals. No label and no other round changes: you can go back to any of them."
        )
        if round_ == number or project.models.snapshots(number) or project.models.interrupted() is not None:
            st.markdown("The stopped training can then no longer be resumed.")
        if clicks.button("Go back", type="primary", key=f"back_{round_}_{seconds}"):
            project.jobs.start_restore(round_, seconds=seconds)
            session.say(f"Round {number} is made from {source}.")
            st.rerun()
    if active:
        st.caption("Only one job runs at a time; you can go back when it ends.")


def _picture(project: Project, snapshot: Snapshot, before: Sequence[Snapshot]) -> str:
    """Return the watched region under its prediction; the predictions ``before`` fade out below it."""
    watched = snapshot.watched
    return slice_figures.picture(
        picture_url(project, watched.slice_id, layer="grey", side=_SIDE, box=watched.box),
        f"{_where(project, watched)}, predicted after {_when(snapshot)} of training",
        watched.box.shape,
        tallest=_TALLEST,
        over=[snapshot_url(project, one, side=_SIDE) for one in (*before, snapshot) if one.watched == watched],
    )


def _thumbnails(project: Project, snapshots: Sequence[Snapshot], chosen: Snapshot, *, training: bool) -> None:
    """Show all snapshots side by side with their seconds; the chosen one is outlined, the others are buttons."""
    st.html(_CSS)
    columns = st.columns(max(len(snapshots), _FEWEST), gap="xsmall")
    for column, snapshot in zip(columns, snapshots, strict=False):
        watched = snapshot.watched
        picture = slice_figures.picture(
            picture_url(project, watched.slice_id, layer="grey", side=_THUMB_SIDE, box=watched.box),
            f"after {_when(snapshot)}",
            watched.box.shape,
            tallest="7rem",
            over=[snapshot_url(project, snapshot, side=_SIDE)],  # the large one, to cache it before it is chosen
        )
        kind = ' class="chosen"' if snapshot == chosen else ""
        with column.container(key=f"snapshot-{snapshot.round}-{snapshot.step}"):
            st.html(f'<div class="thumbnail" style="visibility:hidden"><div{kind}>{picture}</div></div>')
            st.button(
                _when(snapshot),
                key=f"look_{snapshot.round}_{snapshot.step}",
                type="tertiary",
                width="stretch",
                disabled=training,
                on_click=session.look_at_snapshot,
                args=((snapshot.round, snapshots[-1].step), snapshot.step),
            )


def _where(project: Project, watched: WatchedRegion) -> str:
    name, shape = slice_name(watched.slice_id, len(project.volumes)), project.volumes[watched.volume].slice_shape
    if watched.box.shape == shape:
        return name
    return f"{name}, rows {watched.box.y0} to {watched.box.y1}, columns {watched.box.x0} to {watched.box.x1}"


def _room(project: Project) -> str:
    megabytes = project.models.snapshot_bytes() / 1e6
    return (f"The kept snapshots take {megabytes:,.0f} MB on disk. Those of the last {KEPT_ROUNDS} trainings stay; older ones "
            "are deleted automatically, except the end of each round.")  # fmt: skip


def _when(snapshot: Snapshot) -> str:
    return _seconds(snapshot.seconds)


def _seconds(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:,.0f} s"
