"""The records of rounds: training data, learning curve and scores of each."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from core.config import EARLIER, Architecture, StopRule, TrainConfig, changed
from core.errors import CheckpointError, JobError
from core.storage.database import Records, to_json


@dataclass(frozen=True)
class Origin:
    """The snapshot another round was restored from: its round, and its seconds of training."""

    round: int
    seconds: float


@dataclass(frozen=True)
class NewRound:
    """A round to enter, after its checkpoint has been written.

    Attributes
    ----------
    revisions
        Ids of the label revisions in its training.
    config
        The training configuration in JSON types.
    checkpoint
        Path relative to the workspace.
    seconds, active_seconds
        Of training, and of the person's work up to then.
    job
        Id of the training job.
    origin
        The snapshot it was restored from; None for a trained round.
    """

    round: int
    revisions: Sequence[int]
    config: Mapping[str, Any]
    checkpoint: str
    seconds: float
    active_seconds: float
    job: int
    ended_by: StopRule = StopRule.SECONDS
    origin: Origin | None = None


@dataclass(frozen=True)
class RoundRow:
    """One trained round.

    Attributes
    ----------
    validation_loss, validation_dice
        Loss, and Dice by class name (None where not measured), on the ``validation_pixels``.
    validation_pixels
        Number of held-back pixels of ``validation_revisions``. All rounds are scored on the same pixels.
    active_seconds, seconds
        Of the person's work up to then, and of training.
    network
        The architecture, its number of neighbouring slices and, for ``unet-3d``, the level after which it joins them.
    origin
        The snapshot it was restored from; None for a trained round.
    ended_by
        The stop rule that ended training.
    counts
        Validation pixels by true class (rows) and predicted class; None where not kept.
    changed
        Training settings other than the defaults, by name, without those of other fields.
    scored
        False while a score on the validation pixels is missing.
    """

    round: int
    validation_loss: float | None
    validation_dice: dict[str, float | None]
    validation_pixels: int
    validation_revisions: tuple[int, ...]
    labelled_slices: int
    active_seconds: float
    created: float
    seconds: float
    checkpoint: str
    revisions: tuple[int, ...]
    network: str
    origin: Origin | None
    ended_by: StopRule = StopRule.SECONDS
    counts: tuple[tuple[int, ...], ...] | None = None
    changed: Mapping[str, Any] = field(default_factory=dict)
    scored: bool = True


@dataclass(frozen=True)
class Standing:
    """Scores and training effort of a round, for a comparison with other rounds.

    Attributes
    ----------
    dice, pixels
        Dice by class id on the held-back pixels common to all rounds, and their number. A Dice is None where not measured.
        Without any score ``dice`` is empty and ``pixels`` is 0.
    steps
        Training steps done; None without a stored curve.
    seconds
        Duration of the training.
    settings
        Training settings, without seed, initial weights and stop rules.
    """

    round: int
    dice: tuple[float | None, ...]
    pixels: int
    steps: int | None
    seconds: float
    settings: dict[str, Any]


@dataclass(frozen=True)
class CurvePoint:
    """One point of the learning curve: losses are means since the last point, Dice per class is on held-back pixels."""

    seconds: float
    step: int
    train_loss: float | None
    validation_loss: float | None
    validation_dice: tuple[float | None, ...] | None


class Rounds:
    """The rounds of one project."""

    def __init__(self, records: Records) -> None:
        self._records = records
        self._steps: dict[int, int | None] = {}

    def last(self) -> int | None:
        """Return the number of the newest round, or None before the first."""
        row = self._records.row("SELECT MAX(round) r FROM rounds")
        return None if row is None else row["r"]

    def chosen(self, round_: int | None) -> int:
        """Return the given round, or the newest if None.

        Raises
        ------
        CheckpointError
            If None is given and no round is trained yet.
        """
        chosen = self.last() if round_ is None else round_
        if chosen is None:
            raise CheckpointError("No model is trained yet; label a slice and train a round first.")
        return chosen

    def following(self) -> int:
        """Return the number of the next round."""
        return (self.last() or 0) + 1

    def checkpoint(self, round_: int) -> str | None:
        """Return the path of a round's checkpoint relative to the workspace; None without such a round."""
        row = self._records.row("SELECT checkpoint FROM rounds WHERE round = ?", (round_,))
        return None if row is None else str(row["checkpoint"])

    def add(self, new: NewRound) -> None:
        """Enter a round, unless another process has entered it already for a job that seemed dead while it was suspended.

        Raises
        ------
        JobError
            If the round is of another job.
        """
        with self._records.transaction() as db:
            entered = db.execute("SELECT job FROM rounds WHERE round = ?", (new.round,)).fetchone()
            if entered is None:
                _insert(db, new)
            elif entered["job"] != new.job:
                raise JobError(f"Round {new.round} was trained by another program meanwhile; start a new round.")

    def add_finished(self, new: NewRound, *, unchanged: Callable[[], bool]) -> bool:
        """Enter a round whose job has ended without doing so; return whether this call did it.

        Parameters
        ----------
        unchanged
            Called while no other process can write: whether the checkpoint is still the one of ``new``.
        """
        with self._records.transaction() as db:
            busy = db.execute("SELECT 1 FROM jobs WHERE state IN ('queued', 'running')").fetchone()
            if busy is not None or self.following() != new.round or not unchanged():
                return False
            _insert(db, new)
        return True

    def entered_for(self, round_: int, job: int) -> bool:
        """Return whether a round is of a job that ended before it could enter the round itself."""
        sql = "SELECT 1 FROM rounds JOIN jobs ON jobs.id = rounds.job WHERE round = ? AND jobs.id = ? AND rounds.created > ended"
        return self._records.row(sql, (round_, job)) is not None

    def trained_on(self, round_: int) -> tuple[int, ...]:
        """Return the ids of a round's label revisions, those of excluded volumes too; empty without such a round."""
        row = self._records.row("SELECT revisions FROM rounds WHERE round = ?", (round_,))
        return () if row is None else tuple(json.loads(row["revisions"]))

    def rows(self, class_names: Sequence[str]) -> list[RoundRow]:
        """Return every round, all with scores on the same pixels: those of the newest round's score."""
        rows = self._records.rows(
            "SELECT rounds.*, scores.round IS NOT NULL scored, loss, dice, pixels, counts, "
            "(SELECT json_group_array(id) FROM revisions WHERE validation_pixels > 0 AND id IN (SELECT value FROM json_each("
            # Records of earlier versions do not name the scored revisions; these were the newest round's training revisions.
            "COALESCE((SELECT value FROM meta WHERE key = 'scored_on'), "
            "(SELECT revisions FROM rounds ORDER BY round DESC LIMIT 1))))) AS scored_on "
            "FROM rounds LEFT JOIN round_scores scores ON rounds.round = scores.round "
            "AND pixels_key = (SELECT value FROM meta WHERE key = 'pixels_key') ORDER BY rounds.round"
        )
        return [_round_row(row, class_names) for row in rows]

    def standings(self) -> list[Standing]:
        """Return the standing of every round on the pixels of the newest round's score; fast enough to call often."""
        rows = self._records.rows(
            "SELECT rounds.round, seconds, config, dice, pixels FROM rounds "
            "LEFT JOIN round_scores ON rounds.round = round_scores.round AND pixels_key = ? ORDER BY rounds.round",
            (self._records.meta("pixels_key"),),
        )
        return [_standing(row, self._steps_of(row["round"])) for row in rows]

    def _steps_of(self, round_: int) -> int | None:
        """Return the number of steps of an entered round, cached as it never changes."""
        if round_ not in self._steps:
            row = self._records.row("SELECT MAX(step) steps FROM curve WHERE round = ?", (round_,))
            self._steps[round_] = None if row is None else row["steps"]
        return self._steps[round_]

    def unscored(self, pixels_key: str) -> list[int]:
        """Return the rounds without a score on these pixels."""
        rows = self._records.rows(
            "SELECT round FROM rounds WHERE round NOT IN (SELECT round FROM round_scores WHERE pixels_key = ?) ORDER BY round",
            (pixels_key,),
        )
        return [row["round"] for row in rows]

    def score(
        self,
        round_: int,
        pixels_key: str,
        loss: float | None,
        dice: Sequence[float | None],
        pixels: int,
        counts: Sequence[Sequence[int]] | None = None,
    ) -> None:
        """Store a round's score on the pixels of ``pixels_key``; ``counts`` as in :class:`RoundRow`."""
        self._records.write(
            "INSERT OR REPLACE INTO round_scores VALUES (?, ?, ?, ?, ?, ?)",
            (round_, pixels_key, loss, to_json(list(dice)), pixels, None if counts is None else to_json(counts)),
        )

    def show_scores_on(self, pixels_key: str, revisions: Iterable[int]) -> None:
        """Make :meth:`rows` return the scores on these pixels, held back on these label revisions."""
        facts = [("pixels_key", pixels_key), ("scored_on", to_json(sorted(revisions)))]
        with self._records.transaction() as db:
            db.executemany("INSERT OR REPLACE INTO meta VALUES (?, ?)", facts)

    def add_point(self, round_: int, point: CurvePoint) -> None:
        """Store one point of a round's learning curve."""
        dice = None if point.validation_dice is None else to_json(list(point.validation_dice))
        self._records.write(
            "INSERT INTO curve VALUES (?, ?, ?, ?, ?, ?)",
            (round_, point.seconds, point.step, point.train_loss, point.validation_loss, dice),
        )

    def begin(self, job: int) -> None:
        """Record the job in training; the state of an earlier training of its round is gone from here on."""
        self._records.set_meta("training_job", str(job))

    def begun_by(self) -> int | None:
        """Return the id of the last training job; None in records of earlier versions."""
        kept = self._records.meta("training_job")
        return None if kept is None else int(kept)

    def cut_curve(self, round_: int, seconds: float) -> None:
        """Delete the points of a round's curve from ``seconds`` on; a resume or a fresh start stores them again."""
        self._records.write("DELETE FROM curve WHERE round = ? AND seconds >= ?", (round_, seconds))

    def copy_curve(self, source: int, target: int, seconds: float) -> None:
        """Copy the curve of the round ``source`` up to ``seconds`` to ``target``, restored from it."""
        with self._records.transaction() as db:
            db.execute("DELETE FROM curve WHERE round = ? AND (round <> ? OR seconds > ?)", (target, source, seconds))
            if source != target:
                db.execute(
                    "INSERT INTO curve SELECT ?, seconds, step, train_loss, validation_loss, validation_dice FROM curve "
                    "WHERE round = ? AND seconds <= ?",
                    (target, source, seconds),
                )

    def curve(self, round_: int) -> list[CurvePoint]:
        """Return the points of a round's learning curve, in order."""
        rows = self._records.rows("SELECT * FROM curve WHERE round = ? ORDER BY seconds", (round_,))
        return [_point(row) for row in rows]


