"""Report the progress of a training to the page and the command line."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from core.config import StopRule
from core.errors import Cancelled

Report = Callable[[float, str], bool]
"""Receives the share done (0 to 1) and a sentence; returns True to request a stop."""


def silent(share: float, message: str) -> bool:
    """Discard the report and never request a stop."""
    return False


def advance(report: Report, share: float, message: str, *, cancelled: str = "It was cancelled; nothing was written.") -> None:
    """Report the share done (0 to 1) and a sentence.

    Parameters
    ----------
    cancelled
        Error message on a stop.

    Raises
    ------
    Cancelled
        If ``report`` requested a stop.
    """
    if report(share, message):
        raise Cancelled(cancelled)


ENDS = {
    StopRule.SECONDS: "its seconds were used up",
    StopRule.EPOCHS: "its epochs were done",
    StopRule.LOSS: "its loss was low enough",
    StopRule.PATIENCE: "its validation loss no longer fell",
}
"""Why a training ended, to follow "because"."""


@dataclass(frozen=True)
class Progress:
    """The progress of a training.

    Attributes
    ----------
    seconds, budget
        Seconds of training used and allowed.
    step
        Training steps done, including those before a resume.
    train_loss
        Mean since the last report.
    validation_loss, validation_dice
        Newest values; None before the first validation or without validation pixels.
    learning_rate
        Learning rate of the last step.
    share
        Share done by time or by epochs, the larger of the two, 0 to 1; another rule may end the training earlier.
    epochs
        Epochs done.
    batch
        Patches per step and device; fewer than requested if memory was too small.
    """

    seconds: float
    budget: float
    step: int
    train_loss: float | None
    validation_loss: float | None
    validation_dice: tuple[float | None, ...] | None
    learning_rate: float
    share: float
    epochs: float
    batch: int


@dataclass(frozen=True)
class FitResult:
    """The result of a training.

    Attributes
    ----------
    checkpoint
        Folder of the new checkpoint.
    seconds
        Seconds of training used, including those before a resume.
    validation_loss, validation_dice, validation_pixels, validation_counts
        Scores of the checkpoint on all validation pixels, see :class:`core.evaluation.validation.Scores`; None if not
        measured.
    steps
        Training steps, including those before a resume.
    resumed
        Whether this training resumed an interrupted one.
    ended_by
        The stop rule met first.
    fresh_because
        Reason to begin with random weights in place of the requested earlier checkpoint; empty otherwise.
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
    fresh_because: str
