"""Scanned slices and the proposals from them."""

from __future__ import annotations

from collections.abc import Collection

from core.config import ProposeConfig
from core.geometry import Box, SliceId
from core.models.loaded import LoadedModels
from core.progress import Report, silent
from core.proposals.ranking import first_proposals, in_turn, open_proposals
from core.proposals.scan import scan
from core.storage.proposals import Proposal, ScannedSlice
from core.storage.store import Store


class ProjectProposals:
    """Scanned slices and the proposals from them; call it for the list of proposals."""

    def __init__(self, store: Store, models: LoadedModels) -> None:
        self._store, self._models = store, models

    def __call__(self) -> list[Proposal]:
        """Return the newest model's open proposals; before the first round, evenly spread slices.

        Each slice comes with the boxes left to check. Proposals put off come last.
        """
        last = self._store.rounds.last()
        if last is None:
            first = first_proposals(self._store, ProposeConfig().number, (), fill=False)
            return in_turn(first, self._store.proposals.turns(0))
        return open_proposals(self._store, last)

    def scan(
        self,
        config: ProposeConfig = ProposeConfig(),
        *,
        exclude: Collection[tuple[int, int]] = (),
        report: Report = silent,
    ) -> None:
        """Score slices with the newest model, coarse first, until all are done or the time is up."""
        scan(self._models, config, {SliceId(*pair) for pair in exclude}, report)

    def put_off(self, volume: int, z: int, box: Box | None = None) -> None:
        """Move a proposed slice, or a box of it, to the end of the proposals."""
        slice_id = SliceId(volume, z)
        self._store.slice_shape(slice_id)
        self._store.proposals.put_off(self._store.rounds.last() or 0, slice_id, box)

    def scanned(self, round_: int | None = None) -> list[ScannedSlice]:
        """Return the scanned slices of a round, by default the newest, in order of volume and z."""
        chosen = round_ or self._store.rounds.last()
        return [] if chosen is None else self._store.proposals.scanned(chosen)

    def look(self, volume: int, z: int, looked: bool = True) -> None:
        """Mark a slice as inspected, or remove the mark; this never labels it."""
        slice_id = SliceId(volume, z)
        self._store.slice_shape(slice_id)
        self._store.proposals.look(slice_id, looked)

    def looked(self) -> set[SliceId]:
        """Return ``(volume, z)`` of every slice marked as inspected."""
        return self._store.proposals.looked()