def _insert(db: sqlite3.Connection, new: NewRound) -> None:
    db.execute(
        "INSERT INTO rounds VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            new.round,
            time.time(),
            to_json(list(new.revisions)),
            to_json(dict(new.config)),
            new.checkpoint,
            new.seconds,
            len(new.revisions),
            new.active_seconds,
            new.job,
            str(new.ended_by),
            None if new.origin is None else to_json(asdict(new.origin)),
        ),
    )


def _round_row(row: sqlite3.Row, class_names: Sequence[str]) -> RoundRow:
    dice = [] if row["dice"] is None else json.loads(row["dice"])
    by_name = {name: (dice[i] if i < len(dice) else None) for i, name in enumerate(class_names)}
    kept = ("round", "labelled_slices", "active_seconds", "created", "seconds", "checkpoint")
    return RoundRow(
        validation_loss=row["loss"],
        validation_dice=by_name,
        validation_pixels=row["pixels"] or 0,
        validation_revisions=tuple(json.loads(row["scored_on"])),
        scored=bool(row["scored"]),
        revisions=tuple(json.loads(row["revisions"])),
        ended_by=StopRule(row["ended_by"] or StopRule.SECONDS),
        origin=None if row["origin"] is None else Origin(**json.loads(row["origin"])),
        network=_network(json.loads(row["config"])),
        changed=_changed(json.loads(row["config"])),
        counts=None if row["counts"] is None else tuple(tuple(of_class) for of_class in json.loads(row["counts"])),
        **{name: row[name] for name in kept},
    )


