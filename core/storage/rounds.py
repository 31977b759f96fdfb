"""The records of rounds: what each was trained on, its curve and its scores."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from core.config import EARLIER, Architecture, StopRule, TrainConfig, changed
from core.errors import CheckpointError
from core.storage.database import Records, to_json


@dataclass(frozen=True)
class Origin:
    """Which round, after how many seconds of its training, another round went back to."""

    round: int
    seconds: float


@dataclass(frozen=True)
class NewRound:
    """A round to enter, whose checkpoint is in place.

    Attributes
    ----------
    revisions
        Ids of the label revisions it was trained on.
    config
        Of its training, in JSON types.
    checkpoint
        Relative to the workspace.
    seconds, active_seconds
        The training's, and the person's up to then.
    job
        Id of the job that trained it.
    origin
        The snapshot it went back to; None where it was trained.
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

    ``validation_loss`` and ``validation_dice`` (class name to Dice, None where not measured) were measured on the
    ``validation_pixels`` held-back pixels of ``validation_revisions``, on which all rounds are scored; ``scored`` is False where
    that is still to be done, or could not be. ``active_seconds`` is the person's work up to then, ``seconds`` the training's;
    ``ended_by`` is the stop rule that ended it; ``network`` is the architecture, how many neighbouring slices it sees and, of
    ``unet-3d``, after which level it joins them. ``origin`` is the snapshot the round went back to, None where it was trained.
    ``changed`` are the settings of its training that are not the defaults, by name, but for what the other fields say.
    ``counts`` are the validation pixels by true class (rows) and predicted class, None where they were not kept.
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
    """What a round is compared with others by.

    Attributes
    ----------
    dice
        By class id on the ``pixels`` held-back pixels that all rounds are scored on; None where not measured, empty and 0
        where nothing is.
    steps
        Training steps done; None where no curve is kept.
    seconds
        What they took.
    settings
        Of its training, but for its seed, what it begins with and when it ends.
    """

    round: int
    dice: tuple[float | None, ...]
    pixels: int
    steps: int | None
    seconds: float
    settings: dict[str, Any]


