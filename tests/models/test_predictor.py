"""Prediction covers every pixel, does not depend on the tiles, and refuses what does not fit."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from core.config import AugmentConfig, PredictConfig, TrainConfig
from core.errors import CheckpointError, VolumeError
from core.geometry import Box, mirrored
from core.models import normalisation
from core.models.networks import build
from core.models.networks.surroundings import Surroundings
from core.models.networks.unet import FOLD, Decoded
from core.models.predictor import Predictor, ready, winners
from core.storage.checkpoints import CARD, save
from tests.thresholding import CARD_OF_2, NETWORK, noise, threshold

CPU = torch.device("cpu")
CARD_OF_3 = replace(CARD_OF_2, class_names=("a", "b", "c"))


def random_unet(**config: int) -> Predictor:
    torch.manual_seed(0)
    return Predictor(ready(build("unet", NETWORK), CPU), CARD_OF_3, PredictConfig(**config))


@pytest.mark.parametrize("shape", [(1, 1), (7, 300), (64, 64), (65, 129), (200, 131)])
def test_tiles_cover_every_pixel_once(shape: tuple[int, int]) -> None:
    """Odd sizes, and slices smaller than a tile, are covered by disjoint tiles of probabilities that sum to 1."""
    seen = np.zeros(shape, int)
    for box, tile in threshold(tile=64, context=16).tiles(noise(shape)):
        assert tile.shape == (2, *box.shape)
        assert tile.dtype == np.float32
        np.testing.assert_allclose(tile.sum(axis=0), 1, atol=1e-5)
        seen[box.slices] += 1
    assert (seen == 1).all()


def test_every_pixel_lands_in_its_place() -> None:
    """The mask of a thresholding network is the thresholded image."""
    image = noise((150, 211))
    mask, confidence = threshold(tile=64, context=16).labels(image)
    away = abs(image[0].astype(float) - image.mean()) > 4
    assert (mask == (image[0] > image.mean()))[away].all()
    assert mask.dtype == confidence.dtype == np.uint8
    assert confidence[away].min() > 127


def test_the_result_does_not_depend_on_the_tile() -> None:
    """With enough context, tiles of 64 and 96 pixels give the same result as a single tile."""
    image = noise((200, 230))
    whole, *others = (random_unet(tile=tile, context=48).probabilities(image) for tile in (256, 64, 96))
    for other in others:
        assert abs(other - whole).max() < 0.02


class Eye(Decoded):
    """Class 1 where a pixel is brighter than its surroundings."""

    def __init__(self, local: int) -> None:
        super().__init__(depth=1, local=local)
        self.slope = nn.Parameter(torch.tensor(3.0))
        self.surroundings = Surroundings(local // FOLD)

    def forward(self, image: Tensor) -> Tensor:
        folded = functional.pixel_unshuffle(image, FOLD)
        brighter = functional.pixel_shuffle(self.surroundings(folded)[:, FOLD**2 :], FOLD)
        return torch.cat([-brighter, brighter], dim=1) * self.slope


@pytest.mark.parametrize("local", [40, 96])
def test_nor_where_surroundings_are_wide(local: int) -> None:
    """With wide surroundings, too, the result does not depend on the tile."""
    light = (300 * (np.arange(590) // 7 % 32 > 16)).astype(int)  # steps that a wide context has to hold
    image = noise((5 * local + 7, 590)).astype(int) // 2 + light
    whole, tiled = (
        Predictor(ready(Eye(local), CPU), CARD_OF_2, PredictConfig(tile=tile)).probabilities(image) for tile in (1024, 64)
    )
    assert abs(tiled - whole).max() < 0.02


class Watched(nn.Sequential):
    """A network that records its inputs, ``(B, C, H, W)``."""

    stride = 32

    def __init__(self) -> None:
        super().__init__(nn.Conv2d(1, 2, 1))
        self.shown = list[Tensor]()

    def forward(self, image: Tensor) -> Tensor:
        """Remember the image."""
        self.shown.append(image)
        return torch.as_tensor(super().forward(image))


@pytest.mark.parametrize(
    ("shape", "windows"),
    [
        ((128, 192), [(128, 192)]),  # not a pixel that the slice does not have
        ((100, 200), [(128, 224)]),  # what fills the grid of 32
        ((20, 310), [(64, 320), (64, 128)]),  # two cells of the grid at least; two tiles, of 256 pixels and of what is left
        ((1, 1), [(64, 64)]),
    ],
)
def test_nothing_is_made_up_beyond_the_border(shape: tuple[int, int], windows: list[tuple[int, int]]) -> None:
    """A window ends with its slice, as patches do in training; only the rest of the grid is mirrored."""
    image = noise(shape)
    network = Watched().eval()
    Predictor(network, CARD_OF_2, PredictConfig(tile=256, context=48)).probabilities(image)
    assert sorted(tuple(seen.shape[2:]) for seen in network.shown) == sorted(windows)
    first = max(network.shown, key=lambda seen: seen.shape[3])[0, 0].numpy()
    grey = normalisation.measure(image).apply(image)[0]
    filled = [mirrored(np.arange(length), side) for length, side in zip(first.shape, shape, strict=True)]
    np.testing.assert_array_equal(first, grey[np.ix_(*filled)])


@pytest.mark.parametrize(
    ("shape", "box", "window"),
    [
        ((200, 300), Box(0, 0, 200, 300), (256, 320)),  # lower than a patch: as training shows it, from its corner on
        ((600, 600), Box(580, 10, 590, 20), (256, 256)),  # a few pixels, of which a whole patch is seen that the slice has
        ((600, 600), Box(300, 300, 310, 310), (256, 256)),
    ],
)
def test_no_window_is_smaller_than_a_patch(shape: tuple[int, int], box: Box, window: tuple[int, int]) -> None:
    """A window is never smaller than a training patch, even for a small slice or a few pixels."""
    image = noise(shape)
    network, card = Watched().eval(), replace(CARD_OF_2, config=asdict(TrainConfig(patch=256)))
    grey = normalisation.measure(image)
    ((_, found),) = Predictor(network, card, PredictConfig(context=16)).boxes(image, [box], grey)
    (shown,) = network.shown
    assert tuple(shown.shape[2:]) == window
    assert found.shape[1:] == box.shape
    everywhere = torch.from_numpy(grey.apply(image)[None])
    expected = network(everywhere).softmax(dim=1)[0][:, *box.slices]
    np.testing.assert_allclose(found, expected.detach().numpy(), atol=0.01)


@pytest.mark.parametrize(("reach", "window"), [(40, (96, 96)), (None, (224, 224))])
def test_a_network_says_how_far_it_looks(reach: int | None, window: tuple[int, int]) -> None:
    """The context equals the network's reach, or 96 pixels without one."""
    network, image = Watched().eval(), noise((600, 600))
    if reach is not None:
        network.reach = reach  # type: ignore[assignment]
    list(Predictor(network, CARD_OF_2).boxes(image, [Box(300, 300, 310, 310)], normalisation.measure(image)))
    assert [tuple(seen.shape[2:]) for seen in network.shown] == [window]


