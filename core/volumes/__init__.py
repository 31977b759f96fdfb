"""Open image volumes on disk, read them slice by slice and detect later changes to their files."""

from __future__ import annotations

from core.volumes.base import Volume, VolumeInfo
from core.volumes.fingerprint import content_digest, fingerprint, glance
from core.volumes.opening import open_volume

__all__ = ["Volume", "VolumeInfo", "content_digest", "fingerprint", "glance", "open_volume"]
