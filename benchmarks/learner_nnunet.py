"""A peer: nnU-Net v2, which plans network, patch and batch from the painted slices and trains for a fixed number of epochs.

Run by ``learner.py`` with the interpreter given there; needs nnunetv2 2.8 or later and tifffile, on Linux or macOS.
``--variant`` is one of the trainers that nnU-Net ships:

    python benchmarks/learner_nnunet.py DIR --painted 2,9,16 --classes 5 --seconds 120 --out masks.tif \\
        --variant nnUNetTrainer_5epochs

As shipped: the default planner and its 2D configuration, normalisation, network, loss, augmentation and the workers that do it,
torch.compile on a GPU, 250 iterations an epoch and the falling learning rate, and the predictor with its mirroring and its tiles
half a tile apart. A painted slice is a case of its own, and class 0 is what nnU-Net calls background.

Not as shipped: it trains on all cases (fold ``all``), since three slices leave none to be held back, and leaves out the final
validation, which would predict these cases again; the trainer is shorter than nnU-Net's 1000 epochs; slices are predicted one
after the other in this process, without the workers that read and write files beside it. nnU-Net takes no seed, so ``--seed`` is
not looked at, and no two trainings are alike.

The training takes the time it takes, on a GPU if there is one. Its seconds are those of planning and preprocessing (also told
alone, ``plan_seconds``), of the epochs with nnU-Net's own 50 batches of validation in each, and of storing the weights. Workers
starting up are among them. The script gives up ``PATIENCE`` after ``--seconds``. It has run to its end on small slices and a
processor; on a GPU all epochs have run, and predicting has not.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import tifffile
import torch
from learner_task import Task, answer, task
from nnunetv2.experiment_planning.plan_and_preprocess_api import extract_fingerprints, plan_experiments, preprocess
from nnunetv2.inference.predict_from_raw_data import nnUNetPredictor
from nnunetv2.run.run_training import get_trainer_from_args

PATIENCE = 80 * 60.0
"""Seconds beyond the budget after which it gives up; ``learner.py`` waits ten minutes longer."""
DATASET, NUMBER = "Dataset001_painted", 1
PROCESSES = 2
"""Workers that look at the cases and preprocess them; there are only a few cases."""
SPACING = (999, 1, 1)
"""What nnU-Net's reader says of a natural image in 2D."""


def fill(raw: Path, given: Task) -> None:
    """Write the painted slices as nnU-Net wants to find them."""
    images, labels = raw / DATASET / "imagesTr", raw / DATASET / "labelsTr"
    images.mkdir(parents=True)
    labels.mkdir()
    for z in given.painted:
        tifffile.imwrite(images / f"slice_{z}_0000.tif", given.image[z])
        tifffile.imwrite(labels / f"slice_{z}.tif", given.labels[z])
    told = {
        "channel_names": {"0": "grey"},
        "labels": {"background": 0, **{f"class {n}": n for n in range(1, given.classes)}},
        "numTraining": len(given.painted),
        "file_ending": ".tif",
        "overwrite_image_reader_writer": "NaturalImage2DIO",
    }
    (raw / DATASET / "dataset.json").write_text(json.dumps(told), encoding="utf-8")


def planned() -> str:
    """Plan and preprocess; the name of the plans."""
    extract_fingerprints([NUMBER], num_processes=PROCESSES)
    plans = plan_experiments([NUMBER])
    preprocess([NUMBER], plans, configurations=("2d",), num_processes=(PROCESSES,))
    return plans


def trained(variant: str, plans: str, device: torch.device) -> tuple[Path, int]:
    """Train; the folder of the model, and the iterations it took."""
    trainer = get_trainer_from_args(DATASET, "2d", "all", variant, plans, device=device)
    torch.backends.cudnn.benchmark = True  # as nnUNetv2_train does
    trainer.run_training()
    return Path(trainer.output_folder_base), trainer.current_epoch * trainer.num_iterations_per_epoch


def chosen_device() -> torch.device:
    """A GPU if there is one, with the one processor thread that nnU-Net's commands leave beside it."""
    if not torch.cuda.is_available():
        return torch.device("cpu")
    torch.set_num_threads(1)
    torch.set_num_interop_threads(1)
    return torch.device("cuda")


def give_up_after(seconds: float) -> None:
    """End the script with a message if it is still running by then."""

    def give_up(*signalled: object) -> None:
        raise SystemExit(f"nnU-Net was not done after {seconds / 60:.0f} minutes; choose a shorter trainer or more --seconds")

    signal.signal(signal.SIGALRM, give_up)
    signal.setitimer(signal.ITIMER_REAL, seconds)


def main() -> None:
    """Train, predict every slice asked for, and say how long it took."""
    given = task(__doc__)
    device = chosen_device()
    give_up_after(given.seconds + PATIENCE)
    # What nnU-Net tells on the way goes to stderr: stdout is for the answer.
    with tempfile.TemporaryDirectory(prefix="underpaint-benchmark-") as scratch, contextlib.redirect_stdout(sys.stderr):
        folders = {name: Path(scratch) / name for name in ("nnUNet_raw", "nnUNet_preprocessed", "nnUNet_results")}
        os.environ.update({name: str(folder) for name, folder in folders.items()})
        fill(folders["nnUNet_raw"], given)
        started = time.perf_counter()
        plans = planned()
        planned_at = time.perf_counter()
        model, steps = trained(given.variant, plans, device)
        trained_at = time.perf_counter()
        predictor = nnUNetPredictor(device=device, allow_tqdm=False)
        predictor.initialize_from_trained_model_folder(str(model), ("all",))
        masks = np.zeros(given.image.shape, np.uint8)
        loaded_at = time.perf_counter()
        for z in given.predicted:
            grey = given.image[z].astype(np.float32)[None, None]  # (channel, z, y, x)
            masks[z] = predictor.predict_single_npy_array(grey, {"spacing": SPACING})[0]
        predicted_at = time.perf_counter()
    tifffile.imwrite(given.out, masks)
    answer(
        trained_at - started, predicted_at - loaded_at, ("nnunetv2", "torch"),
        steps=steps, plan_seconds=planned_at - started, device=device.type, trainer=given.variant,
    )  # fmt: skip


if __name__ == "__main__":
    main()
