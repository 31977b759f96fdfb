"""What one browser window remembers: the only file that touches ``st.session_state``.

Everything that must survive the window (labels, rounds, jobs) is in the project; what is kept here may be lost at a
reload without harm: which project is open, which slice is under review, and short messages. The slice in the editor is in
the address too, where the editor writes it.
"""

from __future__ import annotations

import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import streamlit as st

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
"""How long a click waits for its button: a slow run of a page, and less than somebody waits before they click again."""


def workspace() -> Path:
    """The folder that holds every project of this server."""
    return workspace_folder()


@st.cache_resource(show_spinner=False)
def _last_opened() -> dict[str, str]:
    """The project opened last on this server, by workspace, so that a reload comes back to it."""
    return {}


def project() -> Project | None:
    """The open project: chosen here, named in the address, opened last, or the only one there is; else None."""
    known = list_projects(workspace())
    last = _last_opened().get(str(workspace()))
    for name in (st.session_state.get("project"), st.query_params.get("project"), last, *known[: len(known) == 1]):
        if name in known:
            st.session_state["project"] = _last_opened()[str(workspace())] = name
            return open_project(name)
    return None


def choose(name: str) -> None:
    """Open another project and forget the slices of the one before, and how its next round was to be trained."""
    st.session_state["project"] = name
    _last_opened()[str(workspace())] = name
    for key in ("editing", "reviewing", "count_hot", "choices", "augmentation", "count_tensorboard", "snapshot"):
        st.session_state.pop(key, None)


def token() -> str:
    """The secret that lets this window, and no other site, change labels over HTTP."""
    if "token" not in st.session_state:
        st.session_state["token"] = issue_token()
    return str(st.session_state["token"])


def editing() -> SliceId | None:
    """The slice in the editor; in a new window the one in the address, or None when the page shall choose one."""
    kept = st.session_state.get("editing")
    return _addressed() if kept is None else SliceId(*kept)


def _addressed() -> SliceId | None:
    """The slice of the open project that the address names; it may be none that there is."""
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
    """Tell Streamlit's browser side the address of the slice in the editor, once it has stayed for a while.

    The editor writes the address at once, which a reload asks for. A browser that is still there when the server is
    started anew sends the address as Streamlit knows it. A slice or page that only just came is left to the editor: the
    page may be behind, and what it writes then would become an entry of the browser's history.
    """
    slice_id = editing()
    if slice_id is None or not st.session_state.get("stayed"):
        st.session_state["stayed"] = True
        return
    wanted = {"project": str(st.session_state["project"]), "volume": str(slice_id.volume), "slice": str(slice_id.z)}
    if any(st.query_params.get(name) != value for name, value in wanted.items()):
        st.query_params.update(wanted)


def open_in_editor(slice_id: SliceId) -> None:
    """Put a slice into the editor and go there."""
    edit(slice_id)
    st.switch_page(PAGES["annotate"])


def reviewing() -> SliceId | None:
    """The slice under review, or None before one was chosen."""
    kept = st.session_state.get("reviewing")
    return None if kept is None else SliceId(*kept)


def review(slice_id: SliceId) -> None:
    """Choose the slice under review."""
    st.session_state["reviewing"] = slice_id


def snapshot() -> tuple[tuple[int, int], int] | None:
    """The kept snapshot that was chosen last: its round with the last step that was kept then, and its own; None for none."""
    return st.session_state.get("snapshot")


def look_at_snapshot(of: tuple[int, int], step: int) -> None:
    """Choose a kept snapshot, see :func:`snapshot`; good as a button's callback."""
    st.session_state["snapshot"] = (of, step)


def note_click(name: str) -> None:
    """Keep a click until a button of this name is drawn; good as a button's callback."""
    st.session_state.setdefault("clicks", {})[name] = time.monotonic()


def take_click(name: str) -> bool:
    """Whether this button was clicked and has not answered yet; an old click no longer counts."""
    noted = st.session_state.get("clicks", {}).pop(name, None)
    return noted is not None and time.monotonic() - noted < _CLICK_SECONDS


def count(key: str, start: int = 0) -> int:
    """A small counter of this window."""
    return int(st.session_state.get(f"count_{key}", start))


def set_count(key: str, value: int) -> None:
    """Put a counter of this window to a value; good as a button's callback."""
    st.session_state[f"count_{key}"] = value


def choices() -> dict[str, Any]:
    """The settings of training that were changed in this window, by name of :class:`core.config.TrainConfig`."""
    return dict(st.session_state.get("choices", {}))


def set_choices(changed: dict[str, Any]) -> None:
    """Keep the settings of training that differ from the usual ones."""
    st.session_state["choices"] = changed


def augmentation() -> AugmentConfig:
    """How this window wants patches changed in the next round."""
    return AugmentConfig(**st.session_state.get("augmentation", {}))


def set_augmentation(config: AugmentConfig | None) -> None:
    """Choose how patches are changed; None for the defaults."""
    st.session_state["augmentation"] = {} if config is None else asdict(config)


def widget(key: str, default: Any = None) -> Any:
    """The value of the widget with this key, or ``default`` while it is not on the page."""
    return st.session_state.get(key, default)


def set_widget(key: str, value: Any) -> None:
    """Move a widget before it is drawn, as a chart's click moves a slider."""
    st.session_state[key] = value


def say(message: str) -> None:
    """Keep a short message for the next run of the page, where ``main`` shows it as a toast."""
    st.session_state.setdefault("messages", []).append(message)


def messages() -> list[str]:
    """The messages not shown yet; each is handed out once."""
    return list(st.session_state.pop("messages", []))
