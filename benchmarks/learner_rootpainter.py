"""A peer: RootPainter's trainer as it is shipped, driven through its instruction files; one class against the rest.

Run by ``learner.py`` with the interpreter given there; needs root-painter-trainer, which is GPL and runs as a process of its
own. It is given every painted slice; about a tenth of one, a block in its middle, is held back for its validation, as
Underpaint holds back a tenth. A model is saved by RootPainter only after a whole epoch and only if it is better on that
block: the newest one there is when the seconds are used up is what a person has, and it segments the slices.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import tifffile
from learner_task import Task, answer, task
from PIL import Image

SHARE_HELD_BACK = 0.1
PATIENCE = 60 * 60.0
"""Seconds to wait for the trainer to start, to stop or to segment all slices."""
DATA, PROJECT = "datasets/peer", "projects/peer"


class Trainer:
    """The running trainer and the folder through which it is spoken to.

    Parameters
    ----------
    folder
        An empty folder.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in (DATA, *(f"{PROJECT}/{part}" for part in ("train", "val", "models", "logs", "messages", "masks"))):
            (folder / name).mkdir(parents=True)
        self._sent = 0
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Trainer:
        program = Path(sys.executable).with_name("start-trainer")
        self._process = subprocess.Popen([program, "--syncdir", self.folder], stdout=sys.stderr)
        self._wait_for(self.folder / "failed_instructions")  # made last, so instructions are kept from now on
        time.sleep(1)
        return self

    def __exit__(self, *error: object) -> None:
        assert self._process is not None
        self._process.terminate()
        self._process.wait(timeout=30)

    def tell(self, instruction: str, **arguments: object) -> float:
        """Give an instruction and wait until it is carried out; the seconds that took."""
        self._sent += 1
        name, started = f"{instruction}_{self._sent}", time.perf_counter()
        written = self.folder / f".{name}"
        written.write_text(json.dumps(arguments), encoding="utf-8")
        written.rename(self.folder / "instructions" / name)
        self._wait_for(self.folder / "executed_instructions" / name)
        return time.perf_counter() - started

    def wait_for_message(self, text: str) -> None:
        """Wait for what the trainer says to its client."""
        self._wait_for(self.folder / PROJECT / "messages" / text)

    def _wait_for(self, path: Path) -> None:
        assert self._process is not None
        end = time.monotonic() + PATIENCE
        while not path.exists():
            if self._process.poll() is not None or time.monotonic() > end:
                raise SystemExit(f"RootPainter did not answer with {path.name}")
            time.sleep(0.05)


def fill(folder: Path, given: Task) -> None:
    """Write images and annotations: red is the class, green the rest, transparent what is not annotated."""
    for z, image in enumerate(given.image):
        Image.fromarray(image).save(folder / DATA / f"slice_{z}.png")
    block = given.painted[len(given.painted) // 2]
    for z in given.painted:
        red = given.labels[z] == given.target
        drawn = np.stack([red, ~red, np.zeros_like(red), np.ones_like(red)], axis=-1).astype(np.uint8) * 255
        held_back = np.zeros(red.shape, bool)
        if z == block:
            share = (SHARE_HELD_BACK * len(given.painted)) ** 0.5
            spans = (slice(round(n * (1 - share) / 2), round(n * (1 + share) / 2)) for n in red.shape)
            held_back[tuple(spans)] = True
            Image.fromarray(given.image[z]).save(folder / DATA / "held_back.png")
            annotate(folder / PROJECT / "val" / "held_back.png", drawn, held_back)
        annotate(folder / PROJECT / "train" / f"slice_{z}.png", drawn, ~held_back)


def annotate(path: Path, drawn: np.ndarray, where: np.ndarray) -> None:
    """Save an annotation ``(H, W, 4)`` uint8 of some pixels."""
    Image.fromarray(np.where(where[..., None], drawn, 0).astype(np.uint8)).save(path)


def main() -> None:
    """Train, segment every slice asked for, and say how long it took."""
    given = task(__doc__)
    with tempfile.TemporaryDirectory(prefix="underpaint-benchmark-") as scratch:
        folder = Path(scratch) / "sync"
        trainer = Trainer(folder)
        fill(folder, given)
        folders = {"dataset_dir": DATA, "model_dir": f"{PROJECT}/models"}
        with trainer:
            trainer.tell(
                "start_training", **folders, train_annot_dir=f"{PROJECT}/train", val_annot_dir=f"{PROJECT}/val",
                log_dir=f"{PROJECT}/logs", message_dir=f"{PROJECT}/messages",
            )  # fmt: skip
            trainer.wait_for_message("Training started")
            started = time.perf_counter()
            time.sleep(given.seconds)
            trainer.tell("stop_training")
            trained = time.perf_counter() - started
            models = len(list((folder / PROJECT / "models").glob("*.pkl")))
            names = [f"slice_{z}.png" for z in given.predicted]
            predicted = trainer.tell("segment", **folders, seg_dir=f"{PROJECT}/masks", file_names=names)
        masks = np.zeros(given.image.shape, np.uint8)
        for z in given.predicted:
            drawn = np.asarray(Image.open(folder / PROJECT / "masks" / f"slice_{z}.png"))
            masks[z] = np.where(drawn[..., 3] > 0, given.target, 0)
    tifffile.imwrite(given.out, masks)
    answer(trained, predicted, ("root-painter-trainer", "torch"), models_saved=models - 1)


if __name__ == "__main__":
    main()
