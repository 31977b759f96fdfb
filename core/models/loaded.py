"""The models of a project, loaded and ready to predict."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock, RLock
from typing import TYPE_CHECKING

from core.config import PredictConfig
from core.errors import CheckpointError
from core.geometry import SliceId
from core.storage.checkpoints import load_card
from core.storage.prediction_cache import Predicted
from core.storage.store import Store
from core.volumes.slice_stack import SliceStack

if TYPE_CHECKING:  # PyTorch takes seconds to import, and most calls do not need it
    from torch import nn

    from core.models.predictor import Predictor
    from core.models.z_average import ZAveraged


class LoadedModels:
    """The models of one project; safe to use from several threads.

    Parameters
    ----------
    store
        The stored parts of the project.
    """

    def __init__(self, store: Store) -> None:
        self.store = store
        self._loading = RLock()
        self._predictor: tuple[int, Predictor] | None = None
        self._own: dict[str, nn.Module] = {}
        self._own_classes: dict[int, str] = {}
        self._locks: dict[tuple[int, SliceId], tuple[Lock, int]] = {}
        self._counting = Lock()

    def predictor(self, round_: int) -> Predictor:
        """Return a round's model, ready to predict; the last one stays loaded.

        Raises
        ------
        CheckpointError
            If there is no such round, or its checkpoint is missing or damaged.
        NetworkError
            If its network cannot be built here, or is the user's own and not provided by :meth:`use`.
        """
        with self._loading:
            if self._predictor is None or self._predictor[0] != round_:
                self._predictor = (round_, self.load(self.store.checkpoint(round_)))
            return self._predictor[1]

    def load(self, folder: Path) -> Predictor:
        """Load a checkpoint or training snapshot, also of a user's own network after :meth:`use`; raise as :meth:`predictor`."""
        from core.models.predictor import Predictor

        return Predictor.load(folder, own=self._own)

    def use(self, network: nn.Module) -> None:
        """Use a user's own network for all rounds trained with one of its class, until the next call for the class."""
        from core.models.networks.own import name_of

        with self._loading:
            self._own[name_of(network)] = network
            self._predictor = None

    def has_network(self, round_: int) -> bool:
        """Return whether a round's network is built in, or provided by :meth:`use`; fast enough to call often."""
        name = self._own_class(round_)
        return not name or name in self._own

    def can_show(self, round_: int, slice_id: SliceId) -> bool:
        """Return whether a round's prediction of a slice is available: from its network, or from the cache."""
        return self.has_network(round_) or self.store.predictions.stamp(round_, slice_id) is not None

    def _own_class(self, round_: int) -> str:
        """Return the class name of a round's own network, read once; "" for a built-in one.

        A damaged checkpoint counts as built in, since loading it says so, and is looked at again at the next call.
        """
        if round_ not in self._own_classes:
            try:
                self._own_classes[round_] = load_card(self.store.checkpoint(round_)).own_class
            except CheckpointError:
                return ""
        return self._own_classes[round_]

    def inputs(self, round_: int, volume: int) -> SliceStack:
        """Return the inputs of a round's model for each slice of a volume; for one thread, fastest in order of z.

        Raises
        ------
        CheckpointError, NetworkError
            As :meth:`predictor`.
        """
        return SliceStack(self.store.catalog.volume(volume), self.predictor(round_).card.neighbours)

    def predicted(self, slice_id: SliceId, round_: int) -> Predicted:
        """Return a round's prediction of a slice, from the cache or computed and cached.

        Of several threads with the same slice one computes it and the others wait; other slices are not delayed.

        Raises
        ------
        CheckpointError, NetworkError
            As :meth:`predictor`.
        """
        cache = self.store.predictions
        kept = cache.load(round_, slice_id)
        if kept is not None:
            return kept
        with self._computing((round_, slice_id)):
            kept = cache.load(round_, slice_id)  # another thread may have computed it meanwhile
            if kept is not None:
                return kept
            image = self.inputs(round_, slice_id.volume)(slice_id.z)
            mask, confidence = self.predictor(round_).labels(image)
            made = Predicted(mask, confidence, round_)
            cache.save(slice_id, made)
            return made

    @contextmanager
    def _computing(self, key: tuple[int, SliceId]) -> Iterator[None]:
        """Hold the lock of one slice; the lock exists only while in use."""
        with self._counting:
            lock, users = self._locks.get(key, (Lock(), 0))
            self._locks[key] = lock, users + 1
        try:
            with lock:
                yield
        finally:
            with self._counting:
                lock, users = self._locks.pop(key)
                if users > 1:
                    self._locks[key] = lock, users - 1

    def z_averaged(self, round_: int, volume: int, config: PredictConfig) -> ZAveraged:
        """Return a round's predictions of a volume's slices, averaged by ``config``.

        Parameters
        ----------
        config
            ``across`` counts as 0 if None; see :func:`core.evaluation.z_average_search.choose_z_average` for a choice.

        Raises
        ------
        CheckpointError, NetworkError
            As :meth:`predictor`.
        """
        from core.models.z_average import ZAveraged

        row, predictor = self.store.catalog.row(volume), self.predictor(round_).with_config(config)
        shape = row.depth, *row.slice_shape
        return ZAveraged(predictor, self.inputs(round_, volume), shape, config.across or 0, self.store.folder)
