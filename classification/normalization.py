"""Batch-norm statistics recomputed before evaluation ("precise BN").

Running averages lag behind small batches, and explained images do not move them at all; a few
hundred training images give the statistics of the weights as they are.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm


@torch.no_grad()
def recompute_statistics(network: nn.Module, batches: Iterable[Tensor]) -> None:
    """Set every batch norm's running statistics to the mean over ``batches``.

    Args:
        network: Changed in place; its training mode and momenta are left as they were.
        batches: Inputs, (B, 1, H, W) each; all weigh the same.
    """
    norms = [layer for layer in network.modules() if isinstance(layer, _BatchNorm)]
    momenta = [norm.momentum for norm in norms]
    was_training = network.training
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # a cumulative average
    network.train()
    for images in batches:
        network(images)
    network.train(was_training)
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum


@contextmanager
def untouched_statistics(network: nn.Module) -> Iterator[None]:
    """Leave running statistics as they are in the block; in training, batches still normalise.

    For images that no trained network will meet: erased ones, for instance.
    """
    norms = [layer for layer in network.modules() if isinstance(layer, _BatchNorm)]
    tracking = [norm.track_running_stats for norm in norms]
    for norm in norms:
        norm.track_running_stats = False
    try:
        yield
    finally:
        for norm, was in zip(norms, tracking, strict=True):
            norm.track_running_stats = was
