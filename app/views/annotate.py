"""Annotate: the next slices to paint on the left, the pixel editor on the rest of the screen."""

from __future__ import annotations

import html
from dataclasses import dataclass
from typing import Literal

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from app import session
from app.components import clicks, snapshots, training_form
from app.components.messages import duration, empty_page, plural, slice_name, spoken
from app.components.start_buttons import start_button
from app.components.status import POLL_SECONDS, held_back, scan_button, trained_with_warning
from app.editor.editor import Callbacks, PutOff, Saved, editor
from app.routes import picture_url
from core.config import ProposeConfig
from core.geometry import SliceId
from core.project import Project
from core.storage.jobs import Job
from core.storage.proposals import Proposal

_CLAIM_WORDS = {"strokes": "Strokes", "region": "Box", "slice": "Whole slice"}
_FIRST = "Paint two or three of these first, some of every class"
_UNSAVED_SHOWN = 6
Emphasis = Literal["primary", "secondary"]
_CSS = """
<style>
  [data-testid="stMainBlockContainer"] { padding: 0.5rem 0.8rem 0; }
  [data-testid="stMainBlockContainer"] > div > [data-testid="stVerticalBlock"] { gap: 0.4rem; }
  .st-key-strip [data-testid="stCaptionContainer"], .st-key-strip p { margin: 0; line-height: 1.25; }
  [class*="st-key-card-"] [data-testid="stVerticalBlock"] { gap: 0.15rem; }
  [data-testid="stSidebarUserContent"] .st-key-unsaved { gap: 0 0.7rem; align-items: baseline; }
  .st-key-unsaved [data-testid="stCaptionContainer"] { margin: 0; }
  .st-key-unsaved button { min-height: 0; padding: 0; text-decoration: underline; }
  .st-key-unsaved button p, .st-key-unsaved [data-testid="stCaptionContainer"] p { font-size: 0.85rem; }
  [class*="st-key-card-"] button { min-height: 1.9rem; padding: 0.1rem 0.5rem; }
  [class*="st-key-card-"] [data-testid="stCaptionContainer"] { margin: 0; }
  [class*="st-key-card-"] [data-testid="stCaptionContainer"] p { font-size: 0.75rem; line-height: 1.2; margin: 0;
    display: -webkit-box; -webkit-line-clamp: 3; -webkit-box-orient: vertical; overflow: hidden; }
</style>
"""


def show() -> None:
    """Show the page."""
    project = session.project()
    if project is None:
        st.title("Annotate")
        empty_page("Open or create a project first; then paint its slices here.", "project", "Go to Project")
        return
    st.html(_CSS)
    slice_id = _slice_to_show(project)
    with st.sidebar:
        _panel(project, len(project.models.rounds()))
    validation_note = _strip(project, slice_id)
    _editor(project, slice_id)
    with validation_note:  # drawn last, so that the editor does not wait for the count
        held_back(project)


