"""The command line: what scripts may rely on, and what a person is told."""

from __future__ import annotations

import json
import os
import shutil
import time
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
import tifffile
import typer

from core.cli.options import parse_range, parse_slices, parse_voxel
from core.config import AugmentConfig, TrainConfig
from core.storage.checkpoints import load_card
from tests.conftest import Files
from tests.shell import run, run_apart

COMMANDS = [
    ("demo",), ("app",), ("new",), ("volumes",), ("labels", "import"), ("labels", "export"), ("train",), ("restore",),
    ("propose",), ("predict",), ("evaluate",), ("rounds",), ("simulate",),
]  # fmt: skip


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, phantom_files: Files) -> Path:
    """A workspace in which the project ``toy`` has two labelled slices and one round of a few seconds."""
    workspace = tmp_path_factory.mktemp("workspace")
    made = run("new", "toy", "--volume", phantom_files.image, "--classes", phantom_files.names, "--workspace", workspace)
    assert made.status == 0, made.err
    taken = run("labels", "import", "toy", phantom_files.truth, "--slices", "2,8", "--workspace", workspace)
    assert taken.status == 0, taken.err
    learned = run("train", "toy", "--seconds", 4, "--workspace", workspace, "--json")
    assert learned.status == 0, learned.err
    told = {"round", "seconds", "validation_loss", "validation_dice", "checkpoint", "ended_by", "logs"}
    assert set(learned.json) == told | {"begins_with", "fresh_because"}
    assert learned.json["ended_by"] == "seconds"
    assert learned.json["round"] == 1
    assert set(learned.json["validation_dice"]) == set(phantom_files.classes)
    return workspace


@pytest.fixture
def project(tmp_path: Path, phantom_files: Files) -> Path:
    """A workspace with the project ``toy``, nothing labelled."""
    made = run("new", "toy", "--volume", phantom_files.image, "--classes", phantom_files.names, "--workspace", tmp_path)
    assert made.status == 0, made.err
    return tmp_path


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_command_has_help_and_takes_a_workspace(command: tuple[str, ...]) -> None:
    """--help explains every command and names --workspace."""
    shown = run(*command, "--help")
    assert shown.status == 0
    assert "--workspace" in shown.out


def test_help_is_quick() -> None:
    """--help does not wait for PyTorch: less than a second in a process of its own, import time included."""
    code = "import sys, core.cli; print('torch' in sys.modules or 'pytorch_lightning' in sys.modules)"
    import subprocess
    import sys

    started = time.perf_counter()
    shown = run_apart("--help")
    took = time.perf_counter() - started
    assert shown.status == 0
    assert took < 3  # about 0.4 s on an idle machine
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "False"


@pytest.mark.parametrize(
    ("text", "expected"),
    [("2,9,16", [2, 9, 16]), ("9", [9]), ("3:6", [3, 4, 5]), ("9, 2,9", [2, 9]), ("0:2,7", [0, 1, 7])],
)
def test_slices_are_read_from_lists_and_ranges(text: str, expected: list[int]) -> None:
    """Slices count from 0, A:B ends before B, order and repetition do not matter."""
    assert parse_slices(text) == expected


@pytest.mark.parametrize(
    "text", ["", "a", "-1", "3:3", "9:2", "4,9:2", "1.5", ":4", "2,,3", "1:2:3", "0:99999999999", "9" * 5000]
)
def test_other_texts_are_no_slices(text: str) -> None:
    """A text that names no slice is refused with an example of what is allowed."""
    with pytest.raises(typer.BadParameter, match="10:20"):
        parse_slices(text)


def test_prediction_takes_slices_that_follow_one_another() -> None:
    """A range has no gaps."""
    assert parse_range("4:7") == range(4, 7)
    with pytest.raises(typer.BadParameter, match="gaps"):
        parse_range("4,7")


