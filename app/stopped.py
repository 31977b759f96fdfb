"""A training that was stopped: the way on with it, and the question before it is given up."""

from __future__ import annotations

import streamlit as st

from app import session
from app.messages import duration
from core.project import Project
from core.retrain import Interrupted


def resume_button(project: Project, stopped: Interrupted, key: str) -> None:
    """How far a training came, and the button that goes on with it."""
    done = f"{duration(stopped.seconds)} of {duration(stopped.budget)}"
    st.caption(f"Round {stopped.round} was stopped after {done}; it can go on.")
    if st.button("Resume where it stopped", key=f"resume_{key}", type="primary", icon=":material/resume:", width="stretch"):
        project.start_round(resume=True)
        session.say("The round goes on where it stopped, with the labels and settings it began with.")
        st.rerun()


def start_button(label: str, stopped: Interrupted | None, *, primary: bool, disabled: bool = False) -> bool:
    """A button that starts a round; where a training was stopped, it asks before that is given up. True when clicked."""
    if stopped is None:
        return st.button(
            label,
            type="primary" if primary else "secondary",
            icon=":material/play_arrow:",
            disabled=disabled,
            width="stretch",
        )
    with st.popover(f"{label} anew", icon=":material/play_arrow:", disabled=disabled, width="stretch"):
        st.markdown(
            f"**What round {stopped.round} learnt in {duration(stopped.seconds)} is given up**, with its kept moments, and the "
            "round begins again with the labels as they are now."
        )
        return st.button("Give it up and start", key=f"anew_{label}", type="primary")
