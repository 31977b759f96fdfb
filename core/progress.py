"""How far a training is: what the trainer tells the page and the command line."""

from __future__ import annotations

from dataclasses import dataclass

from core.config import StopRule

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