def test_a_voxel_size_is_one_or_three_lengths() -> None:
    """One length means a cube; anything else than one or three lengths above zero is refused."""
    assert parse_voxel("45,4.6,4.6") == (45.0, 4.6, 4.6)
    assert parse_voxel("5") == (5.0, 5.0, 5.0)
    for text in ("5,5", "0,1,1", "a", "nan", "inf"):
        with pytest.raises(typer.BadParameter, match="z,y,x"):
            parse_voxel(text)


def test_new_tells_what_it_made(tmp_path: Path, phantom_files: Files) -> None:
    """The JSON of ``new`` names folder, classes and volumes; a given voxel size is kept."""
    made = run(
        "new", "toy", "--volume", phantom_files.image, "--volume", phantom_files.image, "--classes", phantom_files.names,
        "--voxel-nm", "20,10,10", "--workspace", tmp_path, "--json",
    )  # fmt: skip
    assert made.status == 0, made.err
    assert made.json["classes"] == list(phantom_files.classes)
    assert [row["shape"] for row in made.json["volumes"]] == [[12, 1, 160, 160]] * 2
    assert made.json["volumes"][0]["voxel_nm"] == [20.0, 10.0, 10.0]
    assert Path(made.json["folder"]).is_dir()


def test_labels_come_out_as_they_went_in(project: Path, phantom_files: Files) -> None:
    """Import of listed slices and export give the same labels, 255 elsewhere."""
    taken = run("labels", "import", "toy", phantom_files.truth, "--slices", "2,5:7", "--workspace", project, "--json")
    assert taken.json["slices"] == [2, 5, 6]
    out = project / "labels.tif"
    assert run("labels", "export", "toy", out, "--workspace", project, "--json").json["slices"] == [2, 5, 6]
    labels, truth = tifffile.imread(out), tifffile.imread(phantom_files.truth)
    assert labels.dtype == np.uint8
    for z in range(len(truth)):
        np.testing.assert_array_equal(labels[z], truth[z] if z in (2, 5, 6) else 255)


def test_a_page_per_listed_slice_is_taken_too(project: Path, phantom_files: Files) -> None:
    """A label file may hold just the slices listed."""
    few = project / "few.tif"
    tifffile.imwrite(few, tifffile.imread(phantom_files.truth)[[2, 8]], photometric="minisblack")
    taken = run("labels", "import", "toy", few, "--slices", "2,8", "--workspace", project, "--json")
    assert taken.json["slices"] == [2, 8]


def test_proposals_are_ranked_and_leave_labelled_slices_out(trained: Path) -> None:
    """``propose`` gives distinct unlabelled slices with a score, a reason and boxes in pixels."""
    found = run("propose", "toy", "-n", 3, "--workspace", trained, "--json")
    assert found.status == 0, found.err
    proposals = found.json["proposals"]
    assert len(proposals) == 3
    assert {"volume", "slice", "score", "reason", "boxes"} <= set(proposals[0])
    slices = [p["slice"] for p in proposals]
    assert len(set(slices)) == 3
    assert not {2, 8} & set(slices)
    assert all(len(box) == 4 and box[0] < box[2] <= 160 and box[1] < box[3] <= 160 for p in proposals for box in p["boxes"])
    assert all(p["reason"] for p in proposals)


def test_a_prediction_is_written_as_tiff(trained: Path, phantom_files: Files) -> None:
    """``predict`` writes class ids of the wanted slices and says how fast it was and what memory it took."""
    out = trained / "part.tif"
    done = run("predict", "toy", out, "--slices", "3:7", "--workspace", trained, "--json")
    assert done.status == 0, done.err
    assert done.json["slices"] == 4
    assert all(done.json[key] > 0 for key in ("seconds", "megapixels_per_second", "peak_memory_mb"))
    mask = tifffile.imread(out)
    assert mask.shape == (4, 160, 160)
    assert mask.dtype == np.uint8
    assert set(np.unique(mask)) <= {0, 1, 2}


