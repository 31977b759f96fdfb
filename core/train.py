"""Train one round's network: from labelled slices to a checkpoint, until the first stop rule fires."""

from __future__ import annotations

import copy
import hashlib
import json
import logging
import math
import pickle
import shutil
import signal
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core import normalisation
from core.checkpoints import Card, library_versions, now, save
from core.config import StopRule, TrainConfig
from core.errors import Cancelled, CheckpointError, TrainingError, storage_errors
from core.memory import freed_memory_kept
from core.progress import Progress

if TYPE_CHECKING:
    from torch import nn

    from core.dataset import LabelledSlice, Patches
    from core.feedback import Feedback, Watched
    from core.logs import Scalars
    from core.predict import Predictor, Scores

# Lightning takes seconds to import, so it is imported where training starts: the command line's help stays quick.

STATE = "last.ckpt"
SURPLUS = 0.375
"""Patches are cut this share larger than they are trained, so that turned ones have filled corners."""
QUICK_SLICES = 8
"""Validations before the last look at no more slices than this."""

__all__ = ["Cancelled", "FitResult", "Progress", "fit"]


@dataclass(frozen=True)
class FitResult:
    """What came of a training.

    Attributes
    ----------
    checkpoint
        Folder of the new checkpoint.
    seconds
        Seconds of training used, those before a resume included.
    validation_loss, validation_dice, validation_pixels, validation_counts
        Of the checkpoint on all validation pixels, see :class:`core.predict.Scores`; None where not measured.
    steps
        Training steps, those before a resume included.
    resumed
        Whether an interrupted training was carried on.
    ended_by
        The rule that ended it.
    """

    checkpoint: Path
    seconds: float
    validation_loss: float | None
    validation_dice: tuple[float | None, ...]
    validation_pixels: int
    steps: int
    resumed: bool
    ended_by: StopRule
    validation_counts: tuple[tuple[int, ...], ...] | None


def fit(
    train: Sequence[LabelledSlice],
    validation: Sequence[LabelledSlice],
    *,
    class_names: Sequence[str],
    in_channels: int,
    config: TrainConfig,
    folder: Path,
    card: Mapping[str, Any],
    report: Callable[[Progress], bool],
    resume: bool = False,
    logs: Path | None = None,
    network: nn.Module | None = None,
    watched: Watched | None = None,
) -> FitResult:
    """Train a network and store it.

    Parameters
    ----------
    train, validation
        Slices with the pixels of each role; 255 elsewhere.
    class_names
        In the order of the class ids.
    in_channels
        Channels of every slice.
    config
        How to train.
    folder
        Of the new checkpoint; must not exist. The resume state is in ``<folder>.partial/`` until then.
    card
        Further facts for the card, in JSON types.
    report
        Called about once a second; True asks to stop.
    resume
        Carry on an interrupted training of the same data, if there is one; otherwise start anew.
    logs
        Folder for TensorBoard's scalars, emptied first unless the training is carried on; None for none.
    network
        Where ``config.architecture`` is ``own``: the user's network, which is copied; training begins with its weights.
    watched
        What to predict again and again meanwhile, so that its moments are kept; nothing if None.

    Raises
    ------
    TrainingError
        If no pixel is labelled, the loss is no longer finite, or the interrupted training was of other data.
    CheckpointError
        If ``folder`` exists or the resume state is damaged.
    NetworkError
        If the network cannot be built, or ``network`` is missing or cannot be trained.
    StorageError
        If the disk is full.
    Cancelled
        If ``report`` asked to stop.
    """
    if folder.exists():
        raise CheckpointError(f"{folder} exists already; a checkpoint is never overwritten, so choose another folder.")
    partial = folder.with_name(folder.name + ".partial")
    state = _interrupted(partial / STATE) if resume else None
    with _quiet_lightning(), freed_memory_kept():
        run = _Run(train, validation, tuple(class_names), in_channels, config, partial / STATE, report, logs, network)
        run.watch(watched, card)
        if state is None:  # only now: a call that is refused leaves what a resume needs
            _empty(partial)
            if logs is not None:
                _empty(logs)
        run.carry_on(state)
        result = run.finish(folder, card)
    shutil.rmtree(partial, ignore_errors=True)
    return result


def drawn_side(patch: int) -> int:
    """Side of the square that is cut for a patch of so many pixels."""
    return round(patch * (1 + SURPLUS) / 2) * 2


