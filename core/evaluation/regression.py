"""Why the newest round is to be trusted less than one before it: worse scores on the same pixels, or few training steps."""

from __future__ import annotations

from collections.abc import Sequence

from core.storage.rounds import Standing

WORSE_BY = 0.02
"""Mean Dice that a round must lose to be called less accurate; held-back pixels are few, and smaller losses say little."""

FEW_STEPS = 1 / 3
"""Share of an earlier round's training steps in the same time below which a round had few."""


def regression_warning(rounds: Sequence[Standing]) -> str | None:
    """What speaks against the newest round.

    Parameters
    ----------
    rounds
        Every round, oldest first, all scored on the same held-back pixels.

    Returns
    -------
    str or None
        A clause such as ``it is less accurate than round 1 (...)``, to follow "Round 2 is trained, but"; None where nothing
        speaks against it, or nothing is measured for it and an earlier one.
    """
    reasons = [reason for reason in (_less_accurate(rounds), _few_steps(rounds)) if reason is not None]
    return "; ".join(reasons) or None


def _less_accurate(rounds: Sequence[Standing]) -> str | None:
    """Against the earlier round to which it loses most, by mean Dice over the classes measured for both."""
    compared = [(pair, earlier) for earlier in rounds[:-1] if (pair := _mean_dice(earlier, rounds[-1])) is not None]
    if not compared:
        return None
    (was, now), earlier = max(compared, key=lambda one: one[0][0] - one[0][1])
    if was - now < WORSE_BY:
        return None
    judged = f"mean Dice without the first class {now:.2f}, was {was:.2f}, on {rounds[-1].pixels:,} held-back pixels"
    return f"it is less accurate than round {earlier.round} ({judged})"


def _mean_dice(earlier: Standing, newest: Standing) -> tuple[float, float] | None:
    """Of both rounds, background left out; None where no class is measured for both."""
    pairs = list(zip(earlier.dice, newest.dice, strict=False))[1:]  # a class may have been added since
    both = [(was, now) for was, now in pairs if was is not None and now is not None]
    if not both:
        return None
    return sum(was for was, _ in both) / len(both), sum(now for _, now in both) / len(both)


def _few_steps(rounds: Sequence[Standing]) -> str | None:
    """Against the fastest earlier round that was trained with the same settings."""
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
