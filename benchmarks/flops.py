"""How much of the machine's arithmetic training and prediction use, and where the rest of the time goes.

    python benchmarks/flops.py
    python benchmarks/flops.py --json

Floating-point operations are those of convolutions (PyTorch's ``FlopCounterMode``), a multiplication and an addition each.
The measure is a product of large matrices in the same precision, timed in the same run, turn by turn. Where there is a GPU, it
computes all but the reading, and is waited for after each piece, so that the pieces add up to more than a step takes.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).resolve().parents[1])]

import torch  # noqa: E402
from faults import Slice  # noqa: E402
from report import Report, Section  # noqa: E402
from torch import Tensor  # noqa: E402
from torch.utils.flop_counter import FlopCounterMode  # noqa: E402

from core.config import PredictConfig, TrainConfig  # noqa: E402
from core.models.device import autocast, choose_device, has_bfloat16  # noqa: E402
from core.models.memory import freed_memory_kept  # noqa: E402
from core.models.networks import arguments  # noqa: E402
from core.models.networks.unet import UNet  # noqa: E402
from core.models.predictor import ready, winners  # noqa: E402
from core.training.learning.augmentation import augment  # noqa: E402
from core.training.learning.deep_supervision import CoarseHeads  # noqa: E402
from core.training.learning.losses import class_weights, masked_loss  # noqa: E402
from core.training.learning.muon import Muon  # noqa: E402
from core.training.learning.patches import Patches, drawn_side  # noqa: E402
from core.volumes.phantom import Phantom, PhantomConfig  # noqa: E402

SIDES = {"cpu": 2048, "cuda": 8192}
"""Of the matrices: large enough to fill a device."""
CLASSES, REPEATS = 5, 15


class Timed:
    """Seconds of the pieces of a repeated work on a device, by name."""

    def __init__(self, device: torch.device) -> None:
        self.device, self.side = device, SIDES.get(device.type, SIDES["cpu"])
        self.seconds: dict[str, list[float]] = {}

    def __call__(self, name: str, work: Callable[[], Any]) -> Any:
        """Do it and remember how long it took."""
        started = time.perf_counter()
        result = work()
        if self.device.type == "cuda":
            torch.cuda.synchronize()
        self.seconds.setdefault(name, []).append(time.perf_counter() - started)
        return result

    def median(self, name: str) -> float:
        """Of all but the first two times, in which kernels are prepared."""
        return median(self.seconds[name][2:])


def matrices(timed: Timed) -> Callable[[], None]:
    """A product of two large matrices in the precision that the network is computed in."""
    dtype = torch.bfloat16 if has_bfloat16(timed.device.type) else torch.float32
    left, right = (torch.randn(timed.side, timed.side).to(timed.device, dtype) for _ in range(2))
    return lambda: timed("matrices", lambda: left @ right)


def flops(work: Callable[[], Any]) -> int:
    """Floating-point operations of some work."""
    with FlopCounterMode(display=False) as counter:
        work()
    return int(counter.get_total_flops())


def network(config: TrainConfig, device: torch.device) -> UNet:
    """The default network with random weights."""
    torch.manual_seed(0)
    return UNet(**arguments(config, 1, CLASSES)).to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]


def training() -> Section:
    """A step of the default training, piece by piece."""
    config, device = TrainConfig(), choose_device()
    timed = Timed(device)
    volume = Phantom(PhantomConfig(depth=3, height=512, width=512))
    slices = [Slice(volume.image(z), volume.truth(z)) for z in range(3)]
    patches = Patches(slices, CLASSES, side=drawn_side(config.patch), inner=config.patch, batch=config.batch, seed=0)
    net, weights = network(config, device), class_weights(patches.counts).to(device)
    coarse, rate = CoarseHeads(net, CLASSES).to(device), config.learning_rate
    optimiser = Muon(net, lr=rate, adam_lr=rate / 25, fused=True, others=coarse.parameters())
    multiply = matrices(timed)

    def forward(images: Tensor) -> tuple[Tensor, list[Tensor]]:
        with autocast(device):
            finest, *others = net.decoded(images.contiguous(memory_format=torch.channels_last))
            return net.scores(finest), others

    def loss_of(found: tuple[Tensor, list[Tensor]], labels: Tensor) -> Tensor:
        with autocast(device):
            return masked_loss(found[0], labels, weights) + coarse.loss(found[1], labels, weights, config.loss)

    with freed_memory_kept():
        for step in range(REPEATS):
            multiply()
            images, labels = timed("reading", lambda step=step: [part.to(device) for part in patches.draw(step)])
            generator = torch.Generator().manual_seed(step)
            drawn = timed("augmentation", lambda i=images, k=labels, g=generator: augment(i, k, g, config.patch))
            found = timed("forward", lambda d=drawn: forward(d[0]))
            loss = timed("loss", lambda f=found, d=drawn: loss_of(f, d[1]))
            optimiser.zero_grad()
            timed("backward", loss.backward)
            timed("optimiser", optimiser.step)
    images, labels = drawn
    operations = flops(lambda: loss_of(forward(images), labels).backward())
    pieces = ("reading", "augmentation", "forward", "loss", "backward", "optimiser")
    sentence = f"a step of {config.batch} patches of {config.patch} x {config.patch}, {CLASSES} classes"
    return told("training", sentence, timed, pieces, ("forward", "backward"), operations)


def prediction() -> Section:
    """A slice that is one tile of the default prediction, in one view."""
    config, device = PredictConfig(), choose_device()
    timed = Timed(device)
    net = network(TrainConfig(), device)
    image = torch.randn(1, 1, config.tile, config.tile).to(device)
    plain = flops(lambda: net.eval()(image))
    made, multiply = ready(net, device), matrices(timed)
    with torch.inference_mode(), freed_memory_kept():
        for _ in range(REPEATS):
            multiply()
            with autocast(device):
                scores = timed("network", lambda: made(image))
            found = timed("softmax", lambda s=scores: s[0].float().softmax(dim=0))
            timed("likeliest class", lambda f=found: winners(f))
    pieces = ("network", "softmax", "likeliest class")
    sentence = f"a slice of {config.tile} x {config.tile}, {CLASSES} classes"
    return told("prediction", sentence, timed, pieces, ("network",), plain)


def told(name: str, sentence: str, timed: Timed, pieces: tuple[str, ...], counted: tuple[str, ...], operations: int) -> Section:
    """A line for each piece, and the share of the matrices' rate that the counted ones reach, and all of them."""
    best, side = 2 * timed.side**3 / timed.median("matrices"), timed.side
    total, inside = (sum(map(timed.median, names)) for names in (pieces, counted))
    rows = [(piece, 1e3 * timed.median(piece), timed.median(piece) / total, None) for piece in pieces]
    rows += [
        (" + ".join(counted), 1e3 * inside, inside / total, operations / inside / best),
        ("all", 1e3 * total, 1.0, operations / total / best),
    ]
    measured = f"{sentence}: {operations / 1e9:.1f} GFLOP; matrices of {side} x {side} run at {best / 1e9:,.0f} GFLOP/s"
    return Section(name, measured, ("piece", "ms, median", "share of time", "share of the matrices' rate"), tuple(rows))


def main() -> None:
    """Measure both and print them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of tables")
    chosen = parser.parse_args()
    report = Report(quick=False, seeds=1)
    report.sections.extend((training(), prediction()))
    report.tell(as_json=chosen.json)


if __name__ == "__main__":
    main()
