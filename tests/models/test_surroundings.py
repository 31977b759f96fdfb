"""The locally normalised copy of the image: it removes shadows, keeps structure and hides tile borders."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from core.config import LOCAL_STEP, PredictConfig, TrainConfig
from core.models import normalisation
from core.models.networks import arguments, build
from core.models.networks.surroundings import CELLS, Surroundings
from core.models.networks.unet import FOLD, Stem
from core.models.networks.unet3d import UNet3D
from core.models.predictor import Predictor, ready
from core.storage.checkpoints import Card

SIDE = 160


def texture(seed: int = 0) -> Tensor:
    """Grain of mean 0 and deviation 1, float32 ``(1, 1, SIDE, SIDE)``."""
    return torch.randn(1, 1, SIDE, SIDE, generator=torch.Generator().manual_seed(seed))


def local(image: Tensor, sigma: int = 16) -> Tensor:
    """The second copy of an image of one channel."""
    return Surroundings(sigma)(image)[:, 1:]


def ramp() -> Tensor:
    """From -1 to 1 across the image."""
    return torch.linspace(-1, 1, SIDE).expand(1, 1, SIDE, SIDE)


def test_the_image_itself_is_kept() -> None:
    """The original image is kept, and with it the brightness of a region."""
    image = texture()
    assert torch.equal(Surroundings(16)(image)[:, :1], image)


def test_a_shadow_goes() -> None:
    """Texture under light falling to a third looks almost the same as under even light."""
    image = texture()
    dark = image * torch.exp(ramp() * 0.55) + 2 * ramp()
    assert (dark - image).abs().mean() > 0.8
    inner = (slice(None), slice(None), slice(16, -16), slice(16, -16))
    assert (local(dark) - local(image))[inner].abs().mean() < 0.12


def test_every_pixel_is_measured_against_its_neighbourhood() -> None:
    """The values agree with the definition, computed by a blur at every pixel."""
    image, sigma = functional.avg_pool2d(texture(3), 5, stride=1, padding=2) * 3, 16
    at = torch.arange(-64, 65).float()
    kernel = torch.exp(-0.5 * (at / sigma) ** 2)
    kernel = kernel / kernel.sum()

    def blur(x: Tensor) -> Tensor:
        return functional.conv2d(functional.conv2d(x, kernel.view(1, 1, 1, -1)), kernel.view(1, 1, -1, 1))

    mean = blur(image)
    deviation = (blur(image * image) - mean**2).sqrt()
    inner = slice(64, SIDE - 64)
    expected = (image[..., inner, inner] - mean) / (deviation + 0.3)
    assert (local(image)[..., inner, inner] - expected).abs().max() < 0.1


def test_noise_of_an_even_region_is_not_blown_up() -> None:
    """In a region with a twentieth of the slice's contrast, the result stays below a fifth."""
    assert local(texture() * 0.05).std() < 0.2


def test_a_constant_image_is_finite() -> None:
    """A constant image gives 0."""
    assert local(torch.full((1, 1, SIDE, SIDE), 3.0)).abs().max() < 1e-3


@pytest.mark.parametrize("shape", [(8, 8), (8, 200), (36, 44)])
def test_any_size_is_taken(shape: tuple[int, int]) -> None:
    """Any size works, including images smaller than their surroundings and sizes not divisible into cells."""
    out = Surroundings(16)(torch.randn(2, 4, *shape))
    assert out.shape == (2, 8, *shape)
    assert out.isfinite().all()


def test_channels_have_surroundings_of_their_own() -> None:
    """A bright channel does not change the normalised copy of another."""
    torch.manual_seed(0)
    stem = Stem(2, 4, 16)
    seen: list[Tensor] = []
    stem.surroundings.register_forward_hook(lambda module, given, out: seen.append(out.unflatten(0, (1, 2))))  # type: ignore[union-attr]
    one = texture()
    stem(torch.cat([one, texture(1)], 1))
    stem(torch.cat([one, texture(2) + 4], 1))
    assert torch.equal(seen[0][:, 0], seen[1][:, 0])
    assert not torch.equal(seen[0][:, 1], seen[1][:, 1])


def test_slices_of_a_stack_have_surroundings_of_their_own() -> None:
    """The 3D network normalises each slice of a stack separately."""
    network = UNet3D(3, 2, channels=4, depth=2, slices=3, local=16)
    assert network.stem.first.conv.in_channels == 8
    assert network(torch.randn(1, 3, 64, 64)).shape == (1, 2, 64, 64)


@pytest.mark.parametrize("wrong", [4, 12, 300])
def test_other_deviations_are_refused(wrong: int) -> None:
    """Other deviations are refused; the error lists the allowed ones."""
    with pytest.raises(ValueError, match=r"local is \d+; allowed"):
        TrainConfig(local=wrong)
    with pytest.raises(ValueError, match=r"local is \d+; allowed"):
        build("unet", arguments(TrainConfig(), 1, 2) | {"local": wrong})


def test_a_card_of_an_earlier_version_has_none() -> None:
    """A card from before this option builds a network without the second copy."""
    given = arguments(TrainConfig(local=0), 1, 2)
    older = {name: value for name, value in given.items() if name != "local"}
    assert build("unet", older).state_dict().keys() == build("unet", given).state_dict().keys()
    assert build("unet", older).stem.surroundings is None  # type: ignore[union-attr]


def test_tiles_hardly_show() -> None:
    """Pixels beyond the default context have little effect; with less context, several times as much."""
    torch.manual_seed(0)
    network = build("unet", {"in_channels": 1, "classes": 2, "channels": 4, "depth": 1, "local": TrainConfig.local})
    card = Card("unet", {}, ("a", "b"), 1, normalisation.NAME, {}, 0)
    slice_ = (np.random.default_rng(0).normal(100, 20, (1, 300, 260)) + np.linspace(0, 80, 260)).astype(np.uint8)

    def predicted(**config: int) -> NDArray:
        return Predictor(ready(copy.deepcopy(network), torch.device("cpu")), card, PredictConfig(**config)).probabilities(slice_)

    whole = predicted(context=256)
    seams, wide_seams = (np.abs(predicted(tile=64, **more) - whole).mean() for more in ({}, {"context": 16}))
    assert seams < 5e-4
    assert wide_seams > 3 * seams


def test_the_step_of_the_deviation_is_that_of_the_network() -> None:
    """The network accepts every deviation allowed by the settings."""
    assert LOCAL_STEP == FOLD * CELLS
