"""The button to start a round, and the one to resume a stopped round."""

from __future__ import annotations

from typing import Literal

import streamlit as st

from app import session
from app.components import clicks
from app.components.messages import duration
from core.project import Project


def start_button(project: Project, label: str, *, primary: bool, disabled: bool = False) -> bool:
    """Draw the button to start a round; return True when clicked.

    After a stopped training, offer to resume it as well, and ask before giving it up.
    """
    stopped = project.models.interrupted()
    if stopped is None:
        kind: Literal["primary", "secondary"] = "primary" if primary else "secondary"
        return clicks.button(label, type=kind, icon=":material/play_arrow:", disabled=disabled, width="stretch")
    done = duration(stopped.seconds)
    st.caption(f"Round {stopped.round} was stopped after {done} of {duration(stopped.budget)}; you can resume it.")
    if clicks.button("Resume where it stopped", type="primary", icon=":material/resume:", width="stretch"):
        project.jobs.start_round(resume=True)
        session.say("The round continues where it stopped, with its original labels and settings.")
        st.rerun()
    with st.popover(f"{label} anew", icon=":material/play_arrow:", disabled=disabled, width="stretch"):
        st.markdown(
            f"**The training of round {stopped.round} so far ({done}) is given up**, with its kept snapshots, and the round "
            "begins again with the current labels."
        )
        return clicks.button("Give it up and start", type="primary")