def test_probabilities_are_written_as_zarr(trained: Path) -> None:
    """With --probabilities every pixel gets one number per class, and they sum to one."""
    import zarr

    out = trained / "soft.zarr"
    done = run("predict", "toy", out, "--slices", "0:2", "--probabilities", "--workspace", trained)
    assert done.status == 0, done.err
    assert "2 slices" in done.out
    group = zarr.open_group(out, mode="r")
    array = next(iter(group.arrays()))[1]
    values = np.asarray(array)
    assert values.size == 2 * 3 * 160 * 160
    class_axis = values.shape.index(3)
    np.testing.assert_allclose(values.astype(np.float64).sum(axis=class_axis), 1, atol=0.02)


@pytest.mark.parametrize("words", [("predict", "toy"), ("labels", "export", "toy")], ids=" ".join)
def test_a_file_of_the_user_is_never_replaced(trained: Path, tmp_path: Path, words: tuple[str, ...]) -> None:
    """Typing the raw volume where the result belongs destroys nothing; a result may replace a result."""
    raw, result = tmp_path / "raw.tif", tmp_path / "result.tif"
    tifffile.imwrite(raw, np.ones((2, 9, 9), np.uint8), photometric="minisblack")
    before = raw.read_bytes()
    refused = run(*words, raw, "--workspace", trained)
    assert refused.status == 1
    assert "raw.tif" in refused.err
    assert raw.read_bytes() == before
    assert [run(*words, result, "--workspace", trained).status for _ in range(2)] == [0, 0]


def test_evaluation_leaves_labelled_slices_out(trained: Path, phantom_files: Files) -> None:
    """``evaluate`` scores exactly the slices without a label, and the mean leaves the background out."""
    done = run("evaluate", "toy", "--truth", phantom_files.truth, "--workspace", trained, "--json")
    assert done.status == 0, done.err
    assert done.json["slices"] == [z for z in range(12) if z not in (2, 8)]
    dice = done.json["dice"]
    assert set(dice) == set(phantom_files.classes)
    measured = [value for name, value in dice.items() if value is not None and name != phantom_files.classes[0]]
    assert done.json["mean_dice"] == pytest.approx(sum(measured) / len(measured))
    assert done.json["pixels"] == sum(map(sum, done.json["confusion"])) == 10 * 160 * 160
    assert all(score["boundary_f"] is None for score in done.json["classes"].values())


def test_what_was_segmented_is_what_is_scored(trained: Path, phantom_files: Files, tmp_path: Path) -> None:
    """With the same views and neighbours, the score is that of the file."""
    how = ("--views", 2, "--across", 1, "--workspace", trained, "--json")
    assert run("predict", "toy", tmp_path / "out.tif", *how).status == 0
    scored = run("evaluate", "toy", "--truth", phantom_files.truth, *how).json
    masks, truth = (tifffile.imread(path)[scored["slices"]] for path in (tmp_path / "out.tif", phantom_files.truth))
    counts = [[int(((truth == true) & (masks == found)).sum()) for found in range(3)] for true in range(3)]
    assert scored["confusion"] == counts
    assert scored["across"]["slices"] == 1
    by_itself = run("evaluate", "toy", "--truth", phantom_files.truth, "--across", 0, "--workspace", trained, "--json").json
    assert by_itself["confusion"] != counts


def test_boundaries_are_measured_where_they_are_asked_for(trained: Path, phantom_files: Files) -> None:
    """As JSON, and for a person as tables that say what was measured on what."""
    words = ("evaluate", "toy", "--truth", phantom_files.truth, "--boundaries", "--tolerance", 3, "--workspace", trained)
    found = run(*words, "--json").json
    assert found["tolerance_px"] == 3
    assert 0 < found["classes"][phantom_files.classes[0]]["boundary_f"] <= 1
    shown = run(*words).out
    assert "Round 1 on 10 slices without a label, 256,000 pixels" in shown
    assert all(word in shown for word in ("IoU", "precision", "recall", "boundary F (3 px)", "HD95", *phantom_files.classes))


