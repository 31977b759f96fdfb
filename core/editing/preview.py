"""The live preview of a slice during painting: a random forest fitted to the strokes, until a network takes over.

The forest learns from unsaved strokes of the slice and training labels of all slices. Held-back and audit pixels stay out.
Only the preview choice, forest or network, is stored.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Hashable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.editing import preview_choice
from core.editing.preview_choice import SLICES_AT_MOST, PreviewChoice
from core.editing.preview_samples import PreviewData, PreviewSamples
from core.errors import ProjectError, UnderpaintError
from core.geometry import Box, SliceId
from core.models.forest import Forest
from core.storage.store import Store

_FORESTS_KEPT = 2
_READ_AT_ONCE = 2  # saved labels of other slices read by one preview: about 0.3 s each with 1024 x 1024 pixels


@dataclass(frozen=True)
class Preview:
    """The forest's prediction of a box of a slice, and the labels behind it.

    Attributes
    ----------
    box
        The box, in pixels.
    mask, confidence
        uint8 ``(h, w)``: class ids, and 255 times the probability of that class. None without a preview: fewer than two
        classes are painted, or the network has taken over.
    model
        Number of the fit: boxes with the same number come from the same forest. 0 without a forest.
    classes
        Ids of the classes painted so far.
    pixels, slices
        Labelled pixels behind the preview, unsaved strokes included, and their number of slices.
    waiting
        Labelled slices still to be read; :meth:`core.project.labels.ProjectLabels.prepare_preview` reads them.
    seconds
        Duration of this call.
    choice
        The choice between forest and network, with its reason; None during the comparison for a new round.
    sentence
        A summary for the user.
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
    choice: PreviewChoice | None
    sentence: str


class Previews:
    """The previews of one project; safe to use from several threads, with one shared fit after a stroke."""

    def __init__(self, store: Store) -> None:
        self._store, self._samples = store, PreviewSamples(store)
        self._forests: OrderedDict[Hashable, tuple[int, Forest]] = OrderedDict()
        self._fits = 0
        self._fitting, self._deciding, self._lock = Lock(), Lock(), Lock()
        self._asked: dict[int, Future[Any]] = {}

    def preview(self, slice_id: SliceId, box: Box | None = None, *, anyway: bool = False) -> Preview:
        """Draw a preview; see :meth:`core.project.labels.ProjectLabels.preview`."""
        started = time.perf_counter()
        shape = self._store.slice_shape(slice_id)
        box = _checked(box, shape)
        decision = preview_choice.remembered(self._store)
        if decision is None:
            self._decide_soon()
        elif decision.to_network and not anyway:
            return Preview(box, None, None, 0, (), 0, 0, 0, time.perf_counter() - started, decision, decision.sentence)
        data = self._samples.training_data(slice_id, most_new=_READ_AT_ONCE)
        if len(data.classes) < 2:
            sentence = self._too_few(data.classes)
            return self._answer(box, None, 0, data, started, decision, sentence)
        model, forest = self._forest(data)
        drawn = forest.labels(self._samples.features(slice_id), box)
        return self._answer(box, drawn, model, data, started, decision, _made_from(data))

    def prepare(self, slice_id: SliceId, box: Box | None = None) -> None:
        """Prepare a preview; see :meth:`core.project.labels.ProjectLabels.prepare_preview`."""
        box, decision = _checked(box, self._store.slice_shape(slice_id)), preview_choice.remembered(self._store)
        if decision is not None and decision.to_network:
            return
        import sklearn.ensemble  # noqa: F401 (takes a second: imported before the first stroke)

        self._samples.features(slice_id).prepare(box)
        if decision is None:
            self._decide_soon()
        data = self._samples.training_data(slice_id, most_new=SLICES_AT_MOST)
        if len(data.classes) > 1:
            self._forest(data)

    def choice(self) -> PreviewChoice:
        """Choose between forest and network; see :meth:`core.project.labels.ProjectLabels.preview_choice`."""
        with self._deciding:
            return preview_choice.decide(self._store, self._samples.sample, self._samples.passed)

    def _answer(
        self,
        box: Box,
        drawn: tuple[NDArray[np.uint8], NDArray[np.uint8]] | None,
        model: int,
        data: PreviewData,
        started: float,
        decision: PreviewChoice | None,
        sentence: str,
    ) -> Preview:
        mask, confidence = drawn or (None, None)
        took = time.perf_counter() - started
        return Preview(box, mask, confidence, model, data.classes, data.pixels, data.slices, data.waiting, took,
                       decision, sentence)  # fmt: skip

    def _forest(self, data: PreviewData) -> tuple[int, Forest]:
        """Return the forest for these labels, and its number; one thread fits it while others wait."""
        with self._fitting:
            kept = self._forests.pop(data.key, None)
            if kept is None:
                forest = Forest.fit(data.samples, len(self._store.catalog.classes))
                self._fits += 1
                kept = self._fits, forest
            self._forests[data.key] = kept
            while len(self._forests) > _FORESTS_KEPT:
                self._forests.popitem(last=False)
            return kept

    def _decide_soon(self) -> None:
        """Compare forest and network in the background, once for each round."""
        last = self._store.rounds.last()
        with self._lock:
            if last is None or last in self._asked:
                return
            self._asked[last] = _background().submit(self._decide_quietly, last)

    def _decide_quietly(self, round_: int) -> None:
        try:
            if not self.choice().settled:  # to compare again later
                with self._lock:
                    self._asked.pop(round_, None)
        except UnderpaintError:
            return  # a moved volume, a damaged record: the forest goes on, and the next round is compared anew

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


def _made_from(data: PreviewData) -> str:
    slices = "1 slice" if data.slices == 1 else f"{data.slices} slices"
    left = f" ({data.waiting} more are being read)" if data.waiting else ""
    return f"A quick first model of {len(data.classes)} classes, from {data.pixels:,} labelled pixels on {slices}{left}."


@cache
def _background() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(1, thread_name_prefix="preview-choice")