def _empty(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    with storage_errors(folder):
        folder.mkdir(parents=True)


def _interrupted(path: Path) -> dict[str, Any] | None:
    """The facts of an interrupted training, None where there is none; no code in the file is run."""
    import torch

    if not path.exists():
        return None
    try:
        state = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
        return {"fingerprint": str(state["underpaint"]["fingerprint"]), "step": int(state["global_step"])}
    except (OSError, RuntimeError, KeyError, TypeError, ValueError, EOFError, pickle.UnpicklingError) as error:
        raise CheckpointError(
            f"The interrupted training in {path.parent} is damaged and cannot be carried on; train again without resume."
        ) from error


@contextmanager
def _quiet_lightning() -> Iterator[None]:
    """Keep Lightning's notes on devices, workers and loggers off the screen."""
    import lightning.pytorch  # sets its own log levels, so it must come first

    loggers = [logging.getLogger(name) for name in ("lightning", lightning.pytorch.__name__, "lightning.fabric")]
    levels = [logger.level for logger in loggers]
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"lightning\..*")
        warnings.filterwarnings("ignore", module=r"torch\.(utils|optim|autograd)\..*")
        for logger in loggers:
            logger.setLevel(logging.ERROR)
        try:
            yield
        finally:
            for logger, level in zip(loggers, levels, strict=True):
                logger.setLevel(level)