def test_volumes_are_listed_and_weighed(project: Path) -> None:
    """A weight needs to know whose it is, and one that is not allowed is one sentence."""
    (row,) = run("volumes", "toy", "--workspace", project, "--json").json["volumes"]
    assert (row["volume"], row["shape"], row["weight"]) == (0, [12, 1, 160, 160], 1)
    (row,) = run("volumes", "toy", "--weight", 2.5, "--volume-index", 0, "--workspace", project, "--json").json["volumes"]
    assert row["weight"] == 2.5
    assert run("volumes", "toy", "--weight", 2, "--workspace", project).status == 2
    refused = run("volumes", "toy", "--weight", 1000, "--volume-index", 0, "--workspace", project)
    assert (refused.status, "allowed are 0 (left out of training) to 100" in refused.err) == (1, True)
    run("volumes", "toy", "--weight", 1, "--volume-index", 0, "--workspace", project)
    assert run("volumes", "toy", "--volume-index", 0, "--workspace", project).status == 2
    for several in (("--path", "a.tif", "--weight", 1), ("--voxel-nm", "5", "--weight", 1)):
        assert run("volumes", "toy", *several, "--volume-index", 0, "--workspace", project).status == 2
        assert run("volumes", "toy", *several[:2], "--workspace", project).status == 2
    run("volumes", "toy", "--voxel-nm", "20,10,10", "--volume-index", 0, "--workspace", project)
    assert "20 x 10 x 10" in run("volumes", "toy", "--workspace", project).out


def test_a_volume_that_was_copied_is_found_again(tmp_path: Path, phantom_files: Files) -> None:
    """The sentence that says so names the command that helps, and another volume is not taken."""
    here, there = tmp_path / "here.tif", tmp_path / "there.tif"
    shutil.copy(phantom_files.image, here)
    run("new", "toy", "--volume", here, "--classes", phantom_files.names, "--workspace", tmp_path)
    run("labels", "import", "toy", phantom_files.truth, "--slices", "5", "--workspace", tmp_path)
    words = ("volumes", "toy", "--volume-index", 0, "--workspace", tmp_path, "--path")
    for happens in (lambda: os.utime(here, (1, 1)), lambda: here.rename(there)):
        happens()
        lost = run("train", "toy", "--seconds", 1, "--workspace", tmp_path)
        assert lost.status == 1
        assert "underpaint volumes NAME --volume-index 0 --path FILE" in " ".join(lost.err.split())
        other = run(*words, phantom_files.truth)
        assert (other.status, "holds other values" in " ".join(other.err.split())) == (1, True)
        now = here if here.exists() else there
        (row,) = run(*words, now, "--json").json["volumes"]
        assert row["path"] == str(now)


def test_rounds_are_listed(trained: Path) -> None:
    """``rounds`` has the promised keys, in JSON and as a table."""
    listed = run("rounds", "toy", "--workspace", trained, "--json")
    (first,) = listed.json["rounds"]
    keys = {"round", "validation_loss", "validation_dice", "validation_pixels", "labelled_slices", "active_seconds"}
    assert keys <= set(first)
    assert first["labelled_slices"] == 2
    assert first["validation_pixels"] > 0
    assert first["changed"] == {}
    table = run("rounds", "toy", "--workspace", trained).out
    assert all(name in table for name in first["validation_dice"])


def test_snapshots_are_listed_and_one_is_gone_back_to(trained: Path, tmp_path: Path) -> None:
    """``rounds --moments`` names what ``restore`` takes; the new round says where it came from."""
    shutil.copytree(trained, tmp_path / "copy")
    place = ("--workspace", tmp_path / "copy")
    kept = run("rounds", "toy", "--moments", *place, "--json").json["moments"]
    assert [snapshot["end"] for snapshot in kept] == [False] * (len(kept) - 1) + [True]
    assert {"round", "seconds", "step", "validation_loss", "bytes", "path"} <= set(kept[0])
    assert "the end" in run("rounds", "toy", "--moments", *place).out
    done = run("restore", "toy", "--round", 1, "--moment", kept[0]["seconds"], *place, "--json")
    assert done.status == 0, done.err
    assert done.json["round"] == 2
    assert "underpaint propose toy" in done.err
    origins = [row["origin"] for row in run("rounds", "toy", *place, "--json").json["rounds"]]
    assert origins == [None, {"round": 1, "seconds": kept[0]["seconds"]}]
    assert f"round 1 at {kept[0]['seconds']:.0f} s" in run("rounds", "toy", *place).out


