"""Two devices train one network together; a failure of one leaves nothing hanging and nothing lost.

There is no GPU here: both devices are the processor, which a user cannot choose.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pytorch_lightning import seed_everything

from core.config import StopRule, TrainConfig
from core.errors import Cancelled, TrainingError
from core.models import device
from core.processes import process_lives
from core.project import Project
from core.storage.checkpoints import load_card
from core.training.learning import ranks
from core.training.learning.fit import FitResult, Progress, fit, fit_worker_rank
from core.training.learning.lightning_module import SegmentationModule
from core.training.learning.patches import Patches
from core.training.learning.task import STATE
from tests.slices import disc_task, discs
from tests.test_processes import ROOT, ends

PAIR = TrainConfig(seconds=600, epochs=8, patch=64, batch=2, channels=8, depth=2, devices=2)
"""Six steps: twelve blocks of 32 x 32 pixels are labelled, and both devices draw two patches of 64 x 64 in each."""

WORKER_RANK = """
import os, signal, sys, torch
from core.training import worker_rank
from core.errors import TrainingError
from core.training.learning.ranks import WorkerRank
from core.training.learning.lightning_module import SegmentationModule
from tests.training import test_ranks
{change}
worker_rank.leave(worker_rank.attempted(lambda: test_ranks.along({folder!r})))
"""

FAILS = """
def step(self, batch, number, before=SegmentationModule.training_step):
    if {when}:
        {how}
    return before(self, batch, number)
SegmentationModule.training_step = step
"""


@pytest.fixture(autouse=True)
def _two_devices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device, "gpus", lambda: 2)


def trained(folder: Path, change: str = "", *, report: Any = lambda progress: False, resume: bool = False) -> FitResult:
    """Train on drawn discs on two devices; ``change`` is additional code for the process of the second one."""
    code = WORKER_RANK.format(change=change, folder=str(folder))
    return fit(disc_task(folder, PAIR, worker_command=["-c", code]), report=report, resume=resume)


def along(folder: str) -> None:
    """Train as the second device."""
    fit_worker_rank(disc_task(Path(folder), PAIR, validation=()))


def noted(callback: type, folder: Path, step: int) -> None:
    """Let a rank store its batch, and the weights after it, at one step."""

    def note(self: Any, trainer: Any, module: Any, outputs: Any, batch: Any, number: int) -> None:
        if trainer.global_step == step:
            weights = {name: weight.detach().clone() for name, weight in module.named_parameters()}
            torch.save((batch, weights, module.share_used), folder.with_name(f"{callback.__name__}.pt"))

    callback.on_train_batch_end = note  # type: ignore[attr-defined]


def unlabelled(step: int) -> None:
    """Remove all labels from one batch."""
    before = Patches.draw

    def draw(self: Patches, number: int) -> Any:
        images, labels = before(self, number)
        return images, torch.full_like(labels, 255) if number == step else labels

    Patches.draw = draw  # type: ignore[method-assign]


def test_both_devices_hold_the_same_weights_and_draw_other_patches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Weights and their average are equal to the bit, even after a batch without labels on one device."""
    folder = tmp_path / "r"
    monkeypatch.setattr(ranks.MainRank, "on_train_batch_end", ranks.MainRank.on_train_batch_end)  # put back afterwards
    noted(ranks.MainRank, folder, 4)
    change = f"test_ranks.noted(WorkerRank, test_ranks.Path({str(folder)!r}), 4); test_ranks.unlabelled(1)"
    seed_everything(PAIR.seed, verbose=False)  # which Lightning keeps in the environment, from every training
    environment = dict(os.environ)
    result = trained(folder, change)
    assert (result.steps, result.ended_by) == (6, StopRule.EPOCHS)
    assert dict(os.environ) == environment
    (batch, weights, share), (other, theirs, told) = (torch.load(tmp_path / f"{name}.pt") for name in ("MainRank", "WorkerRank"))
    assert weights.keys() == theirs.keys()
    assert all(torch.equal(weight, theirs[name]) for name, weight in weights.items())
    assert not torch.equal(batch[0], other[0])
    assert share == told > 0


def test_all_leave_together(tmp_path: Path) -> None:
    """The end of the first device's training ends the second one's process by itself."""
    status = f"lambda status: (open({str(tmp_path / 'status')!r}, 'w').write(str(status)), os._exit(status))"
    with pytest.raises(Cancelled):
        trained(tmp_path / "r", f"worker_rank.leave = {status}", report=lambda now: now.step == 1)
    assert (tmp_path / "status").read_text() == "0"


