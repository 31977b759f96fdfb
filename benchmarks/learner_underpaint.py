"""Underpaint as ``learner.py`` runs it: labels imported, one round trained, the volume predicted to a TIFF.

``--variant`` joins with + what is to be other than the defaults: ``fp32`` hides from it that the processor computes bfloat16,
``2.5d`` gives the network a slice on each side as further channels, ``3d`` trains the U-Net in 3D with as many, ``careful``
predicts the mean of eight views, ``plain`` changes patches by flips and right-angled turns alone, ``bare`` shows the network no
surroundings. About a tenth of the painted pixels is held back for validation, and not trained on: that is how Underpaint is,
and it gets no more labels than a peer.
"""

from __future__ import annotations

import io
import json
import sys
import tempfile
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

from learner_task import answer, task

from core.cli import main as cli
from core.config import AugmentConfig
from core.models import device
from core.storage.checkpoints import load_card


def underpaint(workspace: str, *words: object) -> dict[str, Any]:
    """Run one command in this process; the JSON object it prints."""
    printed = io.StringIO()
    with redirect_stdout(printed):
        try:
            cli([*map(str, words), "--workspace", workspace, "--json"])
        except SystemExit as end:
            if end.code:
                raise
    return dict(json.loads(printed.getvalue()))


def main() -> None:
    """Train, predict every slice asked for, and say how long it took."""
    given, folder = task(__doc__), Path(sys.argv[1])
    words = given.variant.split("+")
    network = ("--architecture", "unet-3d") if "3d" in words else ()
    neighbours = ("--neighbours", 1) if {"2.5d", "3d"} & set(words) else ()
    views = ("--views", 8) if "careful" in words else ()
    off = ",".join(f"{kind}=0" for kind in AugmentConfig.kinds() if kind != "flips")
    augment = ("--augment", off) if "plain" in words else ()
    local = ("--local", 0) if "bare" in words else ()
    if "fp32" in words:
        device.has_bfloat16 = lambda kind: False  # type: ignore[assignment]
    names = ",".join(f"class {n}" for n in range(given.classes))
    painted = ",".join(map(str, given.painted))
    with tempfile.TemporaryDirectory(prefix="underpaint-benchmark-") as workspace:
        underpaint(workspace, "new", "peer", "--volume", folder / "image.tif", "--classes", names)
        underpaint(workspace, "labels", "import", "peer", folder / "labels.tif", "--slices", painted)
        budget = ("--seconds", given.seconds, "--seed", given.seed)
        trained = underpaint(workspace, "train", "peer", *budget, *network, *neighbours, *augment, *local)
        done = underpaint(workspace, "predict", "peer", given.out, *views)
        card = load_card(Path(workspace) / trained["checkpoint"])
    facts = {"steps": card.training["steps"], "precision": card.training["precision"]}
    facts |= {"views": done["views"], "across": done["across"]}
    per_slice = done["seconds"] / done["slices"]  # reading and writing included
    answer(trained["seconds"], per_slice * len(given.predicted), ("underpaint", "torch", "pytorch-lightning"), **facts)


if __name__ == "__main__":
    main()
