"""What is seen of a training while it goes on: the averaged weights predict one frame, and the snapshot is kept."""

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
from core.storage.snapshots import WatchedRegion, cut, keep, moment_facts, step_folder
from core.training.learning.callbacks import VALIDATION_SHARE, Clock, Validation

MOMENTS = 10
"""Snapshots of a training at most, its end among them."""

FRAME_SHARE = VALIDATION_SHARE / 2
"""Of the time that validations may take, snapshots take no more than half."""

SMALLEST_SIDE = 256
"""Pixels that a frame keeps on a side, however slow the machine."""


@dataclass(frozen=True)
class SnapshotSource:
    """The frame of a training.

    Attributes
    ----------
    frame
        Which part of which slice.
    image
        That whole slice, raw ``(C, H, W)``: its grey range is that of the slice, and the frame is seen with its surroundings.
    folder
        Where the snapshots go.
    """

    frame: WatchedRegion
    image: NDArray[Any]
    folder: Path


@dataclass(frozen=True)
class Model:
    """The weights of a snapshot: ready to predict, to be stored, and what to say of them."""

    predictor: Predictor
    state: Mapping[str, Tensor]
    card: Card


def due(number: int) -> float:
    """Share of the training after which snapshot ``number``, from 0, is to be kept: the later, the further apart."""
    return float(((number + 1) / MOMENTS) ** 2)


def affordable(frame: WatchedRegion, took: float, budget: float) -> WatchedRegion:
    """The middle of a frame, as much of it as can be predicted for every snapshot of a training.

    Parameters
    ----------
    took
        Seconds that all of it took once.
    budget
        Seconds of the training.
    """
    share = min(1.0, FRAME_SHARE * budget / (MOMENTS - 1) / took)
    (height, width), box = frame.box.shape, frame.box
    h, w = (min(length, max(SMALLEST_SIDE, round(length * share**0.5))) for length in (height, width))
    y0, x0 = box.y0 + (height - h) // 2, box.x0 + (width - w) // 2
    return replace(frame, box=Box(y0, x0, y0 + h, x0 + w))


class Feedback(Callback):
    """Predicts the frame now and then and keeps the snapshot, within the share of time that validations may take.

    Parameters
    ----------
    clock
        Stopped meanwhile.
    validation
        Brought forward to a time that allows for it, and put off by what the snapshot took.
    watched
        The frame.
    model
        Gives the averaged weights as they are now; called with the scores for the card.
    """

    def __init__(
        self, clock: Clock, validation: Validation, watched: SnapshotSource, model: Callable[[Scores | None], Model]
    ) -> None:
        self._clock, self._validation, self._watched, self._model = clock, validation, watched, model
        self._frame: WatchedRegion | None = None  # as much of the one watched as can be afforded, once that is known
        self._grey = normalisation.measure(watched.image)
        self._next = due(0)
        self._spent = 0.0

    def on_train_start(self, trainer: Trainer, module: LightningModule) -> None:
        """A resume goes on after the snapshots there are; what is kept of later steps will be done again."""
        cut(self._watched.folder, trainer.global_step)
        self._plan(self._clock.share(trainer.global_step))

    def on_train_batch_end(self, trainer: Trainer, module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        share = self._clock.share(trainer.global_step)
        if share < self._next or trainer.should_stop or self._spent > FRAME_SHARE * self._clock.seconds:
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
        """When the next snapshot is due: the last one is the end, which is kept by whoever ends the training."""
        self._next = next((at for at in map(due, range(MOMENTS - 1)) if at > share), float("inf"))

    def keep(self, step: int, *, end: bool = False) -> None:
        """Predict the frame and store the snapshot now; ``end`` says that these weights become the checkpoint."""
        validation, model = self._validation, self._model(self._validation.newest)
        frame, mask, confidence = self._seen(model.predictor)
        validated = self._clock.seconds if end else validation.measured
        facts = moment_facts(frame, end=end, validated=None if validated is None else round(validated, 3))
        clock = self._clock
        course = {"seconds": round(clock.seconds, 3), "steps": step, "epochs": round(clock.epochs_after(step), 3)}
        card = replace(
            model.card,
            training={**model.card.training, **course},
            extra={**model.card.extra, "moment": facts},
        )
        keep(step_folder(self._watched.folder, step), model.state, card, mask, confidence)

    def _seen(self, predictor: Predictor) -> tuple[WatchedRegion, NDArray[np.uint8], NDArray[np.uint8]]:
        """The frame, and its mask and confidence; the first time it is cut to what the machine can afford."""
        whole = self._frame or self._watched.frame
        started = time.perf_counter()
        ((_, mask, confidence),) = predictor.winners(self._watched.image, [whole.box], self._grey)
        if self._frame is None:
            self._frame = affordable(whole, time.perf_counter() - started, self._clock.budget)
        y, x = self._frame.box.y0 - whole.box.y0, self._frame.box.x0 - whole.box.x0
        part = Box(y, x, y + self._frame.box.shape[0], x + self._frame.box.shape[1]).slices
        return self._frame, mask[part], confidence[part]
