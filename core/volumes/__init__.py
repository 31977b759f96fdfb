"""Image volumes on disk, one slice at a time: ``open_volume`` and ``fingerprint``."""

from __future__ import annotations

from core.volumes.base import Volume, VolumeInfo
from core.volumes.fingerprint import fingerprint
from core.volumes.opening import open_volume

__all__ = ["Volume", "VolumeInfo", "fingerprint", "open_volume"]
