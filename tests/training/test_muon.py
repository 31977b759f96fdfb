"""Muon equalises singular values, leaves the right weights to AdamW, and restores its state."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from core.training.learning import muon
from core.training.learning.muon import WIDEST, Muon, orthogonalised, split


def network() -> nn.Sequential:
    """Three convolutions with a normalisation between them."""
    torch.manual_seed(3)
    return nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.Conv2d(4, 8, 3), nn.Conv2d(8, 2, 1))


def train(net: nn.Module, optimiser: Muon, steps: int) -> float:
    """Learn to predict the sum of each patch; return the last loss."""
    generator = torch.Generator().manual_seed(5)
    for _ in range(steps):
        patch = torch.randn(8, 1, 9, 9, generator=generator)
        loss = ((net(patch).mean(dim=(1, 2, 3)) - patch.mean(dim=(1, 2, 3))) ** 2).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return float(loss.detach())


@pytest.mark.parametrize("shape", [(8, 30), (30, 8), (16, 16), (1, 9)])
@pytest.mark.parametrize("scale", [1e-8, 1.0, 1e6])
def test_all_directions_of_a_step_are_about_as_long(shape: tuple[int, int], scale: float) -> None:
    """Singular values a hundredfold apart end between 0.5 and 1.3 at any scale; singular vectors stay."""
    torch.manual_seed(1)
    u, _, v = torch.linalg.svd(torch.randn(shape), full_matrices=False)
    values = torch.logspace(0, -1, len(v))
    (turned,) = orthogonalised([scale * (u * values) @ v])
    left = u.T @ turned @ v.T
    assert turned.shape == shape
    assert float(left.diagonal().min()) > 0.5
    assert float(left.diagonal().max()) < 1.3
    assert float((left - left.diagonal().diag()).abs().max()) < 0.05


@pytest.mark.parametrize("hardware", [True, False])
def test_large_products_are_bfloat16_only_where_the_hardware_has_it(hardware: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """bfloat16 is never emulated, and gives the same result except for rounding."""
    torch.manual_seed(1)
    gradient = torch.randn(8, 30)
    (usual,) = orthogonalised([gradient])
    monkeypatch.setattr(muon, "has_bfloat16", lambda kind: hardware)
    (turned,) = orthogonalised([gradient])
    assert torch.equal(turned, turned.bfloat16().float()) is hardware
    assert torch.allclose(turned, usual, atol=0.01)


def test_no_gradient_is_no_step() -> None:
    """A gradient of 0 gives a step of 0, not NaN."""
    assert (orthogonalised([torch.zeros(4, 9)])[0] == 0).all()


def test_each_of_several_is_turned_as_if_it_were_alone() -> None:
    """Weights of any shapes, computed together, get the same steps as alone."""
    torch.manual_seed(2)
    given = [torch.randn(8, 30), torch.zeros(8, 9), 1e4 * torch.randn(30, 8), torch.randn(5, 30), torch.randn(8, 8)]
    for alone, together in zip(given, orthogonalised(given), strict=True):
        assert torch.allclose(orthogonalised([alone])[0], together, atol=1e-3)
        assert together.shape == alone.shape


def test_all_convolutions_but_the_first_are_muons() -> None:
    """AdamW trains the first weight, very wide weights, and parameters other than matrices."""
    wide = nn.Conv2d(8, WIDEST + 1, 1)
    net = nn.Sequential(*network()[:3], wide, nn.Conv2d(WIDEST + 1, 2, 1))
    inner, transposed, rest, vectors = split(net)
    assert [id(p) for p in inner] == [id(net[2].weight), id(net[4].weight)]
    assert {id(p) for p in rest} == {id(net[0].weight), id(wide.weight)}
    assert transposed == []
    assert len(vectors) == 6
    assert split(nn.Linear(3, 2))[0] == []


class Mixed(nn.Module):
    """One weight of every kind after a convolution."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(1, 4, 3)
        self.place = nn.Parameter(torch.zeros(1, 4, 5))
        self.lift = nn.ConvTranspose2d(4, 2, 2, stride=2, bias=False)
        self.linear = nn.Linear(4, 6, bias=False)
        self.deep = nn.Conv3d(4, 3, 3, bias=False)
        self.grouped = nn.Conv2d(4, 4, 3, groups=4, bias=False)
        self.words = nn.Embedding(7, 3)


def test_only_maps_from_channels_to_channels_are_muons() -> None:
    """Muon trains linear layers and convolutions; AdamW trains embeddings and grouped convolutions."""
    net = Mixed()
    matrices, transposed, rest, _ = split(net)
    assert [id(p) for p in matrices] == [id(net.linear.weight), id(net.deep.weight)]
    assert [id(p) for p in transposed] == [id(net.lift.weight)]
    assert {id(p) for p in rest} == {id(p) for p in (net.first.weight, net.place, net.grouped.weight, net.words.weight)}


def test_a_transposed_convolution_turns_as_the_convolution_that_it_transposes() -> None:
    """The step of a transposed convolution is orthogonal by output channel, its second axis."""
    net = nn.Sequential(nn.Conv2d(1, 3, 1), nn.ConvTranspose2d(3, 2, 2, stride=2, bias=False), nn.Conv2d(2, 2, 1))
    weight = net[1].weight
    before = weight.detach().clone()
    weight.grad = torch.randn_like(weight)
    optimiser = Muon(net, lr=1.0, adam_lr=1e-3, weight_decay=0.0)
    optimiser.step()
    step = (before - weight.detach()).transpose(0, 1).reshape(2, -1)
    values = torch.linalg.svdvals(step)
    assert float(values.min()) > 0.5
    assert float(values.max()) < 1.3


def test_it_learns() -> None:
    """The loss of a simple task falls to a fifth in 200 steps."""
    net = network()
    optimiser = Muon(net, lr=0.02, adam_lr=2e-3)
    before = train(net, optimiser, 1)
    assert train(net, optimiser, 200) < before / 5


def test_every_rate_follows_the_schedule() -> None:
    """The learning rates of Muon and AdamW fall together."""
    optimiser = Muon(network(), lr=0.04, adam_lr=2e-3)
    optimiser.set_share(0.5)
    assert [group["lr"] for group in optimiser.param_groups] == [0.02, 1e-3, 1e-3]


def test_a_resumed_training_goes_on_as_if_nothing_had_happened() -> None:
    """The state holds Muon's momentum and AdamW's averages."""
    whole, halves = network(), network()
    train_whole = Muon(whole, lr=0.02, adam_lr=2e-3)
    first = Muon(halves, lr=0.02, adam_lr=2e-3)
    train(whole, train_whole, 5)
    train(whole, train_whole, 5)
    train(halves, first, 5)
    second = Muon(halves, lr=0.02, adam_lr=2e-3)
    second.load_state_dict(first.state_dict())
    train(halves, second, 5)
    for a, b in zip(whole.parameters(), halves.parameters(), strict=True):
        torch.testing.assert_close(a, b)


def test_steps_of_a_closure_are_taken_too() -> None:
    """A step accepts a closure for the loss, as Lightning calls it."""
    net = network()
    optimiser = Muon(net, lr=0.02, adam_lr=2e-3)
    before = [p.detach().clone() for p in net.parameters()]

    def closure() -> torch.Tensor:
        optimiser.zero_grad()
        loss = net(torch.ones(2, 1, 9, 9)).square().mean()
        loss.backward()
        return loss

    assert float(optimiser.step(closure).detach()) > 0
    assert any((a != b).any() for a, b in zip(before, net.parameters(), strict=True))
