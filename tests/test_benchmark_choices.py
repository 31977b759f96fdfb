"""The benchmark of choices takes back what it says, and compares seed by seed."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "benchmarks"))

import choices as benchmark  # type: ignore[import-not-found]
import one_thread  # type: ignore[import-not-found]
from cells import Results  # type: ignore[import-not-found]
from choices import CHOICES, DEFAULTS, VARIANTS, Cell

from core.training.learning.lightning_module import SegmentationModule


@pytest.fixture
def trained(monkeypatch: pytest.MonkeyPatch) -> list[SegmentationModule]:
    """What is trained from now on, for a second each, on a small volume."""
    seen: list[SegmentationModule] = []

    class SliceInput(SegmentationModule):
        def __init__(self, *given: Any) -> None:
            super().__init__(*given)
            self.at_first = {name: value.clone() for name, value in self.network.state_dict().items()}
            seen.append(self)

    monkeypatch.setattr(one_thread, "SegmentationModule", SliceInput)
    monkeypatch.setitem(VARIANTS, "fine", replace(VARIANTS["fine"], height=64, width=64))
    monkeypatch.setattr(benchmark, "PAINTED", (5, 6))
    monkeypatch.setattr(benchmark, "SCORED", (9,))
    return seen


def taken_back(choice: str) -> dict[str, Any]:
    """Train with one choice taken back."""
    return dict(benchmark.measure(Cell("fine", choice, 1.0, 0)))


def test_the_defaults_have_what_the_choices_take_back(trained: list[SegmentationModule]) -> None:
    """Coarse heads, weights of classes, Muon at its rate; scored in one view and in two."""
    facts = taken_back(DEFAULTS)
    (module,) = trained
    assert module.coarse is not None
    assert not torch.all(module.class_weights == 1)
    assert {group["peak"] for group in module.optimiser.param_groups if group["muon"]} == {0.05}
    assert facts["steps"] >= 1
    assert facts["dice"].keys() == {"1", "2"}


def test_coarse_heads_weights_of_classes_and_muon_are_taken_back(trained: list[SegmentationModule]) -> None:
    """Each alone; and afterwards nothing is left of it."""
    for choice in ("no coarse heads", "classes of one weight", "AdamW, 0.005", DEFAULTS):
        taken_back(choice)
    adam = trained[2]
    assert [module.coarse is None for module in trained] == [True, False, False, False]
    assert [bool(torch.all(module.class_weights == 1)) for module in trained] == [False, True, False, False]
    assert [any(group["muon"] for group in module.optimiser.param_groups) for module in trained] == [True, True, False, True]
    assert {group["peak"] for group in adam.optimiser.param_groups} == {0.005}


@pytest.mark.parametrize("choice", [name for name, choice in CHOICES.items() if choice.settings])
def test_settings_are_those_of_training(choice: str, trained: list[SegmentationModule]) -> None:
    """What the table calls a choice is what the network was trained with."""
    taken_back(choice)
    (module,) = trained
    for name, value in CHOICES[choice].settings.items():
        assert getattr(module.config, name) == value


def test_a_round_before_gives_its_weights(trained: list[SegmentationModule]) -> None:
    """Of the first slice alone; the second round begins with its averaged weights."""
    taken_back("a round of one slice before")
    first, second = trained
    for name, value in first.average.module.state_dict().items():
        if value.is_floating_point():
            torch.testing.assert_close(second.at_first[name], value)


def test_what_is_lost_is_taken_seed_by_seed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the classes but the first, against the defaults with the same seed."""
    pores = {(DEFAULTS, 0): 0.8, (DEFAULTS, 1): 0.9, ("no coarse heads", 0): 0.7, ("no coarse heads", 1): 0.9}

    def measured(cell: Cell) -> Mapping[str, Any]:
        dice = {"matrix": 1.0, "pore": pores[cell.choice, cell.seed], "phase": 0.5}
        return {"steps": 10 + cell.seed, "dice": {"1": dice, "2": dice}}

    monkeypatch.setattr(benchmark, "measure", measured)
    made = benchmark.section("fine", (DEFAULTS, "no coarse heads"), 1.0, 2, Results(None))
    rows = {row[0]: dict(zip(made.columns, row, strict=True)) for row in made.rows}
    assert rows[DEFAULTS]["lost"] == 0
    told = rows["no coarse heads"]
    assert (told["Dice"], told["lost"], told["least"], told["most"], told["steps"]) == pytest.approx((0.65, 0.025, 0, 0.05, 10.5))
