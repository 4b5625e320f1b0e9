"""Predict a folder of images with a trained classifier: the job a hospital would run.

``predictions.csv``, ``masks`` and ``heatmaps`` know images by a running number and the hash of
their pixels. File names often hold a patient's name or number: they stand in ``files.csv`` and
``failures.csv`` alone, which stay where the images are.
"""

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from rich.progress import track

from isnet_cxr.classification.classifier import Classifier
from isnet_cxr.classification.explain import colour_limit, overlay
from isnet_cxr.classification.explanation import Explanation
from isnet_cxr.data.errors import InputError
from isnet_cxr.data.learning.preprocess import (
    Preprocessing,
    prepare_image,
    prepare_mask,
    restore_map,
    to_bytes,
)
from isnet_cxr.data.manifests.failures import Failure
from isnet_cxr.data.manifests.records import image_id
from isnet_cxr.data.readers import Radiograph, UnreadableImage, is_image_file, read_image
from isnet_cxr.data.review.flags import review_flags
from isnet_cxr.data.writers import write_mask, write_png
from isnet_cxr.data.writers.atomic import replacing
from isnet_cxr.pipeline.study.trainings import LUNGS
from isnet_cxr.segmentation.predict import LungMask, LungSegmenter

BATCH_SIZE = 16
HEATMAP_PX = 512


@dataclass(frozen=True)
class Outcome:
    """What came of a batch.

    Attributes:
        count: Images predicted.
        failures: Files that could not be used.
    """

    count: int
    failures: list[Failure]


@dataclass(frozen=True)
class _Input:
    """One file that could be read, and its lungs if there is a segmenter."""

    name: str
    image: Radiograph
    lungs: LungMask | None


@dataclass
class _Results:
    """Rows of the files to write, in the order of the images."""

    predictions: list[dict[str, Any]] = field(default_factory=list)
    files: list[dict[str, Any]] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)


def predict_images(
    inputs: Sequence[Path],
    *,
    model: Path,
    out: Path,
    lungs: Path | None = None,
    explained: str = "predicted",
    arrays: bool = False,
    device: str = "auto",
    progress: bool = True,
) -> Outcome:
    """Predict and explain every image; what cannot be read is listed and skipped.

    Args:
        inputs: Image files, and folders that are searched for them.
        model: The classifier's package.
        out: Folder for the results, made if missing.
        lungs: The lung segmenter's package; None takes the one in ``model``, if there is one. Masks
            are for masked classifiers and for the share of relevance inside the lungs; no other
            prediction depends on them.
        explained: A class, or "predicted".
        arrays: Keep every heatmap's numbers too, ``arrays/<image_id>.npy``: signed relevance,
            float32 (S, S), in the geometry of the network's input (the image in a square).
        device: "cpu", "cuda", ..., or "auto".
        progress: Show a bar.

    Raises:
        FileNotFoundError: If an input or package is missing.
        InputError: If there is no image, a package or class is wrong, or no image could be used.
    """
    files = _find(inputs)
    where = _device(device)
    classifier = Classifier.load(model, where)
    segmenter = _segmenter(model, lungs, where)
    if classifier.needs_masks and segmenter is None:
        raise InputError(f"{model}: this classifier needs lung masks; name a segmenter by --lungs")
    if explained not in ("predicted", *classifier.classes):
        known = ", ".join(classifier.classes)
        raise InputError(f"unknown class {explained!r}, expected one of: {known}")
    results = _Results()
    shown = track(files.items(), description="predicting", disable=not progress)
    readable = _read(shown, segmenter, classifier, results.failures)
    while batch := list(islice(readable, BATCH_SIZE)):
        explanation = _predict(batch, classifier, explained, out, results)
        if arrays:
            _keep_arrays(batch, explanation, out)
    if not results.predictions:
        first = results.failures[0]
        raise InputError(f"no image could be used: {first.path}: {first.reason}")
    _write_rows(results.predictions, out / "predictions.csv")
    _write_rows(results.files, out / "files.csv")
    return Outcome(len(results.predictions), results.failures)


def _find(inputs: Sequence[Path]) -> dict[str, Path]:
    """List the image files by their name relative to the input they were found in."""
    found: dict[str, Path] = {}
    for place in inputs:
        if place.is_dir():
            images = sorted(path for path in place.rglob("*") if is_image_file(path))
            found.update({path.relative_to(place).as_posix(): path for path in images})
        elif place.is_file():
            found[place.name] = place
        else:
            raise FileNotFoundError(f"{place}: no such file or folder")
    if not found:
        raise InputError(f"{inputs[0]}: no DICOM, PNG, JPEG, TIFF or NIfTI image in this folder")
    return found


