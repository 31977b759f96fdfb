"""Image volumes on disk, one slice at a time: ``open_volume``, and whether it is still the one it was."""

from __future__ import annotations

from core.volumes.base import Volume, VolumeInfo
from core.volumes.fingerprint import content_digest, fingerprint, glance
from core.volumes.opening import open_volume

__all__ = ["Volume", "VolumeInfo", "content_digest", "fingerprint", "glance", "open_volume"]
