"""Short garbage collections, so that no stroke waits for one.

Streamlit asks for a full collection after every run of a script, and the pages run one every second or two. Looking through
all objects of the libraries takes 100 ms, in which nothing else in the process moves. So what has survived a collection
that took long is set aside (``gc.freeze``), and the next one looks at newer objects only.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Mapping

_LONG_S = 0.015
_THAW_EVERY_S = 3600.0
_OLDEST = 2


class Pauses:
    """Sets aside what survives long collections; once an hour everything is looked at again, so that nothing leaks for good.

    Parameters
    ----------
    now
        A clock in seconds.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._began = self._thawed = now()

    def __call__(self, phase: str, info: Mapping[str, int]) -> None:
        """What ``gc.callbacks`` calls: ``phase`` is ``start`` or ``stop``, ``info`` names the generation."""
        now = self._now()
        if phase == "start":
            self._began = now
        elif info["generation"] == _OLDEST and now - self._began > _LONG_S:
            gc.freeze()
        if phase == "stop" and now - self._thawed > _THAW_EVERY_S:
            self._thawed = now
            gc.unfreeze()


def keep_pauses_short() -> None:
    """Begin to set aside what survives, in this process."""
    gc.callbacks.append(Pauses())
