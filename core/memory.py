"""How much memory this process has taken at its peak."""

from __future__ import annotations

import sys

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
