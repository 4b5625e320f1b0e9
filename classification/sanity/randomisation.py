"""Cascading randomisation: what the network learned is forgotten, the output layer first.

A heatmap that shows what a network learned must change with it; one that stays shows the image
alone, as an edge filter does (Adebayo and others 2018, arXiv:1810.03292).
"""

from collections.abc import Iterator
from copy import copy, deepcopy

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from isnet_cxr.classification.classifier import Classifier
from isnet_cxr.classification.sanity.similarity import Alike, compare_heatmaps

STEPS = 6
"""Steps of a cascade, the output layer's included; the last has forgotten everything."""

Images = NDArray[np.uint8]


def randomise_cascading(
    classifier: Classifier, images: Images, masks: Images, *, seed: int = 0
) -> list[tuple[float, Alike]]:
    """Draw a network's layers anew from the output down, and compare its heatmaps with before.

    The class explained is the one that the whole network found most probable. Batch norms that are
    drawn anew measure their statistics on the images, as those of a new network in training would.

    Args:
        classifier: Stays as it is.
        images: Prepared for it, (N, S, S).
        masks: 1 in the lungs, (N, S, S).
        seed: Of the new weights.

    Returns:
        For each step, the share of layers that were drawn anew, 0 to 1, and how alike the heatmaps
        are to those of the whole network.
    """
    forgetful = copy(classifier)
    forgetful.network = deepcopy(classifier.network)
    whole = classifier.explain(images, masks)
    layers = _layers_used(forgetful, images[:1], masks[:1])
    found = []
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        for done, step in _steps(layers[::-1]):
            _forget(forgetful, step, images, masks)
            now = explain_classes(forgetful, images, masks, whole.explained)
            found.append((done / len(layers), compare_heatmaps(whole.heatmaps, now)))
    return found


def explain_classes(
    classifier: Classifier, images: Images, masks: Images, classes: NDArray[np.integer]
) -> NDArray[np.float32]:
    """Return heatmaps (N, S, S), each image's for the class that ``classes``, (N,), has for it."""
    heatmaps = np.zeros(images.shape, dtype=np.float32)
    for label in np.unique(classes):
        rows = classes == label
        explained = classifier.classes[int(label)]
        heatmaps[rows] = classifier.explain(images[rows], masks[rows], explained=explained).heatmaps
    return heatmaps


def _layers_used(classifier: Classifier, images: Images, masks: Images) -> list[nn.Module]:
    """List the layers with weights of their own, in the order in which an image passes them.

    Layers whose weights others use without calling them come first: they are forgotten last.
    """
    passed: dict[nn.Module, None] = {}
    weighted = [
        layer
        for layer in classifier.network.modules()
        if any(True for _ in layer.parameters(recurse=False))
    ]
    hooks = [
        layer.register_forward_hook(lambda layer, *_: passed.setdefault(layer))
        for layer in weighted
    ]
    classifier.predict(images, masks)
    for hook in hooks:
        hook.remove()
    return [*(layer for layer in weighted if layer not in passed), *passed]


def _steps(layers: list[nn.Module]) -> Iterator[tuple[int, list[nn.Module]]]:
    """Yield how many layers are done, and which are next: the first alone, the rest in parts."""
    count = min(STEPS, len(layers))
    ends = [1, *np.linspace(1, len(layers), count).round().astype(int)[1:]]
    for start, end in zip([0, *ends[:-1]], ends, strict=True):
        yield int(end), layers[start:end]


def _forget(classifier: Classifier, layers: list[nn.Module], images: Images, masks: Images) -> None:
    """Draw layers anew."""
    for layer in layers:
        reset = getattr(layer, "reset_parameters", None) or getattr(
            layer, "_reset_parameters", None
        )
        if reset is not None:
            reset()
        else:
            _draw_alike(layer)
    norms = [layer for layer in layers if isinstance(layer, _BatchNorm)]
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.momentum = None  # the mean over all batches
        norm.train()
    classifier.predict(images, masks)
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
        norm.eval()


@torch.no_grad()
def _draw_alike(layer: nn.Module) -> None:
    """Draw the weights of a layer that knows no way of its own: as far spread as they were."""
    for weights in layer.parameters(recurse=False):
        spread = float(weights.std()) if weights.numel() > 1 else 1.0
        weights.copy_(torch.randn(weights.shape).to(weights) * spread)
