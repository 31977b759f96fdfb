"""A comparison of learners resumes, scores what was not painted, and plans its cells."""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "benchmarks"))

from cells import Results  # type: ignore[import-not-found]
from learner import held, learners, measure, planned, scored, volumes  # type: ignore[import-not-found]
from learner_cells import Cell, Volume  # type: ignore[import-not-found]
from learner_report import compared, faster, time_to  # type: ignore[import-not-found]

CELL = Cell("underpaint", "vnc", 120.0, 0)
FACTS = {
    "dice": {"intracellular": 0.9, "membrane": 0.8, "mitochondria": 0.7, "synapse": None, "glia": 0.9},
    "train_seconds": 120.5,
    "megapixels_per_second": 4.0,
}
ALL = {"own": "python", "forest": "python", "monai": None, "rootpainter": None, "nnunet": "python"}


def chosen(**changes: object) -> argparse.Namespace:
    """The command line with some learners."""
    given = {
        "quick": False,
        "volume": ("vnc", "lucchi"),
        "seconds": (60.0, 120.0),
        "seeds": 2,
        "only": ("underpaint", "forest", "monai-basic"),
    }
    return argparse.Namespace(**(given | changes))


def test_measured_cells_are_found_again(tmp_path: Path) -> None:
    """What was added is there for the next run, and nothing else."""
    Results(tmp_path / "r.jsonl").add(CELL.key, FACTS)
    again = Results(tmp_path / "r.jsonl")
    assert again.rows[CELL.key]["dice"] == FACTS["dice"]
    assert Cell("underpaint", "vnc", 120.0, 1).key not in again.rows


def test_what_is_known_is_not_measured_again(tmp_path: Path) -> None:
    """A cell is measured once, and kept with the machine and the commit."""
    measured: list[str] = []

    def measure() -> dict[str, Any]:
        measured.append("once")
        return FACTS

    first = Results(tmp_path / "r.jsonl").known(CELL.key, measure)
    assert first.keys() >= {"machine", "commit", "dice"}
    assert Results(tmp_path / "r.jsonl").known(CELL.key, measure) == first
    assert measured == ["once"]


def test_a_line_that_was_cut_off_is_passed_over(tmp_path: Path) -> None:
    """A kill in the middle of a line costs that cell only; the next one has a line of its own."""
    path = tmp_path / "r.jsonl"
    path.write_text('{"cell": ["underpaint", "lucc', encoding="utf-8")
    Results(path).add(CELL.key, FACTS)
    assert list(Results(path).rows) == [CELL.key]


def test_cells_are_planned_seed_by_seed_and_those_without_a_budget_once() -> None:
    """A learner without an interpreter is left out; a forest and nnU-Net have no budget, so they are not repeated for each."""
    cells = list(planned(chosen(only=("underpaint", "forest", "monai-basic", "nnunet")), ALL))
    assert [cell.seed for cell in cells] == sorted(cell.seed for cell in cells)
    assert {cell.learner for cell in cells} == {"underpaint", "forest", "nnunet"}
    for name in ("forest", "nnunet"):
        assert sum(cell.learner == name for cell in cells) == 2 * 2  # seeds x volumes
    assert sum(cell.learner == "underpaint" for cell in cells) == 2 * 2 * 2


def test_quick_is_one_volume_and_one_budget() -> None:
    """A quick run is one short training of each."""
    assert list(planned(chosen(quick=True, seeds=1, only=("underpaint",)), ALL)) == [Cell("underpaint", "vnc", 5.0, 0)]


def test_painted_slices_are_not_scored() -> None:
    """Only the slice that was not painted counts, and so does its size for the rate."""
    truth = np.array([[[0, 1], [1, 1]], [[0, 0], [1, 1]]], np.uint8)
    masks = np.array([[[1, 0], [0, 0]], [[0, 1], [1, 1]]], np.uint8)
    found = scored(masks, truth, Volume(("back", "fore"), (0,), (), {}), {"predict_seconds": 2.0})
    assert found["dice"] == {"back": pytest.approx(2 / 3), "fore": pytest.approx(4 / 5)}
    assert found["megapixels_per_second"] == pytest.approx(4e-6 / 2)


def test_slices_that_defaults_were_chosen_on_are_left_out_of_a_second_score() -> None:
    """They count where all slices do."""
    truth = np.array([[[0, 1]], [[0, 1]], [[0, 1]]], np.uint8)
    masks = np.array([[[0, 0]], [[1, 1]], [[0, 1]]], np.uint8)
    found = scored(masks, truth, Volume(("back", "fore"), (0,), (1,), {}), {"predict_seconds": 2.0})
    assert found["dice"]["fore"] == pytest.approx(4 / 5)
    assert found["dice_not_tuned_on"] == {"back": 1, "fore": 1}


def test_the_table_says_whether_goals_are_reached() -> None:
    """Means go over the seeds measured; a class that nobody measured has no value and misses its goal."""
    results = Results(None)
    results.add(CELL.key, FACTS)
    section = compared(results, [CELL, Cell("underpaint", "vnc", 120.0, 1)], "vnc")
    assert section.rows == (("underpaint", 120.5, 1, 0.8, 0.7, None, 0.9, pytest.approx(0.8), 0.0, None, 4.0),)
    assert [goal.reached for goal in section.goals] == [False, False, False, True, False]