def test_tiles_in_batches_give_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """Several tiles at once, as on a GPU, change nothing."""
    image = noise((200, 230))
    alone = random_unet(tile=64, context=16).probabilities(image)
    monkeypatch.setattr("core.models.predictor.TILES_AT_ONCE", {"cpu": 3})
    np.testing.assert_allclose(random_unet(tile=64, context=16).probabilities(image), alone, atol=0.02)


class Leaning(nn.Module):
    """A network that returns the value left of every pixel, within the window."""

    stride = 8

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(()))

    def forward(self, image: Tensor) -> Tensor:
        left = image.roll(1, dims=-1) * self.scale
        return torch.cat([-left, left], dim=1)


def test_the_likeliest_class_and_its_probability() -> None:
    """The likeliest class and its probability agree with NumPy; of equally likely classes the first wins."""
    rng = np.random.default_rng(0)
    probabilities = rng.integers(0, 4, (7, 30, 40)).astype(np.float32) / 8  # with many ties
    mask, confidence = winners(torch.from_numpy(probabilities))
    np.testing.assert_array_equal(mask, probabilities.argmax(axis=0))
    np.testing.assert_array_equal(confidence, np.rint(255 * probabilities.max(axis=0)))


@pytest.mark.parametrize("views", [2, 4, 8])
def test_views_are_turned_back_before_they_are_averaged(views: int) -> None:
    """A network that shifts a point by a pixel spreads it evenly over all views, without a net shift."""
    image = np.zeros((1, 64, 96), np.uint8)
    image[0, 20, 40] = 255
    found = Predictor(ready(Leaning(), CPU), CARD_OF_2, PredictConfig(tile=64, context=16, views=views)).probabilities(image)[1]
    lit = {(y - 20, x - 40) for y, x in np.argwhere(found > found.min() + 1e-3).tolist()}
    assert lit == ({(0, 1), (0, -1)} if views < 8 else {(0, 1), (0, -1), (1, 0), (-1, 0)})


