"""What a field of the form for training is given: the limits and the help of its setting, and a name of its own."""

from __future__ import annotations

from typing import Any

from core.config import TrainConfig, help_text, setting


def key(name: str) -> str:
    """Names the field of a setting; Streamlit takes one without a name for another as soon as it begins with another value."""
    return f"train_{name}"


def number(name: str, before: TrainConfig, **own: Any) -> dict[str, Any]:
    """Of a number field: the setting's value and limits, or the field's ``own``."""
    least, most = (setting(TrainConfig, name, kind) for kind in ("at_least", "at_most"))
    usual = {"min_value": least, "max_value": most, "value": getattr(before, name)}
    return {**usual, "key": key(name), "help": help_text(TrainConfig, name), **own}
