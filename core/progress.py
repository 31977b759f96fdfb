"""How far a training is: what the trainer tells the page and the command line."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from core.config import StopRule
from core.errors import Cancelled

Report = Callable[[float, str], bool]
"""Called with the share done (0 to 1) and a sentence; returns True to ask the work to stop."""


def silent(share: float, message: str) -> bool:
    """Report to nobody, and never ask to stop."""
    return False


def advance(report: Report, share: float, message: str, *, cancelled: str = "It was cancelled; nothing was written.") -> None:
    """Report the share done and a sentence.

    Parameters
    ----------
    cancelled
        What to say where the work is asked to stop.

    Raises
    ------
    Cancelled
        If ``report`` asked to stop.
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
    """How far a training is.

    Attributes
    ----------
    seconds, budget
        Seconds of training used, and allowed.
    step
        Training steps done, those before a resume included.
    train_loss
        Mean since the last report.
    validation_loss, validation_dice
        Newest, None before the first validation or without validation pixels.
    learning_rate
        Of the last step.
    share
        How far the training is by time or by epochs, whichever is further, 0 to 1; another rule may end it before.
    epochs
        Epochs done.
    batch
        Patches in a step of each device: fewer than were asked for where memory was too small.
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
    """What came of a training.

    Attributes
    ----------
    checkpoint
        Folder of the new checkpoint.
    seconds
        Seconds of training used, those before a resume included.
    validation_loss, validation_dice, validation_pixels, validation_counts
        Of the checkpoint on all validation pixels, see :class:`core.evaluation.validation.Scores`; None where not measured.
    steps
        Training steps, those before a resume included.
    resumed
        Whether an interrupted training was carried on.
    ended_by
        The rule that ended it.
    fresh_because
        Why it began with random weights though it was to begin with an earlier checkpoint; empty where it did not.
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
