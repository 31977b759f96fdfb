"""The loop as a whole: it must improve on known truth, survive a kill, and work on real volumes."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import tifffile

from core.config import SimulateConfig, TrainConfig
from core.project import Project
from core.volumes.phantom import CLASS_NAMES, PhantomConfig, make_phantom
from tests.shell import run, run_apart, start

HARD = PhantomConfig(
    depth=24, height=64, width=64, seed=3, pore_radius=6.0, phase_radius=12.0,
    poisson=30.0, gaussian=12.0, jumps=0.2, shadow=0.5, curtain=0.15,
)  # fmt: skip
"""Slices so small and so noisy that one of them does not teach enough."""

QUICK = ("--patch", 64, "--batch", 2, "--channels", 4, "--depth", 2)
"""A network whose steps are short, where a test is about the seconds."""


@pytest.fixture
def one_thread() -> Iterator[None]:
    """PyTorch on one thread: small networks gain nothing from more, and a busy machine loses much."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def steps_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let ``seconds`` be a number of steps, where a test asks what a training has learnt."""
    from core.training.learning import callbacks
    from tests.steps import StepsCounted

    monkeypatch.setattr(callbacks, "Clock", StepsCounted)


@pytest.mark.usefixtures("one_thread", "steps_counted")
def test_three_rounds_with_a_played_annotator_raise_dice(tmp_path: Path) -> None:
    """The played annotator starts with one slice; two rounds of corrections later the untouched slices score higher."""
    from core.simulate import simulate

    image, truth = tmp_path / "image.tif", tmp_path / "truth.tif"
    for path, stack in zip((image, truth), make_phantom(HARD), strict=True):
        tifffile.imwrite(path, stack, photometric="minisblack")
    small = TrainConfig(seconds=100, channels=16, depth=2, patch=64, batch=4)
    config = SimulateConfig(rounds=3, start=1, per_round=4, test_slices=(4, 12, 20), train=small)
    rounds = simulate(image, truth, CLASS_NAMES, config, workspace=tmp_path).rounds
    assert [r.labelled_slices for r in rounds] == [1, 5, 9]
    dice = [r.mean_dice or 0.0 for r in rounds]
    assert dice[-1] > dice[0] + 0.1, dice
    seconds = [r.annotation_seconds for r in rounds]
    assert 0 < seconds[0] < seconds[1] < seconds[2]
    kept_out = {z + step for z in (4, 12, 20) for step in (-1, 0, 1)}
    assert not kept_out & {z for r in rounds for z in r.slices}, "a test slice or its neighbour was painted"


def _training(project: Project, *words: object, until: Callable[[], bool]) -> subprocess.Popen[str]:
    """Start a training in a process of its own and wait until ``until`` is true."""
    process = start("train", project.name, "--workspace", project.workspace, "--json", *words)
    deadline = time.monotonic() + 200
    while not until():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.1)
    return process


def test_a_killed_training_goes_on(phantom_project: Project) -> None:
    """kill -9 in the middle: the project opens, no half checkpoint is seen, and --resume finishes the same round."""
    workspace = phantom_project.workspace
    final = workspace / "checkpoints" / "toy" / "round-001"
    state = final.with_name("round-001.partial") / "last.ckpt"
    process = _training(
        phantom_project, "--seconds", 6, *QUICK, until=lambda: state.exists() and bool(phantom_project.models.curve(1))
    )
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert not final.exists()
    assert run("rounds", "toy", "--workspace", workspace, "--json").json == {"rounds": []}
    resumed = run_apart("train", "toy", "--resume", "--workspace", workspace, "--json")
    assert resumed.status == 0, resumed.err
    assert resumed.json["round"] == 1
    assert 6 <= resumed.json["seconds"] < 22, "the seconds before the kill count, or the budget would begin again"
    card = json.loads((final / "card.json").read_text())
    assert card["class_names"] == list(CLASS_NAMES)
    assert not state.parent.exists()
    assert run("train", "toy", "--resume", "--workspace", workspace).status == 1
    seconds = [point.seconds for point in phantom_project.models.curve(1)]
    assert seconds == sorted(seconds)


def test_a_stopped_training_is_one_line_and_goes_on(phantom_project: Project) -> None:
    """SIGTERM ends training in good order: status 1, one hint and one line, and --resume carries on."""
    workspace = phantom_project.workspace
    process = _training(phantom_project, "--seconds", 6, *QUICK, until=lambda: bool(phantom_project.models.curve(1)))
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 1
    assert out == ""
    assert "--resume" in err.splitlines()[-1]
    assert "Traceback" not in err
    resumed = run_apart("train", "toy", "--resume", "--workspace", workspace, "--json")
    assert resumed.status == 0, resumed.err
    assert 6 <= resumed.json["seconds"] < 22


def _at_work(project: Project) -> bool:
    job = project.jobs.current()
    return job is not None and job.state == "running"


def test_one_training_at_a_time(phantom_project: Project) -> None:
    """A second training of the same project is refused in one line while the first is at work."""
    workspace = phantom_project.workspace
    process = _training(phantom_project, "--seconds", 60, until=lambda: _at_work(phantom_project))
    try:
        second = run("train", "toy", "--seconds", 5, "--workspace", workspace)
        assert second.status == 1
        assert len(second.err.splitlines()) == 1
    finally:
        process.kill()
        process.communicate()


@pytest.mark.volumes
@pytest.mark.usefixtures("steps_counted")
def test_a_real_volume_goes_round_the_loop(volumes_folder: Path, tmp_path: Path) -> None:
    """Fly nerve cord, three labelled slices, a short training: every class is found better than by chance."""
    classes = "intracellular,membrane,mitochondria,synapse,glia"
    folder = volumes_folder / "vnc"
    assert run("new", "vnc", "--volume", folder / "image.tif", "--classes", classes, "--workspace", tmp_path).status == 0
    taken = run("labels", "import", "vnc", folder / "labels.tif", "--slices", "2,9,16", "--workspace", tmp_path)
    assert taken.status == 0, taken.err
    learned = run("train", "vnc", "--seconds", 60, "--workspace", tmp_path, "--json")
    assert learned.status == 0, learned.err
    scored = run("evaluate", "vnc", "--truth", folder / "labels.tif", "--workspace", tmp_path, "--json")
    assert scored.status == 0, scored.err
    assert scored.json["slices"] == [z for z in range(20) if z not in (2, 9, 16)]
    dice = scored.json["dice"]
    # Calling everything one class gives 2f / (1 + f), f being its share: 0.29 for membrane, 0.10 for mitochondria.
    assert dice["membrane"] > 0.5, dice
    assert dice["mitochondria"] > 0.3, dice
    part = run("predict", "vnc", tmp_path / "part.tif", "--slices", "0:2", "--workspace", tmp_path, "--json")
    assert part.status == 0, part.err
    assert tifffile.imread(tmp_path / "part.tif").shape == (2, 1024, 1024)
