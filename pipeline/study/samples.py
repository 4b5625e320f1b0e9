"""Images of each test that the report shows with heatmaps: the same for every classifier."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from isnet_cxr.data.learning.cache import load_images
from isnet_cxr.data.manifests.manifest import read_manifest


@dataclass(frozen=True)
class Explained:
    """Images of a test with what a classifier says about them, (N, ...).

    Attributes:
        image_ids: Which images, (N,).
        labels: Their true classes, (N,).
        predicted: The classes the classifier gives them, (N,).
        probabilities: Of every class, (N, C).
        images: Pixels as the network saw them, uint8 (N, S, S).
        masks: 1 in the lungs, uint8 (N, S, S).
        heatmaps: Relevance for the predicted class, (N, S, S).
        share_inside_lungs: Of absolute relevance, (N,); NaN without a mask.
    """

    image_ids: NDArray[np.str_]
    labels: NDArray[np.str_]
    predicted: NDArray[np.str_]
    probabilities: NDArray[np.float32]
    images: NDArray[np.uint8]
    masks: NDArray[np.uint8]
    heatmaps: NDArray[np.float32]
    share_inside_lungs: NDArray[np.float32]


def choose_samples(
    manifest: pd.DataFrame, classes: Sequence[str], *, per_class: int
) -> pd.DataFrame:
    """Choose images of every class by a hash of their image ids: fixed, and nobody's pick."""
    order = manifest["image_id"].map(lambda i: hashlib.blake2b(i.encode()).hexdigest())
    shuffled = manifest.loc[order.sort_values().index]
    groups = [shuffled[shuffled["label"] == label].head(per_class) for label in classes]
    return pd.concat(groups, ignore_index=True)


def explain_samples(
    package: Path, samples: Path, to: Path, *, cache: Path | None, device: str = "cpu"
) -> None:
    """Explain the images of the manifest ``samples`` and keep it in the file ``to``."""
    from isnet_cxr.pipeline.prediction.predictor import Predictor

    predictor = Predictor.load(package, device=device)
    settings = predictor.classifier.settings.preprocessing
    images = load_images(read_manifest(samples), settings, cache=cache, progress=False)
    if not len(images.manifest):
        return
    ids = images.manifest["image_id"].to_numpy(dtype=str)
    predictions = predictor.predict_prepared(images.images, images.masks, list(ids))
    explained = Explained(
        image_ids=ids,
        labels=images.manifest["label"].to_numpy(dtype=str),
        predicted=np.asarray([one.predicted for one in predictions]),
        probabilities=np.stack([one.probabilities for one in predictions]),
        images=np.asarray(images.images),
        masks=np.asarray(images.masks),
        heatmaps=np.stack([one.heatmap for one in predictions]).astype(np.float32),
        share_inside_lungs=np.asarray(
            [one.relevance_inside_lungs for one in predictions], np.float32
        ),
    )
    write_explained(explained, to)


def read_explained(folder: Path, test: str) -> Explained | None:
    """Read what ``explain_samples`` left in ``folder``; None when it had no images."""
    path = folder / f"{test}.npz"
    if not path.is_file():
        return None
    with np.load(path, allow_pickle=False) as arrays:
        return Explained(**{name: arrays[name] for name in Explained.__dataclass_fields__})


def write_explained(explained: Explained, path: Path) -> None:
    """Write what ``read_explained`` reads."""
    arrays: dict[str, Any] = {
        name: getattr(explained, name) for name in Explained.__dataclass_fields__
    }
    np.savez_compressed(path, allow_pickle=False, **arrays)
