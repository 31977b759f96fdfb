"""The fields of a form, each made from what a configuration says of a setting, and what is not allowed."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from core.config import help_text, labelled, setting


def key(name: str) -> str:
    """Names the field of a setting; Streamlit takes one without a name for another as soon as it begins with another value."""
    return f"train_{name}"


def label(config: type, name: str) -> str:
    """What a setting is called on the page."""
    return str(setting(config, name, "label"))


def page_help(config: type, name: str) -> str:
    """What is told of a setting beside its field."""
    return setting(config, name, "page_help") or help_text(config, name)


def limits(config: type, name: str) -> tuple[Any, Any]:
    """The least and the most that a form allows; None where there is no most."""
    own = setting(config, name, "at_least"), setting(config, name, "at_most")
    return setting(config, name, "on_page") or own


class Form:
    """Fields of settings, and whether what stands in them is allowed.

    A browser that knew the limits would keep a number beyond them to itself, and a round would start with the one before.
    """

    def __init__(self) -> None:
        self.allowed = True
        """Whether every number is within its limits, and all of them go together."""

    def setting(self, name: str, before: Any, place: DeltaGenerator | None = None, **own: Any) -> Any:
        """Ask for a setting of the configuration ``before``: its label, value, limits and help, or the field's ``own``."""
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
        """Ask for a setting with a few values, each shown by its name; as it was before until another is chosen."""
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
        """Ask for the settings with a label that were not asked for yet, as a new one is."""
        return {name: self.setting(name, before) for name in labelled(type(before)) if name not in asked}

    def number(self, label: str, place: DeltaGenerator | None = None, *, least: Any, most: Any = None, **field: Any) -> Any:
        """Ask for a number, and say below it if it is not from ``least`` to ``most``."""
        into = place or st
        value = into.number_input(label, **field)
        if value is None or (value >= least and (most is None or value <= most)):
            return value
        limits = f"{least:,} or more" if most is None else f"{least:,} to {most:,}"
        self.refuse(f"{label}: {value:,} is not allowed; give {limits}.", place)
        return value

    def refuse(self, sentence: str, place: DeltaGenerator | None = None) -> None:
        """Say why what was chosen is not allowed."""
        self.allowed = False
        (place or st).error(sentence)
