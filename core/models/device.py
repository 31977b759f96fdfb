"""Detect the devices of this machine, their precision and their memory errors."""

from __future__ import annotations

import gc
import platform
from functools import lru_cache
from pathlib import Path
from typing import Literal

import torch
from torch import nn

from core.config import Architecture, TrainConfig
from core.errors import TrainingError


@lru_cache(maxsize=1)
def choose_device() -> torch.device:
    """Return the fastest device available: CUDA, Apple's MPS or the processor."""
    if torch.cuda.is_available():
        return torch.device("cuda")
    if torch.backends.mps.is_available():
        return torch.device("mps")
    return torch.device("cpu")


def gpus() -> int:
    """Return the number of GPUs able to train together: CUDA devices only."""
    return torch.cuda.device_count() if torch.cuda.is_available() else 0


def check_devices(config: TrainConfig) -> None:
    """Raise an error unless this machine has the devices requested.

    Raises
    ------
    TrainingError
        If there are fewer GPUs, or several devices are requested for a user-supplied network.
    """
    if config.devices == 1:
        return
    if config.architecture == Architecture.OWN:
        raise TrainingError(
            f"Training is set to {config.devices} devices, but a network of your own cannot go to the processes of other "
            "devices; set devices to 1."
        )
    there = gpus()
    if config.devices > there:
        raise TrainingError(
            f"Training is set to {config.devices} devices, but PyTorch finds {there} CUDA GPU(s) here and no other device can "
            "train with others; choose at most that number, or 1, which works on every machine."
        )


@lru_cache
def has_bfloat16(kind: str) -> bool:
    """Return whether autocast to bfloat16 saves time on a kind of device: it needs hardware support."""
    if kind == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    if kind != "cpu":
        return False
    flags = _cpu_flags()
    return "amx_bf16" in flags or ("avx512_bf16" in flags and not _made_by_intel())


def _made_by_intel() -> bool:
    """Detect an Intel processor, where bf16 without AMX is slower than float32: ``benchmarks/log/2026-11-28.md``."""
    cpuinfo = Path("/proc/cpuinfo")
    return "GenuineIntel" in (cpuinfo.read_text() if cpuinfo.exists() else platform.processor())


def _cpu_flags() -> set[str]:
    """Return the processor's instruction sets by their Linux names; empty if unknown."""
    try:
        capabilities = torch.cpu.get_capabilities()  # since PyTorch 2.9
    except (AttributeError, RuntimeError):
        capabilities = {}
    if capabilities:
        return {name for name, value in capabilities.items() if value is True}
    cpuinfo = Path("/proc/cpuinfo")
    return set(cpuinfo.read_text().split()) if cpuinfo.exists() else set()


def precision(device: torch.device) -> Literal["bf16-mixed", "32-true"]:
    """Return the precision for Lightning's Trainer and the checkpoint's card: ``bf16-mixed`` or ``32-true``."""
    return "bf16-mixed" if has_bfloat16(device.type) else "32-true"


def channels_last(network: nn.Module) -> nn.Module:
    """Convert the weights of 2D convolutions to the faster channels-last layout in place; return the network."""
    for weight in network.parameters():
        if weight.ndim == 4:
            weight.data = weight.data.contiguous(memory_format=torch.channels_last)
    return network


def autocast(device: torch.device) -> torch.autocast:
    """Return an autocast to bfloat16, disabled without hardware support."""
    return torch.autocast(device.type, torch.bfloat16, enabled=has_bfloat16(device.type))


_OUT_OF_MEMORY = (
    "out of memory",
    "not enough memory",
    "can't allocate memory",
    "ALLOC_FAILED",  # cuBLAS and cuDNN
    "unable to find an engine",  # cuDNN, without memory for any convolution algorithm
    "could not create a memory",  # oneDNN
    "bad_alloc",
)


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether an error reports too little memory, on a device or in main memory.

    Only PyTorch's own GPU allocator raises a class of its own; other libraries are recognised by their messages.
    """
    if isinstance(error, (torch.OutOfMemoryError, MemoryError)):
        return True
    return isinstance(error, RuntimeError) and any(told in str(error) for told in _OUT_OF_MEMORY)


def release_memory(device: torch.device) -> None:
    """Free the device memory in PyTorch's cache; drop references held by exceptions first."""
    gc.collect()
    if device.type == "cuda":
        torch.cuda.empty_cache()
    elif device.type == "mps":
        torch.mps.empty_cache()
