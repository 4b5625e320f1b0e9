"""The lung network: MONAI's residual U-Net, sized so that a CPU trains it in minutes."""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import nn

from isnet_cxr.data.errors import InputError
from isnet_cxr.data.ranges import require
from isnet_cxr.segmentation.unet import ResidualUNet

KIND = "lung-segmenter"  # of its model package


@dataclass(frozen=True)
class NetworkSettings:
    """Shape of the U-Net.

    Attributes:
        channels: Feature maps of each level; every level after the first halves the resolution.
            With six levels the deepest sees the whole image, and so tells lung from other air.
        residual_units: Convolutions inside each residual block; 0 makes plain blocks.
        norm: ``batch`` is the faster on CPUs, ``instance`` also serves batches of one or two
            images.
    """

    channels: tuple[int, ...] = (16, 32, 64, 128, 256, 256)
    residual_units: int = 2
    norm: Literal["batch", "instance"] = "batch"

    def __post_init__(self) -> None:
        """Refuse shapes that are no U-Net.

        Raises:
            InputError: If there are fewer than two levels, or a number is out of range.
        """
        if len(self.channels) < 2:  # noqa: PLR2004
            raise InputError(f"channels: expected at least two levels, got {self.channels}")
        require("channels", min(self.channels), at_least=1)
        require("residual_units", self.residual_units, at_least=0)

    @property
    def divisor(self) -> int:
        """What height and width of an image must be multiples of, in px."""
        return int(2 ** (len(self.channels) - 1))


def build_network(settings: NetworkSettings, *, seed: int) -> nn.Module:
    """Build MONAI's network for training: images (B, 1, S, S) to logits of "lung".

    Args:
        settings: Shape of the network.
        seed: Source of the first weights; torch's global generator is left as it was.
    """
    from monai.networks.nets import UNet  # noqa: PLC0415  ten seconds, only where one is trained

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network: nn.Module = UNet(
            spatial_dims=2,
            in_channels=1,
            out_channels=1,
            channels=settings.channels,
            strides=(2,) * (len(settings.channels) - 1),
            num_res_units=settings.residual_units,
            norm=settings.norm,
        )
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # faster on CPUs
    return network


def build_runtime_network(settings: NetworkSettings) -> nn.Module:
    """Build the same network without MONAI, for trained weights to be loaded into."""
    network: nn.Module = ResidualUNet(
        settings.channels, residual_units=settings.residual_units, norm=settings.norm
    )
    return network.to(memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]
