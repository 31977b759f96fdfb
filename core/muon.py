"""Muon: steps of a convolution that move all of its directions alike, so that a short training learns more.

The step of each weight matrix is its averaged gradient with all singular values brought near 1 (Jordan et al. 2024,
"Muon: an optimizer for hidden layers in neural networks"). PyTorch's own Muon takes matrices only, not convolutions. The
Newton-Schulz iteration runs here on the small square matrix ``G G^T``, which gives the same at a third of the cost.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import AdamW

MOMENTUM = 0.9
WIDEST = 192
"""Weights with more output channels are left to AdamW: the iteration grows with their cube."""
STEPS = 4
_CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
_TRANSPOSED = (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)
_COEFFICIENTS = (3.4445, -4.7750, 2.0315)
"""Of a polynomial that lifts small singular values quickly; it leaves them between about 0.7 and 1.2, which is enough."""


def orthogonalised(gradient: Tensor, steps: int = STEPS) -> Tensor:
    """The nearest matrix, roughly, whose rows (or columns, if there are fewer) are orthonormal.

    Parameters
    ----------
    gradient
        Float32 ``(M, N)``; of any scale, and 0 gives 0.
    steps
        Iterations: each brings small singular values some 3.4 times nearer to 1.
    """
    a, b, c = _COEFFICIENTS
    flat = gradient.T if gradient.shape[0] > gradient.shape[1] else gradient
    flat = flat / (flat.norm() + 1e-7)
    short = flat.to(torch.bfloat16)
    square = (short @ short.T).float()  # (m, m), m = min(M, N)
    product: Tensor | None = None
    for step in range(steps):
        factor = b * square + c * (square @ square)
        factor.diagonal().add_(a)
        product = factor if product is None else factor @ product
        if step < steps - 1:
            square = factor @ factor @ square
            square = (square + square.T) / 2  # symmetric but for rounding, which would grow
    result = flat if product is None else (product.to(torch.bfloat16) @ short).float()
    return result.T if gradient.shape[0] > gradient.shape[1] else result


class Muon(AdamW):
    """Muon for convolutions and linear layers but the first of a network, AdamW for everything else.

    Parameters
    ----------
    network
        What is trained.
    lr
        Learning rate of Muon.
    adam_lr
        Learning rate of AdamW.
    weight_decay
        Of weights; biases and normalisations have none.
    fused
        AdamW's own.
    others
        Parameters that are not of the network, for AdamW; they have no weight decay.
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
        """One step of both; ``closure`` computes loss and gradients."""
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
        for weight in group["params"]:
            if weight.grad is None:
                continue
            state = self.state[weight]
            if not state:
                state["step"] = torch.zeros(())  # unused here, but AdamW looks for it in whatever state it loads
                state["momentum"] = torch.zeros_like(weight)
            momentum = state["momentum"].lerp_(weight.grad, 1 - MOMENTUM)
            ahead = weight.grad.lerp(momentum, MOMENTUM)  # Nesterov's
            if group["transposed"]:
                ahead = ahead.transpose(0, 1)
            matrix = ahead.reshape(len(ahead), -1)  # a row for each output channel
            longer = max(1.0, matrix.shape[0] / matrix.shape[1]) ** 0.5
            turn = orthogonalised(matrix).reshape(ahead.shape)
            weight.mul_(1 - group["lr"] * group["weight_decay"])
            weight.add_(turn.transpose(0, 1) if group["transposed"] else turn, alpha=-group["lr"] * longer)


def split(network: nn.Module) -> tuple[list[nn.Parameter], list[nn.Parameter], list[nn.Parameter], list[nn.Parameter]]:
    """Sort the parameters of a network, in its order.

    Returns
    -------
    matrices, transposed
        For Muon: weights of convolutions and linear layers, and of transposed convolutions, whose first axis is that of
        the input. Neither the first of the network, nor the widest, nor those of convolutions in groups.
    rest
        Everything else of two axes or more, such as embeddings.
    vectors
        Of one axis or none.
    """
    given, maps = list(network.parameters()), dict(_maps(network))
    ordered = [p for p in given if p in maps]
    inner = [p for p in ordered[1:] if p.shape[maps[p]] <= WIDEST]
    matrices, transposed = ([p for p in inner if maps[p] == axis] for axis in (0, 1))
    chosen = set(inner)
    return matrices, transposed, [p for p in given if p.ndim > 1 and p not in chosen], [p for p in given if p.ndim <= 1]


def _maps(network: nn.Module) -> Iterator[tuple[Tensor, int]]:
    """Weights that map channels to channels, and which of their axes is that of the output."""
    for module in network.modules():
        if isinstance(module, _TRANSPOSED) and module.groups == 1:
            yield module.weight, 1
        elif isinstance(module, nn.Linear) or (isinstance(module, _CONVOLUTIONS) and module.groups == 1):
            yield module.weight, 0