def test_snapshots_have_the_names_of_earlier_versions_too(trained: Path) -> None:
    """``--snapshots`` and ``--moments`` list the same; ``--snapshot`` and ``--moment`` take the same."""
    listed = [run("rounds", "toy", option, "--workspace", trained, "--json").json for option in ("--snapshots", "--moments")]
    assert listed[0] == listed[1] != {"moments": []}
    for option in ("--snapshot", "--moment"):
        refused = run("restore", "toy", "--round", 1, option, 9999, "--workspace", trained)
        assert refused.status == 1
        assert "Round 1 has no snapshot at 9999 s; kept are those at" in refused.err


def test_no_snapshot_yet_is_an_answer(project: Path) -> None:
    """A project that was never trained has none, and a person is told how to get some."""
    assert run("rounds", "toy", "--moments", "--workspace", project, "--json").json == {"moments": []}
    assert "underpaint train toy" in run("rounds", "toy", "--moments", "--workspace", project).out


def test_a_slice_to_watch_must_be_there(project: Path, phantom_files: Files) -> None:
    """Nothing is trained for a watched slice that does not exist."""
    run("labels", "import", "toy", phantom_files.truth, "--slices", "2", "--workspace", project)
    ran = run("train", "toy", "--watch", 12, "--workspace", project)
    assert ran.status == 1
    assert "There is no slice 12; volume 0 has slices 0 to 11" in ran.err


def test_no_round_yet_is_an_answer(project: Path) -> None:
    """A project without a round gives an empty list, and a person the next step."""
    assert run("rounds", "toy", "--workspace", project, "--json").json == {"rounds": []}
    assert "underpaint train toy" in run("rounds", "toy", "--workspace", project).out


def test_without_a_model_slices_are_spread_evenly(project: Path) -> None:
    """Before the first round ``propose`` still says where to begin."""
    found = run("propose", "toy", "-n", 2, "--workspace", project, "--json")
    assert [p["slice"] for p in found.json["proposals"]] == [3, 9]


