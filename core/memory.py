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
_inside, _changing = 0, threading.Lock()  # how many have asked for it, in all threads


@contextmanager
def freed_memory_kept() -> Iterator[None]:
    """Inside, freed memory stays with the process and is used again; after the last that asked, what is free goes back.

    By default glibc returns large blocks to the system as soon as they are free and gets them back as pages of zeros: on a
    processor a fifteenth of a training step, and a quarter to two fifths of a prediction. Without glibc nothing happens.
    """
    libc = _glibc()
    if libc is None:
        yield
        return
    _count(libc, 1)
    try:
        yield
    finally:
        _count(libc, -1)


def _count(libc: ctypes.CDLL, more: int) -> None:
    """One more or less has asked; the first and the last change what glibc does."""
    global _inside  # as what glibc does is of the whole process
    with _changing:
        before, _inside = _inside, _inside + more
        if not before:
            libc.mallopt(_MMAP_THRESHOLD, _KEPT)
            libc.mallopt(_TRIM_THRESHOLD, _KEPT)
        elif not _inside:
            libc.mallopt(_MMAP_THRESHOLD, _USUAL)
            libc.mallopt(_TRIM_THRESHOLD, 2 * _USUAL)
            libc.malloc_trim(0)


def _glibc() -> ctypes.CDLL | None:
    if not sys.platform.startswith("linux"):
        return None
    libc = ctypes.CDLL(None)
    return libc if hasattr(libc, "gnu_get_libc_version") else None
