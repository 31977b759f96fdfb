"""Add the imaging artefacts of electron microscopes to patches, to train a network robust against them.

All functions take normalised patches, float32 ``(N, C, S, S)`` in standard deviations of their slice, on any device.
Random numbers come from a generator on the CPU. The functions return new patches and leave the given ones unchanged.

Input to a network is normalised slice by slice. Normalisation removes a jump in brightness, except for its effect on noise
and saturated greys. A shadow stays; it scales greys about *black*, the grey value without light. Black in a normalised
patch depends on the microscope's settings, so it is drawn at random.

Nothing is shared with ``core.volumes.phantom``, neither code nor the form of an artefact: otherwise a test of robustness
on the phantom would prove nothing.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Generator, Tensor
from torch.nn import functional

from core.config import AugmentConfig
from core.models.normalisation import LIMIT

BLACK = (-4.5, -1.5)
"""Range of the grey value without light."""
SHADOW = 0.6
"""Light varies from ``exp(-SHADOW)`` to ``exp(SHADOW)`` at most: from 0.55 to 1.8, the darkest 30 % of the brightest."""
CURTAIN = 0.4
"""Deviation of a streak's height, as a share of the grey value above black."""
STREAKS = 14
CHARGING = 1.2
GRAIN = 0.5
"""Largest shot noise of a dark slice, in standard deviations of the slice at its mean grey."""
WHITE = 3.5
"""Highest grey value of saturation in an overexposed slice, in standard deviations of the slice."""
STEP = 0.3
CELL = 8
"""Side of the cells for computing haloes, in pixels."""

_Artefact = Callable[[Tensor, Generator], Tensor]


def apply(images: Tensor, generator: Generator, config: AugmentConfig) -> Tensor:
    """Add every artefact to a share of the patches, drawn separately for each artefact."""
    changed = images
    for artefact in _active(config):
        chosen = torch.rand(len(images), generator=generator) < config.share
        if chosen.any():
            if changed is images:
                changed = images.clone()
            where = chosen.to(images.device)
            changed[where] = artefact(changed[where], generator)
    return changed


def _active(config: AugmentConfig) -> Iterator[_Artefact]:
    """Yield the active artefacts in the order of image formation: lens, surface, light, charge, detector."""
    if config.blur:
        yield lambda images, generator: blur(images, generator, config.blur)
    if config.curtain:
        yield lambda images, generator: curtain(images, generator, config.curtain, config.curtain_along)
    if config.shadow:
        yield lambda images, generator: shadow(images, generator, config.shadow)
    if config.charging:
        yield lambda images, generator: charging(images, generator, config.charging)
    if config.jumps:
        yield lambda images, generator: exposure(images, generator, config.jumps)


def blur(images: Tensor, generator: Generator, strength: float) -> Tensor:
    """Defocus: mix with a 3 x 3 mean, applied twice for every unit of strength."""
    soft = images
    for _ in range(2 * math.ceil(strength)):
        soft = functional.avg_pool2d(soft, 3, stride=1, padding=1, count_include_pad=False)
    share = _draw(images, generator, 0.0, strength / math.ceil(strength))
    return torch.lerp(images, soft, share)


def curtain(images: Tensor, generator: Generator, strength: float, along: str) -> Tensor:
    """Add bright and dark streaks of Lorentzian profile, each with an onset at random along the patch."""
    number, side = len(images), images.shape[-1]
    centre, width, height, onset = (torch.rand(number, STREAKS, 1, generator=generator) for _ in range(4))
    pixels = torch.arange(side, dtype=torch.float32)  # (S,)
    profile = 1 / (1 + ((pixels - centre * side) / torch.exp(width * math.log(12.0) - 0.7)) ** 2)  # (N, streaks, S)
    # Half of the streaks begin above the patch.
    course = torch.sigmoid((pixels - (2 * onset - 1) * side) / (side / 16))  # (N, streaks, S)
    # The third power leaves most streaks faint and a few strong.
    signed = (2 * height - 1) ** 3 * (CURTAIN * strength * 2)
    field = (course.transpose(1, 2) @ (signed * profile)).clamp(-0.9, 1.5)  # (N, S, S), streaks run down
    turned = {"vertical": torch.zeros(number), "horizontal": torch.ones(number)}.get(along)
    if turned is None:
        turned = torch.randint(2, (number,), generator=generator)
    field = torch.where(turned.bool()[:, None, None], field.transpose(1, 2), field)
    return _lit(images, 1 + field[:, None].to(images.device), _black(images, generator))


