"""The closed list of architectures, and what the U-Net promises."""

from __future__ import annotations

import pytest
import torch

from core.networks import build
from core.networks.unet import UNet

SMALL = {"in_channels": 2, "classes": 3, "channels": 4, "depth": 2}


def test_scores_have_the_size_of_the_image() -> None:
    """One score per class and pixel, whatever multiple of the stride the image is."""
    network = build("unet", SMALL)
    assert network(torch.zeros(2, 2, 24, 40)).shape == (2, 3, 24, 40)


def test_the_stride_is_the_grid_of_the_lowest_level() -> None:
    """Depth 2 below a stem of 2 pixels sees the image in steps of 8."""
    assert UNet(**SMALL).stride == 8


def test_folding_the_normalisation_changes_nothing() -> None:
    """The fused network gives what the plain one gives."""
    torch.manual_seed(0)
    network = UNet(**SMALL)
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.uniform_(module.running_mean, -1, 1)
            torch.nn.init.uniform_(module.running_var, 0.5, 2)
    image = torch.randn(1, 2, 32, 32)
    with torch.no_grad():
        plain = network.eval()(image)
        network.fuse()
        fused = network(image)
    assert not any(isinstance(module, torch.nn.BatchNorm2d) for module in network.modules())
    torch.testing.assert_close(fused, plain, atol=1e-4, rtol=1e-4)


def test_every_weight_takes_part() -> None:
    """A gradient reaches every parameter."""
    network = UNet(**SMALL)
    network(torch.randn(2, 2, 32, 32)).square().mean().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in network.parameters())


@pytest.mark.parametrize("architecture", ["", "UNet", "os.system", "torch.nn.Linear"])
def test_other_names_are_refused(architecture: str) -> None:
    """Only names of the list build anything."""
    with pytest.raises(ValueError, match="allowed is 'unet'"):
        build(architecture, SMALL)


@pytest.mark.parametrize("arguments", [{}, {**SMALL, "extra": 1}])
def test_other_arguments_are_refused(arguments: dict[str, int]) -> None:
    """Too few or too many arguments are refused."""
    with pytest.raises(ValueError, match="takes in_channels, classes, channels, depth"):
        build("unet", arguments)


@pytest.mark.parametrize(("name", "value"), [("channels", 10**9), ("depth", 60), ("classes", 1), ("in_channels", 0)])
def test_sizes_out_of_range_are_refused(name: str, value: int) -> None:
    """A card cannot make the machine reserve all its memory."""
    with pytest.raises(ValueError, match=f"{name} is {value}; allowed is"):
        build("unet", {**SMALL, name: value})
