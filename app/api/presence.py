"""The slices open in other browser windows, by their latest requests; in memory only."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable

SECONDS = 15.0
"""A window without a request for this time counts as closed."""


class Presence:
    """The latest slice of each window, for at most ``most`` windows; the longest silent ones are dropped first."""

    def __init__(self, most: int = 256, now: Callable[[], float] = time.monotonic) -> None:
        self._most = most
        self._now = now
        self._seen: OrderedDict[str, tuple[Hashable, float]] = OrderedDict()  # the longest silent first
        self._lock = threading.Lock()

    def others(self, window: str, place: Hashable) -> int:
        """Note that ``window`` shows ``place``; return the number of other windows there within ``SECONDS``."""
        with self._lock:
            now = self._now()
            self._seen[window] = (place, now)
            self._seen.move_to_end(window)
            while len(self._seen) > self._most or now - next(iter(self._seen.values()))[1] > SECONDS:
                self._seen.popitem(last=False)
            return sum(where == place for where, _ in self._seen.values()) - 1

    def leave(self, window: str) -> None:
        """Forget a closed or reloaded window."""
        with self._lock:
            self._seen.pop(window, None)
