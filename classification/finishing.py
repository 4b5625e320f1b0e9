"""What ends a training: its network calibrated and described, as a model package."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from torch import nn

from isnet_cxr.classification.batches import ImageRows, in_order
from isnet_cxr.classification.card import write_card
from isnet_cxr.classification.classifier import KIND, Classifier
from isnet_cxr.classification.settings import ClassifierSettings
from isnet_cxr.classification.temperature import COLDEST, HOTTEST, as_logits, fit_temperature
from isnet_cxr.data.gate.package import write_gate
from isnet_cxr.data.gate.statistics import fit_statistics
from isnet_cxr.data.learning.package import Package, write_package

CALIBRATION_IMAGES = 30
"""With fewer validation images a temperature is chance."""

AT_BOUND = 1.01  # a temperature this near to its bounds ran away


@dataclass(frozen=True)
class Trained:
    """A network that is trained.

    Attributes:
        network: With the weights of its best epoch.
        best: Number and metrics of that epoch.
        measured: What was measured before the training.
        splits: The manifest's rows of train and val.
        train: Images of train.
        val: Images of val.
    """

    network: nn.Module
    best: dict[str, float]
    measured: dict[str, Any]
    splits: dict[str, pd.DataFrame]
    train: ImageRows
    val: ImageRows


def write_trained(
    trained: Trained,
    description: dict[str, Any],
    settings: ClassifierSettings,
    package: Path,
) -> None:
    """Write the package of a network that is trained.

    Args:
        trained: The network, and where it comes from.
        description: Of the training: its settings, classes, seed and images, as plain values.
        settings: The same settings.
        package: Where it goes.
    """
    network, best, measured = trained.network, trained.best, trained.measured
    metrics = {f"best_{name}": value for name, value in best.items()} | measured
    metrics["best_epoch"] += 1  # counted from 1, for people
    config = {
        "kind": KIND,
        **description,
        "measured": measured,
        "calibration": _calibrate(network, trained.val, description["classes"], settings),
    }
    card = write_card(trained.splits, config, metrics)
    gate = fit_statistics(trained.train.plain, trained.val.plain, seed=description["seed"])
    if gate is not None:
        write_gate(gate, package)
    write_package(Package(network.state_dict(), config, metrics, card), package)


def _calibrate(
    network: nn.Module, images: ImageRows, classes: Sequence[str], settings: ClassifierSettings
) -> dict[str, Any] | None:
    """Return the temperature that fits the validation images, and how many there were.

    None where they are few, or where no temperature is the best: of images that are all right,
    the colder the better.
    """
    if len(images) < CALIBRATION_IMAGES:
        return None
    classifier = Classifier(network, classes=list(classes), settings=settings)
    stored = [images[rows] for rows in in_order(len(images), CALIBRATION_IMAGES)]
    seen = [classifier.predict(shown.numpy(), masks.numpy()) for shown, masks, *_ in stored]
    labels = np.concatenate([labels.numpy() for _, _, labels, _ in stored])
    temperature = fit_temperature(as_logits(np.concatenate(seen)), labels)
    if min(temperature / COLDEST, HOTTEST / temperature) < AT_BOUND:
        return None
    return {"temperature": temperature, "images": len(images)}
