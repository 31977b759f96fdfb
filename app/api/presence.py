"""Which browser windows have a slice open, as far as they have asked about it of late; in memory only."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable

SECONDS = 15.0
"""A window that has not asked for so long is taken to be closed."""


class Presence:
    """The slice that each window asked about last; ``most`` windows at most, those that asked longest ago go first."""

    def __init__(self, most: int = 256, now: Callable[[], float] = time.monotonic) -> None:
        self._most = most
        self._now = now
        self._seen: OrderedDict[str, tuple[Hashable, float]] = OrderedDict()  # the longest ago first
        self._lock = threading.Lock()

    def others(self, window: str, place: Hashable) -> int:
        """Note that ``window`` looks at ``place``; the number of other windows that looked there within ``SECONDS``."""
        with self._lock:
            now = self._now()
            self._seen[window] = (place, now)
            self._seen.move_to_end(window)
            while len(self._seen) > self._most or now - next(iter(self._seen.values()))[1] > SECONDS:
                self._seen.popitem(last=False)
            return sum(where == place for where, _ in self._seen.values()) - 1

    def leave(self, window: str) -> None:
        """Forget a window that was closed or loaded anew."""
        with self._lock:
            self._seen.pop(window, None)
