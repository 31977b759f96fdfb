"""Muon for convolutions: equal steps along all singular directions of a weight, for faster learning in a short training.

The step of each weight matrix is its averaged gradient with all singular values brought near 1 (Jordan et al. 2024,
"Muon: an optimizer for hidden layers in neural networks"). PyTorch's own Muon takes matrices only, not convolutions. Here
the Newton-Schulz iteration runs on the small square matrix ``G G^T``: the same result at a third of the cost.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import AdamW

from core.models.device import has_bfloat16

MOMENTUM = 0.9
WIDEST = 192
"""Largest number of output channels for Muon; AdamW takes the rest, because the iteration's cost grows with the cube."""
STEPS = 4
"""Iterations; each multiplies small singular values by about 3.4."""
_CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
_TRANSPOSED = (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)
_COEFFICIENTS = (3.4445, -4.7750, 2.0315)
"""Coefficients of a polynomial to raise small singular values quickly; they end between about 0.7 and 1.2, near enough to 1."""


def orthogonalised(gradients: Sequence[Tensor]) -> list[Tensor]:
    """Return for each matrix roughly the nearest one with orthonormal rows (or columns, if fewer).

    Parameters
    ----------
    gradients
        Matrices float32 ``(M, N)`` of any scale; 0 gives 0.
    """
    flats = [gradient.T if _is_tall(gradient) else gradient for gradient in gradients]
    flats = [flat / (flat.norm() + 1e-7) for flat in flats]
    shorts = [flat.to(_dtype(flat)) for flat in flats]
    multipliers = _multipliers([(short @ short.T).float() for short in shorts])
    found = [(one.to(short.dtype) @ short).float() for one, short in zip(multipliers, shorts, strict=True)]
    return [one.T if _is_tall(gradient) else one for one, gradient in zip(found, gradients, strict=True)]


def _dtype(matrix: Tensor) -> torch.dtype:
    """Return the dtype of the large products: bfloat16 if the hardware has it, else float32, faster than emulation."""
    return torch.bfloat16 if has_bfloat16(matrix.device.type) else torch.float32


def _is_tall(matrix: Tensor) -> bool:
    return matrix.shape[0] > matrix.shape[1]


def _multipliers(squares: Sequence[Tensor]) -> list[Tensor]:
    """Return the factor to orthogonalise each ``G``, given ``G G^T``, float32 ``(m, m)``.

    Matrices of one size are computed together: on a GPU the overhead of a call exceeds the computation.
    """
    by_size: dict[int, list[int]] = {}
    for number, square in enumerate(squares):
        by_size.setdefault(len(square), []).append(number)
    found: dict[int, Tensor] = {}
    for numbers in by_size.values():
        together = _iterated(torch.stack([squares[number] for number in numbers]))
        found.update(zip(numbers, together, strict=True))
    return [found[number] for number in range(len(squares))]


def _iterated(square: Tensor) -> Tensor:
    """Run the Newton-Schulz iteration on ``(k, m, m)``."""
    product = factor = _polynomial(square)
    for _ in range(STEPS - 1):
        square = factor @ factor @ square
        square = (square + square.mT) / 2  # keep it symmetric: rounding errors would grow
        factor = _polynomial(square)
        product = factor @ product
    return product


def _polynomial(square: Tensor) -> Tensor:
    a, b, c = _COEFFICIENTS
    factor = b * square + c * (square @ square)
    factor.diagonal(dim1=-2, dim2=-1).add_(a)
    return factor