def _network(config: Mapping[str, Any]) -> str:
    """Describe the network in a few words; rounds of early versions have none recorded, so defaults stand in."""
    usual = TrainConfig()
    architecture = config.get("architecture", usual.architecture)
    neighbours, flat = config.get("neighbours", usual.neighbours), config.get("flat")
    slices = f", {neighbours} + 1 + {neighbours} slices" if neighbours else ""
    joined = f" joined after level {flat}" if architecture == Architecture.UNET_3D and flat is not None else ""
    return f"{architecture}{slices}{joined}"


def _changed(config: Mapping[str, Any]) -> dict[str, Any]:
    shown = ("seconds", "architecture", "neighbours", "flat")
    return {name: value for name, value in changed({**EARLIER, **config}).items() if name not in shown}


def _standing(row: sqlite3.Row, steps: int | None) -> Standing:
    dice = () if row["dice"] is None else tuple(json.loads(row["dice"]))
    stored = {**asdict(TrainConfig()), **EARLIER, **json.loads(row["config"])}
    settings = {name: value for name, value in stored.items() if name not in ("seed", "initial_weights", *StopRule)}
    return Standing(row["round"], dice, row["pixels"] or 0, steps, row["seconds"], settings)


def _point(row: sqlite3.Row) -> CurvePoint:
    dice = None if row["validation_dice"] is None else tuple(json.loads(row["validation_dice"]))
    return CurvePoint(row["seconds"], row["step"], row["train_loss"], row["validation_loss"], dice)
