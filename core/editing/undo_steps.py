"""The steps that led to a draft, with what takes each of them back: undo for a browser that was loaded anew."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.storage.rle import apply_runs, inverse_runs

Runs = NDArray[np.uint32]


@dataclass(frozen=True)
class Step:
    """One action, ``forward``, and the runs that undo it, ``inverse``: uint32 ``(N, 3)`` of start, length and value."""

    forward: Runs
    inverse: Runs


def steps_of(base: NDArray[np.uint8], actions: Iterable[Runs], most: int) -> list[Step]:
    """The steps that are not undone yet, the latest last.

    An action that is the inverse of the last step has taken it back: neither of the two is a step any more. Actions that
    change nothing are none.

    Parameters
    ----------
    base
        uint8 ``(H, W)``: the mask that the draft began with, untouched.
    actions
        Everything that was painted, in order.
    most
        So many steps are returned at most.
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
    """Steps for the browser: how many runs forward and back each has, and all runs after one another, little-endian."""
    parts = [part for step in steps for part in (step.forward, step.inverse)]
    counts = [(len(step.forward), len(step.inverse)) for step in steps]
    return counts, b"".join(part.astype("<u4").tobytes() for part in parts)
