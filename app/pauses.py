"""Keep garbage collections short: no stroke should wait for one.

Streamlit requests a full collection after every script run, and the pages run every second or two. Scanning all objects of
the libraries takes 100 ms and blocks every thread of the process. So after a long collection the surviving objects are set
aside (``gc.freeze``), and later collections scan newer objects only.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Mapping

_LONG_S = 0.015
_THAW_EVERY_S = 3600.0
_OLDEST = 2


class Pauses:
    """Set aside the survivors of long collections; once an hour collect everything again, to end any leak.

    Parameters
    ----------
    now
        A clock in seconds.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._began = self._thawed = now()

    def __call__(self, phase: str, info: Mapping[str, int]) -> None:
        """Handle an event of ``gc.callbacks``: ``phase`` is ``start`` or ``stop``, ``info`` names the generation."""
        now = self._now()
        if phase == "start":
            self._began = now
        elif info["generation"] == _OLDEST and now - self._began > _LONG_S:
            gc.freeze()
        if phase == "stop" and now - self._thawed > _THAW_EVERY_S:
            self._thawed = now
            gc.unfreeze()


def keep_pauses_short() -> None:
    """Start setting aside survivors in this process."""
    gc.callbacks.append(Pauses())
