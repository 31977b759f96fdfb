"""Generate a FIB-SEM volume of concrete with known truth, slice by slice, for the demo and for tests.

Shapes are continuous in three dimensions and depend on seed and position only. Any slice can therefore be made by
itself, a longer phantom begins with the shorter one, and memory does not grow with depth:

    objects (round pores, angular grains)  ┐
    noise fields (thin pores, rough walls) ┴─> truth ─> grey values ─> milling artefacts ─> detector noise

The phantom deliberately shares no code with the training augmentation; a test of robustness would otherwise be circular.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter
from scipy.signal import lfilter
from scipy.sparse import csr_array
from scipy.special import ndtri

CLASS_NAMES = ("matrix", "pore", "phase")
MATRIX, PORE, PHASE = 0, 1, 2

_MATRIX_GREY, _PORE_GREY, _PHASE_GREY = 128.0, 38.0, 186.0
_SLAB = 16  # slices per draw of objects
_FACES = 10  # per grain

Float = NDArray[np.float32]


def _option(default: Any, text: str, low: float = 0.0, high: float = np.inf) -> Any:
    return field(default=default, metadata={"help": text, "at_least": low, "at_most": high})


@dataclass(frozen=True)
class PhantomConfig:
    """The contents of a phantom and its imaging artefacts.

    Lengths are in pixels and grey values range from 0 to 255; 0 turns an artefact off.
    """

    depth: int = _option(64, "Number of slices.", 1)
    height: int = _option(384, "Height of a slice.", 16)
    width: int = _option(384, "Width of a slice.", 16)
    seed: int = _option(0, "Seed of all random numbers.", 0)
    pore_fraction: float = _option(0.09, "Approximate volume fraction of rounded pores.", 0, 0.5)
    pore_radius: float = _option(9.0, "Median radius of rounded pores; radii range from a third to three times the median.", 2)
    thin_fraction: float = _option(0.02, "Approximate volume fraction of thin, winding pores.", 0, 0.2)
    phase_fraction: float = _option(0.2, "Approximate volume fraction of the second phase.", 0, 0.6)
    phase_radius: float = _option(20.0, "Median radius of the second phase's grains.", 3)
    texture: float = _option(9.0, "Standard deviation of the matrix texture.")
    shine_through: float = _option(0.25, "Visibility of the wall behind a pore, as a share.", 0, 1)
    curtain: float = _option(0.06, "Strength of curtain streaks, relative to the grey value; stronger below pores.", 0, 1)
    shadow: float = _option(0.3, "Share of light lost from the bright to the dark corner.", 0, 0.95)
    jumps: float = _option(0.05, "Relative standard deviation of brightness between slices.", 0, 0.5)
    poisson: float = _option(120.0, "Electrons counted at white; fewer give more shot noise, 0 gives none.")
    gaussian: float = _option(4.0, "Standard deviation of the detector noise.")

    def __post_init__(self) -> None:
        for name, f in self.__dataclass_fields__.items():
            value, low, high = getattr(self, name), f.metadata["at_least"], f.metadata["at_most"]
            if not low <= value <= high:
                raise ValueError(f"{name} is {value}; allowed is {low:g} to {high:g}.")


def make_phantom(config: PhantomConfig = PhantomConfig()) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Make the whole phantom in memory.

    Returns
    -------
    image
        uint8 ``(Z, Y, X)`` grey values.
    truth
        uint8 ``(Z, Y, X)``; 0 matrix, 1 pore, 2 phase, as in ``CLASS_NAMES``.
    """
    image = np.empty((config.depth, config.height, config.width), np.uint8)
    truth = np.empty_like(image)
    for z, (grey, classes) in enumerate(phantom_slices(config)):
        image[z], truth[z] = grey, classes
    return image, truth


def phantom_slices(config: PhantomConfig = PhantomConfig()) -> Iterator[tuple[NDArray[np.uint8], NDArray[np.uint8]]]:
    """Yield ``(image, truth)`` slice by slice, each uint8 ``(Y, X)``; memory does not grow with depth."""
    phantom = Phantom(config)
    for z in range(config.depth):
        yield phantom.image(z), phantom.truth(z)


