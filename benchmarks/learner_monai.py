"""A peer: MONAI's BasicUNet or DynUNet with DiceCE and sliding-window inference.

Run by ``learner.py`` with the interpreter given there; needs monai, torch and tifffile (monai needs no torchvision here).
``--variant`` is the network, and ``+bf16`` after it switches autocast and channels_last on:

    python benchmarks/learner_monai.py DIR --painted 2,9,16 --classes 5 --seconds 120 --out masks.tif --variant DynUNet+bf16
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import numpy as np
import tifffile
import torch
from learner_task import Task, answer, task
from monai.inferers import sliding_window_inference
from monai.losses import DiceCELoss
from monai.networks.nets import BasicUNet, DynUNet
from monai.transforms import (
    Compose,
    EnsureChannelFirstd,
    NormalizeIntensityd,
    RandCropByLabelClassesd,
    RandFlipd,
    RandRotate90d,
    RandScaleIntensityd,
    RandShiftIntensityd,
)
from monai.utils import set_determinism
from torch import Tensor, nn

PATCH, BATCH, LEARNING_RATE = 256, 4, 1e-3
BOTH = ["image", "label"]


def network(name: str, classes: int) -> nn.Module:
    """The network at its usual width; DynUNet with five levels."""
    if name == "BasicUNet":
        return BasicUNet(spatial_dims=2, in_channels=1, out_channels=classes)
    levels = 5
    return DynUNet(2, 1, classes, [3] * levels, [1] + [2] * (levels - 1), [2] * (levels - 1))


def batches(given: Task) -> Iterator[tuple[Tensor, Tensor]]:
    """Random crops that hold every class equally often, turned and changed in tone."""
    prepare = Compose(
        [
            EnsureChannelFirstd(BOTH, channel_dim="no_channel"),
            NormalizeIntensityd(["image"]),
        ]
    )
    vary = Compose([
        RandCropByLabelClassesd(
            BOTH, label_key="label", spatial_size=(PATCH, PATCH), num_classes=given.classes, num_samples=1, warn=False
        ),
        RandFlipd(BOTH, prob=0.5, spatial_axis=0),
        RandFlipd(BOTH, prob=0.5, spatial_axis=1),
        RandRotate90d(BOTH, prob=0.75, max_k=3),
        RandScaleIntensityd(["image"], factors=0.2, prob=0.5),
        RandShiftIntensityd(["image"], offsets=0.2, prob=0.5),
    ])  # fmt: skip
    slices = [
        prepare({"image": given.image[z].astype(np.float32), "label": given.labels[z].astype(np.int64)}) for z in given.painted
    ]
    rng = np.random.default_rng(given.seed)
    while True:
        drawn = [vary(slices[rng.integers(len(slices))])[0] for _ in range(BATCH)]
        yield tuple(torch.stack([one[key].as_tensor() for one in drawn]) for key in BOTH)


def trained(given: Task, net: nn.Module, lay: Callable[[Tensor], Tensor], bf16: bool) -> int:
    """Train until the seconds are used up; the number of steps."""
    loss_of = DiceCELoss(to_onehot_y=True, softmax=True)
    optimiser = torch.optim.Adam(net.parameters(), LEARNING_RATE)
    end, steps = time.perf_counter() + given.seconds, 0
    for images, labels in batches(given):
        if time.perf_counter() >= end:
            break
        with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
            scores = net(lay(images))
        loss = loss_of(scores.float(), labels)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        steps += 1
    return steps


def main() -> None:
    """Train, predict every slice asked for, and say how long it took."""
    given = task(__doc__)
    name, _, extra = given.variant.partition("+")
    bf16 = extra == "bf16"
    set_determinism(given.seed)
    net = network(name, given.classes)
    layout = torch.channels_last if bf16 else torch.contiguous_format
    net = net.to(memory_format=layout)

    def lay(images: Tensor) -> Tensor:
        return images.contiguous(memory_format=layout)

    started = time.perf_counter()
    steps = trained(given, net, lay, bf16)
    trained_at = time.perf_counter()
    net.eval()
    masks = np.zeros(given.image.shape, np.uint8)
    normalise = NormalizeIntensityd(["image"])
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=bf16):
        for z in given.predicted:
            grey = normalise({"image": torch.from_numpy(given.image[z].astype(np.float32))[None]})["image"].as_tensor()
            scores = sliding_window_inference(lay(grey[None]), (PATCH, PATCH), BATCH, net, overlap=0.25, mode="gaussian")
            masks[z] = scores[0].argmax(0).numpy()
    predicted_at = time.perf_counter()
    tifffile.imwrite(given.out, masks)
    answer(trained_at - started, predicted_at - trained_at, ("monai", "torch"), steps=steps)


if __name__ == "__main__":
    main()