def measured(**dice: tuple[str, float, float]) -> tuple[Results, list[Cell]]:
    """Results of vnc with a Dice of mitochondria: name -> (learner, seconds, Dice)."""
    results, cells = Results(None), []
    for learner, seconds, found in dice.values():
        cells.append(Cell(learner, "vnc", seconds, 0))
        rate = {"underpaint": 10.0, "rootpainter": 0.1}.get(learner, 4.0)
        results.add(
            cells[-1].key,
            {**FACTS, "dice": {**FACTS["dice"], "mitochondria": found}, "train_seconds": seconds, "megapixels_per_second": rate},
        )
    return results, cells


def test_time_to_a_dice_is_the_smallest_budget_that_reaches_it() -> None:
    """A peer that never does is censored at its longest; too short a run of it decides nothing."""
    results, cells = measured(
        late=("underpaint", 60.0, 0.9),
        soon=("underpaint", 30.0, 0.86),
        early=("underpaint", 10.0, 0.7),
        slow=("rootpainter", 1800.0, 0.2),
        near=("monai-dyn", 120.0, 0.7),
        beaten=("monai-basic", 120.0, 0.9),
    )
    section = time_to(results, cells, "vnc")
    assert dict(section.rows) == {
        "underpaint": "30",
        "rootpainter": "> 1800",
        "monai-dyn": "> 120",
        "monai-basic": "120",
    }
    verdicts = {goal.text.rpartition(" ")[2]: (goal.value, goal.reached) for goal in section.goals}
    assert verdicts == {"rootpainter": (60.0, True), "monai-dyn": (4.0, None), "monai-basic": (4.0, False)}


def test_faster_counts_only_at_no_lower_dice() -> None:
    """Speed against a peer is a goal reached only where the mask is no worse."""
    results, cells = measured(own=("underpaint", 60.0, 0.9), root=("rootpainter", 60.0, 0.2), net=("monai-dyn", 60.0, 0.95))
    reached = {goal.text.split()[6].rstrip(","): goal.reached for goal in faster(results, cells, "vnc").goals}
    assert reached == {"rootpainter": True, "monai-dyn": False}


def test_what_was_measured_is_found_without_being_asked_for() -> None:
    """A forest, which has no budget, is among it."""
    results, cells = measured(own=("underpaint", 60.0, 0.9), trees=("forest", 17.0, 0.5))
    assert [cell.key for cell in held(results)] == [cell.key for cell in cells]
    assert {row[0] for row in compared(results, held(results), "vnc").rows} == {"underpaint", "forest"}


def test_unknown_volumes_are_refused() -> None:
    """The message names those there are."""
    with pytest.raises(argparse.ArgumentTypeError, match="no volume brain; there are vnc"):
        volumes("brain")


def test_unknown_learners_are_refused() -> None:
    """The message names those there are."""
    with pytest.raises(argparse.ArgumentTypeError, match="no learner ilastik; there are underpaint"):
        learners("underpaint,ilastik")


def test_an_hour_of_monai_can_be_made_of_pieces(tmp_path: Path) -> None:
    """A training goes on from its own state and from a shorter one, is not repeated, and leaves a longer one alone."""
    pytest.importorskip("monai")
    import learner_monai  # type: ignore[import-not-found]
    from learner_task import Task  # type: ignore[import-not-found]

    image = np.random.default_rng(0).integers(0, 255, (2, 256, 256)).astype(np.uint8)
    begun = tmp_path / "begun" / "a.pt"

    def run(seconds: float) -> Any:
        given = Task(image, image // 128, (0,), (1,), 2, 1, seconds, 0, tmp_path / "out.tif", "", begun)
        training = learner_monai.Training(given, torch.nn.Conv2d(1, 2, 1))
        before = training.steps
        training.run(lambda images: images, bf16=False)
        return before, training.steps

    first = run(0.05)
    assert first[0] == 0 < first[1]
    assert run(0.05) == (first[1], first[1])
    longer = run(5 * torch.load(begun, weights_only=True)["seconds"])
    assert longer[0] == first[1] < longer[1]
    assert run(0.05)[0] == 0
    assert torch.load(begun, weights_only=True)["steps"] == longer[1]


def test_only_a_learner_that_can_go_on_is_told_where(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An hour of MONAI is made of pieces; every training of Underpaint begins anew."""
    told: list[list[str]] = []

    def run(command: list[str], **options: object) -> subprocess.CompletedProcess[str]:
        told.append(command)
        return subprocess.CompletedProcess(command, 1, "", "")

    monkeypatch.setattr(subprocess, "run", run)
    for name in ("monai-basic", "underpaint"):
        with pytest.raises(SystemExit):
            measure(Cell(name, "vnc", 60.0, 1), tmp_path, "python", tmp_path / "begun")
    assert told[0][-2:] == ["--begun", str(tmp_path / "begun" / "monai-basic-vnc-1.pt")]
    assert "--begun" not in told[1]
