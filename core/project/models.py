"""The models of a project: what they were trained on, how good they are, what they predict, and the way back."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from core.config import UNLABELLED as UNLABELLED
from core.config import AugmentConfig, TrainConfig
from core.evaluation.regression import regression_warning
from core.geometry import SliceId
from core.models.loaded import LoadedModels
from core.storage.labels import Role
from core.storage.prediction_cache import Predicted
from core.storage.rounds import CurvePoint, RoundRow
from core.storage.snapshots import Snapshot, WatchedRegion
from core.storage.store import Store
from core.storage.workspace import list_projects as list_projects
from core.storage.workspace import workspace_folder as workspace_folder
from core.training.plan import Interrupted, interrupted
from core.training.restore import restore
from core.training.round import RoundReport
from core.training.watched_region import choose_slice, choose_watched_region

if TYPE_CHECKING:
    from torch import nn

    from core.training.examples import Examples


class ProjectModels:
    """The models of a project: what they were trained on, how good they are, what they predict, and the way back."""

    def __init__(self, store: Store, models: LoadedModels) -> None:
        self._store, self._models = store, models

    def rounds(self) -> list[RoundRow]:
        """Every round, all scored on the same held-back pixels."""
        return self._store.rounds.rows([c.name for c in self._store.catalog.classes])

    def curve(self, round_: int | None = None) -> list[CurvePoint]:
        """The course of a round's training; of the one at work, or the newest, if none is named."""
        if round_ is None:
            job = self._store.jobs.last()
            plan = None if job is None else job.arguments.get("plan")
            round_ = plan["round"] if plan is not None else self._store.rounds.last()
        return [] if round_ is None else self._store.rounds.curve(round_)

    def regression_warning(self) -> str | None:
        """What speaks against the newest round, to follow "Round 2 is trained, but"; None where nothing does."""
        return regression_warning(self._store.rounds.standings())

    def interrupted(self) -> Interrupted | None:
        """The training that was killed or cancelled and can go on (``resume``); one that is started instead gives it up."""
        return interrupted(self._store)

    def has_network(self, round_: int) -> bool:
        """Whether a round can predict in this process: its network is built in, or your own and given."""
        return self._models.has_network(round_)

    def use(self, network: nn.Module) -> None:
        """Give a network of your own again, built as it was when rounds were trained with it; for all rounds of its class.

        Needed in every process that predicts, proposes, scores or exports with such a round: its card says the name of the
        class, which is never imported.
        """
        self._models.use(network)

    def predict_slice(self, volume: int, z: int, round_: int | None = None) -> Predicted | None:
        """A slice as the newest model (or that of ``round_``) sees it; None before the first round."""
        slice_id = SliceId(volume, z)
        self._store.slice_shape(slice_id)
        chosen = round_ or self._store.rounds.last()
        return None if chosen is None else self._models.predicted(slice_id, chosen)

    def cached_prediction(self, volume: int, z: int) -> Predicted | None:
        """The newest model's prediction if it is kept on disk; never computes."""
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
        """A patch of a slice beside changed versions of it, as training would show them to the network.

        Parameters
        ----------
        config
            How patches are changed.
        side
            Of the patches, in pixels.
        number
            How many changed ones.
        seed
            Of the place in the slice, near a labelled pixel where there is one, and of the changes.
        """
        slice_id = SliceId(volume, z)
        from core.training.examples import make_examples

        head, shape = self._store.labels.head(slice_id), self._store.slice_shape(slice_id)
        label = np.full(shape, UNLABELLED, np.uint8) if head is None else self._store.frozen(head, Role.TRAIN).label()
        return make_examples(self._store.image(slice_id), label, config, side=side, number=number, seed=seed)

    # ---- training snapshots

    def watched_region(self, volume: int | None = None, z: int | None = None) -> WatchedRegion:
        """At most 1024 x 1024 pixels of that slice, or of one without a label near the middle of the labelled ones."""
        return choose_watched_region(self._store, None if volume is None or z is None else SliceId(volume, z))

    def slice_to_watch(self) -> SliceId:
        """``(volume, z)`` that :meth:`frame` takes if none is given; reads no raster."""
        return choose_slice(self._store)

    def snapshots(self, round_: int) -> list[Snapshot]:
        """The kept snapshots of a round's training in order, also while it goes on; of older rounds none are kept."""
        return self._store.snapshots.of(round_)

    def snapshot_rounds(self) -> list[int]:
        """The rounds of whose training snapshots are kept, oldest first; one in training among them."""
        return self._store.snapshots.rounds()

    def snapshot_bytes(self) -> int:
        """What all kept snapshots take on disk."""
        return self._store.snapshots.size()

    def restore(self, round_: int, *, seconds: float | None = None) -> RoundReport:
        """Go back: make a snapshot of a round's training, or the end of an earlier round, the newest model.

        It is entered as a new round, scored on the held-back pixels as every round, with no proposals until the volume is
        looked through. No other round changes. A training that was interrupted can then not be resumed any more.

        Parameters
        ----------
        seconds
            Of training before the snapshot, as :meth:`snapshots` gives them, to the second; the end of the round if None.
        """
        with self._store.jobs.here("restore", {"round": round_, "seconds": seconds}) as handle:
            return restore(self._models, handle, round_, seconds)
