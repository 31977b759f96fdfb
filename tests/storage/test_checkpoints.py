"""Checkpoints are whole or absent, say what they are, and run no code."""

from __future__ import annotations

import errno
import json
import os
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from core.errors import CheckpointError, StorageError
from core.storage import checkpoints
from core.storage.checkpoints import CARD, WEIGHTS, Card, load, load_card, save

STATE = {"a": torch.arange(6.0).reshape(2, 3), "n": torch.tensor(3)}
SAMPLE = Card(
    architecture="unet",
    network={"in_channels": 1, "classes": 2, "channels": 4, "depth": 1},
    class_names=("matrix", "pore"),
    in_channels=1,
    normalisation="slice-robust-1",
    config={"seconds": 1.0},
    seed=0,
    scores={"dice": {"matrix": 0.9, "pore": None}},
)


def test_a_checkpoint_comes_back_as_it_was_saved(tmp_path: Path) -> None:
    """Weights and card survive the disk, unmeasured scores included."""
    save(tmp_path / "round-001", STATE, SAMPLE)
    card, state = load(tmp_path / "round-001")
    assert card == SAMPLE
    assert state.keys() == STATE.keys()
    assert all(torch.equal(state[name], STATE[name]) for name in STATE)
    assert [path.name for path in tmp_path.iterdir()] == ["round-001"]


def test_the_card_is_readable_json(tmp_path: Path) -> None:
    """A person reads the class names and the scores in the card with any editor."""
    save(tmp_path / "r", STATE, SAMPLE)
    raw = json.loads((tmp_path / "r" / CARD).read_text())
    assert raw["class_names"] == ["matrix", "pore"]
    assert raw["scores"] == {"dice": {"matrix": 0.9, "pore": None}}


def test_a_card_from_before_neighbours_has_none(tmp_path: Path) -> None:
    """Rounds trained by an earlier version go on predicting."""
    save(tmp_path / "r", STATE, SAMPLE)
    raw = json.loads((tmp_path / "r" / CARD).read_text())
    del raw["neighbours"]
    (tmp_path / "r" / CARD).write_text(json.dumps(raw))
    assert load_card(tmp_path / "r") == SAMPLE


def test_an_existing_checkpoint_is_never_overwritten(tmp_path: Path) -> None:
    """A second save to one folder is refused and the first stays."""
    save(tmp_path / "r", STATE, SAMPLE)
    with pytest.raises(CheckpointError, match="never overwritten"):
        save(tmp_path / "r", {}, replace(SAMPLE, seed=1))
    assert load(tmp_path / "r")[0].seed == 0


def test_a_failed_write_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that fills up half-way leaves no folder, and one sentence."""

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(checkpoints.os, "fsync", full)
    with pytest.raises(StorageError, match="the disk is full"):
        save(tmp_path / "r", STATE, SAMPLE)
    assert list(tmp_path.iterdir()) == []


def test_a_missing_checkpoint_is_one_sentence(tmp_path: Path) -> None:
    """A folder that is not there is said to be missing."""
    with pytest.raises(CheckpointError, match="There is no checkpoint at"):
        load(tmp_path / "r")


@pytest.mark.parametrize("damage", [b"", b"\x00\x01", b"\xff" * 64])
def test_damaged_weights_are_one_sentence(tmp_path: Path, damage: bytes) -> None:
    """Weights that are empty, cut off or noise are refused."""
    save(tmp_path / "r", STATE, SAMPLE)
    (tmp_path / "r" / WEIGHTS).write_bytes(damage)
    with pytest.raises(CheckpointError, match="missing or damaged"):
        load(tmp_path / "r")


def test_weights_cut_short_are_refused(tmp_path: Path) -> None:
    """A file that lost its last byte is refused."""
    save(tmp_path / "r", STATE, SAMPLE)
    path = tmp_path / "r" / WEIGHTS
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(CheckpointError, match="missing or damaged"):
        load(tmp_path / "r")


def test_weights_that_are_not_finite_are_refused(tmp_path: Path) -> None:
    """A checkpoint of NaN predicts nothing and is refused."""
    save(tmp_path / "r", {"a": torch.tensor([float("nan")])}, SAMPLE)
    with pytest.raises(CheckpointError, match="not finite"):
        load(tmp_path / "r")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("class_names", ["only one"]),
        ("class_names", "matrix"),
        ("network", {"channels": "many"}),
        ("network", {"channels": True}),
        ("in_channels", "1"),
        ("format", 2),
    ],
)
def test_a_card_of_other_types_is_refused(tmp_path: Path, field: str, value: object) -> None:
    """A card edited to hold other types is refused in one sentence."""
    save(tmp_path / "r", STATE, SAMPLE)
    path = tmp_path / "r" / CARD
    path.write_text(json.dumps({**json.loads(path.read_text()), field: value}))
    with pytest.raises(CheckpointError, match="cannot be read"):
        load_card(tmp_path / "r")


@pytest.mark.parametrize("text", ["", "[]", "{", "null", '{"format": 1}', "[" * 100_000])
def test_a_card_that_is_no_card_is_refused(tmp_path: Path, text: str) -> None:
    """Broken, foreign or absurd JSON is refused in one sentence."""
    save(tmp_path / "r", STATE, SAMPLE)
    (tmp_path / "r" / CARD).write_text(text)
    with pytest.raises(CheckpointError, match="cannot be read"):
        load_card(tmp_path / "r")
