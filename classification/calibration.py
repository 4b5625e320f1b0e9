"""C1 and C2 measured, by supervised layer: how much relevance a baseline's network gives."""

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from isnet_cxr.classification.batches import ImageRows, as_batch, in_order
from isnet_cxr.classification.isnet_settings import IsnetSettings
from isnet_cxr.classification.variants import build_explainer
from isnet_cxr.data.learning import processes
from isnet_cxr.data.learning.randomness import seeded_generator

FILE = "foreground-ranges.json"
Ranges = dict[str, tuple[float, float]]
"""C1 and C2 by supervised layer."""


def foreground_range(mean: float, deviation: float) -> tuple[float, float]:
    """C1 and C2 from mean and standard deviation of the images' total absolute relevance.

    ``C1 = max(m / 5, m - 3s)`` and ``C2 = min(25 C1, m + 3s)``.
    """
    low = max(mean / 5, mean - 3 * deviation)
    return low, min(25 * low, mean + 3 * deviation)


def measure_relevance(
    network: nn.Module,
    rows: ImageRows,
    settings: IsnetSettings,
    *,
    epsilon: float,
    batch_size: int,
    images: int,
    seed: int,
) -> dict[str, tuple[float, float]]:
    """Mean and standard deviation of the total absolute relevance per image, by layer.

    Args:
        network: Trained without the heatmap loss; left as it was.
        rows: Training images; the first ``images`` are explained.
        settings: Give what is explained, and on which layers.
        epsilon: Stabiliser of LRP-epsilon.
        batch_size: Images explained at a time.
        images: How many to explain.
        seed: Of the random choice of classes.

    Returns:
        Mean and deviation over images and maps of every supervised layer, in the units of the
        attribution target; the images' own is "pixels".
    """
    explainer = build_explainer(network.eval(), settings, epsilon=epsilon)
    totals: dict[str, list[Tensor]] = {}
    for step, chosen in enumerate(in_order(min(images, len(rows)), batch_size)):
        batch = as_batch(rows[chosen])
        explained = explainer.explain(
            batch.images,
            batch.labels,
            generator=seeded_generator(seed, step),
            differentiable=False,
        )
        for layer, heatmaps in explained.heatmaps.items():
            totals.setdefault(layer, []).append(heatmaps.abs().flatten(2).sum(dim=2).flatten())
    explainer.restore()
    values = {layer: torch.cat(parts).double().numpy() for layer, parts in totals.items()}
    return {layer: (float(np.mean(each)), float(np.std(each))) for layer, each in values.items()}


def read_ranges(out: Path) -> Ranges | None:
    """Return the ranges measured for the training in ``out``, if they were."""
    path = out / FILE
    if not path.is_file():
        return None
    stored = json.loads(path.read_text())
    return {layer: (found["range"][0], found["range"][1]) for layer, found in stored.items()}


def write_ranges(out: Path, relevance: Mapping[str, tuple[float, float]]) -> Ranges:
    """Keep what was measured for the training in ``out``; return the range of every layer."""
    ranges = {layer: foreground_range(*measured) for layer, measured in relevance.items()}
    stored = {
        layer: {"mean": mean, "deviation": deviation, "range": ranges[layer]}
        for layer, (mean, deviation) in relevance.items()
    }
    if processes.is_first():
        (out / FILE).write_text(json.dumps(stored))
    return ranges
