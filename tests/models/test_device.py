"""What a machine can do is found out: the device, bfloat16 in hardware, and what running out of memory looks like."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

from core.models import device


@pytest.fixture(autouse=True)
def forgotten() -> Iterator[None]:
    """What was found out on this machine is asked again, before and after."""
    for found_once in (device.choose_device, device.has_bfloat16):
        found_once.cache_clear()
    yield
    for found_once in (device.choose_device, device.has_bfloat16):
        found_once.cache_clear()


@pytest.mark.parametrize(("cuda", "mps", "expected"), [(True, True, "cuda"), (False, True, "mps"), (False, False, "cpu")])
def test_the_fastest_device_is_chosen(monkeypatch: pytest.MonkeyPatch, cuda: bool, mps: bool, expected: str) -> None:
    """CUDA before MPS before the processor."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)
    assert device.choose_device().type == expected


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        ({"avx2": True, "avx512_bf16": True}, "bf16-mixed"),
        ({"avx2": True, "amx_bf16": True}, "bf16-mixed"),
        ({"avx2": True, "avx512_bf16": False, "amx_bf16": False}, "32-true"),  # would be slower than float32
    ],
)
def test_bfloat16_only_where_the_processor_has_it(monkeypatch: pytest.MonkeyPatch, flags: dict[str, bool], expected: str) -> None:
    """By its instruction sets; training, autocast and card agree."""
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: flags, raising=False)
    monkeypatch.setattr(device, "_made_by_intel", lambda: False)
    cpu = torch.device("cpu")
    assert device.precision(cpu) == expected
    with device.autocast(cpu):
        product = torch.ones(2, 2) @ torch.ones(2, 2)
    assert (product.dtype == torch.bfloat16) == (expected == "bf16-mixed")


@pytest.mark.parametrize(
    ("maker", "flags", "expected"),
    [
        ("GenuineIntel", {"avx512_bf16": True, "amx_bf16": True}, True),
        ("GenuineIntel", {"avx512_bf16": True, "amx_bf16": False}, False),  # measured: 261 ms a step instead of 174
        ("AuthenticAMD", {"avx512_bf16": True}, True),
    ],
)
@pytest.mark.parametrize("linux", [True, False])
def test_an_intel_processor_needs_amx(
    monkeypatch: pytest.MonkeyPatch, maker: str, flags: dict[str, bool], expected: bool, linux: bool
) -> None:
    """Its AVX-512 alone is slower in bf16 than in float32; who made it is asked of Linux, or of the system."""
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: flags, raising=False)
    monkeypatch.setattr(device.Path, "exists", lambda path: linux)
    monkeypatch.setattr(device.Path, "read_text", lambda path: f"vendor_id : {maker}\nflags : fpu")
    monkeypatch.setattr(device.platform, "processor", lambda: f"Family 6 Model 143 Stepping 8, {maker}")
    assert device.has_bfloat16("cpu") == expected


def test_an_older_pytorch_reads_the_instruction_sets_from_linux(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where PyTorch does not tell, and nobody does, float32 is safe."""

    def untold() -> dict[str, bool]:
        raise AttributeError("get_capabilities")

    monkeypatch.setattr(torch.cpu, "get_capabilities", untold, raising=False)
    monkeypatch.setattr(device.Path, "exists", lambda path: True)
    monkeypatch.setattr(device.Path, "read_text", lambda path: "flags : fpu avx2 amx_bf16 amx_tile")
    assert device.has_bfloat16("cpu")
    device.has_bfloat16.cache_clear()
    monkeypatch.setattr(device.Path, "exists", lambda path: False)
    assert not device.has_bfloat16("cpu")


def test_no_bfloat16_on_apples_gpus_nor_where_a_gpu_only_emulates_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """A GPU is asked for hardware, not for an emulation."""
    asked = []
    monkeypatch.setattr(
        torch.cuda, "is_bf16_supported", lambda *, including_emulation: asked.append(including_emulation) or False
    )
    assert not device.has_bfloat16("cuda")
    assert asked == [False]
    assert not device.has_bfloat16("mps")


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB"), True),
        (RuntimeError("MPS backend out of memory (MPS allocated: 8 GB)"), True),
        (RuntimeError("[enforce fail at alloc_cpu.cpp:117] DefaultCPUAllocator: can't allocate memory"), True),
        (RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"), True),
        (RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"), True),
        (RuntimeError("GET was unable to find an engine to execute this computation"), True),
        (RuntimeError("could not create a memory object"), True),
        (RuntimeError("std::bad_alloc"), True),
        (MemoryError("Unable to allocate 9.3 GiB for an array"), True),
        (RuntimeError("The size of tensor a (3) must match the size of tensor b (4)"), False),
        (ValueError("out of memory"), False),
    ],
)
def test_what_running_out_of_memory_looks_like(error: Exception, expected: bool) -> None:
    """Each device has words of its own; other errors are not answered by a smaller batch."""
    assert device.is_out_of_memory(error) is expected
