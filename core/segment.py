"""Whole volumes through the model, slice by slice, into files: classes, probabilities or confidence."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from core.across import Across, best
from core.catalog import weight_of
from core.config import UNLABELLED, PredictConfig
from core.errors import Cancelled, CheckpointError, ProjectError, storage_errors
from core.export import open_stack
from core.labels import Revision, Role
from core.measure import Amount, Counter
from core.memory import freed_memory_kept, peak_memory_mb
from core.records import to_json
from core.store import Store

if TYPE_CHECKING:  # PyTorch takes seconds to import
    from core.averaged import Averaged

MOST_SLICES = 8
"""No more slices with painted pixels than this are asked whether to average across slices, nor with held-back ones."""

Report = Callable[[float, str], bool]
"""Called with the share done (0 to 1) and a sentence; returning True asks the work to stop."""


@dataclass(frozen=True)
class PredictReport:
    """What a prediction of many slices took and found; memory is the process's peak in MiB."""

    slices: int
    seconds: float
    megapixels_per_second: float
    peak_memory_mb: float | None
    path: Path
    round: int
    amounts: dict[str, Amount]
    across: Across
    views: int


@dataclass(frozen=True)
class Result:
    """A file made for the user: its kind (``segmentation`` or ``confidence``), where, of which round and volume."""

    kind: str
    round: int
    volume: int
    path: Path
    facts: dict[str, Any]
    created: float


def chosen_round(store: Store, round_: int | None) -> int:
    """The round asked for, or the newest.

    Raises
    ------
    CheckpointError
        If no round is trained yet.
    """
    chosen = store.rounds.last() if round_ is None else round_
    if chosen is None:
        raise CheckpointError("No model is trained yet; label a slice and train a round first.")
    return chosen


def across_slices(store: Store, round_: int, volume: int, across: int | None, report: Report) -> Across:
    """How many slices of a volume to average for a round: as many as asked for, else as its labels say.

    Raises
    ------
    ValueError
        If more or fewer are asked for than ``core.config.PredictConfig`` allows.
    Cancelled
        If ``report`` asked to stop.
    """
    asked = PredictConfig(across=across).across
    if asked is not None:
        return Across(asked)

    def go_on() -> None:
        if report(0.0, "finding out how many slices to average"):
            raise Cancelled("It was cancelled; nothing was written.")

    go_on()
    row, classes = store.catalog.row(volume), len(store.catalog.classes)
    held = _some(store, [head for head in store.labels.heads() if head.validation_pixels], volume, Role.VALIDATION, go_on)
    predictor = store.predictor(round_)
    trained = weight_of(volume, predictor.card.extra.get("volume_weights", ()))
    revisions = store.labels.revisions(store.rounds.trained_on(round_) if trained else ())
    painted = _some(store, revisions, volume, Role.TRAIN, go_on)
    return best(predictor, store.seen_by(round_, volume), row.depth, held, painted, classes, row.voxel_nm, go_on)


def _some(
    store: Store, revisions: Iterable[Revision], volume: int, role: Role, go_on: Callable[[], None]
) -> dict[int, NDArray[np.uint8]]:
    """Class ids of a role's pixels by slice, 255 elsewhere: of some slices of a volume, drawn from all, always the same."""
    there = [revision for revision in revisions if revision.volume == volume]
    found: dict[int, NDArray[np.uint8]] = {}
    for number in np.random.default_rng(0).permutation(len(there)):
        go_on()
        label = store.frozen(there[number], role).label()
        if (label != UNLABELLED).any():
            found[there[number].z] = label
        if len(found) == MOST_SLICES:
            break
    return found


def averaged(store: Store, round_: int, volume: int, across: Across, views: int | None) -> Averaged:
    """The slices of a volume as a round's model sees them."""
    from core.averaged import Averaged

    row, predictor = store.catalog.row(volume), store.predictor(round_).with_views(views)
    return Averaged(predictor, store.seen_by(round_, volume), (row.depth, *row.slice_shape), across.slices, store.folder)


