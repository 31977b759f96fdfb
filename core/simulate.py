"""Simulate the annotator from known truth, through the same interface as a person.

The test slices are fixed before the first round. They and a gap in z around them are never proposed, painted or trained on:
a query must not choose its own test set. A few other slices are painted without a prediction. Then, round after round, the
proposed slices are corrected from the model's prediction and claimed whole. ``core.annotator`` counts the seconds of each.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray

from core.annotator import Effort, effort
from core.config import ProposeConfig, SimulateConfig
from core.errors import ProjectError, UnderpaintError
from core.geometry import SliceId
from core.progress import Report, silent
from core.project import Project, list_projects
from core.proposals.queries import query_named
from core.storage.labels import Claim, Work
from core.volumes.label_files import LabelFile

TEST_EVERY = 10
"""Slices per test slice, unless test slices are given."""


@dataclass(frozen=True)
class SimulatedRound:
    """One round of a simulation.

    Attributes
    ----------
    round
        Number of the round.
    labelled_slices
        Slices labelled so far.
    mean_dice, dice
        Dice of this round's model on the test slices: the mean over measured classes other than the first, and each class.
    annotation_seconds
        The annotator's time so far, over all rounds.
    training_seconds
        Seconds of training in this round.
    slices, effort
        The slices painted or corrected before this round's training, and the effort.
    """

    round: int
    labelled_slices: int
    mean_dice: float | None
    dice: dict[str, float | None]
    annotation_seconds: float
    training_seconds: float
    slices: tuple[int, ...]
    effort: Effort


@dataclass(frozen=True)
class Simulation:
    """A simulation: its rounds, the test slices, the gap in slices around each, and the settings."""

    rounds: tuple[SimulatedRound, ...]
    test_slices: tuple[int, ...]
    gap: int
    config: SimulateConfig


def simulate(
    volume: Path,
    truth: Path,
    classes: Sequence[str],
    config: SimulateConfig,
    *,
    workspace: Path | None = None,
    report: Report = silent,
) -> Simulation:
    """Simulate the active-learning loop on a volume of known truth.

    Parameters
    ----------
    volume, truth
        The images, and class ids of the same depth and size; 255 in the truth is unknown, neither painted nor scored.
    classes
        Names by class id, the background first.
    workspace
        Folder for the project, to inspect it later; by default a temporary one, removed at the end.
    report
        Called with the share done (0 to 1) and a sentence; returning True stops training.

    Raises
    ------
    Cancelled
        If ``report`` returns True.
    LabelError
        If the truth does not fit the volume or its classes.
    ProjectError
        If too few slices are left to paint besides the test slices, or there is no such query.
    """
    query_named(config.query)
    with _workspace(workspace) as folder:
        project = Project.create(folder, _free_name(folder), volumes=[volume], classes=classes)
        try:
            replay = _Replay(project, truth, config, report)
        except UnderpaintError:
            shutil.rmtree(project.folder, ignore_errors=True)  # nothing was painted yet, so nothing is lost
            raise
        return Simulation(tuple(replay.rounds()), replay.test_slices, replay.gap, config)


class _Replay:
    """One simulation: the slices fixed before the first round, and the annotator's clock."""

    def __init__(self, project: Project, truth: Path, config: SimulateConfig, report: Report) -> None:
        self._project, self._truth, self._config, self._report = project, truth, config, report
        self._shape, depth = project.volumes[0].slice_shape, project.volumes[0].depth
        self._answers = LabelFile(truth, self._shape, len(project.classes))
        self._pages = {z: page for page, z in self._answers.pages_for(None, depth)}
        self.gap = gap_around_tests(depth)
        self.test_slices = tuple(sorted(set(config.test_slices or default_test_slices(depth))))
        self._kept_out = kept_out(self.test_slices, self.gap, depth)
        self._starts = start_slices(depth, self._kept_out, config.start)
        self._seconds = 0.0
        for z in (*self._starts, *self.test_slices):
            self._truth_of(z)  # raises on an unknown class before an hour of training, not after

    def rounds(self) -> Iterator[SimulatedRound]:
        """Paint, train and score; then correct the proposals, train and score again, and so on."""
        yield self._round(0, self._starts)
        for number in range(1, self._config.rounds):
            chosen = self._ask(number)
            if not chosen:
                return  # no slice is left to paint
            yield self._round(number, chosen)

    def _ask(self, number: int) -> tuple[int, ...]:
        wanted = ProposeConfig(number=self._config.per_round, query=self._config.query)
        proposals = self._project.propose(
            wanted,
            exclude={SliceId(0, z) for z in self._kept_out},
            report=lambda share, words: self._report(number / self._config.rounds, f"round {number + 1}: {words}"),
        )
        return tuple(proposal.z for proposal in proposals)

    def _paint(self, z: int) -> Effort:
        """Correct slice ``z``, starting from the mask a person would see."""
        predicted = self._project.models.predict_slice(0, z)
        shown = np.zeros(self._shape, np.uint8) if predicted is None else predicted.mask
        wanted = self._truth_of(z)
        needed = effort(shown, wanted)
        seconds = needed.seconds(self._config.annotator)
        started_from = None if predicted is None else predicted.round
        work = Work(seconds, needed.changed_pixels, started_from, author="simulated annotator")
        self._project.labels.submit_mask(0, z, wanted, Claim.slice(), work=work)
        self._seconds += seconds
        return needed

    def _truth_of(self, z: int) -> NDArray[np.uint8]:
        return self._answers.read(self._pages[z])

    def _round(self, number: int, slices: Sequence[int]) -> SimulatedRound:
        """Paint the slices, train on all labels so far, and score."""
        total = sum((self._paint(z) for z in slices), Effort())

        def progress(share: float, words: str) -> bool:
            return self._report((number + share) / self._config.rounds, words)

        trained = self._project.train(self._config.train, report=progress)
        scored = self._project.results.evaluate(self._truth, round_=trained.round, slices=self.test_slices)
        self._report((number + 1) / self._config.rounds, f"round {number + 1}: scored")
        return SimulatedRound(
            round=trained.round,
            labelled_slices=len(self._project.labels.slices()),
            mean_dice=scored.mean_dice,
            dice=dict(scored.dice),
            annotation_seconds=self._seconds,
            training_seconds=trained.seconds,
            slices=tuple(slices),
            effort=total,
        )