class _Run:
    """One training: its parts, put together."""

    def __init__(
        self,
        train: Sequence[LabelledSlice],
        validation: Sequence[LabelledSlice],
        class_names: tuple[str, ...],
        in_channels: int,
        config: TrainConfig,
        state: Path,
        report: Callable[[Progress], bool],
        logs: Path | None,
        network: nn.Module | None,
    ) -> None:
        from lightning.pytorch import seed_everything

        from core import callbacks
        from core.hardware import choose_device
        from core.networks import arguments, chosen
        from core.networks.own import name_of
        from core.segmenter import Segmenter

        self.config, self.validation, self.class_names = config, validation, class_names
        self.in_channels = in_channels
        self.state, self.device = state, choose_device()
        self.weights = [one.weight for one in train]
        self.patches = _patches(train, len(class_names), config)
        self.network = arguments(config, in_channels, len(class_names))
        seed_everything(config.seed, verbose=False)
        self.own_class = "" if network is None else name_of(network)
        self.segmenter = Segmenter(chosen(config, self.network, network), config, self.patches.counts)
        self.segmenter.facts = {"fingerprint": self._fingerprint()}
        epoch = self.patches.epoch
        self.clock = callbacks.Clock(config.seconds, None if config.epochs is None else math.ceil(config.epochs * epoch))
        self.validations = callbacks.Validation(self.clock, self._validate_quickly)
        self.rules = callbacks.StopRules(self.validations, config)
        self.resume_state = callbacks.ResumeState(self.clock, state)
        self.reports = callbacks.Report(self.clock, self.validations, self.resume_state, report, epoch=epoch)
        self.logs = logs
        self.scalars: list[Scalars] = []  # one where logs are wanted
        self.feedback: list[Feedback] = []  # one where a frame is watched
        self.resumed, self.steps = False, 0

    def watch(self, watched: Watched | None, extra: Mapping[str, Any]) -> None:
        """Keep moments of the training; ``extra`` are further facts for their cards."""
        from core.feedback import Feedback, Model

        def model(scores: Scores | None) -> Model:
            return Model(self.predictor(), self.segmenter.average.module.state_dict(), self._card(scores, extra))

        if watched is not None:
            self.feedback = [Feedback(self.clock, self.validations, watched, model)]

    def _fingerprint(self) -> str:
        """The same for a training of the same labels, classes and settings; when it is to end may differ."""
        from core.segmenter import OPTIMISER

        settings = {name: value for name, value in asdict(self.config).items() if name not in list(StopRule)}
        labels = [(one.shape, one.counts.tolist(), one.digest) for one in self.patches.index]
        parameters = [(name, list(weight.shape)) for name, weight in self.segmenter.network.named_parameters()]
        own = [self.own_class, parameters]
        facts = json.dumps([settings, OPTIMISER, self.class_names, self.network, *own, labels, self.weights])
        return hashlib.sha256(facts.encode()).hexdigest()

    def carry_on(self, state: Mapping[str, Any] | None) -> None:
        """Train, from the interrupted state if there is one."""
        from torch.utils.data import DataLoader

        if state is not None and state["fingerprint"] != self.segmenter.facts["fingerprint"]:
            raise TrainingError(
                "The interrupted training was of other labels, classes or settings; it can only be carried on with the same "
                "ones, so train again without resume."
            )
        self.resumed = state is not None
        self.patches.start = state["step"] if state is not None else 0
        if self.logs is not None:
            self.scalars = [self._logged(self.logs, state)]
        trainer = self._trainer()
        loader = DataLoader(self.patches, batch_size=None)
        interrupt = signal.getsignal(signal.SIGINT)
        try:
            trainer.fit(self.segmenter, loader, ckpt_path=self.state if self.resumed else None, weights_only=True)
        except SystemExit as stopped:  # what Lightning makes of SIGTERM and Ctrl-C
            signal.signal(signal.SIGINT, interrupt)  # Lightning leaves the key dead
            raise Cancelled("Training was stopped; it can be resumed.") from stopped
        self.steps = trainer.global_step
        if self.reports.cancelled:
            raise Cancelled("Training was stopped; it can be resumed.")

    def _logged(self, folder: Path, state: Mapping[str, Any] | None) -> Scalars:
        from core.logs import Scalars

        return Scalars(folder, self.validations, self.class_names, None if state is None else state["step"])

    def _trainer(self) -> Any:
        from lightning.pytorch import Trainer

        from core.hardware import precision
        from core.threads import Threads

        threads = [Threads()] if self.device.type == "cpu" else []

        return Trainer(
            accelerator={"cuda": "gpu"}.get(self.device.type, self.device.type),
            devices=1,
            precision=precision(self.device),
            max_epochs=-1,  # the clock or a stop rule ends the training
            callbacks=[
                self.clock,
                self.validations,
                *self.feedback,
                self.rules,
                *self.scalars,
                self.resume_state,
                self.reports,
                *threads,
            ],
            logger=[scalars.logger for scalars in self.scalars],
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            use_distributed_sampler=False,
            default_root_dir=self.state.parent,
        )

    def predictor(self) -> Predictor:
        """The averaged weights, ready to predict."""
        from core.predict import Predictor, ready

        network = copy.deepcopy(self.segmenter.average.module)
        return Predictor(ready(network, self.device), self._card())

    def _validate_quickly(self) -> Scores:
        from core.predict import score

        step = max(1, -(-len(self.validation) // QUICK_SLICES))
        return score(self.predictor(), self.validation[::step])

    def finish(self, folder: Path, extra: Mapping[str, Any]) -> FitResult:
        """Validate on everything and store the checkpoint."""
        from core.predict import score

        scores = score(self.predictor(), self.validation)
        self.validations.newest = scores
        self.reports.tell(self.steps)
        for scalars in self.scalars:
            scalars.validated(scores, self.steps)
            scalars.close()
        for feedback in self.feedback:
            feedback.keep(self.steps, end=True)
        save(folder, self.segmenter.average.module.state_dict(), self._card(scores, extra))
        return FitResult(
            checkpoint=folder,
            seconds=self.clock.seconds,
            validation_loss=scores.loss,
            validation_dice=scores.dice,
            validation_pixels=scores.pixels,
            validation_counts=scores.counts,
            steps=self.steps,
            resumed=self.resumed,
            ended_by=self.ended_by,
        )

    @property
    def ended_by(self) -> StopRule:
        """The rule that ended the training; before its end, the one that will if no other does."""
        return self.rules.ended_by or self.clock.ended_by or StopRule.SECONDS

    def _card(self, scores: Scores | None = None, extra: Mapping[str, Any] | None = None) -> Card:
        return Card(
            architecture=self.config.architecture,
            network=self.network,
            class_names=self.class_names,
            in_channels=self.in_channels,
            neighbours=self.config.neighbours,
            own_class=self.own_class,
            normalisation=normalisation.NAME,
            config=asdict(self.config),
            seed=self.config.seed,
            scores=self._named(scores) if scores is not None else {},
            training=self._facts(),
            versions=library_versions(),
            created=now(),
            extra=dict(extra or {}),
        )

    def _named(self, scores: Scores) -> dict[str, Any]:
        dice = dict(zip(self.class_names, scores.dice, strict=True))
        return {"loss": scores.loss, "dice": dice, "pixels": scores.pixels}

    def _facts(self) -> dict[str, Any]:
        from core.hardware import precision

        return {
            "device": self.device.type,
            "precision": precision(self.device),
            "seconds": round(self.clock.seconds, 3),
            "steps": self.steps,
            "epochs": round(self.steps / self.patches.epoch, 3),
            "ended_by": str(self.ended_by),
            "labelled_pixels": dict(zip(self.class_names, self.patches.counts.tolist(), strict=True)),
        }


def _patches(train: Sequence[LabelledSlice], classes: int, config: TrainConfig) -> Patches:
    from core.dataset import Patches

    return Patches(
        train,
        classes,
        side=drawn_side(config.patch),
        inner=config.patch,
        batch=config.batch,
        seed=config.seed,
        neighbours=config.neighbours,
    )
