"""The models of a project: rounds, scores, predictions, training snapshots, and restoring one of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from core.config import UNLABELLED, AugmentConfig, TrainConfig
from core.evaluation.regression import regression_warning
from core.geometry import SliceId
from core.models.loaded import LoadedModels
from core.storage.labels import Role
from core.storage.prediction_cache import Predicted
from core.storage.rounds import CurvePoint, RoundRow
from core.storage.snapshots import Snapshot, WatchedRegion
from core.storage.store import Store
from core.training.finished import enter_finished
from core.training.plan import Interrupted, interrupted
from core.training.restore import restore
from core.training.round import RoundReport
from core.training.watched_region import choose_slice, choose_watched_region

if TYPE_CHECKING:
    from torch import nn

    from core.training.examples import Examples


class ProjectModels:
    """The models of a project: rounds, scores, predictions, training snapshots, and restoring one of them."""

    def __init__(self, store: Store, models: LoadedModels) -> None:
        self._store, self._models = store, models

    def rounds(self) -> list[RoundRow]:
        """Return every round, all with scores on the same held-back pixels."""
        return self._store.rounds.rows([c.name for c in self._store.catalog.classes])

    def curve(self, round_: int | None = None) -> list[CurvePoint]:
        """Return the learning curve of a round; by default of the round in training, else of the newest."""
        if round_ is None:
            job = self._store.jobs.last()
            plan = None if job is None else job.arguments.get("plan")
            round_ = plan["round"] if plan is not None else self._store.rounds.last()
        return [] if round_ is None else self._store.rounds.curve(round_)

    def regression_warning(self) -> str | None:
        """Return the reasons to distrust the newest round, worded to follow "Round 2 is trained, but"; None without any."""
        return regression_warning(self._store.rounds.standings())

    def interrupted(self) -> Interrupted | None:
        """Return the interrupted training, if one can be resumed (``resume=True``); a new training discards it."""
        return interrupted(self._store)

    def has_network(self, round_: int) -> bool:
        """Return whether a round can predict in this process: its network is built in, or your own and given."""
        return self._models.has_network(round_)

    def use(self, network: nn.Module) -> None:
        """Provide a network of your own for the rounds trained with one of its class, built as for their training.

        Needed in every process before predicting, proposing, scoring or exporting with such a round. The checkpoint's card
        names the class, but Underpaint never imports it.
        """
        self._models.use(network)

    def predict_slice(self, volume: int, z: int, round_: int | None = None) -> Predicted | None:
        """Predict a slice with the newest model, or with that of ``round_``; None before the first round."""
        slice_id = SliceId(volume, z)
        self._store.slice_shape(slice_id)
        chosen = round_ or self._store.rounds.last()
        return None if chosen is None else self._models.predicted(slice_id, chosen)

    def cached_prediction(self, volume: int, z: int) -> Predicted | None:
        """Return the newest model's prediction if cached on disk, else None; never computes."""
        last = self._store.rounds.last()
        return None if last is None else self._store.predictions.load(last, SliceId(volume, z))

    def augmentation_examples(
        self,
        volume: int,
        z: int,
        config: AugmentConfig = AugmentConfig(),
        *,
        side: int = TrainConfig.patch,
        number: int = 8,
        seed: int = 0,
    ) -> Examples:
        """Return a patch of a slice with augmented versions of it, as in training.

        Parameters
        ----------
        config
            The augmentation.
        side
            Side of the patches, in pixels.
        number
            Number of augmented versions.
        seed
            Seed of the patch's position, near a labelled pixel if any, and of the augmentation.
        """
        slice_id = SliceId(volume, z)
        from core.training.examples import make_examples

        head, shape = self._store.labels.head(slice_id), self._store.slice_shape(slice_id)
        label = np.full(shape, UNLABELLED, np.uint8) if head is None else self._store.frozen(head, Role.TRAIN).label()
        return make_examples(self._store.image(slice_id), label, config, side=side, number=number, seed=seed)

    # ---- training snapshots

    def watched_region(self, volume: int | None = None, z: int | None = None) -> WatchedRegion:
        """Return at most 1024 x 1024 pixels of a slice; by default of an unlabelled one near the middle labelled slice."""
        return choose_watched_region(self._store, None if volume is None or z is None else SliceId(volume, z))

    def slice_to_watch(self) -> SliceId:
        """Return ``(volume, z)`` of the default slice of :meth:`watched_region`; reads no raster."""
        return choose_slice(self._store)

    def snapshots(self, round_: int) -> list[Snapshot]:
        """Return the snapshots of a round's training in order, also during training; older rounds have none."""
        return self._store.snapshots.of(round_)

    def snapshot_rounds(self) -> list[int]:
        """Return the rounds with training snapshots, oldest first, including one in training."""
        return self._store.snapshots.rounds()

    def snapshot_bytes(self) -> int:
        """Return the size of all snapshots on disk in bytes."""
        return self._store.snapshots.size()

    def restore(self, round_: int, *, seconds: float | None = None) -> RoundReport:
        """Make a snapshot of a round's training, or the end of an earlier round, the newest model.

        The model becomes a new round with a score on the held-back pixels, and without proposals until the next scan. Other
        rounds do not change. An interrupted training can no longer be resumed.

        Parameters
        ----------
        seconds
            Seconds of training before the snapshot, as in :meth:`snapshots`, to the second; None for the end of the round.
        """
        enter_finished(self._store)
        with self._store.jobs.here("restore", {"round": round_, "seconds": seconds}) as handle:
            return restore(self._models, handle, round_, seconds)