class Phantom:
    """A phantom with access to any slice; consecutive slices in order are the fastest."""

    def __init__(self, config: PhantomConfig = PhantomConfig()) -> None:
        self.config = config
        self._structure = lru_cache(maxsize=9)(self._make_structure)
        self._objects = lru_cache(maxsize=32)(self._draw_objects)
        self._layer = lru_cache(maxsize=64)(self._draw_layer)

    def truth(self, z: int) -> NDArray[np.uint8]:
        """Return the true classes of a slice, uint8 ``(Y, X)``: 0 matrix, 1 pore, 2 phase."""
        return self._structure(z)[0].copy()

    def image(self, z: int) -> NDArray[np.uint8]:
        """Return the simulated micrograph of a slice, uint8 ``(Y, X)``."""
        truth, grain_grey = self._structure(z)
        grey = self._grey_values(z, truth, grain_grey)
        grey = grey * self.light(z) * self._curtain(z, truth == PORE)
        return self._detect(z, gaussian_filter(grey, 0.6))

    # --- structure -------------------------------------------------------------------------------------------------

    def _make_structure(self, z: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """Return the truth of slice ``z`` and the grain's grey value at every pixel."""
        config = self.config
        rough = self._noise("wall", z, 9.0) + 0.5 * self._noise("wall fine", z, 4.0)  # (Y, X)
        pore = np.full(rough.shape, np.inf, np.float32)  # distance to the nearest wall in pixels, negative inside
        grain = np.full(rough.shape, np.inf, np.float32)
        grain_grey = np.full(rough.shape, _PHASE_GREY, np.float32)
        for item in self._objects_near(z):
            item.draw(z, pore if item.faces is None else grain, grain_grey)
        phase = grain + 0.4 * rough < 0
        gap = (grain > -0.5) & (grain < 1.2) & (self._noise("gap", z, 30.0) > 1.3) & (config.thin_fraction > 0)
        truth = np.where(phase, PHASE, MATRIX).astype(np.uint8)
        truth[(pore + 0.9 * rough < 0) | gap] = PORE
        truth[self._thin_pores(z) & ~phase] = PORE
        return truth, np.clip(grain_grey, 0, 255).astype(np.uint8)

    def _thin_pores(self, z: int) -> NDArray[np.bool_]:
        """Return winding sheets: the zero crossings of one noise field, masked by a second one."""
        fraction = self.config.thin_fraction
        if fraction == 0:
            return np.zeros((self.config.height, self.config.width), bool)
        place = self._noise("place", z, 40.0) > ndtri(1 - min(1.0, fraction / 0.12))
        return place & (np.abs(self._noise("sheet", z, 12.0)) < ndtri(0.5 + 0.06))

    def _objects_near(self, z: int) -> Iterator[_Object]:
        reach = int(np.ceil(5.0 * max(self.config.pore_radius, self.config.phase_radius) / _SLAB))
        for slab in range(z // _SLAB - reach, z // _SLAB + reach + 1):
            yield from self._objects(slab)

    def _draw_objects(self, slab: int) -> tuple[_Object, ...]:
        config = self.config
        pores = _draw(_random(config.seed, "pores", slab), config, slab, config.pore_fraction, config.pore_radius, 0.55, None)
        grains = _draw(
            _random(config.seed, "grains", slab), config, slab, config.phase_fraction, config.phase_radius, 0.4, _FACES
        )
        return (*pores, *grains)

    # --- imaging ---------------------------------------------------------------------------------------------------

    def _grey_values(self, z: int, truth: NDArray[np.uint8], grain_grey: NDArray[np.uint8]) -> Float:
        texture = self._noise("grit", z, 3.0) + 0.8 * self._noise("cloud", z, 14.0) + 0.5 * self._noise("bank", z, 70.0)
        grey = _MATRIX_GREY + self.config.texture / 1.4 * texture
        grey = np.where(truth == PHASE, grain_grey + 0.25 * self.config.texture * texture, grey)
        pore = truth == PORE
        rim = gaussian_filter(pore.astype(np.float32), 2.0)
        grey = grey * (1 + 0.35 * rim)  # edges give more secondary electrons
        behind = 0.6 * (self._structure(z + 3)[0] != PORE) + 0.4 * (self._structure(z + 7)[0] != PORE)
        depth_light = gaussian_filter(behind.astype(np.float32), 1.5)
        inside = _PORE_GREY + self.config.shine_through * (_MATRIX_GREY - _PORE_GREY) * depth_light
        return np.where(pore, inside + 0.2 * self.config.texture * texture, grey).astype(np.float32)

    def light(self, z: int) -> Float:
        """Return shadow across the slice times its brightness, float32 ``(Y, X)``; factors around 1."""
        config = self.config
        y = np.linspace(0, 1, config.height, dtype=np.float32)[:, None]
        x = np.linspace(0, 1, config.width, dtype=np.float32)[None, :]
        turn = 0.25 * np.sin(z / 37.0)
        shadow = 1 - config.shadow * np.clip((0.65 + turn) * y**1.5 + (0.35 - turn) * x, 0, 1)
        level = _random(config.seed, "level", z // 11).standard_normal() * 0.8
        flicker = _random(config.seed, "flicker", z).standard_normal() * 0.6
        return (shadow * max(0.2, 1 + config.jumps * (level + flicker))).astype(np.float32)

    def _curtain(self, z: int, pore: NDArray[np.bool_]) -> Float:
        """Return stripes along y, the milling direction; they drift in z and grow below pores; factors around 1."""
        if self.config.curtain == 0:
            return np.ones(pore.shape, np.float32)
        stripes = sum(
            weight * self._noise(f"curtain {width}", z, width, lines=True)
            for width, weight in ((2.0, 0.4), (6.0, 0.7), (23.0, 0.4))
        )
        decay = float(np.exp(-1 / (0.3 * self.config.height)))
        below = lfilter([1.0], [1.0, -decay], pore.astype(np.float32), axis=0)
        strength = 0.6 + 1.6 * np.minimum(1.0, below / 30.0)
        return (1 + self.config.curtain * stripes * strength).astype(np.float32)

    def _detect(self, z: int, grey: Float) -> NDArray[np.uint8]:
        random = _random(self.config.seed, "detector", z)
        if self.config.poisson > 0:
            electrons = np.clip(grey, 0, None) * (self.config.poisson / 255)
            grey = random.poisson(electrons).astype(np.float32) * (255 / self.config.poisson)
        grey = grey + self.config.gaussian * random.standard_normal(grey.shape, dtype=np.float32)
        return np.clip(np.rint(grey), 0, 255).astype(np.uint8)

    # --- smooth noise ----------------------------------------------------------------------------------------------

    def _noise(self, name: str, z: int, length: float, *, lines: bool = False) -> Float:
        """Return smooth noise of mean 0, deviation 1 and scale ``length`` pixels; ``lines`` do not vary in y."""
        height, width = (1 if lines else self.config.height), self.config.width
        along_z = length if not lines else max(12.0, 2 * length)
        first, weights = _spline_weights(np.array([z / along_z]))
        rows, columns = _spline(height, length), _spline(width, length)
        knots = (rows.shape[1], columns.shape[1])
        grid = sum(w * self._layer(name, int(first[0]) + k, knots) for k, w in enumerate(weights[0]))
        smooth = rows @ (columns @ np.asarray(grid, np.float32).T).T  # (Y, X), or (1, X) for lines
        return np.broadcast_to(smooth, (self.config.height, width))

    def _draw_layer(self, name: str, layer: int, knots: tuple[int, int]) -> Float:
        return _random(self.config.seed, name, layer).standard_normal(knots, dtype=np.float32)


def _spline_weights(at: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return first knot and weights ``(N, 4)`` of a cubic B-spline at N positions; white knots give deviation 1."""
    first = np.floor(at).astype(np.int64)
    t = at - first
    weights = np.stack([(1 - t) ** 3, 3 * t**3 - 6 * t**2 + 4, -3 * t**3 + 3 * t**2 + 3 * t + 1, t**3], axis=1)
    return first, weights / np.linalg.norm(weights, axis=1, keepdims=True)


@lru_cache(maxsize=64)
def _spline(count: int, length: float) -> csr_array:
    """Return a matrix ``(count, knots)`` from knots ``length`` pixels apart to pixels; four entries per row."""
    first, weights = _spline_weights(np.arange(count) / length)
    rows = np.repeat(np.arange(count), 4)
    columns = (first[:, None] + np.arange(4)).ravel()
    return csr_array((weights.ravel().astype(np.float32), (rows, columns)), shape=(count, int(first[-1]) + 4))


@dataclass(frozen=True)
class _Object:
    """An ellipsoid, or a convex grain of ``faces`` ``(N, 4)``: outward unit normal (z, y, x) and its distance."""

    centre: tuple[float, float, float]
    radii: tuple[float, float, float]
    faces: Float | None
    grey: float

    def draw(self, z: int, distance: Float, grey: Float) -> None:
        """Lower ``distance`` to this object's, in place; a grain also writes its grey value where it is nearest."""
        dz = z - self.centre[0]
        reach = max(self.radii) + 4
        if abs(dz) > reach:
            return
        reach = float(np.sqrt(reach**2 - dz**2))
        (y0, y1), (x0, x1) = (
            (max(0, int(c - reach)), min(n, int(c + reach) + 1)) for c, n in zip(self.centre[1:], distance.shape, strict=True)
        )
        if y0 >= y1 or x0 >= x1:
            return
        dy = np.arange(y0, y1, dtype=np.float32)[:, None] - np.float32(self.centre[1])
        dx = np.arange(x0, x1, dtype=np.float32)[None, :] - np.float32(self.centre[2])
        own = self._distance(dz, dy, dx)
        here = distance[y0:y1, x0:x1]
        if self.faces is not None:
            grey[y0:y1, x0:x1][own < np.minimum(here, 2)] = self.grey
        np.minimum(here, own, out=here)

    def _distance(self, dz: float, dy: Float, dx: Float) -> Float:
        if self.faces is None:
            rz, ry, rx = self.radii
            return np.asarray((np.sqrt((dz / rz) ** 2 + (dy / ry) ** 2 + (dx / rx) ** 2) - 1) * min(self.radii), np.float32)
        # The ball bounds a grain with faces open to one side.
        own: Float = np.sqrt(np.float32(dz**2) + dy**2 + dx**2) - np.float32(self.radii[0])
        for nz, ny, nx, offset in self.faces:
            np.maximum(own, nz * dz + ny * dy + nx * dx - offset, out=own)
        return own


def _random(seed: int, name: str, index: int) -> np.random.Generator:
    return np.random.default_rng([seed, index + 2**20, *name.encode()])


def _draw(
    random: np.random.Generator,
    config: PhantomConfig,
    slab: int,
    fraction: float,
    radius: float,
    spread: float,
    faces: int | None,
) -> list[_Object]:
    """Draw objects with centres in one slab of slices, enough to fill ``fraction`` of it (Boolean model)."""

    def radii(number: int) -> NDArray[np.float64]:
        return np.clip(radius * np.exp(spread * random.standard_normal(number)), radius / 3, 3.0 * radius)

    pad = 3.0 * radius
    shape_factor = 4 / 3 * np.pi if faces is None else 4.5  # of an object of radius 1; measured for grains
    mean_volume = shape_factor * float((radii(4096) ** 3).mean())
    space = _SLAB * (config.height + 2 * pad) * (config.width + 2 * pad)
    number = random.poisson(-np.log(1 - fraction) * space / mean_volume)
    return [_make_object(random, config, slab, r, pad, faces) for r in radii(number)]


def _make_object(
    random: np.random.Generator, config: PhantomConfig, slab: int, radius: float, pad: float, faces: int | None
) -> _Object:
    z = (slab + random.random()) * _SLAB
    y, x = (float(random.uniform(-pad, n + pad)) for n in (config.height, config.width))
    if faces is None:
        rz, ry, rx = (float(v) for v in radius * random.uniform(0.8, 1.25, 3))
        return _Object((z, y, x), (rz, ry, rx), None, 0.0)
    normals = random.standard_normal((faces, 3))
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    offsets = radius * random.uniform(0.65, 1.05, (faces, 1))
    planes = np.concatenate([normals, offsets], axis=1).astype(np.float32)
    reach = 1.5 * radius
    return _Object((z, y, x), (reach, reach, reach), planes, float(random.normal(_PHASE_GREY, 11.0)))