def _slice_to_show(project: Project) -> SliceId:
    """Return the slice to show: the requested one, else the first proposal, else the middle of the volume."""
    slice_id, volumes = session.editing(), project.volumes
    if slice_id is None or slice_id.volume >= len(volumes) or slice_id.z >= volumes[slice_id.volume].depth:
        listed = project.proposals()
        if listed:
            return _lead_to(project, listed[0])
        slice_id = SliceId(0, volumes[0].depth // 2)
    session.edit(slice_id)  # also if it came from the address: from here on the address follows the page
    return slice_id


def _lead_to(project: Project, proposal: Proposal) -> SliceId:
    """Put a proposed slice into the editor; if the model selected it, exclude its labels from validation."""
    if proposal.model_selected:
        project.labels.mark_model_selected(*proposal.slice_id)
    session.edit(proposal.slice_id)
    return proposal.slice_id


def _strip(project: Project, slice_id: SliceId) -> DeltaGenerator:
    """Draw one line above the editor: the slice number to edit, and room for the validation summary."""
    several = len(project.volumes) > 1
    with st.container(key="strip", horizontal=True, vertical_alignment="center", gap="small"):
        if several:
            session.set_widget("any_volume", slice_id.volume)
            st.selectbox("Volume", range(len(project.volumes)), key="any_volume", on_change=_go, width=110,
                         label_visibility="collapsed", format_func=lambda i: f"Volume {i}")  # fmt: skip
        session.set_widget("any_slice", slice_id.z)
        st.number_input("Any slice", 0, project.volumes[slice_id.volume].shape[0] - 1, key="any_slice", on_change=_go, width=130,
                        label_visibility="collapsed", help="Type the number of any slice.")  # fmt: skip
        st.caption(f"of {plural(project.volumes[slice_id.volume].shape[0], 'slice')} (from 0)", width="content")
        return st.empty()


def _go() -> None:
    session.edit(SliceId(int(session.widget("any_volume", 0)), int(session.widget("any_slice", 0))))


def _editor(project: Project, slice_id: SliceId) -> None:
    chosen = next((s for s in project.proposals() if s.slice_id == slice_id), None)
    depth = project.volumes[slice_id.volume].shape[0]

    def saved(event: Saved) -> None:
        name = slice_name(event.slice_id, len(project.volumes)).lower()
        done = f"{_CLAIM_WORDS[event.claim]} saved on {name}: {event.pixels:,} of its pixels are labelled now."
        any_validates = any(head.validation_pixels for head in project.labels.slices())
        if event.claim != "strokes" and not any_validates and not project.labels.may_validate(*event.slice_id):
            done += " None of it validates, because the model proposed this slice; save a whole slice of your own choice, too."
        session.say(f"{done} {_go_on(project, event.slice_id)}")

    def put_off(event: PutOff) -> None:
        name = slice_name(event.slice_id, len(project.volumes)).lower()
        what = f"This place on {name}" if event.box else name.capitalize()
        session.say(f"{what} is put off to the end. {_go_on(project, event.slice_id)}")

    def step(to: int) -> None:  # a position, not a difference: after quick steps the editor is ahead of the page
        session.edit(SliceId(slice_id.volume, min(max(to, 0), depth - 1)))

    editor(
        project,
        slice_id,
        key="editor",
        token=session.token(),
        boxes=chosen.boxes if chosen else (),
        proposal=chosen.reason if chosen else "",
        answered=session.count("answered"),
        callbacks=Callbacks(saved, put_off, step),
    )


def _go_on(project: Project, slice_id: SliceId) -> str:
    """Open the next slice to check, or stay for the other boxes of this one; return a sentence naming it."""
    session.set_count("answered", session.count("answered") + 1)
    listed = project.proposals()
    if not listed:
        return "Nothing else is proposed."
    same = next((p for p in listed if p.slice_id == slice_id), None)
    following = same if same is not None and not same.put_off else listed[0]
    _lead_to(project, following)
    if following is same:
        left = len(following.boxes)
        return f"{plural(left, 'place')} of this slice {'is' if left == 1 else 'are'} left to check." if left else ""
    return f"Next: {slice_name(following.slice_id, len(project.volumes)).lower()}."


@st.fragment(run_every=POLL_SECONDS)
def _panel(project: Project, rounds_at_opening: int) -> None:
    """Show the proposals and the training button; new proposals appear here while the editor keeps its slice."""
    session.settle_address()
    with spoken():
        listed, job = project.proposals(), project.jobs.current()
        rounds = len(project.models.rounds())
        state = _Work(rounds, bool(project.labels.slices()), *_doing(job, rounds))
        warning = project.models.regression_warning()
        if rounds > rounds_at_opening and listed:
            _announce(project, listed[0], state, warning)
        elif warning is not None:
            st.warning(trained_with_warning(rounds, warning), icon=":material/warning:")
        st.markdown(f"**{_headline(state, bool(listed))}**")
        for proposal in listed:
            _card(project, proposal, rounds)
        drafts = project.labels.drafts()
        _unsaved(project, drafts)
        _train(project, state, drafts, primary=not listed)


@dataclass(frozen=True)
class _Work:
    """The state of the work: rounds trained, whether anything is labelled, and the activity of the running job."""

    rounds: int
    labelled: bool
    training: bool
    looking: bool


def _doing(job: Job | None, rounds: int) -> tuple[bool, bool]:
    """Return whether a round is in training, and whether the newest model scans the volume."""
    if job is None or not job.active:
        return False, False
    plan = job.arguments.get("plan")
    training = plan is not None and plan["round"] > rounds
    return training, job.kind in ("round", "restore", "scan") and not training


def _announce(project: Project, first: Proposal, state: _Work, warning: str | None) -> None:
    then = "First proposals; still scanning." if state.looking else "New proposals are ready."
    if warning is None:
        st.success(f"Round {state.rounds} is trained. {then}", icon=":material/notifications_active:")
    else:
        st.warning(f"{trained_with_warning(state.rounds, warning)} {then}", icon=":material/warning:")
    if clicks.button("Open the first one", type="primary", width="stretch"):
        _lead_to(project, first)
        st.rerun()


def _headline(state: _Work, listed: bool) -> str:
    """Return the heading of the list of proposals, or the reason for an empty list."""
    following = f"Round {state.rounds + 1}"
    if state.looking:
        return "First proposals; still scanning" if listed else "New proposals are on their way"
    if not listed:
        done = "Every proposal is done" if state.rounds else "All of the first slices are painted"
        return f"{following} is training" if state.training else done
    if state.rounds:
        return "Correct these next"
    if state.training:
        return f"{following} is training; paint more of these meanwhile"
    return f"Paint more of these, or train {following.lower()}" if state.labelled else _FIRST


def _card(project: Project, proposal: Proposal, rounds: int) -> None:
    """Show one proposal: thumbnail, slice, score and reason; a click opens it in the editor."""
    slice_id = proposal.slice_id
    name = slice_name(slice_id, len(project.volumes))
    url = html.escape(picture_url(project, slice_id, layer="overlay", side=160), quote=True)
    with st.container(key=f"card-{proposal.volume}-{proposal.z}"):
        left, right = st.columns([1, 2.4], gap="small")
        left.html(f'<img class="up-thumb" src="{url}" alt="{html.escape(name)}" loading="lazy">')
        kind: Emphasis = "primary" if slice_id == session.editing() else "secondary"
        label = f"{name} · score {proposal.score:.2f}" if rounds else name
        help_ = "How unsure the model is here: higher = more worth correcting." if rounds else None
        with right:
            clicked = clicks.button(label, key=f"open_{slice_id.volume}_{slice_id.z}", type=kind, width="stretch", help=help_)
        if clicked:
            _lead_to(project, proposal)
            st.rerun()
        begun = rounds and any(head.slice_id == slice_id for head in project.labels.slices())
        said = f"{plural(len(proposal.boxes), 'place')} of it left to check" if begun else proposal.reason
        right.caption(f"Put off: {said}" if proposal.put_off else said)


def _unsaved(project: Project, drafts: set[SliceId]) -> None:
    """List the slices with unsaved strokes other than the open one; a click opens one."""
    others = sorted(drafts - {session.editing()})
    if not others:
        return
    with st.container(key="unsaved", horizontal=True, vertical_alignment="center", gap="small"):
        st.caption("Not saved yet:", width="content")
        for slice_id in others[:_UNSAVED_SHOWN]:
            name = slice_name(slice_id, len(project.volumes)).lower()
            if clicks.button(
                name,
                key=f"unsaved_{slice_id.volume}_{slice_id.z}",
                type="tertiary",
                help="Its strokes are kept, but no round learns from them yet.",
            ):
                session.edit(slice_id)
                st.rerun()
        if len(others) > _UNSAVED_SHOWN:
            st.caption(f"and {len(others) - _UNSAVED_SHOWN:,} more", width="content")


def _train(project: Project, state: _Work, drafts: set[SliceId], *, primary: bool) -> None:
    """Show the button to start the next round, or the reason for its absence."""
    rounds = state.rounds
    job = project.jobs.current()
    if job is not None and job.active:
        st.caption(_meanwhile(state))
        return
    if not state.labelled:
        st.caption("Save at least one painted slice, then train the first round here.")
        return
    if rounds and not project.proposals.scanned():
        scan_button(project)
    config = training_form.chosen()
    if session.editing() in drafts:  # other slices are listed above
        st.caption(":orange[The strokes on this slice are not saved yet, so a round does not learn from them.]")
    if start_button(project, f"Train round {rounds + 1}", primary=primary):
        project.jobs.start_round(
            config,
            ProposeConfig(),
            watched=project.models.watched_region(*snapshots.to_watch(project)),
            tensorboard=training_form.logs(),
        )
        session.say(f"Round {rounds + 1} has started; it trains for {duration(config.seconds)}.")
        st.rerun()
    different = training_form.in_words(config)
    chosen = f", with what you chose on the Rounds page ({different})" if different else ""
    st.caption(f"Trains for {duration(config.seconds)} in the background{chosen}, then proposes what to correct.")


def _meanwhile(state: _Work) -> str:
    if state.training:
        return "Training continues in the background; keep painting. New proposals will appear here."
    if state.looking:
        return "The model is still scanning the volume in the background; keep painting. The list may still change."
    return "A job is running in the background; keep painting. The next round can start when it ends."


show()
