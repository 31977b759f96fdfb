"""Keep training snapshots: predict the watched region with the averaged weights, and store both."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pytorch_lightning import Callback, LightningModule, Trainer
from torch import Tensor

from core.evaluation.validation import Scores
from core.geometry import Box
from core.models import normalisation
from core.models.predictor import Predictor
from core.storage.checkpoints import Card
from core.storage.snapshots import WatchedRegion, cut, keep, snapshot_facts, step_folder
from core.training.learning.callbacks import VALIDATION_SHARE, Clock, Validation

SNAPSHOTS = 10
"""Largest number of snapshots of a training, including the one at its end."""

REGION_SHARE = VALIDATION_SHARE / 2
"""Largest share of training time for snapshots: half of the share for validations."""

SMALLEST_SIDE = 256
"""Smallest side of the watched region on a slow machine, in pixels."""


@dataclass(frozen=True)
class SnapshotSource:
    """Watched region of a training, its image, and the folder for snapshots.

    Attributes
    ----------
    watched
        The watched region.
    image
        The whole slice, raw ``(C, H, W)``, for its grey range and the region's context.
    folder
        Folder for the snapshots.
    """

    watched: WatchedRegion
    image: NDArray[Any]
    folder: Path


@dataclass(frozen=True)
class Model:
    """Averaged weights for a snapshot: a predictor, the weights to store, and their card."""

    predictor: Predictor
    state: Mapping[str, Tensor]
    card: Card


def due(number: int) -> float:
    """Return the share of the training at snapshot ``number``, from 0; the gaps grow towards the end."""
    return float(((number + 1) / SNAPSHOTS) ** 2)


def affordable(watched: WatchedRegion, took: float, budget: float) -> WatchedRegion:
    """Crop a watched region around its centre, small enough to predict for every snapshot of a training.

    Parameters
    ----------
    took
        Seconds to predict the whole region once.
    budget
        Seconds of the training.
    """
    share = min(1.0, REGION_SHARE * budget / (SNAPSHOTS - 1) / took)
    (height, width), box = watched.box.shape, watched.box
    h, w = (min(length, max(SMALLEST_SIDE, round(length * share**0.5))) for length in (height, width))
    y0, x0 = box.y0 + (height - h) // 2, box.x0 + (width - w) // 2
    return replace(watched, box=Box(y0, x0, y0 + h, x0 + w))


class Feedback(Callback):
    """Predict the watched region at intervals and keep snapshots, within the share of time for validations.

    Parameters
    ----------
    clock
        Stopped during a snapshot.
    validation
        Moved forward to a snapshot if time allows, and delayed in proportion to the snapshot's time.
    source
        The watched region, its image, and the folder for snapshots.
    model
        Returns the current averaged weights; called with the scores for the card.
    """

    def __init__(
        self, clock: Clock, validation: Validation, source: SnapshotSource, model: Callable[[Scores | None], Model]
    ) -> None:
        self._clock, self._validation, self._source, self._model = clock, validation, source, model
        self._watched: WatchedRegion | None = None  # the affordable part of the watched region, known after one prediction
        self._grey = normalisation.measure(source.image)
        self._next = due(0)
        self._spent = 0.0

    def on_train_start(self, trainer: Trainer, module: LightningModule) -> None:
        """Delete the snapshots of later steps: a resumed training repeats these."""
        cut(self._source.folder, trainer.global_step)
        self._plan(self._clock.share(trainer.global_step))

    def on_train_batch_end(self, trainer: Trainer, module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        share = self._clock.share(trainer.global_step)
        if share < self._next or trainer.should_stop or self._spent > REGION_SHARE * self._clock.seconds:
            return
        if self._validation.affordable:
            self._validation.measure(trainer.global_step)
        with self._clock.stopped():
            started = time.perf_counter()
            self.keep(trainer.global_step)
            took = time.perf_counter() - started
        self._spent += took
        self._validation.put_off(took)
        self._plan(share)

    def _plan(self, share: float) -> None:
        """Set the time of the next snapshot; the last one, at the end of the training, is kept by the caller."""
        self._next = next((at for at in map(due, range(SNAPSHOTS - 1)) if at > share), float("inf"))

    def keep(self, step: int, *, end: bool = False) -> None:
        """Predict the watched region and store a snapshot now; ``end`` marks the weights of the checkpoint."""
        validation, model = self._validation, self._model(self._validation.newest)
        watched, mask, confidence = self._predict(model.predictor)
        validated = self._clock.seconds if end else validation.measured
        facts = snapshot_facts(watched, end=end, validated=None if validated is None else round(validated, 3))
        clock = self._clock
        progress = {"seconds": round(clock.seconds, 3), "steps": step, "epochs": round(clock.epochs_after(step), 3)}
        card = replace(
            model.card,
            training={**model.card.training, **progress},
            extra={**model.card.extra, "moment": facts},
        )
        keep(step_folder(self._source.folder, step), model.state, card, mask, confidence)

    def _predict(self, predictor: Predictor) -> tuple[WatchedRegion, NDArray[np.uint8], NDArray[np.uint8]]:
        """Return the watched region with its mask and confidence; crop it to the affordable part the first time."""
        whole = self._watched or self._source.watched
        started = time.perf_counter()
        ((_, mask, confidence),) = predictor.winners(self._source.image, [whole.box], self._grey)
        if self._watched is None:
            self._watched = affordable(whole, time.perf_counter() - started, self._clock.budget)
        y, x = self._watched.box.y0 - whole.box.y0, self._watched.box.x0 - whole.box.x0
        part = Box(y, x, y + self._watched.box.shape[0], x + self._watched.box.shape[1]).slices
        return self._watched, mask[part], confidence[part]
