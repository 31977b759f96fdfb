"""The benchmark of imaging artefacts puts them on, trains and scores what it says, and remembers what it measured."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "benchmarks"))

import faults as benchmark  # type: ignore[import-not-found]
from cells import Results  # type: ignore[import-not-found]
from faults import VOLUMES, Cell, Slice, flattened, read, section

CELL = Cell("phantom", "clean", "plain", 1.0, 0)


def test_artefacts_change_greys_and_never_the_truth(tmp_path: Path) -> None:
    """Clean slices are lit evenly; with artefacts one corner has about 30 % of the other's light."""
    clean, faulty = (read("phantom", state, tmp_path)(5) for state in ("clean", "faults"))
    np.testing.assert_array_equal(clean.truth, faulty.truth)
    light = faulty.grey.astype(float) / np.maximum(clean.grey, 1)
    assert 0.2 < np.median(light[-60:, -60:]) / np.median(light[:60, :60]) < 0.45


def test_flattening_takes_a_shadow_away() -> None:
    """Dark and bright ends have the same mean, and texture has the same contrast."""
    texture = np.random.default_rng(0).normal(100, 10, (200, 200))
    ramp = np.linspace(1, 0.3, 200)[:, None]
    flat = flattened(Slice(texture * ramp, np.zeros((200, 200), np.uint8))).grey
    assert flat[:60].mean() == pytest.approx(flat[-60:].mean(), rel=0.1)
    assert flat[:60].std() == pytest.approx(flat[-60:].std(), rel=0.2)


def test_a_cell_is_trained_and_scored_in_every_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On its volume painted in its own state; with other strengths it is another cell."""
    small = replace(VOLUMES["phantom"], painted=(5,), scored=(9,), states=("clean", "faults"))
    monkeypatch.setitem(benchmark.VOLUMES, "phantom", small)
    measured = benchmark.measure(CELL, tmp_path)
    assert measured["steps"] >= 1
    assert measured["dice"].keys() == {"clean", "faults"}
    key = CELL.key
    monkeypatch.setitem(benchmark.LEARNERS, "plain", benchmark.LEARNERS["full"])
    assert CELL.key != key


def test_goals_compare_the_last_learner_with_clean_and_with_the_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Dice lost to artefacts, and what is gained over the plain learner."""
    scores = {
        ("clean", "plain"): (0.9, 0.6),
        ("clean", "full"): (0.9, 0.8),
        ("faults", "plain"): (0.5, 0.85),
        ("faults", "full"): (0.7, 0.87),
    }

    def measured(cell: Cell, folder: Path) -> dict[str, object]:
        clean, faulty = scores[cell.state, cell.learner]
        dice = {"clean": {"matrix": 1.0, "pore": clean}, "faults": {"matrix": 1.0, "pore": faulty}}
        return {"dice": dice, "steps": 1, "augment_ms": 1.0}

    monkeypatch.setitem(benchmark.VOLUMES, "phantom", replace(VOLUMES["phantom"], states=("clean", "faults")))
    monkeypatch.setattr(benchmark, "measure", measured)
    made = section("phantom", ("plain", "full"), 1.0, 1, tmp_path, Results(None))
    lost, met, *gains = [(round(goal.value, 6), goal.reached) for goal in made.goals]
    assert (lost, met, gains) == ((0.03, False), (0.1, False), [(0.2, True), (0.02, True)])
