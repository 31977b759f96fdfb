"""The page of benchmarks is what the measured cells give, and nothing else."""

from __future__ import annotations

import ast
import json
import re
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "benchmarks"))

import published  # type: ignore[import-not-found]
from cells import Results, keep  # type: ignore[import-not-found]
from report import Goal, Report, Section, markdown  # type: ignore[import-not-found]


def test_the_page_is_what_the_command_renders() -> None:
    """Nobody has edited docs/benchmarks.md, and no cell was added without rendering it again."""
    assert published.PAGE.read_text(encoding="utf-8") == published.page(), "run python benchmarks/published.py"


def test_the_curves_are_drawn_from_the_same_cells() -> None:
    """Each point of the picture is a training of the page."""
    label = r"Dice of mitochondria: ([\d.]+); learner: ([^\"]+)\""
    drawn = {(name, round(float(dice), 6)) for dice, name in re.findall(label, published.CURVES.read_text(encoding="utf-8"))}
    points = [line for volume in published.VOLUMES for line in published.Machine(published.EPYC).points(volume)]
    told = {(published.NAMES[line.learner], round(line.dice["mitochondria"], 6)) for line in points}
    assert drawn == told, "run python benchmarks/published.py --plot"


def test_the_readme_s_scores_are_those_of_the_page() -> None:
    """Each decimal number in the README's claims is one of the page, rounded."""
    readme = (published.ROOT / "README.md").read_text(encoding="utf-8")
    claims = [
        part for part in readme.split("\n\n") if "painted slices of a fly nerve cord" in part or "mitochondria Dice" in part
    ]
    assert len(claims) == 2
    known = [float(number) for number in re.findall(r"\d+\.\d+", published.page())]
    for number in re.findall(r"\d+\.\d+", " ".join(claims)):
        digits = len(number.partition(".")[2])
        assert float(number) in [round(value, digits) for value in known], number


def test_the_page_has_1500_words_at_most() -> None:
    """Bars of tables are counted as words, too."""
    assert len(published.page().split()) <= 1500


def test_no_number_on_the_page_is_typed_by_hand() -> None:
    """The sentences in the source hold no number: each comes from a cell or from a goal."""
    (source,) = [node for node in ast.parse(Path(published.__file__).read_text()).body if getattr(node, "name", "") == "page"]
    texts = [node.value for node in ast.walk(source) if isinstance(node, ast.Constant) and isinstance(node.value, str)]
    written = "".join(text for text in texts if "\n" in text or " " in text)
    assert "Dice after training" in written
    assert re.findall(r"(?<![\w.`-])\d[\d.]*(?![\w-])", re.sub(r"\]\([^)]*\)", "", written)) == []


def learnt(learner: str, dice: float, **facts: object) -> str:
    """A line of measured cells: mitochondria and the rest with one Dice."""
    names = ("intracellular", "membrane", "mitochondria", "synapse", "glia")
    told = {"cell": [learner, "vnc", 120.0, 0], "dice": dict.fromkeys(names, dice), "train_seconds": 120.5}
    return json.dumps({**told, "megapixels_per_second": 4.0, **facts}) + "\n"


def test_the_newest_cell_counts_and_one_of_an_unknown_version_does_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files are read in order; Underpaint's cells name their commit, a peer's its library."""
    monkeypatch.setattr(published, "MEASURED", tmp_path)
    (tmp_path / "old.jsonl").write_text(learnt("underpaint", 0.7, commit="aaa") + learnt("monai-dyn", 0.3))
    (tmp_path / "new.jsonl").write_text(learnt("underpaint", 0.8, commit="bbb"))
    (tmp_path / "nameless.jsonl").write_text(learnt("underpaint", 0.9))
    machine = published.Machine(["old", "new", "nameless"])
    assert machine.commits == "`bbb`"
    assert machine.table("vnc", classes=["mitochondria"]).splitlines() == [
        "| learner | seconds | mitochondria | mean | megapixels/s |",
        "|---|---|---|---|---|",
        "| Underpaint | 120 | 0.800 | 0.800 | 4.0 |",
        "| DynUNet, float32 | 120 | 0.300 | 0.300 | 4.0 |",
    ]


def test_a_missed_goal_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A value below its goal is marked."""
    monkeypatch.setattr(published, "MEASURED", tmp_path)
    monkeypatch.setattr(published, "VOLUMES", {"vnc": published.VOLUMES["vnc"]})
    lines = [learnt("underpaint", 0.84, commit="aaa"), learnt("underpaint", 0.84, commit="aaa").replace("120.0", "600.0")]
    (tmp_path / "all.jsonl").write_text("".join(lines))
    goals = published.Machine(["all"]).goals()
    assert "| vnc, 120 s: membrane | 0.850 | 0.840, **missed** |" in goals
    assert "| vnc, 120 s: glia | 0.820 | 0.840 |" in goals


def test_a_section_is_kept_as_a_cell_and_shown_on_the_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """``--results`` of a benchmark with sections gives what the page reads."""
    section = Section("frames", "frame to frame", ("what", "median"), (("painting", 16.7),), (Goal("fast", 16.7, True),))
    keep(Report(False, 1, [section]), "editor", tmp_path / "sections-2026-12-01.jsonl")
    ((key, row),) = Results(tmp_path / "sections-2026-12-01.jsonl").rows.items()
    assert key == ("editor", "frames")
    assert row.keys() >= {"machine", "commit", "quick", "goals"}
    monkeypatch.setattr(published, "MEASURED", tmp_path)
    (shown,) = published.kept()
    assert markdown(shown) == "| what | median |\n|---|---|\n| painting | 17 |"
    assert "`python benchmarks/editor.py --only frames`" in shown.measured


def test_a_quick_run_is_not_published(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Cells of ``--quick`` are passed over, and hide no full run measured before."""
    monkeypatch.setattr(published, "MEASURED", tmp_path)
    for quick, name, value in ((False, "frames", 16.7), (True, "frames", 9.9), (True, "stored", 8.8)):
        section = Section(name, "frame to frame", ("what", "median"), (("painting", value),))
        keep(Report(quick, 1, [section]), "editor", tmp_path / "sections-2026-12-01.jsonl")
    assert [(shown.name, shown.rows) for shown in published.kept()] == [("frames", (("painting", 16.7),))]


def test_goals_of_a_section_are_published_with_their_verdict(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each goal follows the table; one that is missed says so, and so does one that was not decided."""
    monkeypatch.setattr(published, "MEASURED", tmp_path)
    goals = (Goal("median, ms", 16.7, True), Goal("worst, ms", 80.0, False), Goal("memory, MiB", None, None))
    section = Section("frames", "frame to frame", ("what", "median"), (("painting", 16.7),), goals)
    keep(Report(False, 1, [section]), "editor", tmp_path / "sections-2026-12-01.jsonl")
    (shown,) = published.kept()
    assert shown.goals == goals
    told = published._kept(shown).partition("says so:\n\n")[2]
    assert told == "- median, ms: 17\n- worst, ms: 80, **missed**\n- memory, MiB: -, undecided\n"
