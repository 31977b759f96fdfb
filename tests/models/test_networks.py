"""The list of architectures, the guarantees of every network, and those of the U-Nets."""

from __future__ import annotations

import sys

import pytest
import torch
from torch import nn
from torch.nn import functional

from core.config import Architecture, TrainConfig
from core.errors import NetworkError
from core.models.networks import LIMITS, MAY_LEAVE_UNUSED, arguments, build, completed
from core.models.networks.unet import UNet
from core.models.networks.unet3d import joined
from core.training.learning.muon import split

SMALL = {"in_channels": 2, "classes": 3, "channels": 4, "depth": 2}


def small(architecture: str) -> nn.Module:
    """A narrow network of two channels and three classes."""
    torch.manual_seed(0)
    if architecture == Architecture.MONAI_UNETR:
        pytest.importorskip("einops")
    neighbours = 1 if architecture == Architecture.UNET_3D else 0
    config = TrainConfig(architecture=architecture, patch=64, channels=4, depth=2, neighbours=neighbours)
    return build(architecture, arguments(config, 2, 3))


def test_scores_have_the_size_of_the_image() -> None:
    """An image of any multiple of the stride gets one score per class and pixel."""
    network = build("unet", SMALL)
    assert network(torch.zeros(2, 2, 24, 40)).shape == (2, 3, 24, 40)


@pytest.mark.parametrize("architecture", list(LIMITS))
def test_every_network_keeps_the_size_on_its_grid(architecture: str) -> None:
    """Every network gives one score per class and pixel, in training and prediction, and a gradient for every used weight."""
    network = small(architecture)
    channels = 6 if architecture == Architecture.UNET_3D else 2
    scores = network(torch.randn(2, channels, 64, 64))
    assert scores.shape == (2, 3, 64, 64)
    scores.square().mean().backward()
    assert architecture in MAY_LEAVE_UNUSED or all(p.grad is not None for p in network.parameters())
    assert sum(p.grad is not None for p in network.parameters()) > 0.85 * len(list(network.parameters()))
    with torch.inference_mode():
        shape = (64 + network.stride, 64 + 3 * network.stride)
        assert network.eval()(torch.randn(1, channels, *shape)).shape == (1, 3, *shape)


@pytest.mark.parametrize("architecture", list(LIMITS))
def test_no_network_measures_a_tile_by_itself(architecture: str) -> None:
    """Networks use batch normalisation only, frozen in prediction; transformers also normalise each token."""
    kinds = {type(m).__name__ for m in small(architecture).modules() if "Norm" in type(m).__name__} - {"ConvNorm"}
    assert kinds == {"BatchNorm2d"} | ({"LayerNorm"} if architecture == Architecture.MONAI_UNETR else set())


@pytest.mark.parametrize("architecture", list(LIMITS))
def test_most_of_a_network_is_in_muons_hands(architecture: str) -> None:
    """Muon updates most weights, including those of the head, but not those of the first convolution."""
    network = small(architecture)
    matrices, transposed, rest, _ = split(network)
    share = sum(p.numel() for p in matrices + transposed) / sum(p.numel() for p in network.parameters())
    assert share > 0.5
    outputs = {p.shape[0] for p in matrices} | {p.shape[1] for p in transposed}
    assert outputs & {3, 12}, "the scores' weight"  # of three classes, or of 2 x 2 pixels of each
    first = next(m for m in network.modules() if isinstance(m, nn.Conv2d | nn.Conv3d))
    assert any(p is first.weight for p in rest), "the image's weight"


