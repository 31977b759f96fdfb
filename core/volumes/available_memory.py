"""Compare what a slice takes in memory with what there is, before it is read: a header may promise any size."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psutil

from core.errors import VolumeError

try:
    import resource
except ImportError:  # Windows has no resource module
    resource = None  # type: ignore[assignment]

_ALWAYS_TRIED = 64 * 2**20
"""Bytes up to which nobody is asked: a small slice is read in less time than it takes to ask."""

_PROC, _CGROUPS = Path("/proc"), Path("/sys/fs/cgroup")


def refuse_beyond_memory(needed: int, what: str) -> None:
    """Raise unless so many bytes are available.

    Parameters
    ----------
    needed
        Bytes.
    what
        The first words of the message, such as "A slice of image.tif".

    Raises
    ------
    VolumeError
        If fewer are available.
    """
    if needed <= _ALWAYS_TRIED:
        return
    available = available_memory()
    if needed > available:
        raise VolumeError(
            f"{what} takes {_gib(needed)} of memory to read and {_gib(available)} are available; close other programs or cut the "
            "volume into smaller slices, and if it is not as large as that, its header is damaged: save it again."
        )


def available_memory(proc: Path = _PROC, cgroups: Path = _CGROUPS) -> int:
    """Return how many bytes this process can still take: the least that the machine, its container and its own limit leave.

    Parameters
    ----------
    proc, cgroups
        Where Linux tells of the limits of containers.
    """
    free = psutil.virtual_memory().available
    return max(0, min((free, *_of_the_container(proc, cgroups), *_of_the_process(proc))))


def _of_the_container(proc: Path, cgroups: Path) -> Iterator[int]:
    """Yield what each control group that holds this process leaves, of either version."""
    for line in _lines(proc / "self" / "cgroup"):
        _, controllers, inside = line.split(":", 2)
        if not controllers:
            yield from _left(cgroups, inside, "memory.max", "memory.current", "")
        elif "memory" in controllers.split(","):
            yield from _left(cgroups / "memory", inside, "memory.limit_in_bytes", "memory.usage_in_bytes", "total_")


def _left(root: Path, inside: str, limit: str, used: str, prefix: str) -> Iterator[int]:
    folder = root / inside.lstrip("/")
    for group in (folder, *folder.parents):
        most, now = (" ".join(_lines(group / name)) for name in (limit, used))
        if most.isdecimal() and now.isdecimal():
            facts = dict(line.split() for line in _lines(group / "memory.stat"))
            files = (int(facts.get(f"{prefix}{kind}", 0)) for kind in ("active_file", "inactive_file"))
            cached = sum(files)  # given back on demand
            yield int(most) - int(now) + cached
        if group == root:
            return


def _of_the_process(proc: Path) -> Iterator[int]:
    if resource is None or not hasattr(resource, "RLIMIT_AS"):
        return
    most, _ = resource.getrlimit(resource.RLIMIT_AS)
    if most != resource.RLIM_INFINITY:
        pages = next((int(line.split()[0]) for line in _lines(proc / "self" / "statm")), 0)
        yield most - pages * resource.getpagesize()


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text().splitlines()
    except OSError:
        return []


def _gib(size: int) -> str:
    return f"{size / 2**30:,.1f} GiB"