def test_the_workspace_may_be_in_the_environment(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """UNDERPAINT_WORKSPACE stands in for --workspace."""
    monkeypatch.setenv("UNDERPAINT_WORKSPACE", str(project))
    assert run("rounds", "toy", "--json").json == {"rounds": []}


def test_the_loop_can_be_simulated(phantom_files: Files, tmp_path: Path) -> None:
    """``simulate`` has the promised keys, leaves the test slices unpainted and keeps the project in the workspace."""
    played = run(
        "simulate", "--volume", phantom_files.image, "--truth", phantom_files.truth, "--classes", phantom_files.names,
        "--rounds", 2, "--start", 2, "--per-round", 1, "--seconds", 1, "--query", "random", "--test-slices", "5,6",
        "--workspace", tmp_path, "--json",
    )  # fmt: skip
    assert played.status == 0, played.err
    rounds = played.json["rounds"]
    assert all({"round", "labelled_slices", "mean_dice", "annotation_seconds"} <= set(r) for r in rounds)
    assert [r["labelled_slices"] for r in rounds] == [2, 3]
    assert played.json["test_slices"] == [5, 6]
    assert run("rounds", "simulation", "--workspace", tmp_path, "--json").json["rounds"][1]["round"] == 2


def test_json_is_alone_on_stdout(trained: Path, phantom_files: Files) -> None:
    """In a process of its own: one JSON object on stdout, and no library warns on stderr."""
    done = run_apart("evaluate", "toy", "--truth", phantom_files.truth, "--workspace", trained, "--json")
    assert done.status == 0, done.err
    assert done.out.count("\n") == 1
    assert "dice" in done.json
    assert "Warning" not in done.err
    assert "Traceback" not in done.err


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("rounds", "nothing"), "nothing"),
        (("train", "toy"), "label"),
        (("train", "toy", "--resume"), "resume"),
        (("predict", "toy", "{out}/out.tif"), "train"),
        (("evaluate", "toy", "--truth", "{truth}"), "train"),
        (("evaluate", "toy", "--truth", "missing.tif"), ""),
        (("labels", "import", "toy", "missing.tif"), "missing.tif"),
        (("labels", "import", "toy", "{truth}", "--slices", "99"), "99"),
        (("labels", "import", "toy", "{truth}", "--volume-index", "3"), "3"),
        (("labels", "import", "toy", "{image}", "--slices", "2"), "class"),
        (("new", "toy", "--volume", "{image}", "--classes", "a,b"), "toy"),
        (("new", "../toy", "--volume", "{image}", "--classes", "a,b"), "name"),
        (("new", "CON", "--volume", "{image}", "--classes", "a,b"), "Windows"),
        (("new", "lpt1", "--volume", "{image}", "--classes", "a,b"), "lpt1-1"),
        (("new", "aux.txt", "--volume", "{image}", "--classes", "a,b"), "name"),
        (("new", "other", "--volume", "{image}", "--classes", "a"), "2"),
        (("new", "other", "--volume", "missing.tif", "--classes", "a,b"), "missing.tif"),
        (("new", "other", "--volume", "{image}", "--classes", "a,b", "--axes", "QQ"), "QQ"),
    ],
)
def test_a_cause_the_user_can_mend_is_one_line(project: Path, phantom_files: Files, words: tuple[str, ...], told: str) -> None:
    """Exit status 1, nothing on stdout, one line without a traceback on stderr that says what was found."""
    filled = [w.format(out=project, truth=phantom_files.truth, image=phantom_files.image) for w in words]
    ran = run(*filled, "--workspace", project, "--json")
    assert ran.status == 1, ran
    assert ran.out == ""
    (line,) = ran.err.splitlines()
    assert line.startswith("underpaint: ")
    assert told in line
    assert "unexpected" not in line
    assert run("rounds", "toy", "--workspace", project).status == 0


SIMULATE = ("simulate", "--volume", "image.tif", "--truth", "truth.tif", "--classes", "a,b")


@pytest.mark.parametrize(
    "words",
    [
        ("nonsense",),
        ("train",),
        ("train", "toy", "--seconds", "0"),
        ("train", "toy", "--seconds", "soon"),
        ("train", "toy", "--seed", "-1"),
        ("train", "toy", "--augment", "shadow"),
        ("train", "toy", "--augment", "fog=1"),
        ("train", "toy", "--augment", "shadow=much"),
        ("train", "toy", "--augment", "shadow=4"),
        ("train", "toy", "--augment", "curtain_along=up"),
        ("train", "toy", "--watch", "-1"),
        ("train", "toy", "--watch", "3", "--resume"),
        ("restore", "toy"),
        ("restore", "toy", "--round", "0"),
        ("restore", "toy", "--round", "1", "--moment", "soon"),
        ("propose", "toy", "-n", "0"),
        ("propose", "toy", "-n", "-3"),
        ("propose", "toy", "--query", "oracle"),
        ("predict", "toy", "out.tif", "--slices", "9:2"),
        ("predict", "toy", "out.tif", "--round", "0"),
        ("evaluate", "toy", "--truth", "truth.tif", "--volume-index", "-1"),
        ("predict", "toy", "out.tif", "--slices", "a:b"),
        ("labels", "import", "toy", "truth.tif", "--role", "exam"),
        ("labels", "import", "toy", "truth.tif", "--slices", "2;3"),
        ("new", "toy", "--classes", "a,b"),
        ("new", "toy", "--volume", "image.tif", "--classes", "a,b", "--voxel-nm", ""),
        ("app", "--port", "99999"),
        ("app", "--port", "0"),
        ("app", "--address", ""),
        ("demo", "--address", "192.0.2.1"),
        ("simulate",),
        (*SIMULATE, "--query", "oracle"),
        (*SIMULATE, "--rounds", "0"),
        (*SIMULATE, "--start", "-1"),
        (*SIMULATE, "--per-round", "0"),
        (*SIMULATE, "--seconds", "nan"),
        (*SIMULATE, "--test-slices", "9:2"),
    ],
)
def test_a_command_typed_wrongly_exits_with_2(words: tuple[str, ...]) -> None:
    """Exit status 2, nothing on stdout, the usage on stderr."""
    ran = run(*words)
    assert ran.status == 2, ran
    assert ran.out == ""
    assert "Usage" in ran.err


