"""Measure the peak memory of this process and delay the return of freed memory to the system."""

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
    """Return the peak resident memory of this process in MiB; None on systems without a measure."""
    if resource is None:
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 2**20 if sys.platform == "darwin" else peak / 2**10


_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # names of glibc's malloc.h
_MIB = 1 << 20
_KEPT, _USUAL = 1024 * _MIB, 32 * _MIB
_asked = 0
"""Number of active :func:`freed_memory_kept` contexts in all threads; glibc has one setting per process."""
_asking = threading.Lock()


@contextmanager
def freed_memory_kept() -> Iterator[None]:
    """Keep freed memory in the process for reuse; return it when the last such context ends.

    By default, glibc returns large blocks to the system when freed, and must get them again as zeroed pages. On a
    processor this costs a fifteenth of a training step and a quarter to two fifths of a volume's prediction
    (``benchmarks/log/2026-11-27-evening.md``). Outside the first thread, blocks of 64 MiB and more are still returned.
    Without glibc, the context does nothing.
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
            if not libc.mallopt(_MMAP_THRESHOLD, _KEPT):  # old versions reject a value above their own maximum
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
