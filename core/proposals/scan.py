"""Scan the volumes, coarse first, and keep the proposals up to date meanwhile."""

from __future__ import annotations

import time
from collections.abc import Collection
from itertools import zip_longest

from core.config import ProposeConfig
from core.errors import UnderpaintError
from core.geometry import SliceId
from core.models.loaded import LoadedModels
from core.models.memory import freed_memory_kept
from core.progress import Report, advance
from core.proposals.queries import query_named
from core.proposals.ranking import labelled_slices, propose
from core.proposals.slice_scan import scan_slice
from core.storage.prediction_cache import Predicted
from core.storage.proposals import ScannedSlice
from core.storage.store import Store

_REFRESH_SECONDS = 1.0


@freed_memory_kept()
def scan(models: LoadedModels, config: ProposeConfig, exclude: Collection[SliceId], report: Report) -> None:
    """Score slices with the newest model until all are done or the time is up, and store proposals meanwhile.

    Slices already scored in this round with this query are skipped. On an error, such as an unreadable slice, the results for
    scanned slices are kept.

    Parameters
    ----------
    exclude
        Slices excluded from the scan and the proposals.
    report
        Called with the share done and a sentence; returns True to stop.

    Raises
    ------
    Cancelled
        If ``report`` returns True.
    VolumeError
        If a slice cannot be read.
    CheckpointError, NetworkError
        If slices are left to scan and the model cannot be loaded.
    """
    store, fresh = models.store, list[ScannedSlice]()
    round_ = store.rounds.last()
    if round_ is None:
        return
    try:
        _scan_in_turn(models, round_, config, exclude, report, fresh)
    except UnderpaintError:
        if fresh:
            _refresh(store, round_, config, fresh, exclude, settled=False)
        raise
    _refresh(store, round_, config, fresh, exclude, settled=True)


def _scan_in_turn(
    models: LoadedModels,
    round_: int,
    config: ProposeConfig,
    exclude: Collection[SliceId],
    report: Report,
    fresh: list[ScannedSlice],
) -> None:
    """Scan slices until all are done or the time is up; leave results not stored yet in ``fresh``."""
    store, query = models.store, query_named(config.query)
    started = reported = time.monotonic()
    done = {s.slice_id for s in store.proposals.scanned(round_, config.query)} | set(exclude)
    todo = [slice_id for slice_id in _all_slices(store) if slice_id not in done]
    if not todo:
        return
    predictor = models.predictor(round_)
    for number, slice_id in enumerate(todo):
        if time.monotonic() - started > config.scan_seconds and number > 0:
            break
        inside = store.catalog.region_mask(slice_id.volume)
        image = models.inputs(round_, slice_id.volume)(slice_id.z)
        found = scan_slice(slice_id, predictor.tiles(image), image.shape[1:], query=query, inside=inside)
        store.predictions.save(slice_id, Predicted(found.mask, found.confidence, round_))
        fresh.append(found.scanned)
        if time.monotonic() - reported > _REFRESH_SECONDS:
            reported = time.monotonic()
            _refresh(store, round_, config, fresh, exclude, settled=False)
            message = f"scanning: {number + 1} of {len(todo)} slices"
            kept = "Scanning was cancelled; the results for scanned slices are kept."
            advance(report, (number + 1) / len(todo), message, cancelled=kept)


def scan_order(depth: int) -> list[int]:
    """Order slices to cover the volume coarsely first, then ever finer (van der Corput, bits reversed).

    Returns
    -------
    list of int
        Every slice from 0 to ``depth - 1`` once; the first n lie no further apart than about ``2 * depth / n``.
    """
    bits = max(depth - 1, 0).bit_length()
    reversed_bits = (int(f"{i:0{bits}b}"[::-1], 2) if bits else 0 for i in range(1 << bits))
    return [z for z in reversed_bits if z < depth]


def _all_slices(store: Store) -> list[SliceId]:
    """Return every slice, volumes in turn and coarse first, labelled slices last."""
    orders = [[SliceId(v.index, z) for z in scan_order(v.depth)] for v in store.catalog.volumes]
    mixed = [slice_id for group in zip_longest(*orders) for slice_id in group if slice_id is not None]
    labelled = labelled_slices(store)
    return sorted(mixed, key=lambda slice_id: slice_id in labelled)


def _refresh(
    store: Store, round_: int, config: ProposeConfig, fresh: list[ScannedSlice], exclude: Collection[SliceId], *, settled: bool
) -> None:
    store.proposals.add_scanned(round_, config.query, fresh)
    fresh.clear()
    propose(store, round_, config, exclude, settled=settled)
