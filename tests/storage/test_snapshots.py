"""Training snapshots: whole or absent, read back unchanged, cut and swept."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from core.errors import CheckpointError, StorageError
from core.geometry import Box
from core.storage.checkpoints import CARD, Card, load
from core.storage.snapshots import (
    KEPT_ROUNDS,
    PICTURE_FILE,
    SnapshotStore,
    WatchedRegion,
    cut,
    keep,
    picture,
    snapshot_facts,
    step_folder,
)

HERE = WatchedRegion(0, 5, Box(0, 0, 2, 3))
MASK = np.array([[0, 1, 2], [2, 1, 0]], np.uint8)
CONFIDENCE = np.array([[255, 200, 150], [100, 90, 80]], np.uint8)
STATE = {"a": torch.arange(4.0)}


def card(seconds: float, step: int, *, end: bool = False) -> Card:
    """A snapshot's card."""
    return Card(
        "unet", {}, ("matrix", "pore"), 1, "none", {}, 0,
        scores={"loss": 0.5, "dice": {}, "pixels": 9},
        training={"seconds": seconds, "steps": step},
        extra={"moment": snapshot_facts(HERE, end=end, validated=seconds - 1)},
    )  # fmt: skip


def kept(store: SnapshotStore, round_: int, *times: float) -> None:
    """Keep a snapshot at each of these seconds, ten steps a second."""
    for seconds in times:
        step = int(10 * seconds)
        keep(step_folder(store.folder(round_), step), STATE, card(seconds, step), MASK, CONFIDENCE)


@pytest.fixture
def store(tmp_path: Path) -> SnapshotStore:
    """A store without snapshots."""
    return SnapshotStore(tmp_path)


def test_a_snapshot_is_read_back_as_it_was_kept(store: SnapshotStore) -> None:
    """Its place in training, its loss and when that was measured, its watched region, picture and weights."""
    kept(store, 3, 60.0)
    (snapshot,) = store.of(3)
    assert (snapshot.round, snapshot.seconds, snapshot.step, snapshot.end) == (3, 60.0, 600, False)
    assert (snapshot.validation_loss, snapshot.validated, snapshot.watched) == (0.5, 59.0, HERE)
    mask, confidence = picture(snapshot)
    np.testing.assert_array_equal(mask, MASK)
    np.testing.assert_array_equal(confidence, CONFIDENCE)
    assert torch.equal(load(snapshot.folder)[1]["a"], STATE["a"])
    assert snapshot.size == sum(file.stat().st_size for file in snapshot.folder.iterdir()) == store.size()


def test_snapshots_come_in_the_order_of_training(store: SnapshotStore) -> None:
    """However they were written."""
    kept(store, 1, 120.0, 1.2, 30.0)
    assert [snapshot.seconds for snapshot in store.of(1)] == [1.2, 30.0, 120.0]
    assert store.of(2) == []


def test_a_snapshot_of_the_same_step_gives_way(store: SnapshotStore) -> None:
    """The end of a training may fall on the step of the last snapshot."""
    kept(store, 1, 5.0)
    keep(step_folder(store.folder(1), 50), STATE, card(5.0, 50, end=True), MASK, CONFIDENCE)
    assert [snapshot.end for snapshot in store.of(1)] == [True]


def test_what_a_resume_does_again_is_cut(store: SnapshotStore) -> None:
    """Later and damaged snapshots are removed; earlier ones and that of the step itself stay."""
    kept(store, 1, 1.0, 2.0, 3.0)
    torn = step_folder(store.folder(1), 5)
    torn.mkdir()
    cut(store.folder(1), 20)
    assert [snapshot.step for snapshot in store.of(1)] == [10, 20]
    assert not torn.exists()


def test_an_end_that_is_gone_on_from_is_cut(store: SnapshotStore) -> None:
    """A training that was killed while its end was stored, and is given more time."""
    kept(store, 1, 1.0)
    keep(step_folder(store.folder(1), 50), STATE, card(5.0, 50, end=True), MASK, CONFIDENCE)
    cut(store.folder(1), 50)
    assert [snapshot.step for snapshot in store.of(1)] == [10]


def test_a_damaged_snapshot_is_left_out(store: SnapshotStore) -> None:
    """The others can still be read."""
    kept(store, 1, 1.0, 2.0)
    (store.of(1)[0].folder / CARD).write_text("{")
    assert [snapshot.seconds for snapshot in store.of(1)] == [2.0]


@pytest.mark.parametrize("damage", ["removed", "torn"])
def test_a_picture_that_is_gone_is_one_sentence(store: SnapshotStore, damage: str) -> None:
    """For example after a sweep while the page was open."""
    kept(store, 1, 1.0)
    (snapshot,) = store.of(1)
    path = snapshot.folder / PICTURE_FILE
    path.unlink() if damage == "removed" else path.write_bytes(path.read_bytes()[:20])
    with pytest.raises(CheckpointError, match="was removed or is damaged; choose another snapshot"):
        picture(snapshot)


def test_a_full_disk_leaves_no_half_snapshot(store: SnapshotStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """A snapshot is renamed into place once it is whole."""
    import errno

    def full(source: object, target: object) -> None:
        raise OSError(errno.ENOSPC, "no space left")

    monkeypatch.setattr("core.storage.checkpoints.os.replace", full)
    with pytest.raises(StorageError, match="the disk is full"):
        kept(store, 1, 1.0)
    assert list(store.folder(1).iterdir()) == []


def test_only_the_last_trainings_keep_their_snapshots(store: SnapshotStore) -> None:
    """Snapshots take bounded disk space, whatever the number of rounds."""
    for round_ in range(1, KEPT_ROUNDS + 3):
        kept(store, round_, 1.0)
    store.sweep()
    assert store.rounds() == [3, 4, 5]
    store.forget(4)
    assert store.rounds() == [3, 5]
