"""A model package for measurements: networks that learned nothing, and what they are as such.

The lung segmenter is made to take what is dark for lung, so that there are masks to clean, to
judge and to write, as a trained one has them. It costs what a trained one does.
"""

from pathlib import Path
from typing import NamedTuple

import torch
from torch import nn

from isnet_cxr.classification.classifier import KIND as CLASSIFIER
from isnet_cxr.classification.networks import build_network
from isnet_cxr.data.learning.package import LUNGS, Package, write_package
from isnet_cxr.segmentation.network import KIND as SEGMENTER
from isnet_cxr.segmentation.network import NetworkSettings, build_runtime_network

CLASSES = ("normal", "covid")
DARK, STEEP = 0.2, 30.0
"""What is darker is lung, and how fast the logit grows."""
ENLARGE = ((0.25, 0.5, 0.25), (0.5, 1.0, 0.5), (0.25, 0.5, 0.25))
"""By which a transposed convolution of stride 2 interpolates."""


def write_untrained(
    folder: Path, *, network: str = "contextnet-small", size_px: int = 128, mirror: bool = False
) -> Path:
    """Write an untrained classifier and, in its package, an untrained lung segmenter.

    Args:
        folder: Where to.
        network: The classifier's.
        size_px: Side of the square that the classifier sees.
        mirror: Whether the lungs are looked for in the mirror image, too.
    """
    settings = {"network": network, "preprocessing": {"size_px": size_px}}
    classifier = build_network(network, classes=len(CLASSES), seed=0)
    config = {"kind": CLASSIFIER, "classes": list(CLASSES), "settings": settings}
    write_package(Package(classifier.state_dict(), config, {}, ""), folder)
    shape = NetworkSettings()
    lungs = {
        "kind": SEGMENTER,
        "network": {
            "channels": list(shape.channels),
            "residual_units": shape.residual_units,
            "norm": shape.norm,
        },
        "preprocessing": {"size_px": 256},
        "threshold": 0.5,
        "test_time_mirror": mirror,
    }
    segmenter = build_runtime_network(shape)
    _take_dark_for_lung(segmenter)
    write_package(Package(segmenter.state_dict(), lungs, {}, ""), folder / LUNGS)
    return folder


class Bare(NamedTuple):
    """Both networks as their builders make them, in evaluation mode, with nothing around them."""

    classifier: nn.Module
    segmenter: nn.Module


def bare_networks(network: str) -> Bare:
    """Return what ``write_untrained`` writes, without what the package's reader makes faster."""
    classifier = build_network(network, classes=len(CLASSES), seed=0)
    return Bare(classifier.eval(), build_runtime_network(NetworkSettings()).eval())


@torch.no_grad()
def _take_dark_for_lung(network: nn.Module) -> None:
    """Let the first feature be the image at half its size, and the logit fall with that."""
    down, _, (enlarge, last) = network.model  # type: ignore[misc]
    shrunk, convolved = down.residual, down.conv[-1].conv
    for parameter in (shrunk.weight, shrunk.bias, convolved.weight, convolved.bias):
        parameter[0] = 0
    shrunk.weight[0, 0, 1, 1] = 1
    to_logit = last.conv[0].conv
    for parameter in (enlarge.conv.weight, enlarge.conv.bias, to_logit.weight):
        parameter.zero_()
    enlarge.conv.weight[0, 0] = torch.tensor(ENLARGE)
    to_logit.weight[0, 0, 1, 1] = -1 - STEEP
    to_logit.bias.fill_(STEEP * DARK)
