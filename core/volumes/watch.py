"""A volume in use, whose files are looked at now and then."""

from __future__ import annotations

import time

from core.errors import VolumeError
from core.volumes.base import Volume
from core.volumes.fingerprint import glance

_EVERY_SECONDS = 1.0
_SHARE = 0.01  # of the time, at most, where a folder holds many files or lies far away


class WatchedVolume:
    """An opened volume, and how its files looked before it was opened.

    Parameters
    ----------
    volume
        The volume.
    looks
        The ``glance`` at its files, taken before anything else was found out about them.
    """

    def __init__(self, volume: Volume, looks: str) -> None:
        self.volume = volume
        self._looks = looks
        self._next = time.monotonic() + _EVERY_SECONDS

    def is_current(self) -> bool:
        """Whether the files look the same; answered from memory for about a second after each look."""
        started = time.monotonic()
        if started < self._next:
            return True
        try:
            return glance(self.volume.path) == self._looks
        except VolumeError:
            return False
        finally:
            ended = time.monotonic()
            self._next = ended + max(_EVERY_SECONDS, (ended - started) / _SHARE)
