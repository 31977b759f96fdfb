"""MONAI's networks in 2D, with batch normalisation throughout.

MONAI's default, instance or group normalisation, measures each tile separately. A pixel's class would then depend on the
division into tiles. Batch normalisation is frozen in prediction.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from monai.inferers import sliding_window_inference
from monai.networks.nets import UNETR, AttentionUnet, BasicUNet, DynUNet, SegResNet
from monai.networks.nets import UNet as MonaiUNet
from torch import Tensor, nn

from core.config import Architecture
from core.models.networks.unet import LEAST_REACH

BASIC_LEVELS = 4
"""Fixed number of levels of ``BasicUNet`` below the first."""
TOKEN = 16
"""Side in pixels of one token of UNETR's transformer."""
HEAD_CHANNELS = 64
OVERLAP = 0.5
"""Overlap of a transformer's windows in prediction, as a share of the window."""


class OnGrid(nn.Module):
    """A network for images with sides in multiples of ``stride`` pixels and a reach of ``strides`` strides."""

    def __init__(self, network: nn.Module, stride: int, strides: int = 0) -> None:
        super().__init__()
        self.network, self.stride = network, stride
        self.reach = max(LEAST_REACH, strides * stride)

    def forward(self, image: Tensor) -> Tensor:
        """Map an image ``(B, in_channels, H, W)`` to class scores before softmax, ``(B, classes, H, W)``."""
        return torch.as_tensor(self.network(image))


class InWindows(OnGrid):
    """A network for images of one size; larger images are blended from overlapping windows.

    A window has no information from the next, so a pixel depends slightly on the start of its tile.
    """

    def __init__(self, network: nn.Module, stride: int, window: int) -> None:
        super().__init__(network, stride)
        self.window = window

    def forward(self, image: Tensor) -> Tensor:
        """Return class scores as :class:`OnGrid` does."""
        if image.shape[-2:] == (self.window, self.window):
            return super().forward(image)
        whole = sliding_window_inference(image, (self.window,) * 2, 1, super().forward, overlap=OVERLAP, mode="gaussian")
        return torch.as_tensor(whole)


def basic_unet(in_channels: int, classes: int, channels: int) -> nn.Module:
    """Build ``BasicUNet`` in its usual proportions; the first two levels are equally wide."""
    widths = (channels, *_widths(channels, BASIC_LEVELS - 1), channels)
    return OnGrid(BasicUNet(2, in_channels, classes, widths, norm="batch", bias=False), 2**BASIC_LEVELS, 6)


def unet(in_channels: int, classes: int, channels: int, depth: int) -> nn.Module:
    """Build ``UNet`` with residual units; its first convolution already halves the image."""
    network = MonaiUNet(2, in_channels, classes, _widths(channels, depth), [2] * depth, num_res_units=2, norm="batch")
    return OnGrid(network, 2**depth, 6)


def dyn_unet(in_channels: int, classes: int, channels: int, depth: int) -> nn.Module:
    """Build ``DynUNet``, the network of nnU-Net, without deep supervision."""
    made = DynUNet(
        2,
        in_channels,
        classes,
        kernel_size=[3] * (depth + 1),
        strides=[1] + [2] * depth,
        upsample_kernel_size=[2] * depth,
        filters=_widths(channels, depth),
        norm_name="batch",
    )
    return OnGrid(nn.Sequential(made.skip_layers, made.output_block), 2**depth, 5)  # its other modules only repeat these weights


def seg_res_net(in_channels: int, classes: int, channels: int, depth: int) -> nn.Module:
    """Build ``SegResNet`` with two residual blocks at each level below the first and four at the lowest."""
    network = SegResNet(
        2,
        channels,
        in_channels,
        classes,
        norm="batch",
        blocks_down=(1, *[2] * (depth - 1), 4),
        blocks_up=(1,) * depth,
    )
    return OnGrid(network, 2**depth, 16)


def attention_unet(in_channels: int, classes: int, channels: int, depth: int) -> nn.Module:
    """Build ``AttentionUnet``; deeper levels gate its skip connections."""
    network = AttentionUnet(2, in_channels, classes, _widths(channels, depth), [2] * depth)
    return OnGrid(_batch_normalised(network), 2**depth, 4)


def unetr(in_channels: int, classes: int, channels: int, window: int) -> nn.Module:
    """Build ``UNETR``, a transformer over a whole window with a convolutional decoder.

    Raises
    ------
    ValueError
        If the window is no multiple of ``TOKEN``.
    """
    if window % TOKEN:
        raise ValueError(f"window is {window}; allowed are multiples of {TOKEN}")
    heads = max(1, channels // 4)
    hidden = HEAD_CHANNELS * heads
    network = UNETR(
        in_channels,
        classes,
        window,
        feature_size=channels,
        hidden_size=hidden,
        mlp_dim=4 * hidden,
        num_heads=heads,
        norm_name="batch",
        spatial_dims=2,
    )
    return InWindows(network, TOKEN, window)


def _batch_normalised(network: nn.Module) -> nn.Module:
    """Replace instance by batch normalisation in a network without that option."""
    for module in list(network.modules()):
        for name, child in module.named_children():
            if isinstance(child, nn.InstanceNorm2d):
                setattr(module, name, nn.BatchNorm2d(child.num_features))
    return network


def _widths(channels: int, depth: int) -> list[int]:
    return [channels * 2**level for level in range(depth + 1)]


MAKERS: Mapping[str, Callable[..., nn.Module]] = {
    Architecture.MONAI_BASIC_UNET: basic_unet,
    Architecture.MONAI_UNET: unet,
    Architecture.MONAI_DYN_UNET: dyn_unet,
    Architecture.MONAI_SEG_RES_NET: seg_res_net,
    Architecture.MONAI_ATTENTION_UNET: attention_unet,
    Architecture.MONAI_UNETR: unetr,
}
