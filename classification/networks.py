"""Classifier networks by name, two-dimensional, one grey channel, all with ReLU.

MONAI's for GPUs. For CPUs a small DenseNet, a plain stack of convolutions and one that sees finely
and widely at once: the heatmap loss's gradient is far less noisy in a shallow network
(``docs/method.md``), and a few thousand images teach it in minutes.
"""

from collections.abc import Sequence
from typing import Literal, get_args

import torch
from torch import nn

from isnet_cxr.classification.context_network import ContextNet

NetworkName = Literal[
    "convnet-small", "contextnet-small", "densenet-small",
    "densenet121", "densenet169", "resnet18", "resnet50",
]  # fmt: skip

KERNELS = ((5, 2), (3, 1), (3, 1), (1, 1), (1, 1))  # size and stride, in the plain stack
HALVINGS = 2  # of its stages end with max pooling


def build_network(name: NetworkName, *, classes: int, seed: int) -> nn.Module:
    """Build a classifier with seeded initial weights.

    Args:
        name: One of ``NetworkName``.
        classes: Outputs (logits), at least two.
        seed: Same seed, same weights; the global generator is left as it was.

    Returns:
        Maps images (B, 1, H, W) in [0, 1] to logits (B, classes).

    Raises:
        ValueError: If the name is unknown.
    """
    if name not in get_args(NetworkName):
        raise ValueError(f"unknown network {name!r}: expected one of {get_args(NetworkName)}")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return _build(name, classes)


def _build(name: NetworkName, classes: int) -> nn.Module:
    if name == "convnet-small":
        return _for_cpu(_convnet((32, 48, 64, 96, 128), classes))
    if name == "contextnet-small":
        return _for_cpu(ContextNet(classes=classes))
    from monai.networks import nets  # noqa: PLC0415  seconds to import

    shape = {"spatial_dims": 2, "in_channels": 1, "out_channels": classes}
    network: nn.Module
    if name == "densenet-small":
        network = nets.DenseNet(
            **shape, init_features=24, growth_rate=12, block_config=(3, 4, 6, 4), bn_size=4
        )
    elif name == "densenet121":
        network = nets.DenseNet121(**shape)
    elif name == "densenet169":
        network = nets.DenseNet169(**shape)
    else:
        build = nets.resnet18 if name == "resnet18" else nets.resnet50
        network = build(
            spatial_dims=2, n_input_channels=1, num_classes=classes, conv1_t_stride=2,
            feed_forward=True,
        )  # fmt: skip
    return network


def _for_cpu(network: nn.Module) -> nn.Module:
    """Keep the weights as CPUs like them: a plain step takes two thirds of the time."""
    return network.to(memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]


def _convnet(widths: Sequence[int], classes: int) -> nn.Sequential:
    """Stack convolutions, batch norm and ReLU; average what a third of the image gives away.

    The last layers are 1 x 1, so that every unit sees 35 px and no more. Relevance cannot show a
    mark that merely switches a unit off: an idle unit has none. A unit in the lungs that does not
    see the corners cannot be switched off from there.

    Args:
        widths: Channels after each convolution.
        classes: Outputs.
    """
    layers: list[nn.Module] = []
    before = 1
    for number, width in enumerate(widths):
        size, stride = KERNELS[number]
        layers += [
            nn.Conv2d(before, width, size, stride=stride, padding=size // 2, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(),
        ]
        if number < HALVINGS:
            layers.append(nn.MaxPool2d(2))
        before = width
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(before, classes))
