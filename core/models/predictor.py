"""From a slice to class probabilities, tile by tile; memory is set by the tile, not by the slice.

A tile is seen with context around it, as far as the slice goes, and tiles start on the network's grid, so the result does
not depend on how the slice was cut (but for what lies further away than the context). Beyond the border there is what training
shows there (``benchmarks/log/2026-11-27-later.md``): patches end with the slice, and one smaller than a patch is mirrored.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, replace
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
"""Tiles per pass; more than one only pays where there are many cores to feed."""

STRIDE = 32
"""Of a network that does not say: five halvings, which nearly all keep to."""

SMALLEST_PART = 64
"""Pixels on a side: what is no larger is not cut in parts where memory does not hold it."""

VIEWS_ALONE = 2
"""Of slices that are not averaged with others; see ``benchmarks/log/2026-11-27.md``, few views of a slice."""

IN_TURN = (0, 3, 5, 6, 1, 2, 4, 7)
"""The eight views of a slice, ordered so that any few in a row differ much; 0 is the slice as it is."""


class Predictor:
    """A network ready to be applied to raw slices.

    Parameters
    ----------
    network
        In evaluation mode, on its device.
    card
        What was trained: class names, channels, neighbours, normalisation.
    config
        How slices are cut.
    """

    def __init__(self, network: nn.Module, card: Card, config: PredictConfig = PredictConfig()) -> None:
        self.card, self.config = card, config
        self.classes = len(card.class_names)
        self.device = next(network.parameters()).device
        self._network = network
        self._room = _Room(TILES_AT_ONCE.get(self.device.type, 1))
        stride, reach = _says(network, "stride", STRIDE), _says(network, "reach", LEAST_REACH)
        self._windows = Windows(
            stride=stride,
            grid=network.grid if isinstance(network, Decoded) else stride,
            context=reach if config.context is None else config.context,
            least=max(int(card.config.get("patch", 0)), 2 * stride),  # one cell alone cannot be normalised
        )
        self._views: Sequence[int] = range(config.views or 1)

    @property
    def views(self) -> int:
        """How many views of every tile are averaged."""
        return len(self._views)

    def with_views(self, views: int | None) -> Predictor:
        """The same network, averaging so many views of every tile; see ``core.config.PredictConfig``."""
        return self.with_config(replace(self.config, views=views))

    def with_config(self, config: PredictConfig) -> Predictor:
        """The same network with other settings."""
        return Predictor(self._network, self.card, config)

    def alone(self) -> Predictor:
        """The same for slices that are not averaged with others: two views of each; as it is in the cases of :meth:`in_turn`."""
        return self._seeing(range(VIEWS_ALONE))

    def in_turn(self, number: int) -> Predictor:
        """The same for the slice of a number, where many are averaged: each slice is seen in another view.

        So that their mean is one over views as well, in the time of one. As it is where a number of views is asked for, or the
        network was trained on patches that were neither mirrored nor turned.
        """
        return self._seeing((IN_TURN[number % len(IN_TURN)],))

    def _seeing(self, views: Sequence[int]) -> Predictor:
        """The same in other views, if these may be chosen."""
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
        """Read a checkpoint; on the best device unless told which.

        Parameters
        ----------
        own
            The user's own networks, by what :func:`core.models.networks.own.name_of` calls them.

        Raises
        ------
        CheckpointError
            If it is missing, damaged, or of an architecture or normalisation that this version does not know.
        NetworkError
            If its network needs a package that is not installed, or is the user's own and not given, or another.
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
            Raw ``(C, H, W)``, any real dtype; for a model with neighbours, these too, as
            :class:`core.volumes.slice_stack.SliceStack` stacks them.

        Yields
        ------
        Box, NDArray
            Disjoint boxes that cover the slice, those with windows alike together, each with probabilities float32 ``(K, h, w)``
            that sum to 1.

        Raises
        ------
        VolumeError
            If the image has another number of channels than the network takes.
        """
        return self.boxes(*self._whole(image))

    def _whole(self, image: NDArray) -> tuple[NDArray, list[Box], normalisation.GreyRange]:
        """What ``boxes`` takes to predict all of a slice."""
        self._check(image)
        tiles = tile_boxes(image.shape[1:], self.config.tile)
        return image, self._alike_together(tiles, image), normalisation.measure(image)

    def _alike_together(self, boxes: Sequence[Box], image: NDArray) -> list[Box]:
        """Those with windows of one shape after each other."""
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
        """Predict only some boxes of a raw slice whose grey range is known; otherwise as ``tiles``."""
        for box, found in self._predicted(image, boxes, grey):
            yield box, found.cpu().numpy()

    def winners(
        self, image: NDArray, boxes: Sequence[Box], grey: normalisation.GreyRange
    ) -> Iterator[tuple[Box, NDArray[np.uint8], NDArray[np.uint8]]]:
        """As ``boxes``, but the likeliest class of every pixel and 255 times its probability, rounded: uint8 ``(h, w)``."""
        for box, found in self._predicted(image, boxes, grey):
            mask, confidence = winners(found)
            yield box, mask.cpu().numpy(), confidence.cpu().numpy()

    def _predicted(self, image: NDArray, boxes: Sequence[Box], grey: normalisation.GreyRange) -> Iterator[tuple[Box, Tensor]]:
        """As ``boxes``, left on the device."""
        size = image.shape[1:]
        for _, alike in groupby(boxes, key=lambda box: self._windows.around(box, size).shape):
            group = list(alike)
            while group:
                together = group[: self._room.tiles]
                yield from self._pass(image, together, grey)
                del group[: len(together)]

    def _pass(self, image: NDArray, boxes: Sequence[Box], grey: normalisation.GreyRange) -> Iterator[tuple[Box, Tensor]]:
        """Boxes with windows alike, together; part by part where memory does not hold the window of one."""
        windows = [self._windows.around(box, image.shape[1:]) for box in boxes]
        scores = None
        if windows[0].area < self._room.too_large:
            scores = self._scores(_seen(image, windows, grey))
        if scores is not None:
            with torch.inference_mode():
                for box, window, score in zip(boxes, windows, scores, strict=True):
                    kept = score[:, box.y0 - window.y0 : box.y1 - window.y0, box.x0 - window.x0 : box.x1 - window.x0]
                    yield box, kept.float().softmax(dim=0)
        elif len(boxes) == 1:
            yield boxes[0], self._joined(image, boxes[0], grey)
        else:
            for box in boxes:
                yield from self._pass(image, [box], grey)

    def _joined(self, image: NDArray, box: Box, grey: normalisation.GreyRange) -> Tensor:
        """One box from smaller ones, each with its own context, so that it comes out as from its own window."""
        joined = torch.empty((self.classes, *box.shape), device=self.device)
        for part, found in self._predicted(image, self._parts(box, image), grey):
            joined[:, *part.shifted(-box.y0, -box.x0).slices] = found
        return joined

    def _parts(self, box: Box, image: NDArray) -> list[Box]:
        """The halves or quarters of a box; an error where they are seen with no smaller a window than it is."""
        size, side = image.shape[1:], max(box.shape)
        window = self._windows.around(box, size)
        parts = [part.shifted(box.y0, box.x0) for part in tile_boxes(box.shape, -(-side // 2))]
        if side > SMALLEST_PART and max(self._windows.around(part, size).area for part in parts) < window.area:
            return self._alike_together(parts, image)
        self._room.too_large = math.inf  # there may be more memory when it is tried again
        height, width = window.shape
        raise VolumeError(
            f"There is not enough free memory to predict {height} x {width} pixels; close other programs that use it, then try "
            "again."
        )

    def _scores(self, batch: Tensor) -> Tensor | None:
        """Class scores of some windows, half as many at once from now on where memory is short; None where one is too many."""
        while True:
            try:
                with torch.inference_mode(), autocast(self.device):
                    parts = [self._averaged(part.to(self.device)) for part in batch.split(self._room.tiles)]
                    return parts[0] if len(parts) == 1 else torch.cat(parts)
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise
                tried = min(self._room.tiles, len(batch))
            release_memory(self.device)
            if tried == 1:
                if len(batch) == 1:
                    self._room.too_large = batch.shape[-2] * batch.shape[-1]
                return None
            self._room.tiles = -(-tried // 2)

    def _averaged(self, windows: Tensor) -> Tensor:
        """Class scores, the mean over the views."""
        first, *others = self._views
        total = self._viewed(windows, first)
        for view in others:
            total = total + self._viewed(windows, view)
        return total / len(self._views) if others else total

    def _viewed(self, windows: Tensor, view: int) -> Tensor:
        """Class scores of windows that are mirrored in x (1), mirrored in y (2) and transposed (4), turned back."""
        mirrored_axes = [axis for bit, axis in enumerate((-1, -2)) if view >> bit & 1]
        seen = windows.flip(mirrored_axes) if mirrored_axes else windows
        if view & 4:
            found = torch.as_tensor(self._network(seen.transpose(-1, -2))).transpose(-1, -2)
        else:
            found = torch.as_tensor(self._network(seen))
        return found.flip(mirrored_axes) if mirrored_axes else found

    @freed_memory_kept()
    def probabilities(self, image: NDArray) -> NDArray[np.float32]:
        """Class probabilities of a whole slice, float32 ``(K, H, W)``, from raw ``(C, H, W)``."""
        result = np.empty((self.classes, *image.shape[1:]), np.float32)
        for box, tile in self.tiles(image):
            result[:, *box.slices] = tile
        return result

    @freed_memory_kept()
    def labels(self, image: NDArray) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """The likeliest class of every pixel and its probability, from raw ``(C, H, W)``.

        Returns
        -------
        mask, confidence
            Both uint8 ``(H, W)``: class ids, and the probability of that class times 255, rounded.
        """
        whole = self._whole(image)
        mask, confidence = (np.empty(image.shape[1:], np.uint8) for _ in range(2))
        for box, *found in self.winners(*whole):
            mask[box.slices], confidence[box.slices] = found
        return mask, confidence


def _says(network: nn.Module, name: str, usual: int) -> int:
    """A number of pixels that a network may have as an attribute."""
    return int(getattr(network, name, usual))


def _seen(image: NDArray, windows: Sequence[Window], grey: normalisation.GreyRange) -> Tensor:
    """What a network is shown of a raw slice: normalised, float32 ``(windows, C, h, w)``, of windows that are alike."""
    cut = [torch.from_numpy(grey.apply(window.cut(image))) for window in windows]
    return cut[0][None] if len(cut) == 1 else torch.stack(cut)


def _network(folder: Path, card: Card, state: dict[str, Tensor], own: Mapping[str, nn.Module]) -> nn.Module:
    """Built by the closed list, or given by the user; with its weights."""
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
            "project.use(network) in your script, or train a round of a built-in network."
        )
    return loaded(own[card.own_class], card.own_class, state)


def winners(probabilities: Tensor) -> tuple[Tensor, Tensor]:
    """The likeliest class of every pixel and 255 times its probability, uint8 ``(h, w)``, from float32 ``(K, h, w)``.

    The first of several that are equally likely. Class by class, which takes half the time of PyTorch's own ``max``.
    """
    highest = probabilities[0].clone()
    best = torch.zeros(highest.shape, dtype=torch.uint8, device=highest.device)
    for class_id in range(1, len(probabilities)):
        better = (probabilities[class_id] > highest).to(torch.uint8)
        torch.maximum(best, better.mul_(class_id), out=best)  # what is better later has the higher number
        torch.maximum(highest, probabilities[class_id], out=highest)
    return best, highest.mul_(255).round_().to(torch.uint8)


@dataclass
class _Room:
    """What the device holds at once; one for all views of a network."""

    tiles: int
    too_large: float = math.inf
    """Area in pixels of the smallest window that it did not hold by itself."""


def ready(network: nn.Module, device: torch.device) -> nn.Module:
    """Prepare a network for prediction: evaluation mode, on the device, normalisation folded in."""
    channels_last(network.to(device))
    network.eval().requires_grad_(False)
    fuse = getattr(network, "fuse", None)
    if fuse is not None:
        fuse()
    return network