@pytest.mark.parametrize("words", [("propose", "toy"), SIMULATE])
def test_an_unknown_query_is_told_with_those_there_are(words: tuple[str, ...]) -> None:
    """Before anything is opened, with every name that is allowed."""
    ran = run(*words, "--query", "oracle")
    assert ran.status == 2
    said = " ".join(ran.err.replace("│", " ").split())
    assert "no query 'oracle'; choose one of least-confidence, margin, entropy, random, foreground-random." in said


def test_strengths_on_the_command_line_are_those_of_the_round(project: Path, phantom_files: Files) -> None:
    """What is named is changed, the rest keeps its default, and the card says so."""
    taken = run("labels", "import", "toy", phantom_files.truth, "--slices", "2", "--workspace", project)
    assert taken.status == 0, taken.err
    chosen = "curtain=1.5, shadow=0,curtain_along=vertical"
    ran = run("train", "toy", "--seconds", 1, "--augment", chosen, "--workspace", project, "--json")
    assert ran.status == 0, ran.err
    card = load_card(project / json.loads(ran.out)["checkpoint"])
    assert card.config["augment"] == asdict(AugmentConfig(curtain=1.5, shadow=0, curtain_along="vertical"))


def test_a_wrong_strength_is_told_with_what_is_allowed() -> None:
    """The sentence names what was typed and what there is."""
    for typed, told in (
        ("fog=1", "'fog=1' is not a setting like shadow=0.5; there are flips, scale"),
        ("shadow=much", "shadow is 'much', which is no number"),
        ("shadow=4", "shadow is 4.0; allowed is 0 to 3"),
    ):
        ran = run("train", "toy", "--augment", typed)
        assert told in " ".join(ran.err.replace("│", " ").split())


def test_a_resumed_training_takes_no_strengths(project: Path) -> None:
    """As with seconds and seed."""
    ran = run("train", "toy", "--resume", "--augment", "shadow=1", "--workspace", project)
    assert ran.status == 2
    assert "leave out --augment" in " ".join(ran.err.replace("│", " ").split())


@pytest.mark.parametrize(
    "setting", ["seconds", "seed", "loss", "epochs", "architecture", "neighbours", "initial-weights", "devices"]
)
def test_a_resumed_training_takes_no_new_settings(project: Path, setting: str) -> None:
    """It goes on with its own, so that another budget or seed is refused, not passed over; so is the default."""
    ran = run(
        "train", "toy", "--resume", f"--{setting}", getattr(TrainConfig, setting.replace("-", "_")) or 3, "--workspace", project
    )
    assert ran.status == 2
    assert f"leave out --{setting}" in " ".join(ran.err.replace("│", " ").split())


