"""How well the class is guessed from what says nothing about the lungs, before any training.

A classifier that can reach such a figure by its images' borders has no need of the lungs.
The guess is a forest of extremely randomised trees (Geurts et al. 2006,
doi:10.1007/s10994-006-6226-1): quick, without tuning, and able to use a marker that stands in one
place or another.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.metrics import balanced_accuracy_score, roc_auc_score
from sklearn.model_selection import StratifiedGroupKFold

FOLDS = 5
TREES = 200
MAX_IMAGES_PER_LABEL = 2000
UNKNOWN_NUMBER = -1.0

Evidence = NDArray[np.float32]
"""One row per image, (N, K)."""


@dataclass(frozen=True)
class Shortcut:
    """How well the class is guessed from one kind of evidence.

    Attributes:
        evidence: What the guess saw.
        images: How many images were guessed.
        labels: Which classes; those with too few patients are left out.
        macro_auc: Mean area under the ROC curve of every class against the others; 0.5 by chance.
        auc: The same of each class.
        balanced_accuracy: Mean recall of the classes.
        chance: The balanced accuracy of a guess without evidence.
    """

    evidence: str
    images: int
    labels: tuple[str, ...]
    macro_auc: float
    auc: dict[str, float]
    balanced_accuracy: float
    chance: float


def measure_shortcuts(
    images: pd.DataFrame,
    groups: "pd.Series[int]",
    appearance: Mapping[str, Evidence],
    *,
    seed: int = 0,
) -> list[Shortcut]:
    """Guess the class of images from their appearance, their metadata and their source.

    Cross-validated; images of one group are always on one side.

    Args:
        images: Manifest.
        groups: One number per row: who belongs together, as ``patient_groups`` returns it.
        appearance: What the guess may see of the pixels, by name, (N, K) each.
        seed: Of folds, trees and of the images drawn where a class has more than 2,000.

    Returns:
        One per kind of evidence; none where fewer than two classes have five patients.
    """
    evidence = {**appearance, "metadata": _metadata(images), "source": _source(images)}
    rows = _eligible(images, groups, seed=seed)
    labels = images["label"].to_numpy(dtype=str)[rows]
    if len(set(labels)) < 2:  # noqa: PLR2004 - nothing to tell apart
        return []
    own = np.asarray(groups, dtype=np.int64)[rows]
    return [
        _score(name, labels, _guess(values[rows], labels, own, seed=seed))
        for name, values in evidence.items()
    ]


def _eligible(images: pd.DataFrame, groups: "pd.Series[int]", *, seed: int) -> NDArray[np.int64]:
    """Return the rows, in order, of classes with a group for every fold; at most so many each."""
    chosen = []
    for label, places in images.reset_index(drop=True).groupby("label").groups.items():
        rows = np.asarray(places, dtype=np.int64)
        if label == "" or len(set(groups.to_numpy()[rows])) < FOLDS:
            continue
        if len(rows) > MAX_IMAGES_PER_LABEL:
            rows = np.random.default_rng(seed).permutation(rows)[:MAX_IMAGES_PER_LABEL]
        chosen.append(rows)
    return np.sort(np.concatenate(chosen)) if chosen else np.empty(0, dtype=np.int64)


def _guess(
    evidence: Evidence, labels: NDArray[np.str_], groups: NDArray[np.int64], *, seed: int
) -> NDArray[np.float64]:
    """Return probabilities (N, C), classes in alphabetical order, each image's without itself."""
    classes = np.unique(labels)
    guessed = np.zeros((len(labels), len(classes)))
    folds = StratifiedGroupKFold(FOLDS, shuffle=True, random_state=seed)
    for train, test in folds.split(evidence, labels, groups):
        forest = ExtraTreesClassifier(TREES, class_weight="balanced", random_state=seed)
        forest.fit(evidence[train], labels[train])
        places = np.searchsorted(classes, forest.classes_)
        guessed[np.ix_(test, places)] = forest.predict_proba(evidence[test])
    return guessed


def _score(name: str, labels: NDArray[np.str_], guessed: NDArray[np.float64]) -> Shortcut:
    classes = [str(label) for label in np.unique(labels)]
    auc = {
        label: float(roc_auc_score(labels == label, guessed[:, place]))
        for place, label in enumerate(classes)
    }
    said = np.array(classes)[guessed.argmax(axis=1)]
    return Shortcut(
        evidence=name,
        images=len(labels),
        labels=tuple(classes),
        macro_auc=float(np.mean(list(auc.values()))),
        auc=auc,
        balanced_accuracy=float(balanced_accuracy_score(labels, said)),
        chance=1 / len(classes),
    )


def _metadata(images: pd.DataFrame) -> Evidence:
    """Return view, sex, age, size and pixel spacing; what is unknown has a value of its own."""
    numbers = images[["age", "height_px", "width_px", "spacing_row_mm", "spacing_col_mm"]]
    ratio = images["height_px"] / images["width_px"]
    table = pd.concat([numbers, ratio, _one_hot(images[["view", "sex"]])], axis=1)
    return table.fillna(UNKNOWN_NUMBER).to_numpy(dtype=np.float32)


def _source(images: pd.DataFrame) -> Evidence:
    return _one_hot(images[["dataset", "site"]]).to_numpy(dtype=np.float32)


def _one_hot(columns: pd.DataFrame) -> pd.DataFrame:
    dummies: Any = pd.get_dummies(columns.astype(str))
    return pd.DataFrame(dummies)
