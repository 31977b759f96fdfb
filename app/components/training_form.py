"""The training form on the Rounds page, and its values for as long as the window is open."""

from __future__ import annotations

from typing import Any

import streamlit as st

from app import session
from app.components import form_fields, network_form
from app.components.messages import settings_in_words
from core.config import Loss, StopRule, TrainConfig, changed, help_text, losses_named

_USUAL = TrainConfig()

_PATCHES = (64, 96, 128, 192, 256, 384, 512, 768, 1024)
"""Patch sides to choose from; all fit every network of the form at the default depth."""


def chosen() -> TrainConfig:
    """Return the settings chosen last in this window, or the defaults."""
    return TrainConfig(**session.choices(), augment=session.augmentation())


def logs() -> bool:
    """Return True if logs for TensorBoard are wanted."""
    return bool(session.count("tensorboard"))


def in_words(config: TrainConfig) -> str:
    """Return the settings other than the defaults in words, without the seconds; "" if there are none."""
    return settings_in_words({name: value for name, value in changed(config).items() if name != "seconds"})


def ask(form: form_fields.Form, *, first: bool) -> TrainConfig:
    """Show the form; return the latest allowed settings. ``first`` is True before the first round."""
    before = chosen()
    picked: dict[str, Any] = {"seconds": float(form.setting("seconds", before))}
    with st.expander("More choices", expanded=any(name != "seconds" for name in session.choices())):
        picked |= network_form.ask(form, before, first=first)
        picked |= _step(form, before)
        picked["loss"] = _loss(before)
        picked |= _stop_rules(form, before)
        picked |= form.rest(before, picked)
        wanted = st.checkbox("Write logs for TensorBoard", value=logs(), key=form_fields.key("tensorboard"),
                             help="Losses, learning rate and Dice of each class, beside the checkpoint; needs the package "
                                  "tensorboard.")  # fmt: skip
        session.set_count("tensorboard", int(wanted))
    if form.allowed:
        _go_together(form, picked)
    if form.allowed:
        session.set_choices({name: value for name, value in picked.items() if value != getattr(_USUAL, name)})
    return chosen()


def _go_together(form: form_fields.Form, picked: dict[str, Any]) -> None:
    """Refuse settings allowed one by one but not together, such as a small patch for many levels."""
    try:
        TrainConfig(**picked)
    except ValueError as error:
        form.refuse(str(error))


def _step(form: form_fields.Form, before: TrainConfig) -> dict[str, Any]:
    """Ask for the size of a training step and its learning rate."""
    patch, batch = st.columns(2)
    side = form.choice("patch", before, {side: str(side) for side in _PATCHES}, patch)
    number, peak = form.setting("batch", before, batch), form.setting("learning_rate", before)
    return {"patch": side, "batch": number, "learning_rate": round(peak, 6)}  # stepping adds up to 0.06000000000000001


def _stop_rules(form: form_fields.Form, before: TrainConfig) -> dict[str, Any]:
    """Ask for rules to end training before its seconds are used up; an empty field turns a rule off."""
    st.caption("Training ends when its seconds are used up, or earlier by the first of these rules:")
    rules = [str(rule) for rule in StopRule if rule != StopRule.SECONDS]
    return {name: form.setting(name, before, placeholder="off") for name in rules}


def _loss(before: TrainConfig) -> str:
    """Ask for the losses to minimise; an empty field means the default sum."""
    names = st.multiselect(
        form_fields.label(TrainConfig, "loss"),
        [str(name) for name in Loss],
        default=[str(name) for name in losses_named(before.loss)],
        key=form_fields.key("loss"),
        help=help_text(TrainConfig, "loss"),
    )
    if not names:
        st.caption(f"None is chosen: the next round uses {_USUAL.loss}.")
    return "+".join(names) or _USUAL.loss