def test_an_even_network_sees_the_same_in_every_view() -> None:
    """Averaging changes nothing where every view agrees, whatever the tiles."""
    image = noise((150, 90))
    one = threshold(tile=64, context=16)
    np.testing.assert_allclose(
        one.with_config(replace(one.config, views=8)).probabilities(image), one.probabilities(image), atol=1e-5
    )


def test_in_turn_each_slice_is_seen_in_another_view() -> None:
    """Eight slices in turn have the mean of eight views; a configured number of views takes precedence."""
    image = noise((70, 131))
    one = random_unet(tile=64, context=64)
    scores = [np.log(one.in_turn(number).probabilities(image)) for number in range(8)]
    mean = np.exp(np.mean(scores, axis=0))
    rounded = 5e-3  # scores may be bfloat16
    np.testing.assert_allclose(
        mean / mean.sum(axis=0), one.with_config(replace(one.config, views=8)).probabilities(image), atol=rounded
    )
    assert np.abs(np.exp(scores[0]) - np.exp(scores[1])).max() > 4 * rounded
    np.testing.assert_array_equal(one.in_turn(8).probabilities(image), one.probabilities(image))


def test_a_slice_that_stands_alone_is_seen_twice() -> None:
    """A slice alone is predicted in two views, unless another number is configured, including one."""
    image = noise((70, 131))
    one = random_unet(tile=64, context=16)
    np.testing.assert_array_equal(
        one.alone().probabilities(image), one.with_config(replace(one.config, views=2)).probabilities(image)
    )
    assert (one.views, one.alone().views, one.in_turn(3).views) == (1, 2, 1)
    for asked in (1, 8):
        chosen = one.with_config(replace(one.config, views=asked))
        assert chosen.views == asked
        assert chosen.alone() is chosen
        assert chosen.in_turn(3) is chosen


def test_what_was_trained_upright_is_not_mirrored_in_turn() -> None:
    """A network trained without flips is never applied to mirrored or transposed views."""
    upright = replace(CARD_OF_3, config=asdict(TrainConfig(augment=AugmentConfig(flips=0))))
    torch.manual_seed(0)
    one = Predictor(ready(build("unet", NETWORK), CPU), upright)
    assert one.in_turn(3) is one
    assert one.alone() is one


def test_three_views_are_refused() -> None:
    """The error lists the allowed numbers of views."""
    with pytest.raises(ValueError, match="views is 3; allowed is 1, 2, 4, 8"):
        PredictConfig(views=3)


class Small(nn.Module):
    """A device with memory for a limited number of tiles."""

    def __init__(self, network: nn.Module, tiles: int) -> None:
        super().__init__()
        self.network, self.tiles, self.asked = network, tiles, list[int]()

    def forward(self, image: Tensor) -> Tensor:
        """Return the network's scores, or raise an out-of-memory error for too many tiles."""
        self.asked.append(len(image))
        if len(image) > self.tiles:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return torch.as_tensor(self.network(image))


def test_a_full_gpu_is_given_fewer_tiles(monkeypatch: pytest.MonkeyPatch) -> None:
    """With fewer tiles per pass the result is the same, and a failed number is not tried again."""
    monkeypatch.setattr("core.models.predictor.TILES_AT_ONCE", {"cpu": 8})
    image, config = noise((256, 320)), PredictConfig(tile=64, context=16)  # 6 of 20 tiles do not touch the border
    network = nn.Sequential(nn.Conv2d(1, 2, 1)).eval()
    small = Small(network, 3)
    found = Predictor(small, CARD_OF_2, config).probabilities(image)
    np.testing.assert_allclose(found, Predictor(network, CARD_OF_2, config).probabilities(image), atol=0.02)
    assert small.asked[:3] == [4, 2, 2]  # the corners, which are alike
    assert set(small.asked[3:]) <= {1, 2}


def test_what_memory_holds_is_known_in_every_view(monkeypatch: pytest.MonkeyPatch) -> None:
    """A number of tiles too large for one slice is not tried again for the next, in another view."""
    monkeypatch.setattr("core.models.predictor.TILES_AT_ONCE", {"cpu": 8})
    small = Small(nn.Sequential(nn.Conv2d(1, 2, 1)).eval(), 2)
    one = Predictor(small, CARD_OF_2, PredictConfig(tile=64, context=16))
    one.in_turn(1).probabilities(noise((256, 256)))
    assert small.asked[:2] == [4, 2]
    small.asked.clear()
    one.in_turn(2).probabilities(noise((256, 256)))
    assert set(small.asked) <= {1, 2}


