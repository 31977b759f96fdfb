"""The preview of a slice while somebody paints: a forest fitted to the strokes so far, until a network takes over.

It learns from the strokes of the slice that are not saved yet and from the training labels of all slices, never from a
pixel that is held back or audits. Nothing of it is stored but the decision who draws the preview.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Hashable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core import handover
from core.config import UNLABELLED
from core.errors import ProjectError, UnderpaintError
from core.features import SliceFeatures
from core.forest import Forest, Sample, take_sample
from core.geometry import Box
from core.handover import SLICES_AT_MOST, Handover
from core.labels import Revision, Role
from core.store import Store

FEATURE_BYTES = 512 << 20
"""Features of the slices looked at last are kept up to this, but always those of one slice."""

_FORESTS_KEPT = 2
_READ_AT_ONCE = 2  # saved labels of other slices that one preview reads: about 0.3 s each with 1024 x 1024 pixels


@dataclass(frozen=True)
class Preview:
    """A box of a slice as the first model sees it, and what that was made from.

    Attributes
    ----------
    box
        The box, in pixels.
    mask, confidence
        uint8 ``(h, w)``: class ids, and 255 times the probability of that class. None where there is no preview:
        because fewer than two classes are painted, or because the network has taken over.
    model
        Grows with every new fit: boxes with the same number were drawn by the same forest. 0 without one.
    classes
        Ids of the classes painted so far.
    pixels, slices
        Labelled pixels that the preview stands on, unsaved strokes included, and on how many slices.
    waiting
        Labelled slices that are not read yet; :meth:`core.project.Project.prepare_preview` reads them.
    seconds
        What this call took.
    handover
        Who draws the preview and why; None while a new round is still being compared.
    sentence
        All of it for the user.
    """

    box: Box
    mask: NDArray[np.uint8] | None
    confidence: NDArray[np.uint8] | None
    model: int
    classes: tuple[int, ...]
    pixels: int
    slices: int
    waiting: int
    seconds: float
    handover: Handover | None
    sentence: str


@dataclass(frozen=True)
class _Ground:
    """What a forest is to learn from: a key that changes with it, samples by slice, and how many slices are left."""

    key: Hashable
    samples: tuple[Sample, ...]
    slices: int
    waiting: int

    @property
    def classes(self) -> tuple[int, ...]:
        return tuple(sorted({int(c) for sample in self.samples for c in np.unique(sample.classes)}))

    @property
    def pixels(self) -> int:
        return int(sum(sample.counts.sum() for sample in self.samples))


class Previews:
    """The previews of one project; safe to use from several threads, which share one fit after a stroke."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._features: OrderedDict[Hashable, SliceFeatures] = OrderedDict()
        self._samples: OrderedDict[Hashable, Sample | None] = OrderedDict()
        self._forests: OrderedDict[Hashable, tuple[int, Forest]] = OrderedDict()
        self._fits = 0
        self._opening, self._fitting, self._deciding, self._lock = Lock(), Lock(), Lock(), Lock()
        self._asked: dict[int, Future[Any]] = {}

    def preview(self, volume: int, z: int, box: Box | None = None, *, anyway: bool = False) -> Preview:
        """See :meth:`core.project.Project.preview`."""
        started = time.perf_counter()
        shape = self._store.slice_shape(volume, z)
        box = _checked(box, shape)
        decision = handover.remembered(self._store)
        if decision is None:
            self._decide_soon()
        elif decision.to_network and not anyway:
            return Preview(box, None, None, 0, (), 0, 0, 0, time.perf_counter() - started, decision, decision.sentence)
        ground = self._ground(volume, z, most_new=_READ_AT_ONCE)
        if len(ground.classes) < 2:
            said = self._too_few(ground.classes)
            return self._answer(box, None, 0, ground, started, decision, said)
        model, forest = self._forest(ground)
        drawn = forest.labels(self.features(volume, z), box)
        return self._answer(box, drawn, model, ground, started, decision, _made_from(ground))

    def prepare(self, volume: int, z: int, box: Box | None = None) -> None:
        """See :meth:`core.project.Project.prepare_preview`."""
        box, decision = _checked(box, self._store.slice_shape(volume, z)), handover.remembered(self._store)
        if decision is not None and decision.to_network:
            return
        import sklearn.ensemble  # noqa: F401 (takes a second, which the first stroke need not wait for)

        self.features(volume, z).prepare(box)
        if self.handover().to_network:
            return
        ground = self._ground(volume, z, most_new=SLICES_AT_MOST)
        if len(ground.classes) > 1:
            self._forest(ground)

    def handover(self) -> Handover:
        """See :meth:`core.project.Project.handover`."""
        with self._deciding:
            return handover.decide(self._store, self._sample, self._passed)

    def features(self, volume: int, z: int) -> SliceFeatures:
        """The features of a slice that is painted, kept for the next stroke."""
        key = self._slice_key(volume, z)
        with self._opening:
            made = self._features.pop(key, None) or SliceFeatures(self._store.image(volume, z))
            self._features[key] = made
            while len(self._features) > 1 and sum(f.nbytes for f in self._features.values()) > FEATURE_BYTES:
                self._features.popitem(last=False)
        return made

    def _passed(self, volume: int, z: int) -> SliceFeatures:
        """The features of a slice that is only learnt from or scored: not kept, so that those in use stay."""
        kept = self._features.get(self._slice_key(volume, z))
        return kept or SliceFeatures(self._store.image(volume, z))

    def _slice_key(self, volume: int, z: int) -> Hashable:
        row = self._store.catalog.row(volume)
        return str(row.path), row.fingerprint, z

    def _answer(
        self,
        box: Box,
        drawn: tuple[NDArray[np.uint8], NDArray[np.uint8]] | None,
        model: int,
        ground: _Ground,
        started: float,
        decision: Handover | None,
        said: str,
    ) -> Preview:
        mask, confidence = drawn or (None, None)
        took = time.perf_counter() - started
        return Preview(box, mask, confidence, model, ground.classes, ground.pixels, ground.slices, ground.waiting, took,
                       decision, said)  # fmt: skip

    def _forest(self, ground: _Ground) -> tuple[int, Forest]:
        """The forest for what is painted, and its number; fitted by one thread while others wait for it."""
        with self._fitting:
            kept = self._forests.pop(ground.key, None)
            if kept is None:
                forest = Forest.fit(ground.samples, len(self._store.catalog.classes))
                self._fits += 1
                kept = self._fits, forest
            self._forests[ground.key] = kept
            while len(self._forests) > _FORESTS_KEPT:
                self._forests.popitem(last=False)
            return kept

    def _ground(self, volume: int, z: int, *, most_new: int) -> _Ground:
        """All that may be learnt from now: strokes of this slice, and saved labels as far as they are read."""
        heads = [head for head in self._nearest(volume, z) if self._trains(head)]
        saved = list(self._read(heads, volume, z, most_new))
        keys = tuple(self._sample_key(head) for head, _ in saved)
        strokes, touched, sequence = self._strokes(volume, z)
        samples = [
            sample.without(touched) if touched is not None and (head.volume, head.z) == (volume, z) else sample
            for head, sample in saved
            if sample is not None
        ]
        places = {(head.volume, head.z) for head, sample in saved if sample is not None}
        if strokes is not None:
            samples, places = [strokes, *samples], places | {(volume, z)}
        key = (volume, z, sequence, keys, len(self._store.catalog.classes))
        return _Ground(key, tuple(samples), len(places), len(heads) - len(saved))

    def _nearest(self, volume: int, z: int) -> list[Revision]:
        """The labelled slices that are learnt from, this one first, then the nearest of this volume, then others."""
        heads = self._store.labels.heads()
        return sorted(heads, key=lambda head: (head.volume != volume, abs(head.z - z), head.z))[:SLICES_AT_MOST]

    def _trains(self, head: Revision) -> bool:
        """Whether a revision can hold a training pixel, as far as its record tells."""
        return head.pixels > head.validation_pixels

    def _read(self, heads: list[Revision], volume: int, z: int, most_new: int) -> Iterator[tuple[Revision, Sample | None]]:
        """Samples that are there already, that of the slice itself, and at most ``most_new`` others."""
        for head in heads:
            if self._sample_key(head) not in self._samples and (head.volume, head.z) != (volume, z):
                most_new -= 1
                if most_new < 0:
                    continue
            yield head, self._sample(head)

    def _sample(self, revision: Revision) -> Sample | None:
        """What may be learnt from a revision: training pixels inside the working region."""
        key = self._sample_key(revision)
        with self._lock:
            if key in self._samples:
                self._samples.move_to_end(key)
                return self._samples[key]
        label = self._store.frozen(revision, Role.TRAIN).label()
        some = (label != UNLABELLED).any()
        made = take_sample(self._passed(revision.volume, revision.z), label, seed=revision.id) if some else None
        with self._lock:
            self._samples[key] = made
            while len(self._samples) > 2 * SLICES_AT_MOST:
                self._samples.popitem(last=False)
        return made

    def _sample_key(self, revision: Revision) -> Hashable:
        row = self._store.catalog.row(revision.volume)
        return revision.id, row.region, row.fingerprint

    def _strokes(self, volume: int, z: int) -> tuple[Sample | None, NDArray[np.bool_] | None, int | None]:
        """The unsaved strokes of a slice as a sample, the pixels they touch, and the number of the last action."""
        draft = self._store.drafts.get(volume, z, self._store.slice_shape(volume, z))
        if draft is None:
            return None, None, None
        touched = draft.touched.astype(bool)
        label = np.where(touched & self._trainable(volume, z), draft.mask, np.uint8(UNLABELLED))
        if (label == UNLABELLED).all():
            return None, touched, draft.sequence
        return take_sample(self.features(volume, z), label, seed=0), touched, draft.sequence

    def _trainable(self, volume: int, z: int) -> NDArray[np.bool_]:
        """Where a stroke may be learnt from, bool ``(H, W)``: inside the working region, and not held back."""
        free = self._store.labels.trainable(volume, z, self._store.slice_shape(volume, z))
        region = self._store.catalog.region_mask(volume)
        return free if region is None else free & region

    def _decide_soon(self) -> None:
        """Compare forest and network in the background, once for each round."""
        last = self._store.rounds.last()
        with self._lock:
            if last is None or last in self._asked:
                return
            self._asked[last] = _background().submit(self._decide_quietly)

    def _decide_quietly(self) -> None:
        try:
            self.handover()
        except UnderpaintError:
            return  # a volume that has moved, a damaged record: the forest goes on, and the next round is compared anew

    def _too_few(self, painted: tuple[int, ...]) -> str:
        names = {c.id: c.name for c in self._store.catalog.classes}
        if not painted:
            return "Paint a few strokes of two classes, and a preview appears."
        return f"Only {names[painted[0]]} is painted so far; paint a second class, and a preview appears."


def _checked(box: Box | None, shape: tuple[int, int]) -> Box:
    if box is None:
        return Box(0, 0, *shape)
    if not box.within(shape):
        raise ProjectError(f"The box {box} leaves the slice of {shape[0]} x {shape[1]} pixels; ask for a part of the slice.")
    return box


def _made_from(ground: _Ground) -> str:
    places = "1 slice" if ground.slices == 1 else f"{ground.slices} slices"
    left = f" ({ground.waiting} more are being read)" if ground.waiting else ""
    return f"A quick first model of {len(ground.classes)} classes, from {ground.pixels:,} labelled pixels on {places}{left}."


@cache
def _background() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(1, thread_name_prefix="handover")
