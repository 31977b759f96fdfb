"""Memory of this process: how much it has taken at its peak, and whether freed memory goes back at once."""

from __future__ import annotations

import ctypes
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

try:
    import resource
except ImportError:  # Windows has no resource module
    resource = None  # type: ignore[assignment]


def peak_memory_mb() -> float | None:
    """Peak resident memory of this process in MiB; None where the system does not tell."""
    if resource is None:
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 2**20 if sys.platform == "darwin" else peak / 2**10


_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # names of glibc's malloc.h
_MIB = 1 << 20
_KEPT, _USUAL = 1024 * _MIB, 32 * _MIB
_asked = 0
"""How many are inside :func:`freed_memory_kept`, in all threads, since glibc has one setting for the process."""
_asking = threading.Lock()


@contextmanager
def freed_memory_kept() -> Iterator[None]:
    """Inside, freed memory stays with the process and is used again; after the last that asked, what is free goes back.

    By default glibc returns large blocks to the system as soon as they are free and gets them back as pages of zeros: on a
    processor a fifteenth of a training step, and a quarter to two fifths of the prediction of a volume
    (``benchmarks/log/2026-11-27-evening.md``). In other threads than the first, blocks of 64 MiB and more still go. Without
    glibc nothing happens.
    """
    libc = _glibc()
    if libc is None:
        yield
        return
    _enter(libc)
    try:
        yield
    finally:
        _leave(libc)


def _enter(libc: ctypes.CDLL) -> None:
    global _asked
    with _asking:
        _asked += 1
        if _asked == 1:
            if not libc.mallopt(_MMAP_THRESHOLD, _KEPT):  # old ones allow no more than they come to by themselves
                libc.mallopt(_MMAP_THRESHOLD, _USUAL)
            libc.mallopt(_TRIM_THRESHOLD, _KEPT)


def _leave(libc: ctypes.CDLL) -> None:
    global _asked
    with _asking:
        _asked -= 1
        if not _asked:
            libc.mallopt(_MMAP_THRESHOLD, _USUAL)
            libc.mallopt(_TRIM_THRESHOLD, 2 * _USUAL)
            libc.malloc_trim(0)


def _glibc() -> ctypes.CDLL | None:
    if not sys.platform.startswith("linux"):
        return None
    libc = ctypes.CDLL(None)
    return libc if hasattr(libc, "gnu_get_libc_version") else None
