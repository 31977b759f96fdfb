"""Assemble one training, run it to its end, and store its result, on behalf of ``core.training.learning.fit``."""

from __future__ import annotations

import copy
import signal
from collections.abc import Callable, Mapping
from typing import Any

from pytorch_lightning import Callback, Trainer, seed_everything
from torch.utils.data import DataLoader

from core.config import StopRule
from core.errors import Cancelled, TrainingError
from core.evaluation.validation import Scores, score
from core.models.device import choose_device, is_out_of_memory, precision, release_memory
from core.models.networks import MAY_LEAVE_UNUSED, arguments, chosen
from core.models.predictor import Predictor, ready
from core.storage.checkpoints import Card, save
from core.training.learning import callbacks
from core.training.learning.description import card_of, fingerprint
from core.training.learning.lightning_module import SegmentationModule
from core.training.learning.patches import Patches, drawn_side
from core.training.learning.process_group import join
from core.training.learning.ranks import MainRank, Ranks, WorkerRank, strategy
from core.training.learning.snapshot_callback import Feedback, Model
from core.training.learning.task import FitResult, Progress, TrainingTask
from core.training.learning.tensorboard import Scalars
from core.training.learning.thread_tuning import Threads
from core.training.learning.warm_start import inherit

QUICK_SLICES = 8
"""Largest number of slices in every validation but the last."""


