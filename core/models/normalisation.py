"""Normalise the grey values of a slice in any unit: 8 bits, 16 bits or floats around 1e-4.

Every slice and channel is measured separately, so a jump in brightness between slices does not reach the network.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

NAME = "slice-robust-1"
"""Name of the method in every checkpoint's card; rename it whenever ``measure`` or ``apply`` changes."""

LIMIT = 6.0
"""Limit of normalised values, plus and minus; it keeps hot pixels from dominating."""

_SAMPLES = 200_000
_PERCENTILES = (0.5, 99.5)


@dataclass(frozen=True)
class GreyRange:
    """The centre and scale of each channel of a slice, float64 ``(C,)``, in units of the stored grey values."""

    centre: NDArray[np.float64]
    scale: NDArray[np.float64]

    def apply(self, image: NDArray) -> NDArray[np.float32]:
        """Normalise ``(C, H, W)``, all or part of the same slice, to mean 0 and standard deviation 1, float32."""
        wide = image.dtype.itemsize > 4 or image.dtype.kind not in "ufi"
        values: NDArray[np.floating] = image.astype(np.float64 if wide else np.float32)
        values -= self.centre[:, None, None].astype(values.dtype)
        values /= self.scale[:, None, None].astype(values.dtype)
        return np.clip(values, -LIMIT, LIMIT, out=values).astype(np.float32, copy=False)


def measure(image: NDArray) -> GreyRange:
    """Measure the grey values of one slice.

    Parameters
    ----------
    image
        ``(C, H, W)``, any real dtype, finite.

    Returns
    -------
    GreyRange
        Mean and standard deviation after clipping to the percentiles 0.5 and 99.5; scale 1 for a constant channel.
        The regular subsample has at most about 200,000 pixels.
    """
    step = max(1, int(np.ceil(np.sqrt(image[0].size / _SAMPLES))))
    sample = image[:, ::step, ::step].reshape(len(image), -1).astype(np.float64)
    low, high = np.percentile(sample, _PERCENTILES, axis=1, keepdims=True)
    kept = np.clip(sample, low, high)
    centre, scale = kept.mean(axis=1), kept.std(axis=1)
    # A deviation below the rounding error of the mean is no signal.
    constant = scale <= np.abs(centre) * 1e-12
    return GreyRange(centre, np.where(constant | (scale == 0), 1.0, scale))
