"""A peer: MONAI's BasicUNet or DynUNet with DiceCE and sliding-window inference.

Run by ``learner.py`` with the interpreter given there; needs monai, torch and tifffile (monai needs no torchvision here).
``--variant`` is the network, and ``+bf16`` after it switches autocast and channels_last on; it runs on a GPU if CUDA finds one:

    python benchmarks/learner_monai.py DIR --painted 2,9,16 --classes 5 --seconds 120 --out masks.tif --variant DynUNet+bf16

The learning rate is constant, so a longer training goes on from a shorter one. With ``--begun FILE`` the training is stored there
once a minute and at its end, and goes on from there: an hour can be made of pieces, and gives the shorter budgets on the way.
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
STORED_EVERY = 60.0
"""Seconds of training between two stores of what was begun."""
BOTH = ["image", "label"]
DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")


def network(name: str, classes: int) -> nn.Module:
    """The network at its usual width; DynUNet with five levels."""
    if name == "BasicUNet":
        return BasicUNet(spatial_dims=2, in_channels=1, out_channels=classes)
    levels = 5
    return DynUNet(2, 1, classes, [3] * levels, [1] + [2] * (levels - 1), [2] * (levels - 1))


def batches(given: Task, step: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Random crops that hold every class equally often, turned and changed in tone; drawn anew after each interruption."""
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
    rng = np.random.default_rng([given.seed, step])
    vary.set_random_state(int(rng.integers(2**31)))
    while True:
        drawn = [vary(slices[rng.integers(len(slices))])[0] for _ in range(BATCH)]
        yield tuple(torch.stack([one[key].as_tensor() for one in drawn]) for key in BOTH)


class Training:
    """A network on its way, with the seconds and steps that it has had.

    Parameters
    ----------
    given
        What is to be learnt.
    net
        The network.
    """

    def __init__(self, given: Task, net: nn.Module) -> None:
        self.given, self.net = given, net
        self.optimiser = torch.optim.Adam(net.parameters(), LEARNING_RATE)
        self.seconds, self.steps = 0.0, 0
        self.begun = given.begun
        if self.begun is not None and self.begun.exists():
            stored = torch.load(self.begun, map_location="cpu", weights_only=True)
            if min(stored["budget"], stored["seconds"]) > given.seconds:  # it has come too far, so another begins beside it
                self.begun = None
                return
            net.load_state_dict(stored["network"])
            self.optimiser.load_state_dict(stored["optimiser"])
            self.seconds, self.steps = stored["seconds"], stored["steps"]

    def store(self) -> None:
        """Keep what was begun, if that is wanted."""
        if self.begun is None:
            return
        self.begun.parent.mkdir(parents=True, exist_ok=True)
        written = self.begun.with_suffix(".written")
        states = {"network": self.net.state_dict(), "optimiser": self.optimiser.state_dict()}
        facts = {"seconds": self.seconds, "steps": self.steps, "budget": self.given.seconds}
        torch.save({**states, **facts}, written)
        written.replace(self.begun)

    def run(self, lay: Callable[[Tensor], Tensor], *, bf16: bool) -> None:
        """Train until the seconds are used up; storing does not count."""
        loss_of = DiceCELoss(to_onehot_y=True, softmax=True)
        drawn, stored = batches(self.given, self.steps), self.seconds
        self.net.train()
        while self.seconds < self.given.seconds:
            started = time.perf_counter()
            images, labels = next(drawn)
            with torch.autocast(DEVICE.type, torch.bfloat16, enabled=bf16):
                scores = self.net(lay(images))
            loss = loss_of(scores.float(), labels.to(DEVICE))
            self.optimiser.zero_grad()
            loss.backward()
            self.optimiser.step()
            self.seconds += time.perf_counter() - started
            self.steps += 1
            if self.seconds - stored >= STORED_EVERY:
                self.store()
                stored = self.seconds
        self.seconds += finished()
        self.store()


def finished() -> float:
    """Wait until a GPU has done what it was given; the seconds that took."""
    started = time.perf_counter()
    if DEVICE.type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - started


def main() -> None:
    """Train, predict every slice asked for, and say how long it took."""
    given = task(__doc__)
    name, _, extra = given.variant.partition("+")
    bf16 = extra == "bf16"
    set_determinism(given.seed)
    torch.backends.cudnn.deterministic = False  # it is to be seeded, not slowed down
    net = network(name, given.classes)
    layout = torch.channels_last if bf16 else torch.contiguous_format
    net = net.to(DEVICE, memory_format=layout)

    def lay(images: Tensor) -> Tensor:
        return images.to(DEVICE).contiguous(memory_format=layout)

    training = Training(given, net)
    training.run(lay, bf16=bf16)
    trained_at = time.perf_counter()
    net.eval()
    masks = np.zeros(given.image.shape, np.uint8)
    normalise = NormalizeIntensityd(["image"])
    with torch.inference_mode(), torch.autocast(DEVICE.type, torch.bfloat16, enabled=bf16):
        for z in given.predicted:
            grey = normalise({"image": torch.from_numpy(given.image[z].astype(np.float32))[None]})["image"].as_tensor()
            scores = sliding_window_inference(lay(grey[None]), (PATCH, PATCH), BATCH, net, overlap=0.25, mode="gaussian")
            masks[z] = scores[0].argmax(0).cpu().numpy()
    predicted_at = time.perf_counter()
    tifffile.imwrite(given.out, masks)
    answer(training.seconds, predicted_at - trained_at, ("monai", "torch"), steps=training.steps)


if __name__ == "__main__":
    main()