@pytest.mark.parametrize(
    ("options", "status", "message"),
    [
        (("--architecture", "resnet"), 2, "architecture is 'resnet'; allowed is one of unet, unet-3d"),
        (("--architecture", "unet-3d"), 2, "neighbours is 0; with architecture unet-3d allowed is 1 or more"),
        (("--neighbours", "4"), 2, "neighbours is 4; allowed is 0 to 3"),
        (("--initial-weights", "cold"), 2, "initial_weights is 'cold'; allowed is previous, shrink-perturb, random"),
        (("--devices", "0"), 2, "devices is 0; allowed is 1 to 64"),
        (("--devices", "64"), 1, "Training is set to 64 devices, but PyTorch finds"),
        (("--architecture", "own"), 1, "which only Python can give: call project.train"),
    ],
)
def test_a_network_that_cannot_be_trained_is_told(
    project: Path, phantom_files: Files, options: tuple[str, ...], status: int, message: str
) -> None:
    """What is typed wrongly is a usage error; a network of one's own cannot be typed."""
    run("labels", "import", "toy", phantom_files.truth, "--slices", "2", "--workspace", project)
    ran = run("train", "toy", *options, "--workspace", project)
    assert ran.status == status
    assert message in " ".join(ran.err.replace("│", " ").split())


SMALL = ("--patch", 128, "--batch", 2, "--channels", 8, "--depth", 2, "--local", 16, "--learning-rate", 0.02)


def test_a_round_says_what_it_began_with(project: Path, phantom_files: Files) -> None:
    """The round before, half of it, or nothing as asked; where its network is another one, that is told."""
    run("labels", "import", "toy", phantom_files.truth, "--slices", "2", "--workspace", project)
    train = ("train", "toy", "--seconds", 1, "--workspace", project)
    assert run(*train, "--json").json["begins_with"] is None
    half = run(*train, "--initial-weights", "shrink-perturb", "--json").json
    assert (half["begins_with"], half["fresh_because"]) == (1, None)
    assert load_card(project / half["checkpoint"]).config["initial_weights"] == "shrink-perturb"
    small = run(*train, "--initial-weights", "random", *SMALL, "--json").json
    assert small["begins_with"] is None
    card = load_card(project / small["checkpoint"])
    assert [card.config[name.removeprefix("--").replace("-", "_")] for name in SMALL[::2]] == list(SMALL[1::2])
    assert (card.network["channels"], card.network["depth"], card.network["local"]) == (8, 2, 16)
    other = " ".join(run(*train, "--neighbours", 1).out.split())
    assert "But it began with random weights, because round-003 has another network, or one of another size" in other


def test_a_full_disk_is_one_line(project: Path, phantom_files: Files) -> None:
    """Writing where there is no room ends in one sentence and leaves the project as it was."""
    taken = run("labels", "import", "toy", phantom_files.truth, "--slices", "2", "--workspace", project)
    assert taken.status == 0, taken.err
    ran = run("labels", "export", "toy", "/dev/full/labels.tif", "--workspace", project)
    assert ran.status == 1
    assert len(ran.err.splitlines()) == 1
    out = project / "labels.tif"
    assert run("labels", "export", "toy", out, "--workspace", project).status == 0


def test_an_unexpected_error_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """A fault of the program names its kind and how to see more, without a traceback."""
    from core.cli import edge

    monkeypatch.setenv("UNDERPAINT_DEBUG", "0")
    assert edge._sentence(KeyError("z")).startswith("an unexpected KeyError")
    assert "UNDERPAINT_DEBUG=1" in edge._sentence(KeyError("z"))


def test_an_error_of_the_disk_names_the_cause() -> None:
    """ENOSPC anywhere becomes the sentence about a full disk; another OSError names file and cause."""
    import errno

    from core.cli import edge

    assert "the disk is full" in edge._sentence(OSError(errno.ENOSPC, "No space left on device", "out.tif"))
    assert edge._sentence(OSError(errno.ENOSPC, "No space left on device")).startswith("Could not write the output: the disk is")
    assert edge._sentence(PermissionError(errno.EACCES, "Permission denied", "in.tif")).startswith("in.tif: Permission denied")


def test_json_knows_no_nan() -> None:
    """Numbers that are not finite are null, numpy's and paths are plain."""
    from core.cli.edge import _plain

    plain = _plain({"a": np.float32(0.5), "b": float("nan"), "c": (np.int64(3), Path("x"))})
    assert plain == {"a": 0.5, "b": None, "c": [3, "x"]}
