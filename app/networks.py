"""Which network the next round trains and what it begins with: a part of the form on the Rounds page."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

import streamlit as st

from core.config import Architecture, InitialWeights, TrainConfig, help_text, setting

_NAMES = {
    Architecture.UNET: "U-Net (the default)",
    Architecture.UNET_3D: "U-Net in 3D",
    Architecture.MONAI_BASIC_UNET: "MONAI BasicUNet",
    Architecture.MONAI_UNET: "MONAI UNet",
    Architecture.MONAI_DYN_UNET: "MONAI DynUNet",
    Architecture.MONAI_SEG_RES_NET: "MONAI SegResNet",
    Architecture.MONAI_ATTENTION_UNET: "MONAI AttentionUnet",
    Architecture.MONAI_UNETR: "MONAI UNETR",
}
"""All that a form can choose: a network of one's own is given from Python."""

_INITIAL_WEIGHTS = {
    InitialWeights.PREVIOUS: "the weights of the last round",
    InitialWeights.SHRINK_PERTURB: "half of them, half random",
    InitialWeights.RANDOM: "random weights",
}


def ask(before: TrainConfig, *, first: bool) -> dict[str, Any]:
    """The form; its settings by name of :class:`core.config.TrainConfig`. The ``first`` round has nothing to begin with."""
    names = list(_NAMES)
    architecture = st.selectbox(
        "Network",
        names,
        index=names.index(Architecture(before.architecture)),
        format_func=_NAMES.__getitem__,
        help=help_text(TrainConfig, "architecture"),
    )
    least = 1 if architecture == Architecture.UNET_3D else 0
    neighbours = st.number_input(
        "Neighbouring slices on each side",
        min_value=least,
        max_value=setting(TrainConfig, "neighbours", "at_most"),
        value=max(least, before.neighbours),
        help=help_text(TrainConfig, "neighbours"),
    )
    if architecture.startswith("monai") and find_spec("monai") is None:
        st.warning("MONAI is not installed; `pip install 'underpaint[monai]'`, or choose another network.")
    weights = before.initial_weights if first else _initial_weights(before)
    return {"architecture": architecture.value, "neighbours": int(neighbours), "initial_weights": weights}


def _initial_weights(before: TrainConfig) -> str:
    """What the round begins with, where there is a round before it."""
    known = list(_INITIAL_WEIGHTS)
    chosen = st.selectbox(
        "Begin with",
        known,
        index=known.index(InitialWeights(before.initial_weights)),
        format_func=_INITIAL_WEIGHTS.__getitem__,
        help=help_text(TrainConfig, "initial_weights"),
    )
    return chosen.value
