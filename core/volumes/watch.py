"""Check the files of an open volume for changes."""

from __future__ import annotations

import time

from core.errors import VolumeError
from core.volumes.base import Volume
from core.volumes.fingerprint import glance

_EVERY_SECONDS = 1.0
_SHARE = 0.01  # maximum share of time spent on checks, for large folders and slow network disks


class WatchedVolume:
    """An open volume and the state of its files at opening.

    Parameters
    ----------
    volume
        The volume.
    state
        The ``glance`` of its files, taken before opening.
    """

    def __init__(self, volume: Volume, state: str) -> None:
        self.volume = volume
        self._glance = state
        self._next = time.monotonic() + _EVERY_SECONDS

    def is_current(self) -> bool:
        """Return whether the files are unchanged, from a check at most about a second old (more on slow disks)."""
        started = time.monotonic()
        if started < self._next:
            return True
        try:
            return glance(self.volume.path) == self._glance
        except VolumeError:
            return False
        finally:
            ended = time.monotonic()
            self._next = ended + max(_EVERY_SECONDS, (ended - started) / _SHARE)
