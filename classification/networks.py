"""Classifier networks by name: MONAI's, two-dimensional, one grey channel, all with ReLU.

The small DenseNet learns a few thousand films on a CPU in minutes.
"""

from typing import Literal, get_args

import torch
from torch import nn

NetworkName = Literal["densenet-small", "densenet121", "densenet169", "resnet18", "resnet50"]


def build_network(name: NetworkName, *, classes: int, seed: int) -> nn.Module:
    """Build a classifier with seeded initial weights.

    Args:
        name: One of ``NetworkName``.
        classes: Outputs (logits), at least two.
        seed: Same seed, same weights; the global generator is left as it was.

    Returns:
        Maps films (B, 1, H, W) in [0, 1] to logits (B, classes).

    Raises:
        ValueError: If the name is unknown.
    """
    if name not in get_args(NetworkName):
        raise ValueError(f"unknown network {name!r}: expected one of {get_args(NetworkName)}")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return _build(name, classes)


def _build(name: NetworkName, classes: int) -> nn.Module:
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
