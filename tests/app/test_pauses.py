"""Garbage collections of the server stay short, and nothing leaks for good."""

import gc
import time
import weakref
from collections.abc import Iterator

import pytest

from app.pauses import Pauses, keep_pauses_short


class Thing:
    """Something that can be watched, and that holds itself alive."""

    def __init__(self) -> None:
        self.itself = self


@pytest.fixture
def _restored() -> Iterator[None]:
    before = list(gc.callbacks)
    yield
    gc.callbacks[:] = before
    gc.unfreeze()


def full(seconds: float, pauses: Pauses, clock: list[float]) -> None:
    """A full collection that takes so long."""
    pauses("start", {"generation": 2})
    clock[0] += seconds
    pauses("stop", {"generation": 2})


def collected() -> float:
    """Seconds of a full collection, the quickest of three."""
    taken = []
    for _ in range(3):
        start = time.perf_counter()
        gc.collect()
        taken.append(time.perf_counter() - start)
    return min(taken)


@pytest.mark.usefixtures("_restored")
def test_a_second_full_collection_is_much_shorter() -> None:
    """Many objects are looked at once, not at every collection."""
    gc.unfreeze()
    kept = [[number] for number in range(300_000)]
    before = collected()
    keep_pauses_short()
    gc.collect()
    assert gc.get_freeze_count() >= len(kept)
    assert collected() < before / 5


@pytest.mark.usefixtures("_restored")
def test_only_long_collections_set_anything_aside() -> None:
    """What a short one leaves may still become garbage."""
    gc.unfreeze()
    clock = [0.0]
    pauses = Pauses(lambda: clock[0])
    full(0.001, pauses, clock)
    assert gc.get_freeze_count() == 0
    full(0.1, pauses, clock)
    assert gc.get_freeze_count() > 0


@pytest.mark.usefixtures("_restored")
def test_once_an_hour_garbage_among_what_was_set_aside_is_found() -> None:
    """Until then it stays."""
    clock = [0.0]
    pauses = Pauses(lambda: clock[0])
    thing = Thing()
    seen = weakref.ref(thing)
    full(0.1, pauses, clock)
    del thing
    gc.collect()
    assert seen() is not None
    clock[0] += 3601
    full(0.001, pauses, clock)
    gc.collect()
    assert seen() is None
