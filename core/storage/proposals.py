"""The records of scanned slices, proposals, and model-selected slices."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from core.geometry import Box, SliceId
from core.storage.database import Records, to_json


@dataclass(frozen=True)
class ScannedSlice:
    """The scan of slice ``z`` of a volume: numbers and boxes for proposals, no raster.

    Attributes
    ----------
    score
        Mean heat of the hottest tenth of the region's pixels, by whole blocks.
    boxes
        At most 5 disjoint boxes inside the region, hottest first.
    class_confidence
        Per class, mean probability of the likeliest class over the region's pixels of that prediction; None without any.
    class_fraction
        Share of the region's pixels predicted as each class.
    unsure_classes, unsure_fraction
        The most frequent pair of likeliest classes among the region's unsure pixels (likeliest class below 0.75). The
        fraction is the share of the region's pixels unsure between these two. None and 0 without unsure pixels.
    query
        Name of the query behind the heat; "" for an unnamed one.
    in_region
        Whether a working region limits the numbers above.
    """

    volume: int
    z: int
    score: float
    boxes: tuple[Box, ...]
    class_confidence: tuple[float | None, ...]
    class_fraction: tuple[float, ...]
    unsure_classes: tuple[int, int] | None = None
    unsure_fraction: float = 0.0
    query: str = ""
    in_region: bool = False

    @property
    def slice_id(self) -> SliceId:
        """The slice."""
        return SliceId(self.volume, self.z)

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> ScannedSlice:
        """Restore a slice from the JSON form of ``dataclasses.asdict``."""
        unsure = stored["unsure_classes"]
        return cls(
            **{
                **stored,
                "boxes": tuple(Box(**box) for box in stored["boxes"]),
                "class_confidence": tuple(stored["class_confidence"]),
                "class_fraction": tuple(stored["class_fraction"]),
                "unsure_classes": (unsure[0], unsure[1]) if unsure else None,
            }
        )


@dataclass(frozen=True)
class Proposal:
    """A slice worth correcting next, the reason, and the boxes to check first.

    ``put_off`` is set if the person postponed it; ``model_selected`` if a model's uncertainty chose it, not chance.
    """

    volume: int
    z: int
    score: float
    reason: str
    boxes: tuple[Box, ...]
    put_off: bool = False
    model_selected: bool = False

    @property
    def slice_id(self) -> SliceId:
        """The slice."""
        return SliceId(self.volume, self.z)


class Proposals:
    """The scanned slices and the proposals of one project."""

    def __init__(self, records: Records) -> None:
        self._records = records

    def add_scanned(self, round_: int, query: str, scores: Iterable[ScannedSlice]) -> None:
        """Store the scores of scanned slices."""
        with self._records.transaction() as db:
            db.executemany(
                "INSERT OR REPLACE INTO slice_scores VALUES (?, ?, ?, ?, ?)",
                [(round_, query, *s.slice_id, to_json(asdict(s))) for s in scores],
            )

    def scanned(self, round_: int, query: str | None = None) -> list[ScannedSlice]:
        """Return the scanned slices of a round in order of volume and z, of one query: by default the most frequent one."""
        if query is None:
            row = self._records.row(
                "SELECT query FROM slice_scores WHERE round = ? GROUP BY query ORDER BY COUNT(*) DESC", (round_,)
            )
            query = None if row is None else row["query"]
        rows = self._records.rows(
            "SELECT score FROM slice_scores WHERE round = ? AND query = ? ORDER BY volume, z", (round_, query)
        )
        return [ScannedSlice.from_json(json.loads(row["score"])) for row in rows]

    def forget_scan(self, volume: int) -> None:
        """Delete every score of a volume and all proposals, for example after a change of its working region."""
        with self._records.transaction() as db:
            db.execute("DELETE FROM slice_scores WHERE volume = ?", (volume,))
            db.execute("DELETE FROM proposals")

    def replace(self, round_: int, proposals: Sequence[Proposal], *, model_selected: bool, settled: bool = True) -> None:
        """Replace a round's proposals, best first.

        Parameters
        ----------
        model_selected
            Whether the model's uncertainty chose them, not chance.
        settled
            False during a scan, while the list still changes. A slice then becomes model-selected for good only when a person
            opens it from the list or labels it while listed. See :meth:`mark_model_selected` and
            :meth:`settle_model_selected`.
        """
        if model_selected and settled:
            self.mark_model_selected([p.slice_id for p in proposals])
        with self._records.transaction() as db:
            db.execute("DELETE FROM proposals WHERE round = ?", (round_,))
            db.executemany(
                "INSERT INTO proposals VALUES (?, ?, ?, ?)",
                [(round_, rank, to_json(asdict(p)), model_selected) for rank, p in enumerate(proposals)],
            )

    def mark_model_selected(self, slices: Iterable[SliceId]) -> None:
        """Mark slices as model-selected for good."""
        with self._records.transaction() as db:
            db.executemany("INSERT OR IGNORE INTO sought VALUES (?, ?)", list(slices))

    def settle_model_selected(self, slice_id: SliceId) -> bool:
        """Return :meth:`is_model_selected` for a slice being labelled; mark it first if the newest model lists it."""
        listed = self._records.row(
            "SELECT 1 FROM proposals WHERE sought AND round = (SELECT MAX(round) FROM rounds) "
            "AND json_extract(proposal, '$.volume') = ? AND json_extract(proposal, '$.z') = ?",
            slice_id,
        )
        if listed is not None:
            self.mark_model_selected([slice_id])
        return self.is_model_selected(slice_id)

    def is_model_selected(self, slice_id: SliceId) -> bool:
        """Return whether a model's uncertainty ever led to this slice; its labels then cannot validate."""
        return self._records.row("SELECT 1 FROM sought WHERE volume = ? AND z = ?", slice_id) is not None

    def of(self, round_: int) -> list[Proposal]:
        """Return a round's proposals, best first."""
        rows = self._records.rows("SELECT proposal, sought FROM proposals WHERE round = ? ORDER BY rank", (round_,))
        return [_proposal(json.loads(row["proposal"]), model_selected=bool(row["sought"])) for row in rows]

    def put_off(self, round_: int, slice_id: SliceId, box: Box | None) -> None:
        """Postpone a proposed slice, or only one box of it; ``round_`` is 0 before the first round."""
        with self._records.transaction() as db:
            (turn,) = db.execute("SELECT COALESCE(MAX(turn), 0) + 1 FROM put_off").fetchone()
            text = "" if box is None else to_json([box.y0, box.x0, box.y1, box.x1])
            db.execute("INSERT OR REPLACE INTO put_off VALUES (?, ?, ?, ?, ?)", (round_, *slice_id, text, turn))

    def turns(self, round_: int) -> dict[SliceId, dict[Box | None, int]]:
        """Return the order (1, 2, 3 and so on) in which slices and their boxes were put off; None is the whole slice."""
        found: dict[SliceId, dict[Box | None, int]] = {}
        for row in self._records.rows("SELECT volume, z, box, turn FROM put_off WHERE round = ?", (round_,)):
            box = Box(*json.loads(row["box"])) if row["box"] else None
            found.setdefault(SliceId(row["volume"], row["z"]), {})[box] = row["turn"]
        return found

    def look(self, slice_id: SliceId, looked: bool) -> None:
        """Mark a slice as inspected, or remove the mark."""
        sql = "INSERT OR IGNORE INTO looked VALUES (?, ?)" if looked else "DELETE FROM looked WHERE volume = ? AND z = ?"
        self._records.write(sql, slice_id)

    def looked(self) -> set[SliceId]:
        """Return every slice marked as inspected."""
        return {SliceId(row["volume"], row["z"]) for row in self._records.rows("SELECT volume, z FROM looked")}


def _proposal(stored: Mapping[str, Any], *, model_selected: bool) -> Proposal:
    """Restore a proposal from the JSON form of ``dataclasses.asdict``, written by this or an earlier version."""
    boxes = tuple(Box(**box) for box in stored["boxes"])
    return Proposal(stored["volume"], stored["z"], stored["score"], stored["reason"], boxes, model_selected=model_selected)
