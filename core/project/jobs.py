"""The jobs of a project: work in separate processes."""

from __future__ import annotations

import os
from dataclasses import asdict
from pathlib import Path
from typing import Any

from core.config import OWN_NOT_GIVEN, TOLERANCE, Architecture, PredictConfig, ProposeConfig, TrainConfig
from core.errors import NetworkError
from core.evaluation import against_truth
from core.project.earlier_names import renamed
from core.storage.jobs import Job
from core.storage.snapshots import WatchedRegion
from core.storage.store import Store
from core.training.finished import enter_finished
from core.training.plan import interrupted_plan, make_plan
from core.training.restore import find


class ProjectJobs:
    """The jobs of a project: work in separate processes."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def current(self) -> Job | None:
        """Return the running job, else the last one, else None."""
        return self._store.jobs.last()

    def cancel(self, job_id: int) -> None:
        """Ask a job to stop at the next safe point."""
        self._store.jobs.cancel(job_id)

    @renamed(frame="watched")
    def start_round(
        self,
        train: TrainConfig = TrainConfig(),
        propose: ProposeConfig = ProposeConfig(),
        *,
        watched: WatchedRegion | None = None,
        resume: bool = False,
        tensorboard: bool = False,
    ) -> Job:
        """Train a round and then scan the volumes, in a separate process; return at once."""
        plan = interrupted_plan(self._store) if resume else make_plan(self._store, train, watched, tensorboard=tensorboard)
        if plan.config.architecture == Architecture.OWN:
            raise NetworkError(OWN_NOT_GIVEN)
        return self._start_job("round", {"plan": plan.as_json(), "propose": asdict(propose), "resume": resume})

    def start_restore(self, round_: int, propose: ProposeConfig = ProposeConfig(), *, seconds: float | None = None) -> Job:
        """Restore a snapshot or round (see ``project.models.restore``) and then scan the volumes, in a separate process."""
        enter_finished(self._store)
        find(self._store, round_, seconds)
        return self._start_job("restore", {"round": round_, "seconds": seconds, "propose": asdict(propose)})

    def start_scan(self, propose: ProposeConfig = ProposeConfig()) -> Job:
        """Scan the volumes in a separate process."""
        self._store.rounds.chosen(None)
        return self._start_job("scan", {"propose": asdict(propose)})

    def start_segment(
        self, volume: int = 0, views: int | None = None, across: int | None = None, *, config: PredictConfig | None = None
    ) -> Job:
        """Segment a whole volume into the results, in a separate process.

        Settings come from ``config``, or from ``views`` and ``across``.

        Raises
        ------
        ValueError
            If ``core.config.PredictConfig`` does not allow ``views`` or ``across``, or ``config`` is given beside them.
        """
        if config is not None and (views is not None or across is not None):
            raise ValueError("start_segment() got config= beside views or across; set them in config.")
        asked = config or PredictConfig(views=views, across=across)
        return self._start_job("segment", {"volume": volume, "round": self._store.rounds.chosen(None), **asdict(asked)})

    def start_confidence_export(self, volume: int = 0, suffix: str = ".tif") -> Job:
        """Write a volume's confidence into the results as ``.tif`` or ``.zarr``, in a separate process."""
        round_ = self._store.rounds.chosen(None)
        return self._start_job("confidence", {"volume": volume, "round": round_, "suffix": suffix})

    def start_evaluate(self, truth: Path, volume: int = 0, *, tolerance: float | None = TOLERANCE) -> Job:
        """Score the newest round against ground truth, in a separate process; the scores go into the results.

        See ``project.results.evaluate``.
        """
        round_ = self._store.rounds.chosen(None)
        against_truth.check_truth(self._store, truth, volume)
        whole = str(Path(os.path.expanduser(truth)).resolve())
        arguments = {"truth": whole, "volume": volume, "round": round_, "tolerance": tolerance}
        return self._start_job("evaluate", arguments)

    def _start_job(self, kind: str, arguments: dict[str, Any]) -> Job:
        return self._store.jobs.start(self._store.workspace, self._store.name, kind, arguments)