@freed_memory_kept()
def predict(
    store: Store,
    out: Path,
    *,
    slices: range | None,
    probabilities: bool,
    round_: int | None,
    volume: int,
    views: int | None,
    across: int | None,
    report: Report,
) -> PredictReport:
    """Write the classes, or all classes' probabilities, of some slices; see :meth:`core.project.Project.predict`."""
    store.check_target(out)
    row = store.catalog.row(volume)
    wanted = range(row.depth) if slices is None else slices
    if not len(wanted) or wanted[0] < 0 or wanted[-1] >= row.depth:
        raise ProjectError(f"Slices {wanted.start}:{wanted.stop} are not there; volume {volume} has 0:{row.depth}.")
    chosen, classes = chosen_round(store, round_), store.catalog.classes
    counter = Counter(len(classes), store.catalog.region_mask(volume))
    started = time.monotonic()
    found = across_slices(store, chosen, volume, across, report)
    with averaged(store, chosen, volume, found, views) as model:
        page = (model.classes, *row.slice_shape) if probabilities else row.slice_shape
        dtype = np.float32 if probabilities else np.uint8
        with open_stack(out, pages=len(wanted), page_shape=page, dtype=dtype, voxel_nm=row.voxel_nm) as stack:
            for number, z in enumerate(wanted):
                written = model.probabilities(z) if probabilities else model.labels(z)[0]
                counter.add(np.asarray(written.argmax(axis=0) if probabilities else written, dtype=np.uint8))
                stack.write(number, written)
                if report((number + 1) / len(wanted), f"segmenting: {number + 1} of {len(wanted)} slices"):
                    raise Cancelled("Segmenting was cancelled; nothing was written.")
    seconds = time.monotonic() - started
    speed = len(wanted) * row.shape[2] * row.shape[3] / 1e6 / max(seconds, 1e-9)
    amounts = dict(zip((c.name for c in classes), counter.amounts(row.voxel_nm), strict=True))
    return PredictReport(len(wanted), seconds, speed, peak_memory_mb(), out, chosen, amounts, found, model.views)


@freed_memory_kept()
def export_confidence(
    store: Store, out: Path, *, volume: int, round_: int | None, views: int | None, across: int | None, report: Report
) -> None:
    """Write every slice's confidence, uint8 ``(H, W)``: 255 times the probability of the likeliest class."""
    store.check_target(out)
    row, chosen = store.catalog.row(volume), chosen_round(store, round_)
    found = across_slices(store, chosen, volume, across, report)
    with (
        averaged(store, chosen, volume, found, views) as model,
        open_stack(out, pages=row.depth, page_shape=row.slice_shape, dtype=np.uint8, voxel_nm=row.voxel_nm) as stack,
    ):
        for z in range(row.depth):
            stack.write(z, model.labels(z)[1])
            if report((z + 1) / row.depth, f"writing confidence: {z + 1} of {row.depth} slices"):
                raise Cancelled("The export was cancelled; nothing was written.")


def result_path(store: Store, kind: str, round_: int, volume: int, suffix: str) -> Path:
    """Where a file made for the user goes, in the project's ``results`` folder, which is made if need be."""
    folder = store.folder / "results"
    with storage_errors(folder):
        folder.mkdir(exist_ok=True)
    return folder / f"{store.name}-{kind}-volume-{volume}-round-{round_:03d}{suffix}"


def enter_result(store: Store, kind: str, out: Path, round_: int, volume: int, facts: Mapping[str, Any]) -> None:
    """Enter a file that is in place; an earlier entry of the same file goes."""
    place = out.relative_to(store.folder).as_posix()
    with store.records.transaction() as db:
        db.execute("DELETE FROM results WHERE path = ?", (place,))
        db.execute(
            "INSERT INTO results (kind, round, volume, path, facts, created) VALUES (?, ?, ?, ?, ?, ?)",
            (kind, round_, volume, place, to_json(dict(facts)), time.time()),
        )


def results(store: Store) -> list[Result]:
    """The files made for the user that are still there, newest first."""
    rows = store.records.rows("SELECT * FROM results ORDER BY id DESC")
    found = [
        Result(r["kind"], r["round"], r["volume"], store.folder / r["path"], json.loads(r["facts"]), r["created"]) for r in rows
    ]
    return [result for result in found if result.path.exists()]
