"""The one way to report progress and to request a stop."""

from __future__ import annotations

from collections.abc import Callable

from core.errors import Cancelled

Report = Callable[[float, str], bool]
"""Receives the share done (0 to 1) and a sentence; returns True to request a stop."""


def silent(share: float, message: str) -> bool:
    """Discard the report and never request a stop."""
    return False


def advance(report: Report, share: float, message: str, *, cancelled: str = "It was cancelled; nothing was written.") -> None:
    """Report the share done (0 to 1) and a sentence.

    Parameters
    ----------
    cancelled
        Error message on a stop.

    Raises
    ------
    Cancelled
        If ``report`` requested a stop.
    """
    if report(share, message):
        raise Cancelled(cancelled)