class TrainingRun:
    """One training.

    Parameters
    ----------
    task
        Data, settings and files of the training.
    report
        As for :func:`core.training.learning.fit.fit`.
    rank
        Number of this process's device: rank 0 runs the training, the others only :meth:`train_along`.
    """

    def __init__(self, task: TrainingTask, report: Callable[[Progress], bool] = lambda progress: False, *, rank: int = 0) -> None:
        config = task.config
        self.task, self.config = task, config
        self.fresh_because = ""
        self.device, self.ranks = choose_device(), Ranks(config.devices, task.worker_command)
        seed = task.seed(rank)
        self.patches = _patches(task, seed)
        self.network = arguments(config, task.in_channels, len(task.class_names))
        seed_everything(seed, verbose=False)
        made = chosen(config, self.network, task.network)
        self.module = SegmentationModule(made, config, self.patches.counts, self.patches.epoch, few=bool(self.patches.few))
        self.module.draws = seed
        self.module.facts = {"fingerprint": fingerprint(task, self.patches.index, self.module.network)}
        self.clock = callbacks.Clock(config.seconds, config.epochs, epoch=self.patches.epoch)
        self.validations = callbacks.Validation(self.clock, self._validate_quickly)
        self.rules = callbacks.StopRules(self.validations, config)
        self.resume_state = callbacks.ResumeState(self.clock, task.state, at_start=config.devices > 1)
        self.reports = callbacks.ProgressReports(self.clock, self.validations, self.resume_state, report, batch=config.batch)
        self.scalars: list[Scalars] = []  # one element if logs are requested
        sources = () if task.snapshots is None else (task.snapshots,)
        self.feedback = [Feedback(self.clock, self.validations, one, self._model) for one in sources]
        self.resumed, self.steps = False, 0

    def _model(self, scores: Scores | None) -> Model:
        """Return the current averaged weights for a training snapshot."""
        return Model(self.predictor(), self.module.average.module.state_dict(), self._card(scores))

    def carry_on(self, state: Mapping[str, Any] | None) -> None:
        """Train to the end, from the interrupted state if given; halve the batch whenever memory runs out."""
        if state is not None and state["fingerprint"] != self.module.facts["fingerprint"]:
            raise TrainingError(
                "The interrupted training had other labels, classes or settings; it can only be resumed with the same ones, so "
                "train again without resume."
            )
        self.resumed = state is not None
        self._begin(state)
        self.resume_state.step = state["step"] if state is not None else None
        while not self._fits(self.resume_state.step):
            self.steps = self.resume_state.step or 0
            self._halve()
        if self.reports.cancelled:
            raise Cancelled("Training was stopped; it can be resumed.")

    def _begin(self, state: Mapping[str, Any] | None) -> None:
        """Load the initial weights, or note the reason against them; an interrupted training has done so already."""
        network = self.module.network
        if state is not None:
            self.fresh_because = state["fresh_because"]
        elif self.task.inherited is not None:
            self.fresh_because = inherit(network, self.task.inherited, self.config, self.network)
            self.module.average.module.load_state_dict(network.state_dict())
        self.module.facts["fresh_because"] = self.fresh_because

    def _fits(self, step: int | None) -> bool:
        """Train from a step on (None: the first); return False if memory ran out, with the resume state stored."""
        if self.task.logs is not None:
            self.scalars = [Scalars(self.task.logs, self.validations, self.task.class_names, step)]
        with self.ranks.joined(self.patches.batch, step):
            return self._trains(step)

    def _trains(self, step: int | None) -> bool:
        trainer = self._trainer(self._callbacks())
        interrupt = signal.getsignal(signal.SIGINT)
        try:
            self._run(trainer, step)
        except SystemExit as stopped:  # raised by Lightning on SIGTERM and Ctrl-C
            signal.signal(signal.SIGINT, interrupt)  # Lightning leaves Ctrl-C disabled
            raise Cancelled("Training was stopped; it can be resumed.") from stopped
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error) and not self.ranks.lack_memory():
                raise
            for scalars in self.scalars:
                scalars.close()
            return False
        finally:
            self.steps = trainer.global_step
        return True

    def _run(self, trainer: Trainer, step: int | None) -> None:
        self.patches.start = step or 0
        loader = DataLoader(self.patches, batch_size=None)
        trainer.fit(self.module, loader, ckpt_path=None if step is None else self.task.state, weights_only=True)

    def train_along(self) -> None:
        """Train as a worker rank, until rank 0 ends the training."""
        self.patches.batch, step = join(self.config.devices)
        self.module.epoch = self.patches.epoch
        self._run(self._trainer([WorkerRank(), callbacks.BroadcastDecisions(self.resume_state)]), step)

    def _halve(self) -> None:
        """Halve the batch from now on; an epoch then takes twice as many steps."""
        before = self.patches.batch
        if before == 1:
            side = self.config.patch
            raise TrainingError(
                f"There is not enough free memory for one patch of {side} x {side} pixels; close other programs that use it, "
                "or choose a smaller patch, then resume."
            )
        self.patches.batch = self.reports.batch = -(-before // 2)
        self.module.epoch = self.clock.epoch = self.patches.epoch
        release_memory(self.device)

    def _callbacks(self) -> list[Callback]:
        return [
            *([Threads()] if self.device.type == "cpu" else []),  # first, to leave the other callbacks out of a step's time
            self.clock,
            *([MainRank(self.ranks, self.reports.cancel)] if self.config.devices > 1 else []),
            self.validations,
            *self.feedback,
            self.rules,
            *self.scalars,
            self.resume_state,
            self.reports,
            callbacks.BroadcastDecisions(self.resume_state),
        ]

    def _trainer(self, called: list[Callback]) -> Trainer:
        some_unused = self.config.architecture in MAY_LEAVE_UNUSED
        return Trainer(
            accelerator={"cuda": "gpu"}.get(self.device.type, self.device.type),
            devices=self.config.devices,
            strategy=strategy(some_unused=some_unused) if self.config.devices > 1 else "auto",
            precision=precision(self.device),
            max_epochs=-1,  # the clock or a stop rule ends the training
            callbacks=called,
            logger=[scalars.logger for scalars in self.scalars],
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            use_distributed_sampler=False,
            default_root_dir=self.task.partial,
        )

    def predictor(self) -> Predictor:
        """Return a predictor with the averaged weights."""
        network = copy.deepcopy(self.module.average.module)
        return Predictor(ready(network, self.device), self._card())

    def _validate_quickly(self) -> Scores:
        step = max(1, -(-len(self.task.validation) // QUICK_SLICES))
        return score(self.predictor(), self.task.validation[::step])

    def finish(self) -> FitResult:
        """Validate on all held-back slices and store the checkpoint."""
        scores = score(self.predictor(), self.task.validation)
        self.validations.newest = scores
        self.reports.tell(self.steps)
        for scalars in self.scalars:
            scalars.validated(scores, self.steps)
            scalars.close()
        for feedback in self.feedback:
            feedback.keep(self.steps, end=True)
        save(self.task.folder, self.module.average.module.state_dict(), self._card(scores))
        return FitResult(
            checkpoint=self.task.folder,
            seconds=self.clock.seconds,
            validation_loss=scores.loss,
            validation_dice=scores.dice,
            validation_pixels=scores.pixels,
            validation_counts=scores.counts,
            steps=self.steps,
            resumed=self.resumed,
            ended_by=self.ended_by,
            fresh_because=self.fresh_because,
        )

    @property
    def ended_by(self) -> StopRule:
        """The stop rule fired in this training; ``SECONDS`` before any has fired."""
        return self.rules.ended_by or self.clock.ended_by or StopRule.SECONDS

    def _card(self, scores: Scores | None = None) -> Card:
        return card_of(self.task, self._facts(), scores, fresh_because=self.fresh_because)

    def _facts(self) -> dict[str, Any]:
        return {
            "device": self.device.type,
            "precision": precision(self.device),
            "seconds": round(self.clock.seconds, 3),
            "steps": self.steps,
            "batch": self.patches.batch,
            "epochs": round(self.clock.epochs_after(self.steps), 3),
            "ended_by": str(self.ended_by),
            "pseudo_labels": self.module.few,
            "labelled_pixels": dict(zip(self.task.class_names, self.patches.counts.tolist(), strict=True)),
        }


def _patches(task: TrainingTask, seed: int) -> Patches:
    config = task.config
    return Patches(
        task.train,
        len(task.class_names),
        side=drawn_side(config.patch),
        inner=config.patch,
        batch=config.batch,
        seed=seed,
        neighbours=config.neighbours,
        devices=config.devices,
    )
