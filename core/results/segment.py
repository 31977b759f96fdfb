"""Segmentation of whole volumes, slice by slice, into files of classes, probabilities or confidence."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from core.config import PredictConfig
from core.errors import ProjectError
from core.evaluation.z_average_search import ZAverageChoice, choose_z_average
from core.models.loaded import LoadedModels
from core.models.memory import freed_memory_kept, peak_memory_mb
from core.progress import Report, advance
from core.results.amounts import Amount, Counter
from core.volumes.writers import check_stack_path, open_stack


@dataclass(frozen=True)
class PredictReport:
    """Cost and outcome of a prediction of many slices; memory is the process's peak in MiB."""

    slices: int
    seconds: float
    megapixels_per_second: float
    peak_memory_mb: float | None
    path: Path
    round: int
    amounts: dict[str, Amount]
    across: ZAverageChoice
    views: int


@freed_memory_kept()
def predict(
    models: LoadedModels,
    out: Path,
    config: PredictConfig,
    *,
    slices: range | None,
    probabilities: bool,
    round_: int | None,
    volume: int,
    report: Report,
) -> PredictReport:
    """Write the predicted classes or probabilities of some slices; see :meth:`core.project.Project.predict`."""
    store = models.store
    store.check_target(out)
    check_stack_path(out)
    row = store.catalog.row(volume)
    wanted = range(row.depth) if slices is None else slices
    if not len(wanted) or min(wanted) < 0 or max(wanted) >= row.depth:
        raise ProjectError(f"Slices {wanted.start}:{wanted.stop} do not exist; volume {volume} has 0:{row.depth}.")
    chosen, classes = store.rounds.chosen(round_), store.catalog.classes
    counter = Counter(len(classes), store.catalog.region_mask(volume))
    started = time.monotonic()
    found = choose_z_average(models, chosen, volume, config, report)
    with models.z_averaged(chosen, volume, replace(config, across=found.slices)) as model:
        page = (model.classes, *row.slice_shape) if probabilities else row.slice_shape
        dtype = np.float32 if probabilities else np.uint8
        with open_stack(out, pages=len(wanted), page_shape=page, dtype=dtype, voxel_nm=row.voxel_nm) as stack:
            for number, z in enumerate(wanted):
                written = model.probabilities(z) if probabilities else model.labels(z)[0]
                counter.add(np.asarray(written.argmax(axis=0) if probabilities else written, dtype=np.uint8))
                stack.write(number, written)
                told = f"segmenting: {number + 1} of {len(wanted)} slices"
                advance(report, (number + 1) / len(wanted), told, cancelled="Segmenting was cancelled; nothing was written.")
    seconds = time.monotonic() - started
    speed = len(wanted) * row.shape[2] * row.shape[3] / 1e6 / max(seconds, 1e-9)
    amounts = dict(zip((c.name for c in classes), counter.amounts(row.voxel_nm), strict=True))
    return PredictReport(len(wanted), seconds, speed, peak_memory_mb(), out, chosen, amounts, found, model.views)


@freed_memory_kept()
def export_confidence(
    models: LoadedModels, out: Path, config: PredictConfig, *, volume: int, round_: int | None, report: Report
) -> None:
    """Write every slice's confidence, uint8 ``(H, W)``: 255 times the probability of the likeliest class."""
    store = models.store
    store.check_target(out)
    check_stack_path(out)
    row, chosen = store.catalog.row(volume), store.rounds.chosen(round_)
    found = choose_z_average(models, chosen, volume, config, report)
    with (
        models.z_averaged(chosen, volume, replace(config, across=found.slices)) as model,
        open_stack(out, pages=row.depth, page_shape=row.slice_shape, dtype=np.uint8, voxel_nm=row.voxel_nm) as stack,
    ):
        for z in range(row.depth):
            stack.write(z, model.labels(z)[1])
            told = f"writing confidence: {z + 1} of {row.depth} slices"
            advance(report, (z + 1) / row.depth, told, cancelled="The export was cancelled; nothing was written.")
