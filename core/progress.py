"""How far a training is: what the trainer tells the page and the command line."""

from __future__ import annotations

from dataclasses import dataclass


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
    """

    seconds: float
    budget: float
    step: int
    train_loss: float | None
    validation_loss: float | None
    validation_dice: tuple[float | None, ...] | None
    learning_rate: float
