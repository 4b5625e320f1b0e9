"""Pointing game of a study: heatmaps for the true class against boxes around findings."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from isnet_cxr.classification.classifier import Classifier
from isnet_cxr.classification.pointing import point
from isnet_cxr.classification.resampling import draw_resamples, quantiles
from isnet_cxr.classification.sanity.randomisation import explain_classes
from isnet_cxr.data.learning.cache import load_images
from isnet_cxr.data.manifests.boxes import boxes_of
from isnet_cxr.data.manifests.manifest import read_manifest
from isnet_cxr.data.writers.atomic import replacing
from isnet_cxr.pipeline.study.samples import choose_samples
from isnet_cxr.pipeline.study.trainings import Training

FOLDER = "pointing"
EVERY = "all"
"""What stands for all classes together, where several have boxes."""
RESAMPLES = 1000


def choose_boxed(manifest: pd.DataFrame, classes: Sequence[str], *, per_class: int) -> pd.DataFrame:
    """Choose images with boxes, at most so many of each class, by a hash of their ids."""
    boxed = manifest[manifest["boxes"] != ""]
    return choose_samples(boxed, classes, per_class=per_class)


def ask_where(
    package: Path, images: Path, to: Path, *, cache: Path | None, device: str = "cpu"
) -> None:
    """Explain each image for its true class, hold it against its boxes, and keep what came of it.

    Args:
        package: The classifier's.
        images: A manifest whose images have boxes; every label must be one of its classes.
        to: CSV file: image_id, patient_id, label, and what ``Pointed`` has.
        cache: Folder of prepared images; None prepares them anew.
        device: Where the network runs.
    """
    classifier = Classifier.load(package, device)
    settings = classifier.settings.preprocessing
    prepared = load_images(read_manifest(images), settings, cache=cache, progress=False)
    rows = prepared.manifest
    truth = rows["label"].map(classifier.classes.index).to_numpy(dtype=np.int64)
    heatmaps = explain_classes(classifier, prepared.images, prepared.masks, truth)
    found = [
        asdict(point(
            heatmap, mask, boxes_of(row), height=int(row["height_px"]), width=int(row["width_px"])
        ))
        for heatmap, mask, (_, row) in zip(heatmaps, prepared.masks, rows.iterrows(), strict=True)
    ]  # fmt: skip
    named = rows[["image_id", "patient_id", "label"]].reset_index(drop=True)
    with replacing(to) as temporary:
        pd.concat([named, pd.DataFrame(found)], axis=1).to_csv(temporary, index=False)


def score_pointing(trainings: Sequence[Training], tests: Sequence[str]) -> dict[str, Any]:
    """Score every classifier's pointing.

    Args:
        trainings: On images as they are.
        tests: Names of the tests.

    Returns:
        By test, class and classifier: ``images``, ``patients``, ``hits`` and ``inside`` (``value``,
        mean over seeds, ``ci95`` over patients and seeds, ``seeds``, each seed's own), ``chance``
        and ``chance_in_lungs``. Tests without boxes are left out.
    """
    scores: dict[str, Any] = {}
    for name in dict.fromkeys(training.classifier for training in trainings):
        own = [training for training in trainings if training.classifier == name]
        for test in tests:
            paths = [training.checking / FOLDER / f"{test}.csv" for training in own]
            if all(path.is_file() for path in paths):
                frames = {str(t.seed): pd.read_csv(p) for t, p in zip(own, paths, strict=True)}
                for label, rows in _groups(next(iter(frames.values()))).items():
                    by_class = scores.setdefault(test, {}).setdefault(label, {})
                    by_class[name] = _score({s: f[rows] for s, f in frames.items()})
    return scores


def _groups(frame: pd.DataFrame) -> Mapping[str, "pd.Series[bool]"]:
    """Return the rows of every class, and of all together where there are several."""
    labels = sorted(set(frame["label"]))
    groups = {str(label): frame["label"] == label for label in labels}
    return groups | ({EVERY: frame["label"].notna()} if len(labels) > 1 else {})


def _score(frames: Mapping[str, pd.DataFrame]) -> dict[str, Any]:
    first = next(iter(frames.values()))
    return {
        "images": len(first),
        "patients": int(first["patient_id"].nunique()),
        "hits": _mean(frames, "hit"),
        "inside": _mean(frames, "inside"),
        "chance": float(first["chance"].mean()),
        "chance_in_lungs": float(first["chance_in_lungs"].mean()),
    }


def _mean(frames: Mapping[str, pd.DataFrame], column: str) -> dict[str, Any]:
    """Return a column's mean over images and seeds, with its interval over patients and seeds."""
    values = np.stack([frame[column].to_numpy(dtype=float) for frame in frames.values()])
    patients = next(iter(frames.values()))["patient_id"]
    drawn = draw_resamples(patients, seeds=len(values), resamples=RESAMPLES, seed=0)
    held = drawn.patients[:, drawn.patient]
    means = values @ held.T / held.sum(axis=1)
    own = values.mean(axis=1)
    return {
        "value": float(own.mean()),
        "ci95": quantiles(drawn.over_seeds(means)),
        "seeds": dict(zip(frames, own.tolist(), strict=True)),
    }
