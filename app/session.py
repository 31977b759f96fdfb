"""The state of one browser window; the only module to touch ``st.session_state``.

Labels, rounds and jobs outlive the window in the project. The state here may be lost at a reload without harm: the open
project, the slice under review and short messages. The slice in the editor is also in the address, written by the editor.
"""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

import streamlit as st

from app.guard import Refusal
from app.routes import issue_token, open_project
from core.config import AugmentConfig
from core.geometry import SliceId
from core.project import Project, list_projects, workspace_folder

PAGES = {
    "project": "views/project.py",
    "annotate": "views/annotate.py",
    "rounds": "views/rounds.py",
    "review": "views/review.py",
    "results": "views/results.py",
}
"""Page files, relative to ``app/main.py``."""

_CLICK_SECONDS = 10.0
"""How long a click waits for its button: longer than a slow page run, shorter than a user's wait for a second click."""


def workspace() -> Path:
    """Return the folder of all projects of this server."""
    return workspace_folder()


@st.cache_resource(show_spinner=False)
def _last_opened() -> dict[str, str]:
    """Return the project opened last on this server, by workspace, so that a reload comes back to it."""
    return {}


def project() -> Project | None:
    """Return the open project: chosen here, named in the address, opened last, or the only one; else None.

    Raises
    ------
    StorageError
        If the project chosen here is out of reach: no other takes its place below what is painted.
    """
    known = list_projects(workspace())
    chosen = st.session_state.get("project")
    if chosen is not None and chosen not in known:
        with suppress(Refusal):  # never opened here
            return open_project(chosen)
    last = _last_opened().get(str(workspace()))
    for name in (chosen, st.query_params.get("project"), last, *known[: len(known) == 1]):
        if name in known:
            st.session_state["project"] = _last_opened()[str(workspace())] = name
            return open_project(name)
    return None


def choose(name: str) -> None:
    """Open another project; forget the previous one's slices and training settings."""
    st.session_state["project"] = name
    _last_opened()[str(workspace())] = name
    for key in ("editing", "reviewing", "count_hot", "choices", "augmentation", "count_tensorboard", "snapshot", "clicks"):
        st.session_state.pop(key, None)


def token() -> str:
    """Return this window's secret, without which no site can change labels over HTTP."""
    if "token" not in st.session_state:
        st.session_state["token"] = issue_token()
    return str(st.session_state["token"])


def editing() -> SliceId | None:
    """Return the slice in the editor; in a new window the one in the address, or None to let the page choose."""
    kept = st.session_state.get("editing")
    return _addressed() if kept is None else SliceId(*kept)


def _addressed() -> SliceId | None:
    """Return the slice of the open project in the address, possibly beyond the volume; else None."""
    address, name = st.query_params, st.session_state.get("project")
    try:
        slice_id = SliceId(int(address.get("volume", "0")), int(address["slice"]))
    except (KeyError, ValueError):
        return None
    return slice_id if min(slice_id) >= 0 and address.get("project", name) == name else None


def edit(slice_id: SliceId) -> None:
    """Put a slice into the editor."""
    st.session_state["editing"] = slice_id
    st.session_state.pop("stayed", None)


def settle_address() -> None:
    """Give Streamlit's browser side the address of the slice in the editor, once it has stayed for a while.

    The editor writes the address at once, and a reload reads it there. But a browser that stays open across a restart of the
    server sends the address known to Streamlit. Leave a new slice or page to the editor: this page may lag behind, and an
    outdated address would become an entry of the browser's history.
    """
    slice_id = editing()
    if slice_id is None or not st.session_state.get("stayed"):
        st.session_state["stayed"] = True
        return
    wanted = {"project": str(st.session_state["project"]), "volume": str(slice_id.volume), "slice": str(slice_id.z)}
    if any(st.query_params.get(name) != value for name, value in wanted.items()):
        st.query_params.update(wanted)


def open_in_editor(slice_id: SliceId) -> None:
    """Put a slice into the editor and open the Annotate page."""
    edit(slice_id)
    st.switch_page(PAGES["annotate"])


def reviewing() -> SliceId | None:
    """Return the slice under review, or None before the first choice."""
    kept = st.session_state.get("reviewing")
    return None if kept is None else SliceId(*kept)


def review(slice_id: SliceId) -> None:
    """Choose the slice under review."""
    st.session_state["reviewing"] = slice_id


def snapshot() -> tuple[tuple[int, int], int] | None:
    """Return the chosen snapshot, or None: its round with the last step kept at the time, and its own step."""
    return st.session_state.get("snapshot")


def look_at_snapshot(of: tuple[int, int], step: int) -> None:
    """Choose a kept snapshot, see :func:`snapshot`; usable as a button's callback."""
    st.session_state["snapshot"] = (of, step)


def note_click(name: str) -> None:
    """Keep a click until a button of this name is drawn; usable as a button's callback."""
    st.session_state.setdefault("clicks", {})[name] = time.monotonic()


def take_click(name: str) -> bool:
    """Return True once after a click on this button; a click older than ``_CLICK_SECONDS`` is dropped."""
    noted = st.session_state.get("clicks", {}).pop(name, None)
    return noted is not None and time.monotonic() - noted < _CLICK_SECONDS


def count(key: str, start: int = 0) -> int:
    """Return a small counter of this window."""
    return int(st.session_state.get(f"count_{key}", start))


def set_count(key: str, value: int) -> None:
    """Set a counter of this window; usable as a button's callback."""
    st.session_state[f"count_{key}"] = value


def choices() -> dict[str, Any]:
    """Return the training settings changed in this window, by name of :class:`core.config.TrainConfig`."""
    return dict(st.session_state.get("choices", {}))


def set_choices(changed: dict[str, Any]) -> None:
    """Keep the training settings other than the defaults."""
    st.session_state["choices"] = changed


def augmentation() -> AugmentConfig:
    """Return this window's augmentation settings for the next round."""
    return AugmentConfig(**st.session_state.get("augmentation", {}))


def set_augmentation(config: AugmentConfig | None) -> None:
    """Keep the augmentation settings; None for the defaults."""
    st.session_state["augmentation"] = {} if config is None else asdict(config)


def widget(key: str, default: Any = None) -> Any:
    """Return the value of the widget with this key, or ``default`` while it is not on the page."""
    return st.session_state.get(key, default)


def set_widget(key: str, value: Any) -> None:
    """Set a widget before it is drawn, such as a slider after a click on a chart."""
    st.session_state[key] = value


def say(message: str) -> None:
    """Keep a short message to show as a toast in the next run of the page."""
    st.session_state.setdefault("messages", []).append(message)


def messages() -> list[str]:
    """Return the messages not shown yet, each once."""
    return list(st.session_state.pop("messages", []))
