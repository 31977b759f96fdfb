"""The preview of a slice while somebody paints: a forest fitted to the strokes so far, until a network takes over.

It learns from the strokes of the slice that are not saved yet and from the training labels of all slices, never from a
pixel that is held back or audits. Nothing of it is stored but the decision who draws the preview.
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
    handover: PreviewChoice | None
    sentence: str


class Previews:
    """The previews of one project; safe to use from several threads, which share one fit after a stroke."""

    def __init__(self, store: Store) -> None:
        self._store, self._sources = store, PreviewSamples(store)
        self._forests: OrderedDict[Hashable, tuple[int, Forest]] = OrderedDict()
        self._fits = 0
        self._fitting, self._deciding, self._lock = Lock(), Lock(), Lock()
        self._asked: dict[int, Future[Any]] = {}

    def preview(self, slice_id: SliceId, box: Box | None = None, *, anyway: bool = False) -> Preview:
        """See :meth:`core.project.Project.preview`."""
        started = time.perf_counter()
        shape = self._store.slice_shape(slice_id)
        box = _checked(box, shape)
        decision = preview_choice.remembered(self._store)
        if decision is None:
            self._decide_soon()
        elif decision.to_network and not anyway:
            return Preview(box, None, None, 0, (), 0, 0, 0, time.perf_counter() - started, decision, decision.sentence)
        ground = self._sources.ground(slice_id, most_new=_READ_AT_ONCE)
        if len(ground.classes) < 2:
            said = self._too_few(ground.classes)
            return self._answer(box, None, 0, ground, started, decision, said)
        model, forest = self._forest(ground)
        drawn = forest.labels(self._sources.features(slice_id), box)
        return self._answer(box, drawn, model, ground, started, decision, _made_from(ground))

    def prepare(self, slice_id: SliceId, box: Box | None = None) -> None:
        """See :meth:`core.project.Project.prepare_preview`."""
        box, decision = _checked(box, self._store.slice_shape(slice_id)), preview_choice.remembered(self._store)
        if decision is not None and decision.to_network:
            return
        import sklearn.ensemble  # noqa: F401 (takes a second, which the first stroke need not wait for)

        self._sources.features(slice_id).prepare(box)
        if decision is None:
            self._decide_soon()
        ground = self._sources.ground(slice_id, most_new=SLICES_AT_MOST)
        if len(ground.classes) > 1:
            self._forest(ground)

    def handover(self) -> PreviewChoice:
        """See :meth:`core.project.Project.handover`."""
        with self._deciding:
            return preview_choice.decide(self._store, self._sources.sample, self._sources.passed)

    def _answer(
        self,
        box: Box,
        drawn: tuple[NDArray[np.uint8], NDArray[np.uint8]] | None,
        model: int,
        ground: PreviewData,
        started: float,
        decision: PreviewChoice | None,
        said: str,
    ) -> Preview:
        mask, confidence = drawn or (None, None)
        took = time.perf_counter() - started
        return Preview(box, mask, confidence, model, ground.classes, ground.pixels, ground.slices, ground.waiting, took,
                       decision, said)  # fmt: skip

    def _forest(self, ground: PreviewData) -> tuple[int, Forest]:
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

    def _decide_soon(self) -> None:
        """Compare forest and network in the background, once for each round."""
        last = self._store.rounds.last()
        with self._lock:
            if last is None or last in self._asked:
                return
            self._asked[last] = _background().submit(self._decide_quietly, last)

    def _decide_quietly(self, round_: int) -> None:
        try:
            if not self.handover().settled:  # to be asked again
                with self._lock:
                    self._asked.pop(round_, None)
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


def _made_from(ground: PreviewData) -> str:
    places = "1 slice" if ground.slices == 1 else f"{ground.slices} slices"
    left = f" ({ground.waiting} more are being read)" if ground.waiting else ""
    return f"A quick first model of {len(ground.classes)} classes, from {ground.pixels:,} labelled pixels on {places}{left}."


@cache
def _background() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(1, thread_name_prefix="handover")
