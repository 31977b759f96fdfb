"""Buttons that lose no click while a page is drawn again."""

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

    ``st.button`` tells of a click in one run of the page only. Where that run is ended before it comes to the button, by the
    next click or by a fragment that asks for a rerun, the click is lost. Here it is noted before the run and answered by the
    first one that draws the button.
    """
    name = key or label
    st.button(label, key=key, type=type, icon=icon, help=help, disabled=disabled, width=width,
              on_click=session.note_click, args=(name,))  # fmt: skip
    return session.take_click(name)
