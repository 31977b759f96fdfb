"""Sentences for users: errors as one message, numbers with their units, the state of a job."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import streamlit as st

from app.session import PAGES
from core.errors import UnderpaintError
from core.geometry import SliceId

NOT_MEASURED = "not measured"


@contextmanager
def spoken() -> Iterator[None]:
    """Show a user's error as one sentence; the only place where the pages turn an error into words."""
    try:
        yield
    except UnderpaintError as error:
        st.error(str(error), icon=":material/error:")


def duration(seconds: float | None) -> str:
    """Return a time in a readable unit, ``–`` for None."""
    if seconds is None:
        return "–"
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"


def plural(number: int, noun: str) -> str:
    """Return a count with its noun: ``1 slice``, ``2 slices``, ``12,000 pixels``."""
    ending = "" if number == 1 else "es" if noun.endswith(("s", "x")) else "s"
    return f"{number:,} {noun}{ending}"


def scores_in_words(dice: Mapping[str, float | None]) -> str:
    """Return Dice by class in words: ``pore 0.93, phase not measured``."""
    return ", ".join(f"{name} {NOT_MEASURED if v is None else format(v, '.2f')}" for name, v in dice.items())


def settings_in_words(settings: Mapping[str, Any]) -> str:
    """Return settings and their values as one text, "" for none."""
    return ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in settings.items())


def slice_name(slice_id: SliceId, volumes: int) -> str:
    """Return ``Slice 12``, with the volume's number if there are several."""
    return f"Slice {slice_id.z}" if volumes == 1 else f"Volume {slice_id.volume}, slice {slice_id.z}"


def empty_page(text: str, page: str, label: str) -> None:
    """Show why a page is empty, and a link to the next step."""
    with st.container(border=True, width=720):
        st.markdown(text)
        st.page_link(PAGES[page], label=label, icon=":material/arrow_forward:")
