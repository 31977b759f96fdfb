"""The number fields of a form for training: limits and help of a setting, a name of its own, and what is not allowed."""

from __future__ import annotations

from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from core.config import TrainConfig, help_text, setting


def key(name: str) -> str:
    """Names the field of a setting; Streamlit takes one without a name for another as soon as it begins with another value."""
    return f"train_{name}"


class Form:
    """Number fields, and whether what stands in them is allowed.

    A browser that knew the limits would keep a number beyond them to itself, and a round would start with the one before.
    """

    def __init__(self) -> None:
        self.allowed = True
        """Whether every number is within its limits, and all of them go together."""

    def setting(self, label: str, name: str, before: TrainConfig, place: DeltaGenerator | None = None, **own: Any) -> Any:
        """Ask for a setting of training; its value and limits, or the field's ``own``."""
        least, most = (setting(TrainConfig, name, kind) for kind in ("at_least", "at_most"))
        usual = {"least": least, "most": most, "value": getattr(before, name), "key": key(name)}
        return self.number(label, place, **{**usual, "help": help_text(TrainConfig, name), **own})

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
