"""Sanity of a study's heatmaps: do they go with what was learned, do they hold still?"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from isnet_cxr.classification.classifier import Classifier
from isnet_cxr.classification.sanity.randomisation import randomise_cascading
from isnet_cxr.classification.sanity.similarity import Alike
from isnet_cxr.classification.sanity.stability import disturb
from isnet_cxr.data.learning.cache import load_images
from isnet_cxr.data.manifests.manifest import read_manifest
from isnet_cxr.data.writers.atomic import replacing
from isnet_cxr.pipeline.study.seeds import average
from isnet_cxr.pipeline.study.trainings import Training

FILE = "sanity.csv"
FORGOTTEN, NOISE, SHIFT = "forgotten", "noise", "shift"
MEASURED = ["rank", "ssim"]
STAYS = 0.5
"""Above this likeness (mean of both) once everything is forgotten, a heatmap shows the image."""
HOLDS = 0.5
"""Below this rank correlation, under changes nobody sees, its details are chance."""


def ask_sanity(
    package: Path, images: Path, to: Path, *, cache: Path | None, device: str = "cpu"
) -> None:
    """Randomise a classifier's layers, disturb its images, and keep how alike heatmaps stay.

    Args:
        package: The classifier's.
        images: A manifest of a few images.
        to: CSV file: image_id, kind (forgotten, noise, shift), share of layers forgotten, rank and
            ssim.
        cache: Folder of prepared images; None prepares them anew.
        device: Where the network runs.
    """
    classifier = Classifier.load(package, device)
    settings = classifier.settings.preprocessing
    prepared = load_images(read_manifest(images), settings, cache=cache, progress=False)
    if not len(prepared.manifest):
        return
    shown = prepared.images, prepared.masks
    steps: list[tuple[str, float, Alike]] = [
        (FORGOTTEN, share, alike) for share, alike in randomise_cascading(classifier, *shown)
    ]
    steps += [(kind, 0.0, alike) for kind, alike in disturb(classifier, *shown).items()]
    ids = prepared.manifest["image_id"].to_numpy()
    parts = [
        pd.DataFrame(
            {"image_id": ids, "kind": kind, "share": share, "rank": own.rank, "ssim": own.ssim}
        )
        for kind, share, own in steps
    ]
    with replacing(to) as temporary:
        pd.concat(parts).to_csv(temporary, index=False)


def score_sanity(trainings: Sequence[Training]) -> dict[str, Any]:
    """Score every classifier whose heatmaps were checked.

    Args:
        trainings: On images as they are.

    Returns:
        By classifier: ``images``; ``forgotten``, a list of ``share`` of layers drawn anew, ``rank``
        and ``ssim``; ``noise`` and ``shift`` with rank and ssim, means over images and seeds, NaN
        where heatmaps mark no place any more; ``stays`` and ``unsteady``, whether they fail; and
        ``seeds``, each seed's own.
    """
    found: dict[str, Any] = {}
    for name in dict.fromkeys(training.classifier for training in trainings):
        files = {
            str(training.seed): training.checking / FILE
            for training in trainings
            if training.classifier == name
        }
        if all(path.is_file() for path in files.values()):
            seeds = {seed: _score(pd.read_csv(path)) for seed, path in files.items()}
            mean = average(list(seeds.values()))
            found[name] = {**mean, **_judged(mean), "seeds": seeds}
    return found


def _score(rows: pd.DataFrame) -> dict[str, Any]:
    steps = rows[rows["kind"] == FORGOTTEN].groupby("share")[MEASURED].mean()
    return {
        "images": int(rows["image_id"].nunique()),
        FORGOTTEN: [{"share": float(str(share)), **_plain(own)} for share, own in steps.iterrows()],
        **{kind: _plain(rows[rows["kind"] == kind][MEASURED].mean()) for kind in (NOISE, SHIFT)},
    }


def _judged(mean: Mapping[str, Any]) -> dict[str, bool]:
    """Say what fails; what is NaN does not."""
    last = mean[FORGOTTEN][-1]
    return {
        "stays": sum(last[key] for key in MEASURED) / len(MEASURED) > STAYS,
        "unsteady": any(mean[kind]["rank"] < HOLDS for kind in (NOISE, SHIFT)),
    }


def _plain(own: "pd.Series[Any]") -> dict[str, float]:
    return {key: float(own[key]) for key in MEASURED}
