"""A small classifier without batch norm, for interval bounds (``rivals-generated.yaml``)."""

from torch import nn


def build(classes: int) -> nn.Module:
    """Return a chain of convolutions, ReLU and pooling that sees 25 px."""
    layers: list[nn.Module] = []
    before = 1
    for width, size, stride in ((16, 5, 2), (32, 3, 2), (64, 3, 1), (64, 3, 1)):
        layers += [nn.Conv2d(before, width, size, stride=stride, padding=size // 2), nn.ReLU()]
        before = width
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, classes))