class Muon(AdamW):
    """Muon for convolutions and linear layers except the first of a network, AdamW for everything else.

    Parameters
    ----------
    network
        The network to train.
    lr
        Learning rate of Muon.
    adam_lr
        Learning rate of AdamW.
    weight_decay
        Weight decay of weights; biases and normalisations have none.
    fused
        Passed to AdamW.
    others
        Parameters outside the network, for AdamW; they have no weight decay.
    """

    def __init__(
        self,
        network: nn.Module,
        *,
        lr: float,
        adam_lr: float,
        weight_decay: float = 1e-2,
        fused: bool = False,
        others: Iterable[nn.Parameter] = (),
    ) -> None:
        matrices, turned, rest, vectors = split(network)
        muon = {"muon": True, "lr": lr, "peak": lr, "weight_decay": weight_decay}
        groups = [
            {"params": matrices, "transposed": False, **muon},
            {"params": turned, "transposed": True, **muon},
            {"params": rest, "muon": False, "lr": adam_lr, "peak": adam_lr, "weight_decay": weight_decay},
            {"params": vectors, "muon": False, "lr": adam_lr, "peak": adam_lr, "weight_decay": 0.0},
            {"params": list(others), "muon": False, "lr": adam_lr, "peak": adam_lr, "weight_decay": 0.0},
        ]
        super().__init__([group for group in groups if group["params"]], fused=fused)

    def set_share(self, share: float) -> None:
        """Set every learning rate to a share of its peak."""
        for group in self.param_groups:
            group["lr"] = group["peak"] * share

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Do one step of both optimisers; ``closure`` computes loss and gradients."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        groups = self.param_groups
        for group in groups:
            if group["muon"]:
                self._turn(group)
        try:
            self.param_groups = [group for group in groups if not group["muon"]]
            super().step()
        finally:
            self.param_groups = groups
        return loss

    def _turn(self, group: dict[str, Any]) -> None:
        weights = [weight for weight in group["params"] if weight.grad is not None]
        ahead = [self._ahead(weight) for weight in weights]
        if group["transposed"]:
            ahead = [one.transpose(0, 1) for one in ahead]
        matrices = [one.reshape(len(one), -1) for one in ahead]  # a row for each output channel
        for weight, one, turned in zip(weights, ahead, orthogonalised(matrices), strict=True):
            longer = max(1.0, turned.shape[0] / turned.shape[1]) ** 0.5
            turn = turned.reshape(one.shape)
            weight.mul_(1 - group["lr"] * group["weight_decay"])
            weight.add_(turn.transpose(0, 1) if group["transposed"] else turn, alpha=-group["lr"] * longer)

    def _ahead(self, weight: Tensor) -> Tensor:
        """Return the Nesterov momentum of a weight: its averaged gradient, one step ahead."""
        assert weight.grad is not None
        state = self.state[weight]
        if not state:
            state["step"] = torch.zeros(())  # unused here, but AdamW expects it in every state it loads
            state["momentum"] = torch.zeros_like(weight)
        momentum = state["momentum"].lerp_(weight.grad, 1 - MOMENTUM)
        return weight.grad.lerp(momentum, MOMENTUM)


def split(network: nn.Module) -> tuple[list[nn.Parameter], list[nn.Parameter], list[nn.Parameter], list[nn.Parameter]]:
    """Sort the parameters of a network by optimiser, in their order in the network.

    Returns
    -------
    matrices, transposed
        For Muon: weights of convolutions and linear layers, and of transposed convolutions (first axis: input channels).
        Left out are the first weight of the network, those wider than ``WIDEST``, and those of grouped convolutions.
    rest
        All others with two axes or more, such as embeddings.
    vectors
        Parameters with one axis or none.
    """
    given, maps = list(network.parameters()), dict(_maps(network))
    ordered = [p for p in given if p in maps]
    inner = [p for p in ordered[1:] if p.shape[maps[p]] <= WIDEST]
    matrices, transposed = ([p for p in inner if maps[p] == axis] for axis in (0, 1))
    chosen = set(inner)
    return matrices, transposed, [p for p in given if p.ndim > 1 and p not in chosen], [p for p in given if p.ndim <= 1]


def _maps(network: nn.Module) -> Iterator[tuple[Tensor, int]]:
    """Yield the weights of layers from channels to channels, each with its axis of output channels."""
    for module in network.modules():
        if isinstance(module, _TRANSPOSED) and module.groups == 1:
            yield module.weight, 1
        elif isinstance(module, nn.Linear) or (isinstance(module, _CONVOLUTIONS) and module.groups == 1):
            yield module.weight, 0
