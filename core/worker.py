"""The process of one job: ``python -m core.worker WORKSPACE PROJECT JOB``, started by the app, not by hand."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from core.config import PredictConfig, ProposeConfig
from core.errors import Cancelled, JobError, UnderpaintError
from core.evaluation.against_truth import evaluate_against, write_scores
from core.evaluation.regression import regression_warning
from core.models.loaded import LoadedModels
from core.processes import give_way
from core.proposals.scan import scan
from core.results.segment import export_confidence, predict
from core.storage.jobs import Handle
from core.storage.workspace import open_store
from core.training.plan import Plan
from core.training.restore import restore
from core.training.round import train_round

Arguments = dict[str, Any]


def run_job(models: LoadedModels, job_id: int) -> None:
    """Run an entered job in this process, and record its end.

    Raises
    ------
    UnderpaintError
        Any error of the job, after recording it.
    """
    job = models.store.jobs.get(job_id)
    work = _KINDS.get(job.kind)
    if work is None:
        raise JobError(f"There is no job of the kind {job.kind!r}; update Underpaint.")
    with models.store.jobs.running(job.id) as handle:
        work(models, handle, job.arguments)


def _round(models: LoadedModels, handle: Handle, arguments: Arguments) -> None:
    plan = Plan.from_json(models.store, arguments["plan"])
    done = train_round(models, handle, plan, resume=arguments["resume"])
    reservations = done.reservations(regression_warning(models.store.rounds.standings()))
    handle.result = {"round": done.round, "seconds": done.seconds, "caution": reservations}
    _scan(models, handle, arguments)


def _restore(models: LoadedModels, handle: Handle, arguments: Arguments) -> None:
    done = restore(models, handle, arguments["round"], arguments["seconds"])
    handle.result = {"round": done.round, "caution": regression_warning(models.store.rounds.standings())}
    _scan(models, handle, arguments)


def _scan(models: LoadedModels, handle: Handle, arguments: Arguments) -> None:
    scan(models, ProposeConfig(**arguments["propose"]), (), handle.report)


def _segment(models: LoadedModels, handle: Handle, arguments: Arguments) -> None:
    round_, volume = arguments["round"], arguments["volume"]
    out = models.store.results.path("segmentation", round_, volume, ".tif")
    done = predict(
        models,
        out,
        _predict_config(arguments),
        slices=None,
        probabilities=False,
        round_=round_,
        volume=volume,
        report=handle.report,
    )
    amounts = {name: asdict(amount) for name, amount in done.amounts.items()}
    region = models.store.catalog.row(volume).region
    facts = {
        "amounts": amounts,
        "seconds": done.seconds,
        "views": done.views,
        "across": asdict(done.across),
        "in_region": bool(region),
        "region": region,
    }
    models.store.results.enter("segmentation", out, round_, volume, facts)


def _predict_config(arguments: Arguments) -> PredictConfig:
    """Return the settings of a segmentation; jobs of earlier versions lack some."""
    names = (f.name for f in fields(PredictConfig))
    return PredictConfig(**{name: arguments[name] for name in names if name in arguments})


def _confidence(models: LoadedModels, handle: Handle, arguments: Arguments) -> None:
    round_, volume = arguments["round"], arguments["volume"]
    out = models.store.results.path("confidence", round_, volume, arguments["suffix"])
    export_confidence(models, out, PredictConfig(), volume=volume, round_=round_, report=handle.report)
    models.store.results.enter("confidence", out, round_, volume, {})


def _evaluate(models: LoadedModels, handle: Handle, arguments: Arguments) -> None:
    round_, volume, truth = arguments["round"], arguments["volume"], Path(arguments["truth"])
    found = evaluate_against(
        models,
        truth,
        PredictConfig(),
        round_=round_,
        volume=volume,
        slices=None,
        tolerance=arguments["tolerance"],
        report=handle.report,
    )
    out = models.store.results.path("scores", round_, volume, ".csv")
    write_scores(out, found)
    facts = {
        "truth": str(truth),
        "slices": found.slices,
        "pixels": found.pixels,
        "tolerance_px": found.tolerance_px,
        "across": asdict(found.across),
        "classes": [[name, asdict(score)] for name, score in found.classes.items()],  # keys would be sorted
        "confusion": found.confusion,
    }
    models.store.results.enter("scores", out, round_, volume, facts)


_KINDS: dict[str, Callable[[LoadedModels, Handle, Arguments], None]] = {
    "round": _round,
    "restore": _restore,
    "scan": _scan,
    "segment": _segment,
    "confidence": _confidence,
    "evaluate": _evaluate,
}


def main(arguments: list[str]) -> int:
    """Run one entered job to its end; an error goes into the job's record and, in one line, to stderr."""
    give_way()
    workspace, name, job = Path(arguments[0]), arguments[1], int(arguments[2])
    try:
        run_job(LoadedModels(open_store(workspace, name)), job)
    except Cancelled:
        return 0
    except UnderpaintError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
