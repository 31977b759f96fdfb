"""Sentences for people: errors turned into one message, numbers with their unit, the state of a job."""

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
    """Show what a user caused as one sentence; the only place where the page turns an error into words."""
    try:
        yield
    except UnderpaintError as error:
        st.error(str(error), icon=":material/error:")


def duration(seconds: float | None) -> str:
    """A time in the unit a person would use, ``–`` where there is none."""
    if seconds is None:
        return "–"
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"


def plural(number: int, noun: str) -> str:
    """``1 slice``, ``2 slices``, ``12,000 pixels``."""
    ending = "" if number == 1 else "es" if noun.endswith(("s", "x")) else "s"
    return f"{number:,} {noun}{ending}"


def scores_in_words(dice: Mapping[str, float | None]) -> str:
    """``pore 0.93, phase not measured``."""
    return ", ".join(f"{name} {NOT_MEASURED if v is None else format(v, '.2f')}" for name, v in dice.items())


def settings_in_words(settings: Mapping[str, Any]) -> str:
    """Settings and their values, "" where there are none."""
    return ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in settings.items())


def slice_name(slice_id: SliceId, volumes: int) -> str:
    """``Slice 12``, with the volume's number where there are several."""
    return f"Slice {slice_id.z}" if volumes == 1 else f"Volume {slice_id.volume}, slice {slice_id.z}"


def empty_page(text: str, page: str, label: str) -> None:
    """What a page says while it has nothing to show: the reason, and a link to what comes next."""
    with st.container(border=True, width=720):
        st.markdown(text)
        st.page_link(PAGES[page], label=label, icon=":material/arrow_forward:")
