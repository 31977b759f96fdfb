"""Train one round's network: from labelled slices to a checkpoint, until the first stop rule fires."""

from __future__ import annotations

import logging
import pickle
import shutil
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.config import TrainConfig
from core.errors import Cancelled, CheckpointError, storage_errors
from core.models.memory import freed_memory_kept
from core.progress import FitResult, Progress

if TYPE_CHECKING:
    from torch import nn

    from core.storage.labelled_slice import LabelledSlice
    from core.training.learning.snapshot_callback import Watched

# Lightning takes seconds to import, so it is imported where training starts: the command line's help stays quick.

STATE = "last.ckpt"

__all__ = ["Cancelled", "FitResult", "Progress", "fit"]


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
    begins_with: Path | None = None,
    number: int = 1,
    worker_command: Sequence[str] = (),
    begun: Callable[[], object] = lambda: None,
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
    begins_with
        Checkpoint whose weights training begins with, as ``config.initial_weights`` says; random ones if None. Where they cannot
        be used, training begins with random ones all the same; the card then says ``begins_with`` None and ``fresh_because``.
        A training that is carried on does not read it again.
    number
        Of the round: with one seed each draws random weights, patches and augmentation of its own.
    worker_command
        What Python is to run for each further device of ``config.devices``: it must call :func:`fit_worker_rank` with the same.
    begun
        Called when the state of an earlier training is given up, or carried on.

    Raises
    ------
    TrainingError
        If no pixel is labelled, the loss is no longer finite, the interrupted training was of other data, there are not as
        many devices, or one of them is lost.
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
    if config.devices > 1 and not worker_command:
        raise ValueError(f"devices is {config.devices}, so worker_command must say what is to be run for the others.")
    partial = partial_of(folder)
    state = _interrupted(partial / STATE) if resume else None
    with _quiet_lightning(), freed_memory_kept():
        from core.models.device import check_devices
        from core.training.learning.trainer import Fitting

        check_devices(config)
        run = Fitting(
            train, validation, class_names=tuple(class_names), in_channels=in_channels, config=config, state=partial / STATE,
            report=report, logs=logs, network=network, begins_with=begins_with, number=number,
            worker_command=worker_command,
        )  # fmt: skip
        run.watch(watched, card)
        if state is None:  # only now: a call that is refused leaves what a resume needs
            _empty(partial)
            if logs is not None:
                _empty(logs)
        begun()
        run.carry_on(state)
        result = run.finish(folder, card)
    shutil.rmtree(partial, ignore_errors=True)
    return result


def fit_worker_rank(
    train: Sequence[LabelledSlice],
    *,
    class_names: Sequence[str],
    in_channels: int,
    config: TrainConfig,
    folder: Path,
    begins_with: Path | None,
    number: int = 1,
) -> None:
    """Train along on a further device, in a process of its own, which :func:`fit` has started; write nothing.

    Parameters
    ----------
    train, class_names, in_channels, config, folder, begins_with, number
        As for :func:`fit`.
    """
    with _quiet_lightning(), freed_memory_kept():
        from core.training.learning.ranks import this_rank
        from core.training.learning.trainer import Fitting

        Fitting(
            train, (), class_names=tuple(class_names), in_channels=in_channels, config=config, state=partial_of(folder) / STATE,
            report=lambda progress: False, logs=None, network=None, begins_with=begins_with, number=number,
            rank=this_rank(),
        ).train_along()  # fmt: skip


def partial_of(folder: Path) -> Path:
    """Where the resume state of a checkpoint in the making lies."""
    return folder.with_name(folder.name + ".partial")


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
        facts = state["underpaint"]
        return {
            "fingerprint": str(facts["fingerprint"]),
            "fresh_because": str(facts.get("fresh_because", "")),  # absent in states of earlier versions
            "step": int(state["global_step"]),
        }
    except (OSError, RuntimeError, KeyError, TypeError, ValueError, EOFError, pickle.UnpicklingError) as error:
        raise CheckpointError(
            f"The interrupted training in {path.parent} is damaged and cannot be carried on; train again without resume."
        ) from error


@contextmanager
def _quiet_lightning() -> Iterator[None]:
    """Keep Lightning's notes on devices, workers and loggers off the screen."""
    import pytorch_lightning  # sets its own log levels, so it must come first

    loggers = [logging.getLogger(name) for name in (pytorch_lightning.__name__, "lightning_fabric")]
    levels = [logger.level for logger in loggers]
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"(pytorch_lightning|lightning_fabric)\.")
        warnings.filterwarnings("ignore", module=r"torch\.(utils|optim|autograd)\..*")
        for logger in loggers:
            logger.setLevel(logging.ERROR)
        try:
            yield
        finally:
            for logger, level in zip(loggers, levels, strict=True):
                logger.setLevel(level)