def test_a_package_that_is_missing_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error names the missing package and its installation."""
    monkeypatch.setitem(sys.modules, "core.models.networks.monai_nets", None)
    monkeypatch.delattr("core.models.networks.monai_nets", raising=False)
    with pytest.raises(NetworkError, match=r"monai-unet needs .* not installed; install it with .*underpaint\[monai\]"):
        build("monai-unet", SMALL)


def test_the_window_of_a_transformer_is_whole_tokens() -> None:
    """The window of a transformer must be a multiple of its token."""
    with pytest.raises(ValueError, match="window is 100; allowed are multiples of 16"):
        build("monai-unetr", {"in_channels": 1, "classes": 2, "channels": 4, "window": 100})


def test_settings_become_arguments() -> None:
    """Neighbours multiply the channels, and an architecture gets only its own arguments."""
    config = TrainConfig(architecture="monai-dynunet", neighbours=2, channels=8, depth=3)
    assert arguments(config, 2, 5) == {"in_channels": 10, "classes": 5, "channels": 8, "depth": 3}
    basic = TrainConfig(architecture="monai-basicunet", channels=8)
    assert arguments(basic, 1, 2) == {"in_channels": 1, "classes": 2, "channels": 8}


def test_the_list_is_that_of_the_settings() -> None:
    """The settings offer every architecture of the list and a user-supplied network."""
    assert [*LIMITS, Architecture.OWN] == list(Architecture)


def test_the_stride_is_the_grid_of_the_lowest_level() -> None:
    """Depth 2 below a stem of 2 pixels gives a stride of 8."""
    assert UNet(**SMALL).stride == 8


@pytest.mark.parametrize(("local", "grid", "reach"), [(0, 8, 96), (32, 8, 96), (40, 40, 120), (256, 64, 768)])
def test_where_a_network_may_be_cut_and_how_far_it_looks(local: int, grid: int, reach: int) -> None:
    """Grid and reach follow the levels and the surroundings; the reach is at least 96 pixels."""
    network = UNet(**SMALL, local=local)
    assert (network.grid, network.reach) == (grid, reach)


def test_folding_the_normalisation_changes_nothing() -> None:
    """The fused network gives the same scores as the plain one."""
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


STACK = {"in_channels": 14, "classes": 3, "channels": 4, "depth": 4, "slices": 7}


@pytest.mark.parametrize("slices", [3, 5, 7])
def test_the_whole_stack_is_seen_and_the_middle_slice_labelled(slices: int) -> None:
    """Every slice of the stack influences a pixel of the middle slice."""
    network = build("unet-3d", {**STACK, "in_channels": 2 * slices, "slices": slices}).eval()
    image = torch.randn(1, 2 * slices, 64, 64, requires_grad=True)
    network(image)[0, :, 32, 32].sum().backward()
    assert image.grad is not None
    assert (image.grad.unflatten(1, (slices, 2)).abs().sum(dim=(0, 2, 3, 4)) > 0).all()


@pytest.mark.parametrize("flat", [1, 2, 3])
def test_slices_are_joined_below_the_flat_levels(flat: int) -> None:
    """Three slices are joined right below the flat levels; a card without their number has two."""
    network = build("unet-3d", {"in_channels": 3, "classes": 3, "channels": 4, "depth": 4, "slices": 3, "flat": flat})
    blocks = enumerate(network.down)  # type: ignore[arg-type]
    taken = [block.first.conv.in_channels // (4 * 2**level) for level, block in blocks]
    assert taken == [3 if level == flat else 1 for level in range(1, 5)]
    assert completed("unet-3d", {"slices": 3})["flat"] == 2


def test_joining_three_slices_is_a_convolution_in_3d() -> None:
    """Joining three slices gives the same numbers as PyTorch's 3D convolution."""
    x, weight = torch.randn(2 * 5, 4, 9, 9), torch.randn(6, 4, 3, 3, 3)
    expected = functional.conv3d(x.unflatten(0, (2, 5)).transpose(1, 2), weight, padding=(0, 1, 1))
    flat = weight.transpose(1, 2).reshape(6, 12, 3, 3)
    found = functional.conv2d(joined(x, 5), flat, padding=1).unflatten(0, (2, 3)).transpose(1, 2)
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"slices": 4}, "slices is 4"),
        ({"slices": 5}, "slices is 5"),
        ({"flat": 3}, "depth is 4; with 7 slices and 3 flat levels allowed is 5 or more"),
        ({"depth": 3}, "depth is 3; with 7 slices and 2 flat levels allowed is 4 or more"),
    ],
)
def test_stacks_that_do_not_fit_are_refused(changes: dict[str, int], message: str) -> None:
    """Stacks of an impossible size are refused, in a card too."""
    with pytest.raises(ValueError, match=message):
        build("unet-3d", STACK | changes)


@pytest.mark.parametrize("architecture", ["", "UNet", "os.system", "torch.nn.Linear"])
def test_other_names_are_refused(architecture: str) -> None:
    """Only the names in the list build a network."""
    with pytest.raises(ValueError, match="allowed is one of unet, unet-3d, monai-basicunet"):
        build(architecture, SMALL)


@pytest.mark.parametrize("arguments", [{}, {**SMALL, "extra": 1}])
def test_other_arguments_are_refused(arguments: dict[str, int]) -> None:
    """Too few or too many arguments are refused."""
    with pytest.raises(ValueError, match="takes in_channels, classes, channels, depth"):
        build("unet", arguments)


@pytest.mark.parametrize(("name", "value"), [("channels", 10**9), ("depth", 60), ("classes", 1), ("in_channels", 0)])
def test_sizes_out_of_range_are_refused(name: str, value: int) -> None:
    """Sizes out of range are refused, so a card cannot exhaust the machine's memory."""
    with pytest.raises(ValueError, match=f"{name} is {value}; allowed is"):
        build("unet", {**SMALL, name: value})
