"""The lung network for run time, in plain torch: MONAI's residual U-Net without MONAI's imports.

Importing MONAI takes seconds, which a single prediction would wait for. The layers have the names
that MONAI's ``UNet`` gives them, so that trained weights load unchanged; a test holds both equal.
"""

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

Norm = Literal["batch", "instance"]


class ResidualUNet(nn.Module):
    """Maps images (B, 1, H, W), multiples of 2^(levels - 1), to logits of "lung", same shape."""

    def __init__(self, channels: Sequence[int], *, residual_units: int, norm: Norm) -> None:
        """Build the network.

        Args:
            channels: Feature maps of each level, at least two; every level after the first halves
                the resolution.
            residual_units: Convolutions inside each residual block; 0 makes plain blocks.
            norm: Normalisation after each convolution.
        """
        super().__init__()
        self._units = residual_units
        self._norm: Norm = norm
        self.model = self._level(1, 1, channels, top=True)

    def forward(self, images: Tensor) -> Tensor:
        """Return logits of "lung", the shape of ``images``."""
        logits: Tensor = self.model(images)
        return logits

    def _level(self, before: int, after: int, channels: Sequence[int], *, top: bool) -> nn.Module:
        """Build a level and all below it: down, what lies below beside a skip, up."""
        here, below = channels[0], channels[1]
        inner: nn.Module
        if len(channels) == 2:  # noqa: PLR2004 - the lowest level is one block
            inner, joined = self._down(here, below, stride=1), here + below
        else:
            inner, joined = self._level(here, here, channels[1:], top=False), 2 * here
        down = self._down(before, here, stride=2)
        return nn.Sequential(down, _Skip(inner), self._up(joined, after, top=top))

    def _down(self, before: int, after: int, *, stride: int) -> nn.Module:
        if self._units:
            return _Residual(before, after, stride=stride, units=self._units, norm=self._norm)
        convolution = nn.Conv2d(before, after, 3, stride=stride, padding=1)
        return _block(convolution, after, self._norm)

    def _up(self, before: int, after: int, *, top: bool) -> nn.Module:
        enlarge = nn.ConvTranspose2d(before, after, 3, stride=2, padding=1, output_padding=1)
        plain = top and not self._units
        convolution = _block(enlarge, after, None if plain else self._norm)
        if not self._units:
            return convolution
        return nn.Sequential(
            convolution, _Residual(after, after, stride=1, units=1, norm=self._norm, bare=top)
        )


def fold_norms(network: nn.Module) -> nn.Module:
    """Fold every batch norm of a ``ResidualUNet`` into the convolution before it, in place.

    In evaluation mode, a norm is one more multiplication by constants: folded, it takes no time.
    What follows writes its result where it read, which spares the system a fresh piece of memory.

    Returns:
        The network, in evaluation mode: the same function, not to be trained any more.
    """
    for block in network.eval().modules():
        after = getattr(block, "adn", None)
        if after is None:
            continue
        after.A = nn.LeakyReLU(after.A.weight.item(), inplace=True)
        if not isinstance(after.N, nn.BatchNorm2d):
            continue
        if isinstance(block.conv, nn.ConvTranspose2d):
            block.conv = fuse_conv_bn_eval(block.conv, after.N, transpose=True)
        elif isinstance(block.conv, nn.Conv2d):
            block.conv = fuse_conv_bn_eval(block.conv, after.N)
        del after.N
    return network


class _Skip(nn.Module):
    """What comes in, beside what the levels below make of it."""

    def __init__(self, submodule: nn.Module) -> None:
        super().__init__()
        self.submodule = submodule

    def forward(self, features: Tensor) -> Tensor:
        return torch.cat([features, self.submodule(features)], dim=1)


class _Residual(nn.Module):
    """Convolutions and a way past them; ``bare`` leaves the last one without norm and PReLU."""

    def __init__(
        self, before: int, after: int, *, stride: int, units: int, norm: Norm, bare: bool = False
    ) -> None:
        super().__init__()
        self.conv = nn.Sequential()
        for number in range(units):
            first, last = number == 0, number == units - 1
            convolution = nn.Conv2d(
                before if first else after, after, 3, stride=stride if first else 1, padding=1
            )
            block = _block(convolution, after, None if bare and last else norm)
            self.conv.add_module(f"unit{number}", block)
        self.residual: nn.Module = nn.Identity()
        if stride > 1:
            self.residual = nn.Conv2d(before, after, 3, stride=stride, padding=1)
        elif before != after:
            self.residual = nn.Conv2d(before, after, 1)

    def forward(self, features: Tensor) -> Tensor:
        passed: Tensor = self.residual(features)
        convolved: Tensor = self.conv(features)
        return convolved.add_(passed)


def _block(convolution: nn.Module, channels: int, norm: Norm | None) -> nn.Sequential:
    """Follow a convolution with norm and PReLU; with nothing where ``norm`` is None."""
    block = nn.Sequential()
    block.add_module("conv", convolution)
    if norm is not None:
        after = nn.Sequential()
        kind = nn.BatchNorm2d if norm == "batch" else nn.InstanceNorm2d
        after.add_module("N", kind(channels))
        after.add_module("A", nn.PReLU())
        block.add_module("adn", after)
    return block
