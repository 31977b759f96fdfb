"""Train the network of one round from labelled slices to a checkpoint, until the first stop rule fires."""

from __future__ import annotations

import logging
import pickle
import shutil
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from core.atomic import sweep
from core.errors import Cancelled, CheckpointError, storage_errors
from core.models.memory import freed_memory_kept
from core.rights import make_folder
from core.training.learning.task import FitResult, Progress, TrainingTask

# Lightning takes seconds to import: import it where training starts, to keep the command line's help quick.

__all__ = ["Cancelled", "FitResult", "Progress", "fit", "fit_worker_rank"]


def fit(
    task: TrainingTask,
    *,
    report: Callable[[Progress], bool],
    resume: bool = False,
    begun: Callable[[], object] = lambda: None,
    enter: Callable[[FitResult], object] = lambda result: None,
) -> FitResult:
    """Train a network and store it.

    Parameters
    ----------
    task
        The training; its ``folder`` must not exist.
    report
        Called about once a second; return True to stop.
    resume
        Resume an interrupted training of the same data, if there is one; otherwise start anew.
    begun
        Called when the state of an earlier training is deleted or resumed.
    enter
        Called once the checkpoint is stored; the resume state is deleted only after this.

    Raises
    ------
    TrainingError
        If no pixel is labelled, the loss is no longer finite, or the interrupted training had other data; if devices are
        missing, or one is lost.
    CheckpointError
        If the folder exists or the resume state is damaged.
    NetworkError
        If the network cannot be built, or ``task.network`` is missing or cannot be trained.
    StorageError
        If the disk is full.
    Cancelled
        If ``report`` asked to stop.
    """
    if task.folder.exists():
        raise CheckpointError(f"{task.folder} exists already; a checkpoint is never overwritten, so choose another folder.")
    if task.config.devices > 1 and not task.worker_command:
        raise ValueError(f"devices is {task.config.devices}, so worker_command must hold the command for the worker ranks.")
    state = _interrupted(task.state) if resume else None
    with _quiet_lightning(), freed_memory_kept():
        from core.models.device import check_devices
        from core.training.learning.trainer import TrainingRun

        check_devices(task.config)
        run = TrainingRun(task, report)
        if state is None:  # only now: a refused call leaves the resume state in place
            _empty(task.partial)
            if task.logs is not None:
                _empty(task.logs)
        sweep([task.partial])
        begun()
        run.carry_on(state)
        result = run.finish()
    enter(result)
    shutil.rmtree(task.partial, ignore_errors=True)
    return result


def fit_worker_rank(task: TrainingTask) -> None:
    """Train as a worker rank, in a process started by :func:`fit` for a further device; write nothing."""
    with _quiet_lightning(), freed_memory_kept():
        from core.training.learning.process_group import this_rank
        from core.training.learning.trainer import TrainingRun

        TrainingRun(task, rank=this_rank()).train_along()


def _empty(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    with storage_errors(folder):
        make_folder(folder)


def _interrupted(path: Path) -> dict[str, Any] | None:
    """Read the facts of an interrupted training, without running code from the file; None if there is none."""
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
            f"The interrupted training in {path.parent} is damaged and cannot be resumed; train again without resume."
        ) from error


@contextmanager
def _quiet_lightning() -> Iterator[None]:
    """Silence Lightning's messages on devices, workers and loggers."""
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
