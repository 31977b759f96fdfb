"""Networks of MONAI, in 2D, with batch normalisation throughout.

Instance and group normalisation, MONAI's own choice, measure each tile by itself, so that a pixel's class would depend on
how the slice was cut. Batch normalisation is frozen in prediction.
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
"""Levels of ``BasicUNet`` below the first, which cannot be chosen."""
TOKEN = 16
"""Side in pixels of what UNETR's transformer takes as one token."""
HEAD_CHANNELS = 64
OVERLAP = 0.5
"""Share by which the windows of a transformer overlap in prediction."""


class OnGrid(nn.Module):
    """A network whose images must be multiples of ``stride`` pixels, and which looks ``strides`` of these far around a place."""

    def __init__(self, network: nn.Module, stride: int, strides: int = 0) -> None:
        super().__init__()
        self.network, self.stride = network, stride
        self.reach = max(LEAST_REACH, strides * stride)

    def forward(self, image: Tensor) -> Tensor:
        """Class scores before softmax, ``(B, classes, H, W)``, of an image ``(B, in_channels, H, W)``."""
        return torch.as_tensor(self.network(image))


class InWindows(OnGrid):
    """A network that takes images of one size: others are put together from windows that overlap and fade into each other.

    What lies in another window is not seen, so a pixel depends a little on where the tile began.
    """

    def __init__(self, network: nn.Module, stride: int, window: int) -> None:
        super().__init__(network, stride)
        self.window = window

    def forward(self, image: Tensor) -> Tensor:
        """As of :class:`OnGrid`."""
        if image.shape[-2:] == (self.window, self.window):
            return super().forward(image)
        whole = sliding_window_inference(image, (self.window,) * 2, 1, super().forward, overlap=OVERLAP, mode="gaussian")
        return torch.as_tensor(whole)


def basic_unet(in_channels: int, classes: int, channels: int) -> nn.Module:
    """``BasicUNet`` in its usual proportions; the first two levels are equally wide."""
    widths = (channels, *_widths(channels, BASIC_LEVELS - 1), channels)
    return OnGrid(BasicUNet(2, in_channels, classes, widths, norm="batch", bias=False), 2**BASIC_LEVELS, 6)


def unet(in_channels: int, classes: int, channels: int, depth: int) -> nn.Module:
    """``UNet`` with residual units; its first convolution halves the image already."""
    network = MonaiUNet(2, in_channels, classes, _widths(channels, depth), [2] * depth, num_res_units=2, norm="batch")
    return OnGrid(network, 2**depth, 6)


def dyn_unet(in_channels: int, classes: int, channels: int, depth: int) -> nn.Module:
    """``DynUNet``, the network of nnU-Net, without deep supervision."""
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
    return OnGrid(nn.Sequential(made.skip_layers, made.output_block), 2**depth, 5)  # the rest of it names these weights again


def seg_res_net(in_channels: int, classes: int, channels: int, depth: int) -> nn.Module:
    """``SegResNet``, two residual blocks at each level below the first and four at the lowest."""
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
    """``AttentionUnet``, whose skips are gated by what comes from below."""
    network = AttentionUnet(2, in_channels, classes, _widths(channels, depth), [2] * depth)
    return OnGrid(_batch_normalised(network), 2**depth, 4)


def unetr(in_channels: int, classes: int, channels: int, window: int) -> nn.Module:
    """``UNETR``, a transformer over the whole of one window, with a decoder of convolutions.

    Raises
    ------
    ValueError
        If the window is no multiple of the tokens.
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
    """Where a network of MONAI's does not let its normalisation be chosen."""
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
