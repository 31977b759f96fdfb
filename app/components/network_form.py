"""Which network the next round trains and what it begins with: a part of the form on the Rounds page."""

from __future__ import annotations

from importlib.util import find_spec
from shutil import which
from typing import Any

from app.components import form_fields
from core.config import FIXED_DEPTH, LEAST_DEPTH, Architecture, InitialWeights, TrainConfig, setting

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
    InitialWeights.PREVIOUS: "last round's weights",
    InitialWeights.SHRINK_PERTURB: "half of them, half random",
    InitialWeights.RANDOM: "random weights",
}


def ask(form: form_fields.Form, before: TrainConfig, *, first: bool) -> dict[str, Any]:
    """The form; its settings by name of :class:`core.config.TrainConfig`. The ``first`` round has nothing to begin with."""
    architecture = form.choice("architecture", before, _NAMES)
    depth = before.depth if architecture in FIXED_DEPTH else _depth(form, before, architecture)
    furthest = setting(TrainConfig, "neighbours", "at_most")
    least, most = (1, min(furthest, depth - 1)) if architecture == Architecture.UNET_3D else (0, furthest)
    limits: dict[str, Any] = {"least": least, "most": most, "value": min(most, max(least, before.neighbours))}
    own = f"{form_fields.key('neighbours')}_{least}_{most}"  # with other limits it begins anew
    neighbours = form.setting("neighbours", before, **limits, key=own)
    if architecture.startswith("monai") and find_spec("monai") is None:
        form.refuse("MONAI is not installed; `pip install 'underpaint[monai]'`, or choose another network.")
    weights = before.initial_weights if first else form.choice("initial_weights", before, _INITIAL_WEIGHTS)
    asked = {"architecture": architecture, "depth": depth, "neighbours": int(neighbours), "initial_weights": weights}
    return {**asked, "devices": _devices(form, before)}


def _depth(form: form_fields.Form, before: TrainConfig, architecture: str) -> int:
    """How many levels; as many as before while a number is refused."""
    least, most = LEAST_DEPTH.get(architecture, 1), setting(TrainConfig, "depth", "at_most")
    asked = form.setting("depth", before, least=least)
    return int(asked) if asked is not None and least <= asked <= most else max(least, before.depth)


def _devices(form: form_fields.Form, before: TrainConfig) -> int:
    """How many GPUs train together; asked only where there are several."""
    there = _gpus()
    if there < 2:
        return TrainConfig.devices
    return int(form.setting("devices", before, most=there, value=min(before.devices, there)))


def _gpus() -> int:
    """How many there are; PyTorch takes seconds to import and is asked only where a driver is installed."""
    if not any(map(which, ("nvidia-smi", "rocm-smi"))):
        return 0
    from core.models.device import gpus

    return gpus()
