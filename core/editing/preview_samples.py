"""Training samples of the preview: unsaved strokes of a slice and the training labels of all slices, cached in memory."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from core.config import UNLABELLED
from core.editing.preview_choice import SLICES_AT_MOST
from core.geometry import SliceId
from core.models.features import SliceFeatures
from core.models.forest import Sample, take_sample
from core.storage.labels import Revision, Role
from core.storage.store import Store

FEATURE_BYTES = 512 << 20
"""Cache limit for the features of the last painted slices; those of one slice are always kept."""

_Strokes = tuple[Sample | None, NDArray[np.bool_] | None, int | None]
"""A draft as a sample, its touched pixels, and the number of its last action."""


@dataclass(frozen=True)
class PreviewData:
    """The current training data of a forest.

    ``key`` changes with the data; ``samples`` come from ``slices`` slices, and ``waiting`` labelled ones are still to be read.
    """

    key: Hashable
    samples: tuple[Sample, ...]
    slices: int
    waiting: int

    @cached_property
    def classes(self) -> tuple[int, ...]:
        """Ids of the painted classes."""
        return tuple(sorted({int(c) for sample in self.samples for c in np.unique(sample.classes)}))

    @property
    def pixels(self) -> int:
        """Number of labelled pixels behind the samples."""
        return int(sum(sample.counts.sum() for sample in self.samples))


class PreviewSamples:
    """Features and samples of one project's slices, computed on demand; safe to use from several threads."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._features: OrderedDict[Hashable, SliceFeatures] = OrderedDict()
        self._samples: OrderedDict[Hashable, Sample | None] = OrderedDict()
        self._drafted: tuple[Hashable, _Strokes] | None = None
        self._opening, self._lock = Lock(), Lock()

    def features(self, slice_id: SliceId) -> SliceFeatures:
        """Return the features of a slice in painting, cached for the next stroke."""
        key = self._slice_key(slice_id)
        with self._opening:
            made = self._features.pop(key, None) or SliceFeatures(self._store.image(slice_id))
            self._features[key] = made
            while len(self._features) > 1 and sum(f.nbytes for f in self._features.values()) > FEATURE_BYTES:
                self._features.popitem(last=False)
        return made

    def passed(self, slice_id: SliceId) -> SliceFeatures:
        """Return the features of a slice for learning or scoring only; not cached, so that those of painted slices stay."""
        kept = self._features.get(self._slice_key(slice_id))
        return kept or SliceFeatures(self._store.image(slice_id))

    def _slice_key(self, slice_id: SliceId) -> Hashable:
        row = self._store.catalog.row(slice_id.volume)
        return str(row.path), row.fingerprint, slice_id.z

    def training_data(self, slice_id: SliceId, *, most_new: int) -> PreviewData:
        """Return the current training data: strokes of this slice, cached saved labels, and ``most_new`` further ones."""
        weights = [row.weight for row in self._store.catalog.volumes]
        heads = self._nearest(slice_id, weights)
        saved = list(self._read(heads, slice_id, most_new))
        keys = tuple((self._sample_key(head), weights[head.volume]) for head, _ in saved)
        strokes, touched, sequence = self._strokes(slice_id)
        samples = [
            replace(
                sample.without(touched) if touched is not None and head.slice_id == slice_id else sample,
                weight=weights[head.volume],
            )
            for head, sample in saved
            if sample is not None
        ]
        slices = {head.slice_id for head, sample in saved if sample is not None}
        weight = weights[slice_id.volume] or 1.0  # strokes count in the preview even on a volume left out of training
        if strokes is not None:
            samples, slices = [replace(strokes, weight=weight), *samples], slices | {slice_id}
        key = (slice_id, sequence, keys, weight, len(self._store.catalog.classes))
        return PreviewData(key, tuple(samples), len(slices), len(heads) - len(saved))

    def _nearest(self, slice_id: SliceId, weights: Sequence[float]) -> list[Revision]:
        """Return the labelled slices for training: this one first, then the nearest of this volume, then others."""
        heads = [head for head in self._store.labels.heads() if weights[head.volume] and self._trains(head)]
        return sorted(heads, key=lambda head: (head.volume != slice_id.volume, abs(head.z - slice_id.z), head.z))[:SLICES_AT_MOST]

    def _trains(self, head: Revision) -> bool:
        """Return whether a revision can hold a training pixel, judged by its record alone."""
        return head.pixels > head.validation_pixels

    def _read(self, heads: list[Revision], slice_id: SliceId, most_new: int) -> Iterator[tuple[Revision, Sample | None]]:
        """Yield the cached samples, that of the slice itself, and at most ``most_new`` others."""
        for head in heads:
            if self._sample_key(head) not in self._samples and head.slice_id != slice_id:
                most_new -= 1
                if most_new < 0:
                    continue
            yield head, self._sampled(head)

    def sample(self, revision: Revision) -> Sample | None:
        """Return the sample of a revision: training pixels inside the working region, with the weight of their volume."""
        weight = self._store.catalog.row(revision.volume).weight
        made = self._sampled(revision) if weight else None
        return None if made is None else replace(made, weight=weight)

    def _sampled(self, revision: Revision) -> Sample | None:
        """Return the sample of a revision without the weight, cached."""
        key = self._sample_key(revision)
        with self._lock:
            if key in self._samples:
                self._samples.move_to_end(key)
                return self._samples[key]
        label = self._store.frozen(revision, Role.TRAIN).label()
        some = (label != UNLABELLED).any()
        made = take_sample(self.passed(revision.slice_id), label, seed=revision.id) if some else None
        with self._lock:
            self._samples[key] = made
            while len(self._samples) > 2 * SLICES_AT_MOST:
                self._samples.popitem(last=False)
        return made

    def _sample_key(self, revision: Revision) -> Hashable:
        row = self._store.catalog.row(revision.volume)
        return revision.id, row.region, row.fingerprint

    def _strokes(self, slice_id: SliceId) -> _Strokes:
        """Return the unsaved strokes of a slice as a sample, their touched pixels, and the number of the last action.

        Cached until the next stroke or save, as the editor requests several boxes after each stroke.
        """
        if slice_id not in self._store.drafts:
            return None, None, None
        newest = max((head.id for head in self._store.labels.heads()), default=0)
        region = self._store.catalog.row(slice_id.volume).region
        key = (slice_id, self._store.drafts.sequence(slice_id), newest, region)
        with self._lock:
            if self._drafted is not None and self._drafted[0] == key:
                return self._drafted[1]
        made = self._read_strokes(slice_id)
        if made[2] == key[2]:
            with self._lock:
                self._drafted = key, made
        return made

    def _read_strokes(self, slice_id: SliceId) -> _Strokes:
        draft = self._store.drafts.get(slice_id, self._store.slice_shape(slice_id))
        if draft is None:
            return None, None, None
        touched = draft.touched.astype(bool)
        label = np.where(touched & self._trainable(slice_id), draft.mask, np.uint8(UNLABELLED))
        if (label == UNLABELLED).all():
            return None, touched, draft.sequence
        return take_sample(self.features(slice_id), label, seed=0), touched, draft.sequence

    def _trainable(self, slice_id: SliceId) -> NDArray[np.bool_]:
        """Return the pixels open to training, bool ``(H, W)``: inside the working region, and not held back."""
        free = self._store.labels.trainable(slice_id, self._store.slice_shape(slice_id))
        region = self._store.catalog.region_mask(slice_id.volume)
        return free if region is None else free & region
