"""The actions of a draft with their inverses, to restore undo after the browser reloads."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.storage.rle import apply_runs, inverse_runs

Runs = NDArray[np.uint32]


@dataclass(frozen=True)
class Step:
    """One action, ``forward``, and the runs to undo it, ``inverse``: uint32 ``(N, 3)`` of start, length and value."""

    forward: Runs
    inverse: Runs


def steps_of(base: NDArray[np.uint8], actions: Iterable[Runs], most: int) -> list[Step]:
    """Return the steps not undone yet, the latest last.

    An action equal to the inverse of the last step undoes it: both are left out. Actions without any change are left out, too.

    Parameters
    ----------
    base
        uint8 ``(H, W)``: the first mask of the draft, before any stroke.
    actions
        All actions, in order.
    most
        Largest number of steps returned.
    """
    mask, touched, steps = base.copy(), np.zeros_like(base), list[Step]()
    for runs in actions:
        inverse = inverse_runs(runs, mask, touched)
        apply_runs(runs, mask, touched)
        if steps and np.array_equal(runs, steps[-1].inverse):
            steps.pop()
        elif len(inverse):
            steps.append(Step(runs, inverse))
    return steps[-most:]


def packed(steps: Sequence[Step]) -> tuple[list[tuple[int, int]], bytes]:
    """Pack steps for the browser: the number of runs of each, forward and inverse, and all runs in order, little-endian."""
    parts = [part for step in steps for part in (step.forward, step.inverse)]
    counts = [(len(step.forward), len(step.inverse)) for step in steps]
    return counts, b"".join(part.astype("<u4").tobytes() for part in parts)
