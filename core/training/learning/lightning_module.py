"""Lightning module of a network in training: augmentation, losses, averaged weights, optimiser."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from pytorch_lightning import LightningModule
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.swa_utils import AveragedModel

from core.config import UNLABELLED, Loss, TrainConfig
from core.errors import TrainingError
from core.models.device import channels_last
from core.models.networks.unet import ChannelDropout, Decoded
from core.training.learning.augmentation import change, warp
from core.training.learning.deep_supervision import CoarseHeads
from core.training.learning.losses import class_weights, masked_loss
from core.training.learning.muon import Muon
from core.training.learning.patches import EXCLUDED
from core.training.learning.pseudo_labels import pseudo_labels, weight

WARM_UP = 0.04
"""Share of the budget for the climb of the learning rate to its peak."""

ADAM_SHARE = 0.04
"""Learning rate of AdamW as a share of Muon's."""

DROPOUT = 0.3
"""Largest share of the deepest channels to drop, see :func:`dropout`."""

REPEATED_STEPS, REPEATED_EPOCHS = 1500, 150
"""Length of training without dropout; twice as long a training drops the full share."""

OPTIMISER = "muon-4"
"""Recorded with the resume state, to refuse a state of another optimiser."""

FINEST = "finest"
"""Key of the reported loss in a step's outputs: over all labelled pixels, without the coarse levels and pseudo-labels."""


class SegmentationModule(LightningModule):
    """One network in training.

    Parameters
    ----------
    network
        Maps images ``(B, C, H, W)`` to class scores ``(B, K, H, W)``.
    config
        Training settings.
    counts
        Labelled pixels of each class, int64 ``(K,)``.
    epoch
        Steps in an epoch: to draw as much area as is labelled.
    few
        Whether slices are labelled in small part, for pseudo-labels in addition to labels.
    """

    def __init__(
        self,
        network: nn.Module,
        config: TrainConfig,
        counts: NDArray[np.int64],
        epoch: float = math.inf,
        *,
        few: bool = False,
    ) -> None:
        super().__init__()
        self.network = channels_last(network)
        self.average = AveragedModel(network, multi_avg_fn=_average, use_buffers=True)
        self.average.requires_grad_(False)
        self.class_weights: Tensor
        self.register_buffer("class_weights", class_weights(counts), persistent=False)
        self.coarse = CoarseHeads(network, len(counts)) if isinstance(network, Decoded) else None
        self.config, self.epoch = config, epoch
        self.few = few and config.unlabelled > 0
        """Whether training uses pseudo-labels."""
        self._dropouts = [module for module in network.modules() if isinstance(module, ChannelDropout)]
        self.draws = config.seed
        """Seed of patches and augmentation."""
        self.share_used = 0.0
        """Used share of the budget, set by the clock before every step."""
        self.facts: dict[str, Any] = {}
        """Facts stored in the resume state, to recognise the same training."""

    def on_after_batch_transfer(self, batch: tuple[Tensor, Tensor], dataloader_idx: int) -> tuple[Tensor, Tensor, Tensor]:
        """Return augmented images, their labels (perhaps ``EXCLUDED``), and the images before artefacts, noise and tones."""
        images, labels = batch
        generator = torch.Generator().manual_seed(self.draws * 1_000_003 + self.global_step)
        turned, labels = warp(images, labels, generator, self.config.patch, self.config.augment)
        return change(turned, generator, self.config.augment), labels, turned

    def training_step(self, batch: tuple[Tensor, ...], batch_idx: int) -> dict[str, Tensor]:
        images, labels, *turned = batch  # (B, C, H, W), (B, H, W), (B, C, H, W) where pseudo-labels may be wanted
        images = images.contiguous(memory_format=torch.channels_last)
        pseudo = self.pseudo_labels(turned[0], labels) if self.few and turned else None
        finest, others = self.losses(images, labels.masked_fill(labels == EXCLUDED, UNLABELLED), pseudo)
        loss = finest + others
        if not torch.isfinite(loss):
            raise TrainingError(
                f"The loss is {loss.item()} at step {self.global_step}; it must stay finite, so train with a lower learning "
                f"rate than {self.config.learning_rate:g}."
            )
        return {"loss": loss, FINEST: finest.detach()}

    def pseudo_labels(self, turned: Tensor, labels: Tensor) -> Tensor | None:
        """Return pseudo-labels for unlabelled pixels, or None if there are none or pseudo-labels do not count yet.

        See :mod:`core.training.learning.pseudo_labels`.
        """
        if weight(self.share_used) == 0 or not (labels == UNLABELLED).any():
            return None
        return pseudo_labels(self.average.module, turned, labels)

    def losses(self, images: Tensor, labels: Tensor, pseudo: Tensor | None = None) -> tuple[Tensor, Tensor | float]:
        """Return the loss over labelled pixels, and the loss added by coarse levels (if any) and pseudo-labels."""
        network, given = self.network, (labels, self.class_weights, self.config.loss)
        added: Tensor | float = 0.0
        if self.coarse is None or not isinstance(network, Decoded):
            scores = network(images)
        else:
            finest, *coarse = network.decoded(images)
            scores, added = network.scores(finest), self.coarse.loss(coarse, *given)
        if pseudo is not None:
            share = self.config.unlabelled * weight(self.share_used)
            added = added + share * masked_loss(scores, pseudo, torch.ones_like(self.class_weights), Loss.CROSS_ENTROPY)
        return masked_loss(scores, *given), added

    def on_train_batch_start(self, batch: Any, batch_idx: int) -> None:
        self.set_rates(self.global_step)

    def set_rates(self, step: int) -> None:
        """Set learning rate and dropout for a step, by the used share of the budget."""
        self.optimiser.set_share(schedule(self.share_used))
        for one in self._dropouts:
            one.p = dropout(step, self.share_used, self.epoch)

    def configure_gradient_clipping(self, optimizer: Optimizer, *args: Any, **kwargs: Any) -> None:
        # Lightning's own clipping refuses fused optimisers even where nothing is scaled.
        nn.utils.clip_grad_norm_(self.parameters(), 1.0)  # the average has no gradient

    def optimizer_step(self, *args: Any, **kwargs: Any) -> None:
        super().optimizer_step(*args, **kwargs)
        self.average.update_parameters(self.network)

    def configure_optimizers(self) -> Optimizer:
        rate, fused = self.config.learning_rate, self.device.type in ("cpu", "cuda")
        others = () if self.coarse is None else self.coarse.parameters()
        self.optimiser = Muon(self.network, lr=rate, adam_lr=rate * ADAM_SHARE, fused=fused, others=others)
        return self.optimiser

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        checkpoint["underpaint"] = self.facts


