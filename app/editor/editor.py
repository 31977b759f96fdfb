"""Show the pixel editor on a Streamlit page; it works in the browser and over the routes, never in a rerun."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import streamlit as st

from app.routes import module_url
from core.geometry import Box, SliceId
from core.project import Project

# Streamlit turns this text into a Blob, and a Blob can import absolute addresses only.
_LOADER = """
export default async function (component) {
  const { mount } = await import(new URL(component.data.module, window.location.origin).href);
  return mount(component);
}
"""

_STYLES = "".join(path.read_text(encoding="utf-8") for path in sorted(Path(__file__).parent.rglob("*.css")))
_component = st.components.v2.component("underpaint_editor", css=_STYLES, js=_LOADER)


@dataclass(frozen=True)
class Saved:
    """A stored claim: ``claim`` is ``strokes``, ``region`` or ``slice``; ``pixels`` is the number of labelled pixels."""

    volume: int
    z: int
    claim: str
    revision: int
    pixels: int

    @property
    def slice_id(self) -> SliceId:
        """The slice of this event."""
        return SliceId(self.volume, self.z)


@dataclass(frozen=True)
class PutOff:
    """A proposed slice, or with ``box`` one of its boxes, put off by the user."""

    volume: int
    z: int
    box: bool

    @property
    def slice_id(self) -> SliceId:
        """The slice of this event."""
        return SliceId(self.volume, self.z)


@dataclass(frozen=True)
class EditorResult:
    """Events in the editor since the last run of the page; each is set for one run only.

    ``step`` is the slice the user stepped to; the editor already shows it.
    """

    saved: Saved | None = None
    put_off: PutOff | None = None
    step: int | None = None


@dataclass(frozen=True)
class Callbacks:
    """A page's responses to the editor's events: a save, a skip, a step to a neighbouring slice."""

    saved: Callable[[Saved], None] | None = None
    put_off: Callable[[PutOff], None] | None = None
    stepped: Callable[[int], None] | None = None


NO_CALLBACKS = Callbacks()
HEIGHT = "calc(100vh - 72px)"
"""CSS height of the editor: the window less the page's header."""


def editor(
    project: Project,
    slice_id: SliceId,
    *,
    key: str,
    token: str,
    boxes: Sequence[Box] = (),
    proposal: str | None = None,
    answered: int = 0,
    callbacks: Callbacks = NO_CALLBACKS,
) -> EditorResult:
    """Show the editor on a slice; never call it inside ``st.fragment``, a cause of lost triggers.

    Parameters
    ----------
    project, slice_id
        The slice to edit.
    key
        Key of the component; keep it equal for all slices, to keep zoom, tool and class.
    token
        Session token from ``app.routes.issue_token``.
    boxes
        Boxes of the highest uncertainty, the highest first.
    proposal
        The reason to look at this slice, as a sentence.
    answered
        Number of saves and skips in this session; a new number tells the editor to go on to the next box.
    callbacks
        Called before the page runs again, in time to choose another slice.

    Returns
    -------
    EditorResult
        Events since the last run, for pages without callbacks.
    """

    def saved() -> None:
        found = _saved(st.session_state[key])
        if callbacks.saved is not None and found is not None:
            callbacks.saved(found)

    def put_off() -> None:
        found = _put_off(st.session_state[key])
        if callbacks.put_off is not None and found is not None:
            callbacks.put_off(found)

    def stepped() -> None:
        found = _step(st.session_state[key])
        if callbacks.stepped is not None and found is not None:
            callbacks.stepped(found)

    data = {
        "module": module_url(),
        "base": f"/underpaint/api/{quote(project.name)}/{slice_id.volume}/{slice_id.z}",
        "volume": slice_id.volume,
        "z": slice_id.z,
        "shape": list(project.volumes[slice_id.volume].slice_shape),
        "token": token,
        "boxes": [[b.y0, b.x0, b.y1, b.x1] for b in boxes],
        "proposal": proposal,
        "answered": answered,
        "height": HEIGHT,
    }
    state = _component(key=key, data=data, on_saved_change=saved, on_put_off_change=put_off, on_step_change=stepped)
    return EditorResult(_saved(state), _put_off(state), _step(state))


def _saved(state: Mapping[str, Any]) -> Saved | None:
    value = state.get("saved")
    return None if value is None else Saved(**{name: value[name] for name in Saved.__dataclass_fields__})


def _put_off(state: Mapping[str, Any]) -> PutOff | None:
    value = state.get("put_off")
    return None if value is None else PutOff(int(value["volume"]), int(value["z"]), bool(value["box"]))


def _step(state: Mapping[str, Any]) -> int | None:
    value = state.get("step")
    return None if value is None else int(value["z"])
