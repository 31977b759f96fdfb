"""How the next round is trained: the form on the Rounds page, and what was chosen there for as long as the window is open."""

from __future__ import annotations

from typing import Any

import streamlit as st

from app import session
from app.components import form_fields, network_form
from app.components.messages import settings_in_words
from core.config import Loss, StopRule, TrainConfig, changed, help_text, losses_named

_USUAL = TrainConfig()

_PATCHES = (64, 96, 128, 192, 256, 384, 512, 768, 1024)
"""Sides to choose from, which fit every network of the form with the usual levels."""


def chosen() -> TrainConfig:
    """The settings as they were chosen last in this window, or the usual ones."""
    return TrainConfig(**session.choices(), augment=session.augmentation())


def logs() -> bool:
    """Whether logs for TensorBoard are wanted."""
    return bool(session.count("tensorboard"))


def in_words(config: TrainConfig) -> str:
    """The settings that are not the usual ones, but for the seconds; "" where all are."""
    return settings_in_words({name: value for name, value in changed(config).items() if name != "seconds"})


def ask(form: form_fields.Form, *, first: bool) -> TrainConfig:
    """The form; the settings as they were when all of them were allowed. ``first`` says that no round was trained yet."""
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
    """Refuse settings that are allowed one by one, but not together, such as a small patch for many levels."""
    try:
        TrainConfig(**picked)
    except ValueError as error:
        form.refuse(str(error))


def _step(form: form_fields.Form, before: TrainConfig) -> dict[str, Any]:
    """What a step of the training sees, and how far it goes."""
    patch, batch = st.columns(2)
    side = form.choice("patch", before, {side: str(side) for side in _PATCHES}, patch)
    number, peak = form.setting("batch", before, batch), form.setting("learning_rate", before)
    return {"patch": side, "batch": number, "learning_rate": round(peak, 6)}  # stepping adds up to 0.06000000000000001


def _stop_rules(form: form_fields.Form, before: TrainConfig) -> dict[str, Any]:
    """What may end the training before its seconds are used up; an empty field is a rule that is off."""
    st.caption("Training ends when its seconds are used up, or before, by the first of these that is set:")
    rules = [str(rule) for rule in StopRule if rule != StopRule.SECONDS]
    return {name: form.setting(name, before, placeholder="off") for name in rules}


def _loss(before: TrainConfig) -> str:
    """What training minimises; the usual sum where nothing is left in the field."""
    names = st.multiselect(
        form_fields.label(TrainConfig, "loss"),
        [str(name) for name in Loss],
        default=[str(name) for name in losses_named(before.loss)],
        key=form_fields.key("loss"),
        help=help_text(TrainConfig, "loss"),
    )
    if not names:
        st.caption(f"None is chosen, so it is {_USUAL.loss}.")
    return "+".join(names) or _USUAL.loss
