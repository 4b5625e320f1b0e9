"""C1 and C2 measured: how much relevance a plainly trained network gives."""

import json
from pathlib import Path

import numpy as np
import torch
from torch import nn

from classification.batches import FilmRows, as_batch, in_order
from classification.lrp.explained import choose_classes, explained_quantity
from classification.lrp.prepare import prepare
from classification.settings import ClassifierSettings
from data.fitting import seeded_generator

FILE = "foreground-range.json"


def foreground_range(mean: float, deviation: float) -> tuple[float, float]:
    """C1 and C2 from mean and standard deviation of the films' total absolute relevance.

    ``C1 = max(m / 5, m - 3s)`` and ``C2 = min(25 C1, m + 3s)``.
    """
    low = max(mean / 5, mean - 3 * deviation)
    return low, min(25 * low, mean + 3 * deviation)


def measure_relevance(
    network: nn.Module, rows: FilmRows, settings: ClassifierSettings, *, films: int, seed: int
) -> tuple[float, float]:
    """Mean and standard deviation of the total absolute relevance per film.

    Args:
        network: Trained without the heatmap loss; left as it was.
        rows: Training films; the first ``films`` are explained.
        settings: Give the explained class and epsilon.
        films: How many to explain.
        seed: Of the random choice of classes.

    Returns:
        Mean and deviation over films and maps, in the units of the explained quantity.
    """
    prepared = prepare(network.eval())
    totals = []
    for step, chosen in enumerate(in_order(min(films, len(rows)), settings.batch_size)):
        batch = as_batch(rows[chosen])
        with prepared.record(epsilon=settings.isnet.epsilon) as recording:
            logits = network(batch.films)
        classes = choose_classes(
            logits.detach(),
            strategy=settings.isnet.explained,
            labels=batch.labels,
            generator=seeded_generator(seed, step),
        )
        quantity = explained_quantity(logits, classes, quantity=settings.isnet.quantity)
        heatmaps = recording.heatmaps(quantity, differentiable=False)
        totals.append(heatmaps.abs().flatten(2).sum(dim=2).flatten())
    prepared.restore()
    values = torch.cat(totals).double().numpy()
    return float(np.mean(values)), float(np.std(values))


def read_range(out: Path) -> tuple[float, float] | None:
    """Return the range measured for the training in ``out``, if it was."""
    path = out / FILE
    if not path.is_file():
        return None
    low, high = json.loads(path.read_text())["range"]
    return low, high


def write_range(out: Path, *, mean: float, deviation: float) -> tuple[float, float]:
    """Keep what was measured for the training in ``out``; return the range."""
    measured = foreground_range(mean, deviation)
    text = json.dumps({"mean": mean, "deviation": deviation, "range": measured})
    (out / FILE).write_text(text)
    return measured
