"""Muon: steps of a convolution that move all of its directions alike, so that a short training learns more.

The step of each weight matrix is its averaged gradient with all singular values brought near 1 (Jordan et al. 2024,
"Muon: an optimizer for hidden layers in neural networks"). PyTorch's own Muon takes matrices only, not convolutions. The
Newton-Schulz iteration runs here on the small square matrix ``G G^T``, which gives the same at a third of the cost.
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
"""Weights with more output channels are left to AdamW: the iteration grows with their cube."""
STEPS = 4
"""Iterations: each brings small singular values some 3.4 times nearer to 1."""
_CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
_TRANSPOSED = (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)
_COEFFICIENTS = (3.4445, -4.7750, 2.0315)
"""Of a polynomial that lifts small singular values quickly; it leaves them between about 0.7 and 1.2, which is enough."""


def orthogonalised(gradients: Sequence[Tensor]) -> list[Tensor]:
    """For each the nearest matrix, roughly, whose rows (or columns, if there are fewer) are orthonormal.

    Parameters
    ----------
    gradients
        Each float32 ``(M, N)``; of any scale, and 0 gives 0.
    """
    flats = [gradient.T if _is_tall(gradient) else gradient for gradient in gradients]
    flats = [flat / (flat.norm() + 1e-7) for flat in flats]
    shorts = [flat.to(_dtype(flat)) for flat in flats]
    multipliers = _multipliers([(short @ short.T).float() for short in shorts])
    found = [(one.to(short.dtype) @ short).float() for one, short in zip(multipliers, shorts, strict=True)]
    return [one.T if _is_tall(gradient) else one for one, gradient in zip(found, gradients, strict=True)]


def _dtype(matrix: Tensor) -> torch.dtype:
    """Of the large products: bfloat16 where the hardware has it; elsewhere it would be emulated, and slower."""
    return torch.bfloat16 if has_bfloat16(matrix.device.type) else torch.float32


def _is_tall(matrix: Tensor) -> bool:
    return matrix.shape[0] > matrix.shape[1]


def _multipliers(squares: Sequence[Tensor]) -> list[Tensor]:
    """What each ``G`` is to be multiplied with, given ``G G^T``, float32 ``(m, m)``.

    Those of one size are computed together: on a GPU a call costs more than what it computes.
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
    """The Newton-Schulz iteration of ``(k, m, m)``."""
    product = factor = _polynomial(square)
    for _ in range(STEPS - 1):
        square = factor @ factor @ square
        square = (square + square.mT) / 2  # symmetric but for rounding, which would grow
        factor = _polynomial(square)
        product = factor @ product
    return product


def _polynomial(square: Tensor) -> Tensor:
    a, b, c = _COEFFICIENTS
    factor = b * square + c * (square @ square)
    factor.diagonal(dim1=-2, dim2=-1).add_(a)
    return factor


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
        """The averaged gradient of a weight, a step ahead: Nesterov's."""
        assert weight.grad is not None
        state = self.state[weight]
        if not state:
            state["step"] = torch.zeros(())  # unused here, but AdamW looks for it in whatever state it loads
            state["momentum"] = torch.zeros_like(weight)
        momentum = state["momentum"].lerp_(weight.grad, 1 - MOMENTUM)
        return weight.grad.lerp(momentum, MOMENTUM)


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
