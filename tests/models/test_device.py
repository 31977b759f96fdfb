"""Detection of the device, of bfloat16 in hardware and of out-of-memory errors."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

from core.models import device


@pytest.fixture(autouse=True)
def forgotten() -> Iterator[None]:
    """Clear the cached findings about this machine before and after a test."""
    for found_once in (device.choose_device, device.has_bfloat16):
        found_once.cache_clear()
    yield
    for found_once in (device.choose_device, device.has_bfloat16):
        found_once.cache_clear()


@pytest.mark.parametrize(("cuda", "mps", "expected"), [(True, True, "cuda"), (False, True, "mps"), (False, False, "cpu")])
def test_the_fastest_device_is_chosen(monkeypatch: pytest.MonkeyPatch, cuda: bool, mps: bool, expected: str) -> None:
    """CUDA is preferred to MPS, and MPS to the processor."""
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
    """The processor's instruction sets decide about bfloat16; training, autocast and card agree."""
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
    """An Intel processor with AVX-512 alone uses float32; Linux or the system names the manufacturer."""
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: flags, raising=False)
    monkeypatch.setattr(device.Path, "exists", lambda path: linux)
    monkeypatch.setattr(device.Path, "read_text", lambda path: f"vendor_id : {maker}\nflags : fpu")
    monkeypatch.setattr(device.platform, "processor", lambda: f"Family 6 Model 143 Stepping 8, {maker}")
    assert device.has_bfloat16("cpu") == expected


def test_an_older_pytorch_reads_the_instruction_sets_from_linux(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without capabilities from PyTorch, Linux names the instruction sets; without either, float32 is used."""

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
    """Only bfloat16 in hardware counts, not an emulation."""
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
    """Out-of-memory messages of every device are recognised; other errors are not."""
    assert device.is_out_of_memory(error) is expected