def test_a_notebook_can_train_on_two_devices() -> None:
    """An interactive session can train, although Lightning refuses a strategy with a launcher there."""
    code = (
        "import sys; sys.ps1 = 'In [1]: '\n"
        "from pytorch_lightning import Trainer; from pytorch_lightning.strategies import DDPStrategy\n"
        "from core.training.learning import ranks\n"
        "given = {'accelerator': 'cpu', 'devices': 2, 'logger': False, 'enable_checkpointing': False}\n"
        "Trainer(strategy=ranks.strategy(some_unused=False), **given); print('made')\n"
        "Trainer(strategy=DDPStrategy(), **given)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout == "made\n"
    assert "not compatible with an interactive environment" in done.stderr


def test_a_network_may_have_weights_that_it_does_not_use(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Unused weights, as in MONAI's UNETR, do not block the exchange of gradients."""
    change = "test_ranks.PAIR = test_ranks.replace(test_ranks.PAIR, architecture='monai-unetr', channels=4)"
    monkeypatch.setattr("tests.training.test_ranks.PAIR", replace(PAIR, architecture="monai-unetr", channels=4))
    assert trained(tmp_path / "r", change).steps == 6


def test_the_first_device_draws_what_one_alone_does() -> None:
    """The first of two devices draws the patches of a single one, and an epoch has half as many steps."""
    alone, first = (Patches([discs(0)], 3, side=88, inner=64, batch=2, seed=0, devices=devices) for devices in (1, 2))
    assert np.array_equal(alone.draw(5)[0], first.draw(5)[0])
    assert alone.epoch == 2 * first.epoch


def test_a_killed_device_ends_the_training_which_can_be_resumed(tmp_path: Path) -> None:
    """A killed device ends the training soon, with one sentence; a resume trains on both again."""
    folder, began = tmp_path / "r", time.monotonic()
    with pytest.raises(TrainingError, match=r"device 1 \(counted from 0\) has ended: killed by signal 9"):
        trained(folder, FAILS.format(when="self.global_step == 3", how="os.kill(os.getpid(), signal.SIGKILL)"))
    assert time.monotonic() - began < 60
    assert (tmp_path / "r.partial" / STATE).exists()
    assert not folder.exists()
    result = trained(folder, resume=True)
    assert (result.resumed, result.steps) == (True, 6)


def test_what_a_device_has_to_say_is_said(tmp_path: Path) -> None:
    """The training raises the second device's own error message."""
    with pytest.raises(TrainingError, match=r"^The loss is nan\.$"):
        trained(tmp_path / "r", FAILS.format(when="self.global_step == 2", how="raise TrainingError('The loss is nan.')"))


def test_a_device_that_cannot_begin_is_said(tmp_path: Path) -> None:
    """A device unable to begin ends the training at once."""
    with pytest.raises(TrainingError, match="has ended: NameError: name 'nonsense' is not defined"):
        trained(tmp_path / "r", "test_ranks.along = lambda folder: nonsense")


MEMORY = {"when": "len(batch[0]) > 1 and self.global_step == 2", "how": "raise torch.OutOfMemoryError('CUDA out of memory.')"}


def test_memory_too_small_on_another_device_is_answered_by_fewer_patches_on_all(tmp_path: Path) -> None:
    """Lack of memory on the second device halves the batch on both, from the stored state on."""
    result = trained(tmp_path / "r", FAILS.format(**MEMORY))
    assert load_card(tmp_path / "r").training["batch"] == 1
    assert (result.steps, result.ended_by) == (12, StopRule.EPOCHS)  # the state stored is that before the first step


def test_memory_too_small_on_the_first_device_is_answered_by_fewer_patches_on_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Lack of memory on the first device halves the batch on both, from the failed step on."""
    before = SegmentationModule.training_step

    def step(self: SegmentationModule, batch: Any, number: int) -> torch.Tensor:
        if len(batch[0]) > 1 and self.global_step == 2:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return before(self, batch, number)

    monkeypatch.setattr(SegmentationModule, "training_step", step)
    result = trained(tmp_path / "r")
    assert load_card(tmp_path / "r").training["batch"] == 1
    assert result.steps == 2 + (6 - 2) * 2


def test_a_killed_training_leaves_no_process_behind(tmp_path: Path) -> None:
    """The second device notices the end of the first even during a step."""
    change = f"open({str(tmp_path / 'pid')!r}, 'w').write(str(os.getpid()))"
    code = (
        "from pathlib import Path; from core.models import device; from tests.training.test_ranks import trained; import time\n"
        f"device.gpus = lambda: 2; trained(Path({str(tmp_path / 'r')!r}), {change!r}, report=lambda now: time.sleep(60))"
    )
    first = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT)
    try:
        deadline = time.monotonic() + 60
        while not (tmp_path / "r.partial" / STATE).exists() and time.monotonic() < deadline:
            time.sleep(0.1)
        second = int((tmp_path / "pid").read_text())
        assert process_lives(second)
    finally:
        first.kill()
        first.wait()
    assert ends(second)


def children() -> list[int]:
    """Running processes started by this one."""
    listed = " ".join(path.read_text() for path in Path("/proc/self/task").glob("*/children"))
    return [pid for pid in map(int, listed.split()) if process_lives(pid)]


def listening(pid: int) -> Iterator[str]:
    """Addresses of a process's listening sockets, in Linux's notation."""
    held = {os.readlink(path) for path in Path(f"/proc/{pid}/fd").iterdir() if path.is_symlink()}
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A" and f"socket:[{fields[9]}]" in held:
                yield fields[1].partition(":")[0]


def test_a_project_trains_on_two_devices_stops_and_goes_on(phantom_project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """No socket listens beyond this machine; a resume without the second GPU is refused without loss."""
    heard: list[str] = []
    before = children()

    def cancel(share: float, said: str) -> bool:
        heard.extend(address for pid in (os.getpid(), *(set(children()) - set(before))) for address in listening(pid))
        return True

    with pytest.raises(Cancelled):
        phantom_project.train(replace(PAIR, epochs=20), report=cancel)
    assert len(heard) >= 2
    assert set(heard) == {"0100007F"}
    with monkeypatch.context() as missing, pytest.raises(TrainingError, match="PyTorch finds 1 CUDA GPU"):
        missing.setattr(device, "gpus", lambda: 1)
        phantom_project.train(resume=True)
    done = phantom_project.train(resume=True)
    assert set(children()) <= set(before)
    assert (done.round, done.resumed, done.ended_by) == (1, True, StopRule.EPOCHS)
    card = load_card(done.checkpoint)
    assert card.config["devices"] == 2
    assert card.training["epochs"] == pytest.approx(20, abs=0.5)
    assert [job.state for job in phantom_project.store.jobs.all("train")] == ["done", "failed", "cancelled"]


@pytest.fixture
def _signals_by_default() -> Iterator[None]:
    """SIGTERM as in a program without a handler of its own; coverage's would end the tests."""
    before = signal.signal(signal.SIGTERM, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGTERM, before)


@pytest.mark.usefixtures("_signals_by_default")
def test_a_signal_to_all_processes_stops_in_good_order(tmp_path: Path) -> None:
    """On a signal to all processes of a job, the first device stores the state and the second waits for it."""
    others = children()  # of tests before this one

    def terminate(now: Progress) -> bool:
        for pid in (*(set(children()) - set(others)), os.getpid()):
            os.kill(pid, signal.SIGTERM)
        return False

    with pytest.raises(Cancelled):
        trained(tmp_path / "r", report=terminate)
    assert torch.load(tmp_path / "r.partial" / STATE, weights_only=True)["global_step"] == 1
    assert set(children()) <= set(others)


def test_more_devices_than_there_are_are_refused(phantom_project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """Missing devices, and a network of this process only, are refused before a job starts."""
    with pytest.raises(TrainingError, match="is set to 3 devices, but PyTorch finds"):
        phantom_project.train(replace(PAIR, devices=3))
    with pytest.raises(TrainingError, match="a network of your own cannot go to the processes of other devices"):
        phantom_project.train(PAIR, network=torch.nn.Conv2d(1, 3, 1))
    monkeypatch.undo()
    monkeypatch.setattr(device, "gpus", lambda: 0)
    with pytest.raises(TrainingError, match=r"PyTorch finds 0 CUDA GPU.* no other device can train with others"):
        phantom_project.train(PAIR)
    assert phantom_project.store.jobs.last() is None
    with pytest.raises(ValueError, match="devices is 2, so worker_command must hold the command"):
        fit(disc_task(Path("r"), PAIR), report=lambda now: False)
