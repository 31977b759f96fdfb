"""Buttons without lost clicks while a page is drawn again."""

from __future__ import annotations

from typing import Literal

import streamlit as st

from app import session


def button(
    label: str,
    *,
    key: str | None = None,
    type: Literal["primary", "secondary", "tertiary"] = "secondary",
    icon: str | None = None,
    help: str | None = None,
    disabled: bool = False,
    width: Literal["content", "stretch"] = "content",
) -> bool:
    """Draw a button; return True once after each click. The parameters are those of ``st.button``.

    ``st.button`` reports a click in one run of the page only. If the next click or a fragment's rerun ends that run before
    the button, the click is lost. Here the click is noted before the run and reported in the first run to draw the button.
    """
    name = key or label
    st.button(label, key=key, type=type, icon=icon, help=help, disabled=disabled, width=width,
              on_click=session.note_click, args=(name,))  # fmt: skip
    return session.take_click(name)