def shadow(images: Tensor, generator: Generator, strength: float) -> Tensor:
    """Vary the illumination: its logarithm is a long cosine wave in any direction."""
    number, side = len(images), images.shape[-1]
    angle, length, phase, depth = torch.rand(4, number, 1, generator=generator).unbind(0)  # each (N, 1)
    turn = 2 * math.pi / (1.5 + 3.5 * length)  # radians across the patch
    axis = torch.linspace(-0.5, 0.5, side)
    x = axis * turn * torch.cos(2 * math.pi * angle)  # (N, S)
    y = axis * turn * torch.sin(2 * math.pi * angle) + 2 * math.pi * phase
    # cos(x + y) as two outer products, cheaper than one cosine per pixel.
    wave = torch.cos(y)[:, :, None] * torch.cos(x)[:, None] - torch.sin(y)[:, :, None] * torch.sin(x)[:, None]
    light = torch.exp(wave * (SHADOW * strength * depth)[:, :, None])  # (N, S, S)
    return _lit(images, light[:, None].to(images.device), _black(images, generator))


def charging(images: Tensor, generator: Generator, strength: float) -> Tensor:
    """Add haloes around charged objects, drawn out along the scan line; most are bright, few dark.

    The charged objects are those above, or those below, a grey value drawn at random.
    """
    number, side = len(images), images.shape[-1]
    sign = torch.randint(2, (number, 1, 1, 1), generator=generator).to(images) * 2 - 1
    threshold = _draw(images, generator, 0.6, 1.8)
    objects = functional.adaptive_avg_pool2d((sign * images - threshold).clamp(min=0), max(1, side // CELL))  # (N, C, s, s)
    cells = objects.shape[-1]
    ahead = torch.arange(cells)[None] - torch.arange(cells)[:, None]  # columns from one cell to another
    ahead = ahead * (torch.randint(2, (number, 1, 1), generator=generator) * 2 - 1)  # to the right, or to the left
    length = 1 + 5 * torch.rand(number, 1, 1, generator=generator)  # of the trail, in cells
    reach = torch.where(ahead >= 0, torch.exp(-ahead / length), torch.exp(-ahead.abs().float()))
    halo = objects @ reach[:, None].to(images)
    halo = functional.avg_pool2d(halo, 3, stride=1, padding=1)
    halo = halo / halo.amax(dim=(1, 2, 3), keepdim=True).clamp(min=0.05)
    height = _draw(images, generator, -0.25, 1.0) * (CHARGING * strength)
    return images + height * functional.interpolate(halo, size=(side, side), mode="bilinear", align_corners=False)


def exposure(images: Tensor, generator: Generator, strength: float) -> Tensor:
    """Add the effects of wrong exposure left by normalisation, and a step of brightness inside a slice.

    An overexposed slice has lost its brightest greys; an underexposed one is noisier. The step begins at a random row or
    column, as after a restart of the scan. Every channel has an exposure of its own, as a slice of a stack or a detector.
    """
    each, side = images.shape[:2], images.shape[-1]
    bright = torch.randint(2, (*each, 1, 1), generator=generator).to(images)
    lost = (LIMIT - WHITE) * min(strength, 1.0)  # greys above this are lost in any case
    white = LIMIT - lost - min(strength, 2.0) * 1.4 * torch.rand(*each, 1, 1, generator=generator).to(images)
    grain = GRAIN * strength * torch.rand(*each, 1, 1, generator=generator).to(images) * (1 - bright)
    black = _black(images, generator)
    light = ((images - black) / -black).clamp(min=0).sqrt_()  # 1 at the mean grey: shot noise grows with the root
    made = torch.addcmul(images, light, torch.randn(images.shape, generator=generator).to(images) * grain)
    made = torch.where(made > white, torch.lerp(made, white.expand_as(made), bright), made)
    return made + _step(each, side, generator, strength).to(images)


def _step(each: Sequence[int], side: int, generator: Generator, strength: float) -> Tensor:
    """Draw steps float32 ``(N, C, S, S)``: 0, then a constant from a random row on; half are transposed to columns."""
    first, height, turned = torch.rand(3, *each, 1, 1, generator=generator).unbind(0)
    rows = torch.arange(side, dtype=torch.float32)[:, None].expand(side, side)
    step = (rows >= (2 * first - 0.5) * side) * ((2 * height - 1) * (STEP * strength))  # a quarter from the first row on
    return torch.where(turned < 0.5, step, step.transpose(2, 3))


def _lit(images: Tensor, light: Tensor, black: Tensor) -> Tensor:
    """Multiply the light of patches by a factor for every pixel."""
    return torch.addcmul(black, images - black, light)


def _black(images: Tensor, generator: Generator) -> Tensor:
    return _draw(images, generator, *BLACK)


def _draw(images: Tensor, generator: Generator, low: float, high: float) -> Tensor:
    """Draw one number for each patch, ``(N, 1, 1, 1)``."""
    return (low + (high - low) * torch.rand(len(images), 1, 1, 1, generator=generator)).to(images)