def _device(name: str) -> torch.device:
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        return torch.device(name)
    except RuntimeError:
        raise InputError(f"unknown device {name!r}, expected auto, cpu or cuda") from None


def _segmenter(model: Path, lungs: Path | None, device: torch.device) -> LungSegmenter | None:
    if lungs is not None:
        return LungSegmenter.load(lungs, device)
    return LungSegmenter.load(model / LUNGS, device) if (model / LUNGS).is_dir() else None


def _read(
    files: Any, segmenter: LungSegmenter | None, classifier: Classifier, failures: list[Failure]
) -> Iterator[_Input]:
    for name, path in files:
        try:
            image = read_image(path)
        except UnreadableImage as error:
            failures.append(Failure(Path(name), error.reason))
            continue
        lungs = segmenter.segment(image.pixels) if segmenter else None
        if classifier.needs_masks and (lungs is None or not lungs.mask.any()):
            failures.append(Failure(Path(name), "no lungs found, and this classifier needs them"))
            continue
        yield _Input(name, image, lungs)


def _predict(
    batch: Sequence[_Input],
    classifier: Classifier,
    explained: str,
    out: Path,
    results: _Results,
) -> Explanation:
    settings = classifier.settings.preprocessing
    images = np.stack([to_bytes(prepare_image(one.image.pixels, settings)[0]) for one in batch])
    masks = np.zeros_like(images)
    for number, one in enumerate(batch):
        if one.lungs is not None:
            masks[number] = prepare_mask(one.lungs.mask, settings.size_px)
    explanation = classifier.explain(images, masks, explained=explained)
    for number, one in enumerate(batch):
        identity = image_id(one.image.pixels)
        count = len(results.predictions) + 1
        row = {"number": count, "image_id": identity}
        results.files.append({**row, "file": one.name, "reading": "; ".join(one.image.steps)})
        results.predictions.append(
            {**row, **_say(explanation, number, classifier.classes), **_judge(one)}
        )
        _draw(one, explanation.heatmaps[number], out, identity)
    return explanation


def _keep_arrays(batch: Sequence[_Input], explanation: Explanation, out: Path) -> None:
    for one, heatmap in zip(batch, explanation.heatmaps, strict=True):
        path = out / "arrays" / f"{image_id(one.image.pixels)}.npy"
        with replacing(path) as temporary, temporary.open("wb") as stream:
            np.save(stream, heatmap)


def _say(explanation: Explanation, number: int, classes: Sequence[str]) -> dict[str, Any]:
    probabilities = explanation.probabilities[number]
    share = float(explanation.share_inside_lungs[number])
    return {
        "predicted": classes[int(probabilities.argmax())],
        **{f"p_{name}": f"{p:.6f}" for name, p in zip(classes, probabilities, strict=True)},
        "explained": classes[int(explanation.explained[number])],
        "relevance_inside_lungs": "" if np.isnan(share) else f"{share:.4f}",
        "full_colour": f"{colour_limit(explanation.heatmaps[number]):.4g}",
    }


def _judge(one: _Input) -> dict[str, str]:
    """Say what a person should look at: the mask, and the image under it."""
    if one.lungs is None:
        return {"mask_quality": "", "mask_reasons": "", "review_flag": ""}
    return {
        "mask_quality": one.lungs.quality,
        "mask_reasons": "; ".join(one.lungs.reasons),
        "review_flag": "; ".join(review_flags(one.image.pixels, one.lungs.mask)),
    }


def _draw(one: _Input, heatmap: NDArray[np.float32], out: Path, identity: str) -> None:
    """Write the mask at the image's size, and the heatmap over the image.

    Relevance is drawn on the scale of the network's input, whose limit is in ``predictions.csv``.
    """
    if one.lungs is not None:
        write_mask(one.lungs.mask, out / "masks" / f"{identity}.png")
    large = Preprocessing(size_px=HEATMAP_PX, exposure="none")
    image = prepare_image(one.image.pixels, large)[0]
    relevance = restore_map(heatmap, height=HEATMAP_PX, width=HEATMAP_PX, nearest=False)
    drawn = overlay(image, relevance, limit=colour_limit(heatmap))
    write_png(drawn, out / "heatmaps" / f"{identity}.png")


def _write_rows(rows: Sequence[Mapping[str, Any]], path: Path) -> None:
    with replacing(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
