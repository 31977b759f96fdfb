"""Ask for the next round's network and initial weights: a part of the form on the Rounds page."""

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
"""The networks to choose in the form; a network of your own is available from Python only."""

_INITIAL_WEIGHTS = {
    InitialWeights.PREVIOUS: "last round's weights",
    InitialWeights.SHRINK_PERTURB: "half of them, half random",
    InitialWeights.RANDOM: "random weights",
}


def ask(form: form_fields.Form, before: TrainConfig, *, first: bool) -> dict[str, Any]:
    """Ask for the network settings, by name of :class:`core.config.TrainConfig`; the ``first`` round has no initial weights."""
    architecture = form.choice("architecture", before, _NAMES)
    depth = before.depth if architecture in FIXED_DEPTH else _depth(form, before, architecture)
    furthest = setting(TrainConfig, "neighbours", "at_most")
    least, most = (1, min(furthest, depth - 1)) if architecture == Architecture.UNET_3D else (0, furthest)
    limits: dict[str, Any] = {"least": least, "most": most, "value": min(most, max(least, before.neighbours))}
    own = f"{form_fields.key('neighbours')}_{least}_{most}"  # a field with other limits starts anew
    neighbours = form.setting("neighbours", before, **limits, key=own)
    if architecture.startswith("monai") and find_spec("monai") is None:
        form.refuse("MONAI is not installed; `pip install 'underpaint[monai]'`, or choose another network.")
    weights = before.initial_weights if first else form.choice("initial_weights", before, _INITIAL_WEIGHTS)
    asked = {"architecture": architecture, "depth": depth, "neighbours": int(neighbours), "initial_weights": weights}
    return {**asked, "devices": _devices(form, before)}


def _depth(form: form_fields.Form, before: TrainConfig, architecture: str) -> int:
    """Ask for the number of levels; keep the previous one while a number is refused."""
    least, most = LEAST_DEPTH.get(architecture, 1), setting(TrainConfig, "depth", "at_most")
    asked = form.setting("depth", before, least=least)
    return int(asked) if asked is not None and least <= asked <= most else max(least, before.depth)


def _devices(form: form_fields.Form, before: TrainConfig) -> int:
    """Ask for the number of GPUs to train on, if there are several."""
    there = _gpus()
    if there < 2:
        return TrainConfig.devices
    return int(form.setting("devices", before, most=there, value=min(before.devices, there)))


def _gpus() -> int:
    """Return the number of GPUs; import PyTorch, a matter of seconds, only if a driver is installed."""
    if not any(map(which, ("nvidia-smi", "rocm-smi"))):
        return 0
    from core.models.device import gpus

    return gpus()