@dataclass(frozen=True)
class CurvePoint:
    """One moment of training: losses are means since the moment before, Dice per class on held-back pixels."""

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
        """The newest round's number, or None before the first."""
        row = self._records.row("SELECT MAX(round) r FROM rounds")
        return None if row is None else row["r"]

    def chosen(self, round_: int | None) -> int:
        """The round asked for, or the newest.

        Raises
        ------
        CheckpointError
            If none is asked for and none is trained yet.
        """
        chosen = self.last() if round_ is None else round_
        if chosen is None:
            raise CheckpointError("No model is trained yet; label a slice and train a round first.")
        return chosen

    def following(self) -> int:
        """The number of the round that is entered next."""
        return (self.last() or 0) + 1

    def checkpoint(self, round_: int) -> str | None:
        """Where a round's checkpoint lies, relative to the workspace; None if there is no such round."""
        row = self._records.row("SELECT checkpoint FROM rounds WHERE round = ?", (round_,))
        return None if row is None else str(row["checkpoint"])

    def add(self, new: NewRound) -> None:
        """Enter a round."""
        self._records.write(
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

    def trained_on(self, round_: int) -> tuple[int, ...]:
        """The label revisions of a round, those of volumes that were left out, too; none where there is no such round."""
        row = self._records.row("SELECT revisions FROM rounds WHERE round = ?", (round_,))
        return () if row is None else tuple(json.loads(row["revisions"]))

    def rows(self, class_names: Sequence[str]) -> list[RoundRow]:
        """Every round, all scored on the same pixels: those that the newest round was scored on."""
        rows = self._records.rows(
            "SELECT rounds.*, scores.round IS NOT NULL scored, loss, dice, pixels, counts, "
            "(SELECT json_group_array(id) FROM revisions WHERE validation_pixels > 0 AND id IN (SELECT value FROM json_each("
            # Records of earlier versions do not say on what was scored: that was what the newest round had learnt from.
            "COALESCE((SELECT value FROM meta WHERE key = 'scored_on'), "
            "(SELECT revisions FROM rounds ORDER BY round DESC LIMIT 1))))) AS scored_on "
            "FROM rounds LEFT JOIN round_scores scores ON rounds.round = scores.round "
            "AND pixels_key = (SELECT value FROM meta WHERE key = 'pixels_key') ORDER BY rounds.round"
        )
        return [_round_row(row, class_names) for row in rows]

    def standings(self) -> list[Standing]:
        """Every round, all scored on the pixels that the newest round was scored on; quick enough to be asked often."""
        rows = self._records.rows(
            "SELECT rounds.round, seconds, config, dice, pixels FROM rounds "
            "LEFT JOIN round_scores ON rounds.round = round_scores.round AND pixels_key = ? ORDER BY rounds.round",
            (self._records.meta("pixels_key"),),
        )
        return [_standing(row, self._steps_of(row["round"])) for row in rows]

    def _steps_of(self, round_: int) -> int | None:
        """Steps of a round that is entered, which stay as they are."""
        if round_ not in self._steps:
            row = self._records.row("SELECT MAX(step) steps FROM curve WHERE round = ?", (round_,))
            self._steps[round_] = None if row is None else row["steps"]
        return self._steps[round_]

    def unscored(self, pixels_key: str) -> list[int]:
        """The rounds that have no score on these pixels yet."""
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
        """Store a round's score on the pixels that ``pixels_key`` stands for; ``counts`` as in :class:`RoundRow`."""
        self._records.write(
            "INSERT OR REPLACE INTO round_scores VALUES (?, ?, ?, ?, ?, ?)",
            (round_, pixels_key, loss, to_json(list(dice)), pixels, None if counts is None else to_json(counts)),
        )

    def show_scores_on(self, pixels_key: str, revisions: Iterable[int]) -> None:
        """From now on :meth:`rows` gives the scores on these pixels, which are held back on these label revisions."""
        facts = [("pixels_key", pixels_key), ("scored_on", to_json(sorted(revisions)))]
        with self._records.transaction() as db:
            db.executemany("INSERT OR REPLACE INTO meta VALUES (?, ?)", facts)

    def add_point(self, round_: int, point: CurvePoint) -> None:
        """Store one moment of a round's training."""
        dice = None if point.validation_dice is None else to_json(list(point.validation_dice))
        self._records.write(
            "INSERT INTO curve VALUES (?, ?, ?, ?, ?, ?)",
            (round_, point.seconds, point.step, point.train_loss, point.validation_loss, dice),
        )

    def begin(self, job: int) -> None:
        """Note that a job trains by now, so that the state of an earlier training of its round is gone."""
        self._records.set_meta("training_job", str(job))

    def begun_by(self) -> int | None:
        """The job that trained last; None in records of earlier versions."""
        kept = self._records.meta("training_job")
        return None if kept is None else int(kept)

    def cut_curve(self, round_: int, seconds: float) -> None:
        """Forget the moments of a round's training from ``seconds`` on, which a resume or a fresh start does again."""
        self._records.write("DELETE FROM curve WHERE round = ? AND seconds >= ?", (round_, seconds))

    def copy_curve(self, source: int, target: int, seconds: float) -> None:
        """Give a round the moments of another one's training up to ``seconds``, which it went back to."""
        with self._records.transaction() as db:
            db.execute("DELETE FROM curve WHERE round = ? AND (round <> ? OR seconds > ?)", (target, source, seconds))
            if source != target:
                db.execute(
                    "INSERT INTO curve SELECT ?, seconds, step, train_loss, validation_loss, validation_dice FROM curve "
                    "WHERE round = ? AND seconds <= ?",
                    (target, source, seconds),
                )

    def curve(self, round_: int) -> list[CurvePoint]:
        """The moments of a round's training, in order."""
        rows = self._records.rows("SELECT * FROM curve WHERE round = ? ORDER BY seconds", (round_,))
        return [_point(row) for row in rows]


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
    """In a few words; a round from before there was a choice has none recorded."""
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
