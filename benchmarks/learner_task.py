"""What every peer of ``learner.py`` is given and answers; imports nothing of the project and nothing of a peer.

A peer is a script run with its own interpreter. It trains on the painted slices for so many seconds, writes its mask of
the other slices into a TIFF, and prints one JSON object: seconds of training and of prediction (start-up, reading and
writing not counted) and the versions of its libraries.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import numpy as np
import tifffile


@dataclass(frozen=True)
class Task:
    """One training.

    Attributes
    ----------
    image, labels
        ``(Z, Y, X)``; the labels uint8 class ids.
    painted, predicted
        Slices whose labels may be looked at, and slices to be predicted: all others.
    classes, target
        Number of classes, and the class that a learner of one class looks for.
    seconds, seed
        Budget of the training and seed of what is random.
    out
        Where the masks go, uint8 ``(Z, Y, X)``.
    variant
        What the peer is told beside, such as the name of a network.
    begun
        Where a peer that can go on from a shorter training finds that and leaves its own; None for a training from nothing.
    """

    image: np.ndarray
    labels: np.ndarray
    painted: tuple[int, ...]
    predicted: tuple[int, ...]
    classes: int
    target: int
    seconds: float
    seed: int
    out: Path
    variant: str
    begun: Path | None = None


def task(description: str | None) -> Task:
    """Read the command line and the volume."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="holds image.tif and labels.tif")
    parser.add_argument("--painted", required=True, help="slices trained on, such as 2,9,16")
    parser.add_argument("--classes", type=int, required=True)
    parser.add_argument("--target", type=int, default=1, help="class that a learner of one class looks for")
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--variant", default="")
    parser.add_argument("--begun", type=Path, help="file of a training that is carried on, made if it is not there")
    chosen = parser.parse_args()
    image, labels = (tifffile.imread(chosen.folder / name) for name in ("image.tif", "labels.tif"))
    painted = tuple(int(z) for z in chosen.painted.split(","))
    predicted = tuple(z for z in range(len(image)) if z not in painted)
    return Task(
        image, labels, painted, predicted, chosen.classes, chosen.target, chosen.seconds, chosen.seed, chosen.out, chosen.variant,
        chosen.begun,
    )  # fmt: skip


def answer(train_seconds: float, predict_seconds: float, libraries: Sequence[str], **more: object) -> None:
    """Print what ``learner.py`` reads."""
    facts = {"train_seconds": train_seconds, "predict_seconds": predict_seconds, **more}
    print(json.dumps({**facts, "versions": {name: version(name) for name in libraries}}))