def default_test_slices(depth: int) -> tuple[int, ...]:
    """Return the middle of every ten slices; of fewer slices, the middle one."""
    every = min(TEST_EVERY, depth)
    return tuple(range(every // 2, depth, every))


def gap_around_tests(depth: int) -> int:
    """Return the number of slices left unpainted on either side of a test slice: 1 in a shallow volume, else 2."""
    return 1 if depth < 3 * TEST_EVERY else 2


def kept_out(test_slices: Sequence[int], gap: int, depth: int) -> frozenset[int]:
    """Return the test slices and their neighbours up to ``gap`` away.

    Raises
    ------
    ProjectError
        If a test slice is not in the volume.
    """
    missing = [z for z in test_slices if not 0 <= z < depth]
    if missing:
        raise ProjectError(f"Test slice {missing[0]} is not in the volume; choose from 0 to {depth - 1}.")
    return frozenset(z for t in test_slices for z in range(t - gap, t + gap + 1) if 0 <= z < depth)


def start_slices(depth: int, excluded: frozenset[int], number: int) -> tuple[int, ...]:
    """Return ``number`` slices, evenly spaced among those not excluded, in ascending order.

    Raises
    ------
    ProjectError
        If fewer slices are left.
    """
    free = [z for z in range(depth) if z not in excluded]
    if len(free) < number:
        raise ProjectError(
            f"Only {len(free)} of {depth} slices are left to paint besides the test slices and their neighbours, but "
            f"{number} are wanted at the start; choose fewer test slices or a smaller start."
        )
    return tuple(free[(2 * i + 1) * len(free) // (2 * number)] for i in range(number))


def _free_name(workspace: Path) -> str:
    taken, number = set(list_projects(workspace)), 1
    while (name := "simulation" if number == 1 else f"simulation-{number}") in taken:
        number += 1
    return name


@contextmanager
def _workspace(given: Path | None) -> Iterator[Path]:
    if given is not None:
        yield given
    else:
        with TemporaryDirectory(prefix="underpaint-") as folder:
            yield Path(folder)
