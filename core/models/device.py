"""What this machine can do, found out and not assumed."""

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
    """The fastest device there is: CUDA, Apple's MPS, or the processor."""
    if torch.cuda.is_available():
        return torch.device("cuda")
    if torch.backends.mps.is_available():
        return torch.device("mps")
    return torch.device("cpu")


def gpus() -> int:
    """How many GPUs can train together: those of CUDA."""
    return torch.cuda.device_count() if torch.cuda.is_available() else 0


def check_devices(config: TrainConfig) -> None:
    """Refuse to train on more devices than there are.

    Raises
    ------
    TrainingError
        If there are fewer GPUs, or a network of the user's own would have to go to other processes.
    """
    if config.devices == 1:
        return
    if config.architecture == Architecture.OWN:
        raise TrainingError(
            f"The training is to use {config.devices} devices, but a network of your own cannot go to the processes of other "
            "devices; leave devices at 1."
        )
    there = gpus()
    if config.devices > there:
        raise TrainingError(
            f"The training is to use {config.devices} devices, but the number of GPUs (CUDA) that PyTorch finds here is "
            f"{there}, and only these can train together; choose no more than there are, or 1, for which the processor will do."
        )


@lru_cache
def has_bfloat16(kind: str) -> bool:
    """Whether a device of this kind computes bfloat16 in hardware, so that autocast saves time."""
    if kind == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    if kind != "cpu":
        return False
    flags = _cpu_flags()
    return "amx_bf16" in flags or ("avx512_bf16" in flags and not _made_by_intel())


def _made_by_intel() -> bool:
    """Whether it is an Intel processor, on which bf16 without AMX is slower than float32: ``benchmarks/log/2026-11-28.md``."""
    cpuinfo = Path("/proc/cpuinfo")
    return "GenuineIntel" in (cpuinfo.read_text() if cpuinfo.exists() else platform.processor())


def _cpu_flags() -> set[str]:
    """Instruction sets of the processor by the names of Linux; empty where nobody tells."""
    try:
        capabilities = torch.cpu.get_capabilities()  # since PyTorch 2.9
    except (AttributeError, RuntimeError):
        capabilities = {}
    if capabilities:
        return {name for name, value in capabilities.items() if value is True}
    cpuinfo = Path("/proc/cpuinfo")
    return set(cpuinfo.read_text().split()) if cpuinfo.exists() else set()


def precision(device: torch.device) -> Literal["bf16-mixed", "32-true"]:
    """The precision for Lightning's Trainer and for the card: ``bf16-mixed`` or ``32-true``."""
    return "bf16-mixed" if has_bfloat16(device.type) else "32-true"


def channels_last(network: nn.Module) -> nn.Module:
    """Lay the weights of 2D convolutions out as processors and GPUs like them best; others stay. Returns the network."""
    for weight in network.parameters():
        if weight.ndim == 4:
            weight.data = weight.data.contiguous(memory_format=torch.channels_last)
    return network


def autocast(device: torch.device) -> torch.autocast:
    """Autocast to bfloat16 where the hardware has it, otherwise a context that does nothing."""
    return torch.autocast(device.type, torch.bfloat16, enabled=has_bfloat16(device.type))


_OUT_OF_MEMORY = (
    "out of memory",
    "not enough memory",
    "can't allocate memory",
    "ALLOC_FAILED",  # cuBLAS and cuDNN
    "unable to find an engine",  # cuDNN, where there is no memory for any of its ways to convolve
    "could not create a memory",  # oneDNN
    "bad_alloc",
)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that a device, or the processor's memory, does not hold what is to be computed.

    Only PyTorch's own allocator for GPUs has a class of error for that; who asks for memory beside it says so in words.
    """
    if isinstance(error, (torch.OutOfMemoryError, MemoryError)):
        return True
    return isinstance(error, RuntimeError) and any(told in str(error) for told in _OUT_OF_MEMORY)


def release_memory(device: torch.device) -> None:
    """Give back what PyTorch keeps of a device's memory for later; what errors hold must have been let go before."""
    gc.collect()
    if device.type == "cuda":
        torch.cuda.empty_cache()
    elif device.type == "mps":
        torch.mps.empty_cache()
