"""Training snapshots entered by hand, for tests that look at them and cannot wait for a busy machine to make them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from core.project import Project
from core.storage.checkpoints import load
from core.storage.snapshots import Snapshot, keep, snapshot_facts, step_folder

WHEN = (0.5, 5.0, 20.0)


def plant(project: Project, round_: int, *, source: int = 1, times: Sequence[float] = WHEN, ended: bool = True) -> list[Snapshot]:
    """Put snapshots in the place of those of a round's training: ten steps a second, each with weights and a picture of its own.

    They are made from the checkpoint of the round ``source``, which is the last of them if it has ``ended``. The first was not
    validated, the others a fifth of a second before.
    """
    place = project.store.snapshots.folder(round_)
    project.store.snapshots.forget(round_)
    card, state = load(project.store.checkpoint_folder(source))
    watched = project.models.watched_region(0, 5)
    for number, seconds in enumerate(times):
        end = ended and number == len(times) - 1
        facts = snapshot_facts(watched, end=end, validated=seconds - 0.2 if number else None)
        told = replace(
            card,
            scores={"loss": 1 / seconds, "dice": {}, "pixels": 9} if number else {},
            training={**card.training, "seconds": seconds, "steps": round(10 * seconds)},
            extra={**card.extra, "moment": facts},
        )
        weights = state if end else {name: tensor * (0.9 + 0.02 * number) for name, tensor in state.items()}
        mask = np.full(watched.box.shape, number % 3, np.uint8)
        keep(step_folder(place, round(10 * seconds)), weights, told, mask, mask)
    return project.models.snapshots(round_)
