"""Predict class probabilities of a slice, tile by tile; memory depends on the tile, not on the slice.

The network's input is a tile with context, up to the border of the slice, aligned to the network's grid. The result
therefore does not depend on the division into tiles, except for influences from beyond the context. The border is treated
as in training (``benchmarks/log/2026-11-27-later.md``): patches end with the slice, and a slice smaller than a patch is
mirrored.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from core.config import Architecture, PredictConfig
from core.errors import CheckpointError, NetworkError, VolumeError
from core.geometry import Box, tile_boxes
from core.models import normalisation
from core.models.device import autocast, channels_last, choose_device, is_out_of_memory, release_memory
from core.models.memory import freed_memory_kept
from core.models.networks import build
from core.models.networks.own import loaded
from core.models.networks.unet import LEAST_REACH, Decoded
from core.models.tiling import Window, Windows
from core.storage.checkpoints import Card, load

TILES_AT_ONCE = {"cuda": 8}
"""Tiles per pass by device; more than one pays only on a device of many cores."""

STRIDE = 32
"""Default stride of a network without its own, in pixels: five halvings, enough for nearly all networks."""

SMALLEST_PART = 64
"""Side in pixels of the smallest box: never divided further if memory is short."""

VIEWS_ALONE = 2
"""Views per slice without z-averaging; see ``benchmarks/log/2026-11-27.md``, few views of a slice."""

IN_TURN = (0, 3, 5, 6, 1, 2, 4, 7)
"""The eight views of a slice, ordered for large differences between consecutive ones; 0 is the unchanged slice."""


class Predictor:
    """A network ready for prediction on raw slices.

    Parameters
    ----------
    network
        The network, in evaluation mode and on its device.
    card
        The checkpoint's card: class names, channels, neighbours, normalisation.
    config
        Settings of tiles, context and views.
    """

    def __init__(self, network: nn.Module, card: Card, config: PredictConfig = PredictConfig()) -> None:
        self.card, self.config = card, config
        self.classes = len(card.class_names)
        self.device = next(network.parameters()).device
        self._network = network
        self._limits = _MemoryLimits(TILES_AT_ONCE.get(self.device.type, 1))
        stride, reach = _attribute(network, "stride", STRIDE), _attribute(network, "reach", LEAST_REACH)
        self._windows = Windows(
            stride=stride,
            grid=network.grid if isinstance(network, Decoded) else stride,
            context=reach if config.context is None else config.context,
            least=max(int(card.config.get("patch", 0)), 2 * stride),  # a single cell cannot be normalised
        )
        self._views: Sequence[int] = range(config.views or 1)

    @property
    def views(self) -> int:
        """Number of views averaged per tile."""
        return len(self._views)

    def with_config(self, config: PredictConfig) -> Predictor:
        """Return a predictor of the same network with other settings."""
        return Predictor(self._network, self.card, config)

    def alone(self) -> Predictor:
        """Return a predictor for slices without z-averaging: two views of each, with the exceptions of :meth:`in_turn`."""
        return self._in_views(range(VIEWS_ALONE))

    def in_turn(self, number: int) -> Predictor:
        """Return a predictor for slice ``number`` of a z-average; each slice gets a different view from its neighbours.

        The z-average is then a mean over views too, in the time of a single view. The predictor stays unchanged if the
        configuration sets a number of views. It also does if training neither mirrored nor turned its patches.
        """
        return self._in_views((IN_TURN[number % len(IN_TURN)],))

    def _in_views(self, views: Sequence[int]) -> Predictor:
        """Return a predictor with other views, or this one if its views are fixed."""
        if self.config.views is not None or not self.card.config.get("augment", {}).get("flips", 1):
            return self
        other = copy(self)
        other._views = views
        return other

    @classmethod
    def load(
        cls,
        folder: Path,
        config: PredictConfig = PredictConfig(),
        device: torch.device | None = None,
        own: Mapping[str, nn.Module] | None = None,
    ) -> Predictor:
        """Load a checkpoint, by default on the fastest device.

        Parameters
        ----------
        own
            User-supplied networks by their :func:`core.models.networks.own.name_of`.

        Raises
        ------
        CheckpointError
            If the checkpoint is missing or damaged, or its architecture or normalisation is unknown to this version.
        NetworkError
            If the network needs a package not installed here, or a user-supplied network is missing or does not fit.
        """
        card, state = load(folder)
        if card.normalisation != normalisation.NAME:
            raise CheckpointError(
                f"The checkpoint {folder} wants the normalisation {card.normalisation!r}; this version knows "
                f"{normalisation.NAME!r}, so train again."
            )
        network = _network(folder, card, state, own or {})
        arguments = (card.network.get("in_channels"), card.network.get("classes"))
        if arguments != (card.stacked_channels, len(card.class_names)):
            raise CheckpointError(f"The card of {folder} contradicts itself about channels or classes; train again.")
        return cls(ready(network, device or choose_device()), card, config)

    def tiles(self, image: NDArray) -> Iterator[tuple[Box, NDArray[np.float32]]]:
        """Predict a slice tile by tile.

        Parameters
        ----------
        image
            Raw ``(C, H, W)``, any real dtype; for a model with neighbours, a stack from
            :class:`core.volumes.slice_stack.SliceStack`.

        Yields
        ------
        Box, NDArray
            A box and its probabilities, float32 ``(K, h, w)`` of sum 1. The boxes are disjoint, cover the slice and
            are grouped by window shape.

        Raises
        ------
        VolumeError
            If the number of channels does not fit the network.
        """
        return self.boxes(*self._whole_slice(image))

    def _whole_slice(self, image: NDArray) -> tuple[NDArray, list[Box], normalisation.GreyRange]:
        """Return the arguments of ``boxes`` for a whole slice."""
        self._check(image)
        tiles = tile_boxes(image.shape[1:], self.config.tile)
        return image, self._sorted_by_window(tiles, image), normalisation.measure(image)

    def _sorted_by_window(self, boxes: Sequence[Box], image: NDArray) -> list[Box]:
        """Sort boxes by window shape."""
        return sorted(boxes, key=lambda box: self._windows.around(box, image.shape[1:]).shape)

    def _check(self, image: NDArray) -> None:
        if image.ndim != 3 or image.shape[0] != self.card.stacked_channels or 0 in image.shape:
            raise VolumeError(
                f"The slice has shape {image.shape}; the model takes (C, H, W) with {self.card.stacked_channels} channels, "
                "so choose a volume like those it was trained on."
            )

    def boxes(
        self, image: NDArray, boxes: Sequence[Box], grey: normalisation.GreyRange
    ) -> Iterator[tuple[Box, NDArray[np.float32]]]:
        """Predict some boxes of a raw slice of known grey range; otherwise as ``tiles``."""
        for box, found in self._predicted(image, boxes, grey):
            yield box, found.cpu().numpy()

    def winners(
        self, image: NDArray, boxes: Sequence[Box], grey: normalisation.GreyRange
    ) -> Iterator[tuple[Box, NDArray[np.uint8], NDArray[np.uint8]]]:
        """Yield boxes with the likeliest class of every pixel and its probability times 255, rounded: uint8 ``(h, w)``."""
        for box, found in self._predicted(image, boxes, grey):
            mask, confidence = winners(found)
            yield box, mask.cpu().numpy(), confidence.cpu().numpy()

    def _predicted(self, image: NDArray, boxes: Sequence[Box], grey: normalisation.GreyRange) -> Iterator[tuple[Box, Tensor]]:
        """Predict as ``boxes``, but leave the result on the device."""
        size = image.shape[1:]
        for _, alike in groupby(boxes, key=lambda box: self._windows.around(box, size).shape):
            group = list(alike)
            while group:
                together = group[: self._limits.tiles]
                yield from self._pass(image, together, grey)
                del group[: len(together)]

    def _pass(self, image: NDArray, boxes: Sequence[Box], grey: normalisation.GreyRange) -> Iterator[tuple[Box, Tensor]]:
        """Predict boxes of equal window shape in one pass, or part by part if memory is short for a single window."""
        windows = [self._windows.around(box, image.shape[1:]) for box in boxes]
        scores = None
        if windows[0].area < self._limits.too_large:
            scores = self._scores(_network_input(image, windows, grey))
        if scores is not None:
            with torch.inference_mode():
                for box, window, score in zip(boxes, windows, scores, strict=True):
                    kept = score[:, box.y0 - window.y0 : box.y1 - window.y0, box.x0 - window.x0 : box.x1 - window.x0]
                    yield box, kept.float().softmax(dim=0)
        elif len(boxes) == 1:
            yield boxes[0], self._predicted_in_parts(image, boxes[0], grey)
        else:
            for box in boxes:
                yield from self._pass(image, [box], grey)

    def _predicted_in_parts(self, image: NDArray, box: Box, grey: normalisation.GreyRange) -> Tensor:
        """Predict a box from smaller ones, each with its own context; the result equals that of one window."""
        joined = torch.empty((self.classes, *box.shape), device=self.device)
        for part, found in self._predicted(image, self._parts(box, image), grey):
            joined[:, *part.shifted(-box.y0, -box.x0).slices] = found
        return joined

    def _parts(self, box: Box, image: NDArray) -> list[Box]:
        """Divide a box into halves or quarters; raise VolumeError unless their windows are smaller."""
        size, side = image.shape[1:], max(box.shape)
        window = self._windows.around(box, size)
        parts = [part.shifted(box.y0, box.x0) for part in tile_boxes(box.shape, -(-side // 2))]
        if side > SMALLEST_PART and max(self._windows.around(part, size).area for part in parts) < window.area:
            return self._sorted_by_window(parts, image)
        self._limits.too_large = math.inf  # a later attempt may have more memory
        height, width = window.shape
        raise VolumeError(
            f"There is not enough free memory to predict {height} x {width} pixels; close other programs that use it, then try "
            "again."
        )

    def _scores(self, batch: Tensor) -> Tensor | None:
        """Compute class scores of windows; halve the number per pass if memory is short, return None if one is too many."""
        while True:
            try:
                with torch.inference_mode(), autocast(self.device):
                    parts = [self._mean_scores(part.to(self.device)) for part in batch.split(self._limits.tiles)]
                    return parts[0] if len(parts) == 1 else torch.cat(parts)
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise
                tried = min(self._limits.tiles, len(batch))
            release_memory(self.device)
            if tried == 1:
                if len(batch) == 1:
                    self._limits.too_large = batch.shape[-2] * batch.shape[-1]
                return None
            self._limits.tiles = -(-tried // 2)

    def _mean_scores(self, windows: Tensor) -> Tensor:
        """Compute class scores, the mean over the views."""
        first, *others = self._views
        total = self._scores_in_view(windows, first)
        for view in others:
            total = total + self._scores_in_view(windows, view)
        return total / len(self._views) if others else total

    def _scores_in_view(self, windows: Tensor, view: int) -> Tensor:
        """Compute class scores in a view: mirrored in x (1), mirrored in y (2), transposed (4); then undo the view."""
        mirrored_axes = [axis for bit, axis in enumerate((-1, -2)) if view >> bit & 1]
        seen = windows.flip(mirrored_axes) if mirrored_axes else windows
        if view & 4:
            found = torch.as_tensor(self._network(seen.transpose(-1, -2))).transpose(-1, -2)
        else:
            found = torch.as_tensor(self._network(seen))
        return found.flip(mirrored_axes) if mirrored_axes else found

    @freed_memory_kept()
    def probabilities(self, image: NDArray) -> NDArray[np.float32]:
        """Return class probabilities of a whole slice, float32 ``(K, H, W)``, from raw ``(C, H, W)``."""
        result = np.empty((self.classes, *image.shape[1:]), np.float32)
        for box, tile in self.tiles(image):
            result[:, *box.slices] = tile
        return result

    @freed_memory_kept()
    def labels(self, image: NDArray) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """Return the likeliest class of every pixel and its probability, from raw ``(C, H, W)``.

        Returns
        -------
        mask, confidence
            Both uint8 ``(H, W)``: class ids, and the probability of that class times 255, rounded.
        """
        whole = self._whole_slice(image)
        mask, confidence = (np.empty(image.shape[1:], np.uint8) for _ in range(2))
        for box, *found in self.winners(*whole):
            mask[box.slices], confidence[box.slices] = found
        return mask, confidence


def _attribute(network: nn.Module, name: str, usual: int) -> int:
    """Return an optional attribute of a network, in pixels, or its default."""
    return int(getattr(network, name, usual))


def _network_input(image: NDArray, windows: Sequence[Window], grey: normalisation.GreyRange) -> Tensor:
    """Cut windows of equal shape from a raw slice and normalise them: float32 ``(windows, C, h, w)``."""
    cut = [torch.from_numpy(grey.apply(window.cut(image))) for window in windows]
    return cut[0][None] if len(cut) == 1 else torch.stack(cut)


def _network(folder: Path, card: Card, state: dict[str, Tensor], own: Mapping[str, nn.Module]) -> nn.Module:
    """Return a built-in or user-supplied network with the weights of the checkpoint."""
    if card.architecture != Architecture.OWN:
        try:
            network = build(card.architecture, card.network)
            network.load_state_dict(state)
        except (ValueError, RuntimeError, TypeError) as error:
            reason = str(error).splitlines()[0]
            raise CheckpointError(f"The checkpoint {folder} does not fit its own card ({reason}); train again.") from error
        return network
    if card.own_class not in own:
        raise NetworkError(
            f"The model of {folder.name} is a network of your own, {card.own_class}, which only Python can give: call "
            "project.models.use(network) in your script, or train a round of a built-in network."
        )
    return loaded(own[card.own_class], card.own_class, state)


def winners(probabilities: Tensor) -> tuple[Tensor, Tensor]:
    """Return the likeliest class and its probability times 255, uint8 ``(h, w)``, from float32 ``(K, h, w)``.

    Of equally likely classes, the first wins. The loop over classes takes half the time of PyTorch's own ``max``.
    """
    highest = probabilities[0].clone()
    best = torch.zeros(highest.shape, dtype=torch.uint8, device=highest.device)
    for class_id in range(1, len(probabilities)):
        better = (probabilities[class_id] > highest).to(torch.uint8)
        torch.maximum(best, better.mul_(class_id), out=best)  # a later winner has the higher id
        torch.maximum(highest, probabilities[class_id], out=highest)
    return best, highest.mul_(255).round_().to(torch.uint8)


@dataclass
class _MemoryLimits:
    """The memory limits of the device, shared by all views of a network."""

    tiles: int
    too_large: float = math.inf
    """Area in pixels of the smallest single window too large for the device."""


def ready(network: nn.Module, device: torch.device) -> nn.Module:
    """Prepare a network for prediction: evaluation mode, on the device, batch normalisation folded in."""
    channels_last(network.to(device))
    network.eval().requires_grad_(False)
    fuse = getattr(network, "fuse", None)
    if fuse is not None:
        fuse()
    return network