def schedule(share_used: float) -> float:
    """Return the factor of the learning rate: a linear climb, then a cosine to zero at the end of the budget."""
    if share_used < WARM_UP:
        return max(share_used / WARM_UP, 0.02)
    rest = min(1.0, (share_used - WARM_UP) / (1 - WARM_UP))
    return 0.5 * (1 + math.cos(math.pi * rest))


def dropout(step: int, share_used: float, epoch: float) -> float:
    """Return the share of the deepest channels to drop: above 0 only in a long training on few labels.

    Parameters
    ----------
    step, share_used
        Steps so far, and the share of the budget they took; together they predict the number of steps.
    epoch
        Steps in an epoch.
    """
    steps = step / share_used if share_used > 0 else 0.0
    repeated = min(steps / REPEATED_STEPS, steps / epoch / REPEATED_EPOCHS)
    return DROPOUT * min(1.0, max(0.0, repeated - 1))


def _average(averaged: Sequence[Tensor], current: Sequence[Tensor], number: Tensor | int) -> None:
    """Update the moving average of weights over about the last twentieth of the steps so far; copy integer counters."""
    if not averaged[0].is_floating_point():  # all tensors of a call have one dtype
        torch._foreach_copy_(list(averaged), list(current))
        return
    steps = int(number)
    torch._foreach_lerp_(list(averaged), list(current), 1 - min(0.999, (1 + steps) / (20 + steps)))
