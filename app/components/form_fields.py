"""Form fields made from the metadata of a configuration, and the checks of their values."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from core.config import help_text, labelled, setting


def key(name: str) -> str:
    """Return the widget key of a setting's field; without a key, Streamlit makes a new field for each new default."""
    return f"train_{name}"


def label(config: type, name: str) -> str:
    """Return the name of a setting on the page."""
    return str(setting(config, name, "label"))


def page_help(config: type, name: str) -> str:
    """Return the help of a setting on the page."""
    return setting(config, name, "page_help") or help_text(config, name)


def limits(config: type, name: str) -> tuple[Any, Any]:
    """Return the least and the most value in a form; None for no upper limit."""
    own = setting(config, name, "at_least"), setting(config, name, "at_most")
    return setting(config, name, "on_page") or own


class Form:
    """Fields of settings, and whether their values are allowed.

    The limits are checked here, not in the browser: a browser would silently keep back a number beyond them, and a round
    would start with the previous value.
    """

    def __init__(self) -> None:
        self.allowed = True
        """True while every number is within its limits and all settings are compatible."""

    def setting(self, name: str, before: Any, place: DeltaGenerator | None = None, **own: Any) -> Any:
        """Ask for a setting of ``before``: its label, value, limits and help, or the field's ``own``."""
        config, value = type(before), getattr(before, name)
        usual = {"key": key(name), "help": page_help(config, name)}
        if isinstance(value, bool):
            return (place or st).checkbox(label(config, name), value, **{**usual, **own})
        choices = setting(config, name, "choices")
        if choices is not None:
            return self.choice(name, before, {choice: str(choice) for choice in choices}, place)
        least, most = limits(config, name)
        shown = {kind: setting(config, name, kind) for kind in ("step", "format")}
        if isinstance(shown["step"], int) and value is not None:
            value = int(value)
        usual |= {"least": least, "most": most, "value": value, **shown}
        return self.number(label(config, name), place, **{**usual, **own})

    def choice(self, name: str, before: Any, names: Mapping[Any, str], place: DeltaGenerator | None = None) -> Any:
        """Ask for a setting with few values, each shown by its name; the default is the value in ``before``."""
        config, values = type(before), list(names)
        chosen = (place or st).selectbox(
            label(config, name),
            values,
            index=values.index(getattr(before, name)),
            format_func=names.__getitem__,
            key=key(name),
            help=page_help(config, name),
        )
        return str(chosen) if isinstance(chosen, str) else chosen

    def rest(self, before: Any, asked: Collection[str]) -> dict[str, Any]:
        """Ask for all labelled settings not yet asked for, such as a new one."""
        return {name: self.setting(name, before) for name in labelled(type(before)) if name not in asked}

    def number(self, label: str, place: DeltaGenerator | None = None, *, least: Any, most: Any = None, **field: Any) -> Any:
        """Ask for a number; show an error below it unless it lies from ``least`` to ``most``."""
        into = place or st
        value = into.number_input(label, **field)
        if value is None or (value >= least and (most is None or value <= most)):
            return value
        limits = f"{least:,} or more" if most is None else f"{least:,} to {most:,}"
        self.refuse(f"{label}: {value:,} is not allowed; give {limits}.", place)
        return value

    def refuse(self, sentence: str, place: DeltaGenerator | None = None) -> None:
        """Show why the chosen settings are not allowed."""
        self.allowed = False
        (place or st).error(sentence)
