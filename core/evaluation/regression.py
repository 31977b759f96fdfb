"""Warn of a regression: worse scores than an earlier round on the same pixels, or few training steps."""

from __future__ import annotations

from collections.abc import Sequence

from core.storage.rounds import Standing

WORSE_BY = 0.02
"""Smallest loss of mean Dice for a warning; held-back pixels are few, so smaller losses mean little."""

FEW_STEPS = 1 / 3
"""Smallest share of an earlier round's steps in the same time without a warning."""


def regression_warning(rounds: Sequence[Standing]) -> str | None:
    """Return the reasons to distrust the newest round.

    Parameters
    ----------
    rounds
        Every round, oldest first, all scored on the same held-back pixels.

    Returns
    -------
    str or None
        A clause such as ``it is less accurate than round 1 (...)``, to follow "Round 2 is trained, but". None without a
        reason, or without a class measured for both it and an earlier round.
    """
    reasons = [reason for reason in (_less_accurate(rounds), _few_steps(rounds)) if reason is not None]
    return "; ".join(reasons) or None


def _less_accurate(rounds: Sequence[Standing]) -> str | None:
    """Compare mean Dice, over the classes measured for both, with the earlier round of the largest lead."""
    compared = [(pair, earlier) for earlier in rounds[:-1] if (pair := _mean_dice(earlier, rounds[-1])) is not None]
    if not compared:
        return None
    (was, now), earlier = max(compared, key=lambda one: one[0][0] - one[0][1])
    if was - now < WORSE_BY:
        return None
    judged = f"mean Dice without the first class {now:.2f}, was {was:.2f}, on {rounds[-1].pixels:,} held-back pixels"
    return f"it is less accurate than round {earlier.round} ({judged})"


def _mean_dice(earlier: Standing, newest: Standing) -> tuple[float, float] | None:
    """Return the mean Dice of both rounds without the background; None if no class is measured for both."""
    pairs = list(zip(earlier.dice, newest.dice, strict=False))[1:]  # a class may have been added since
    both = [(was, now) for was, now in pairs if was is not None and now is not None]
    if not both:
        return None
    return sum(was for was, _ in both) / len(both), sum(now for _, now in both) / len(both)


def _few_steps(rounds: Sequence[Standing]) -> str | None:
    """Compare training speed with the fastest earlier round of the same settings."""
    newest = rounds[-1] if rounds else None
    alike = [r for r in rounds[:-1] if newest is not None and r.settings == newest.settings and r.steps and r.seconds > 0]
    if newest is None or not newest.steps or not alike:
        return None
    fastest = max(alike, key=lambda r: (r.steps or 0) / r.seconds)
    if newest.steps >= FEW_STEPS * (fastest.steps or 0) * newest.seconds / fastest.seconds:
        return None
    return (
        f"it had time for only {newest.steps:,} training steps in {newest.seconds:.0f} s, round {fastest.round} for "
        f"{fastest.steps:,} in {fastest.seconds:.0f} s: the machine was busy, it seems"
    )