class Narrow(nn.Module):
    """A device with memory for windows of a limited area."""

    stride, reach = 8, 48

    def __init__(self, network: nn.Module, pixels: int) -> None:
        super().__init__()
        self.network, self.pixels, self.asked = network, pixels, list[int]()

    def forward(self, image: Tensor) -> Tensor:
        """Return the network's scores, or raise an out-of-memory error for a large window."""
        self.asked.append(image.shape[2] * image.shape[3])
        if self.asked[-1] > self.pixels:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return torch.as_tensor(self.network(image))


def test_a_tile_that_memory_does_not_hold_is_predicted_in_parts() -> None:
    """Prediction in parts gives the same result in whole boxes, and does not try such a large window again."""
    torch.manual_seed(0)
    image, network = noise((200, 230)), build("unet", NETWORK).eval()
    narrow = Narrow(network, 160 * 160)
    one = Predictor(narrow, CARD_OF_3)
    ((box, found),) = one.tiles(image)
    assert box == Box(0, 0, 200, 230)
    assert abs(found - Predictor(network, CARD_OF_3).probabilities(image)).max() < 0.02
    too_large = [pixels for pixels in narrow.asked if pixels > narrow.pixels]
    assert sorted(set(too_large)) == sorted(too_large), "each size was tried once"
    narrow.asked.clear()
    one.in_turn(1).probabilities(image)
    assert max(narrow.asked) <= narrow.pixels


def test_memory_that_was_full_is_tried_again() -> None:
    """After a failure of the smallest window, a later prediction tries again."""
    narrow = Narrow(build("unet", NETWORK).eval(), 0)
    one = Predictor(narrow, CARD_OF_3)
    with pytest.raises(VolumeError, match="not enough free memory"):
        one.probabilities(noise((300, 300)))
    narrow.pixels = 512 * 512
    assert np.isfinite(one.probabilities(noise((300, 300)))).all()


def test_a_gpu_too_small_for_the_smallest_window_is_said() -> None:
    """A device too small for the smallest window raises one clear error."""
    with pytest.raises(VolumeError, match="memory to predict 64 x 64 pixels"):
        Predictor(Small(nn.Conv2d(1, 2, 1), 0), CARD_OF_2).probabilities(noise((40, 40)))


@pytest.mark.parametrize("value", [0, 255])
def test_a_constant_slice_gives_finite_probabilities(value: int) -> None:
    """Black and white slices have probabilities, not NaN."""
    assert np.isfinite(random_unet().probabilities(np.full((1, 40, 50), value, np.uint8))).all()


def test_other_channels_are_refused() -> None:
    """Two channels for a network of one channel are refused, and the error names both."""
    with pytest.raises(VolumeError, match="takes \\(C, H, W\\) with 1 channels"):
        list(random_unet().tiles(np.zeros((2, 40, 40), np.uint8)))


def stored(folder: Path, **changes: object) -> Path:
    """A checkpoint on disk, its card changed afterwards."""
    torch.manual_seed(0)
    save(folder, build("unet", NETWORK).state_dict(), CARD_OF_3)
    raw = json.loads((folder / CARD).read_text())
    (folder / CARD).write_text(json.dumps({**raw, **changes}))
    return folder


def test_a_stored_network_predicts_as_it_did(tmp_path: Path) -> None:
    """Probabilities are the same before and after the disk."""
    image = noise((64, 64))
    loaded = Predictor.load(stored(tmp_path / "r"), device=CPU)
    assert loaded.classes == 3
    np.testing.assert_allclose(loaded.probabilities(image), random_unet().probabilities(image), atol=0.02)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"architecture": "os.system"}, "does not fit its own card"),
        ({"network": {**NETWORK, "channels": 8}}, "does not fit its own card"),
        ({"network": {**NETWORK, "depth": 99}}, "does not fit its own card"),
        ({"normalisation": "other"}, "wants the normalisation 'other'"),
        ({"class_names": ["a", "b"]}, "contradicts itself"),
        ({"in_channels": 2}, "contradicts itself"),
    ],
)
def test_a_card_that_does_not_fit_is_refused(tmp_path: Path, changes: dict[str, object], message: str) -> None:
    """A card that names another architecture, size or normalisation is refused in one sentence."""
    with pytest.raises(CheckpointError, match=message):
        Predictor.load(stored(tmp_path / "r", **changes), device=CPU)
