"""The convolutions that the networks of the attention methods are built of."""

from torch import nn


def convolutions(before: int, after: int, *, count: int, halve: bool) -> nn.Sequential:
    """Stack 3 x 3 convolutions with batch norm and ReLU, behind max pooling if they are to halve.

    Args:
        before: Channels that come in.
        after: Channels of every convolution.
        count: Number of convolutions.
        halve: Whether the resolution is halved first.
    """
    layers: list[nn.Module] = [nn.MaxPool2d(2)] if halve else []
    for given in (before, *(after,) * (count - 1)):
        layers += [
            nn.Conv2d(given, after, 3, padding=1, bias=False), nn.BatchNorm2d(after), nn.ReLU()
        ]  # fmt: skip
    return nn.Sequential(*layers)
