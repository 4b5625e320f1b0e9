"""Predict a folder of images with a trained classifier: the job a hospital would run.

``predictions.csv``, ``masks`` and ``heatmaps`` know images by a running number and the hash of
their pixels. File names often hold a patient's name or number: they stand in ``files.csv``,
``failures.csv`` and ``refused.csv`` alone, which stay where the images are.
"""

import csv
import math
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import Any

from rich.progress import track

from isnet_cxr.data.errors import InputError
from isnet_cxr.data.gate.verdict import REFUSED, Verdict
from isnet_cxr.data.manifests.failures import Failure
from isnet_cxr.data.readers import Radiograph, UnreadableImage, is_image_file, read_image
from isnet_cxr.data.writers.atomic import replacing
from isnet_cxr.pipeline.prediction.device import choose_device
from isnet_cxr.pipeline.prediction.outputs import OUTPUTS, Output
from isnet_cxr.pipeline.prediction.outputs.output import Value
from isnet_cxr.pipeline.prediction.predictor import NoLungsError, Predictor
from isnet_cxr.segmentation.segmenter import LungMask

BATCH_SIZE = 16
NAMES = ("number", "image_id")  # first columns of both tables, and all of empty ones


@dataclass(frozen=True)
class Outcome:
    """What came of a batch.

    Attributes:
        count: Images predicted.
        failures: Files that could not be used.
        refused: Images that the gate refused, and why; they are not predicted.
    """

    count: int
    failures: list[Failure]
    refused: list[Failure]


@dataclass(frozen=True)
class _Input:
    """One file that could be read, its lungs if there is a segmenter, and the gate's verdict."""

    name: str
    image: Radiograph
    lungs: LungMask | None
    gate: Verdict


@dataclass
class _Results:
    """Rows of the files to write, in the order of the images."""

    predictions: list[dict[str, Any]] = field(default_factory=list)
    files: list[dict[str, Any]] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    refused: list[Failure] = field(default_factory=list)


def predict_images(  # noqa: PLR0913 - what the commands offer, by name
    inputs: Sequence[Path],
    *,
    model: Path,
    out: Path,
    lungs: Path | None = None,
    explained: str = "predicted",
    asked: Collection[str] = (),
    device: str = "auto",
    refuse: bool = True,
    progress: bool = True,
) -> Outcome:
    """Predict and explain every image; what cannot be read or is refused is listed and skipped.

    Args:
        inputs: Image files, and folders that are searched for them.
        model: The classifier's package.
        out: Folder for the results, made if missing.
        lungs: The lung segmenter's package; None takes the one in ``model``, if there is one. Masks
            are for masked classifiers and for the share of relevance inside the lungs; no other
            prediction depends on them.
        explained: A class, or "predicted".
        asked: Names of outputs to write besides those that always are, as "arrays".
        device: "cpu", "cuda", ..., or "auto".
        refuse: Predict frontal chest radiographs alone; False predicts what the gate refuses too,
            and its verdict stands beside the prediction.
        progress: Show a bar.

    Raises:
        FileNotFoundError: If an input or package is missing.
        InputError: If there is no image, a package or class is wrong, or no image could be used.
    """
    files = _find(inputs)
    predictor = Predictor.load(model, lungs, device=choose_device(device))
    predictor.check(explained)
    outputs = [one for name, one in OUTPUTS.items() if one.always or name in asked]
    results = _Results()
    shown = track(files.items(), description="predicting", disable=not progress)
    accepted = _accepted(_read(shown, predictor, results.failures), results, refuse=refuse)
    while batch := list(islice(accepted, BATCH_SIZE)):
        _predict(batch, predictor, explained, outputs, out, results)
    if not results.predictions and not results.refused:
        first = results.failures[0]
        raise InputError(f"no image could be used: {first.path}: {first.reason}")
    _write_rows(results.predictions, out / "predictions.csv")
    _write_rows(results.files, out / "files.csv")
    return Outcome(len(results.predictions), results.failures, results.refused)


def _find(inputs: Sequence[Path]) -> dict[str, Path]:
    """List the image files by their name relative to the input they were found in.

    Equal names in several inputs are told apart by the folders above them.
    """
    lengths: dict[Path, int] = {}  # how many of a path's last parts are its name
    for place in inputs:
        if place.is_dir():
            for path in sorted(path for path in place.rglob("*") if is_image_file(path)):
                lengths.setdefault(path.absolute(), len(path.relative_to(place).parts))
        elif place.is_file():
            lengths.setdefault(place.absolute(), 1)
        else:
            raise FileNotFoundError(f"{place}: no such file or folder")
    if not lengths:
        raise InputError(f"{inputs[0]}: no DICOM, PNG, JPEG, TIFF or NIfTI image in this folder")
    return _tell_apart(lengths)


def _tell_apart(lengths: dict[Path, int]) -> dict[str, Path]:
    """Name every path by its last parts, of the given number or as many as make it the only one."""
    while True:
        names = {path: Path(*path.parts[-count:]).as_posix() for path, count in lengths.items()}
        uses = Counter(names.values())
        equal = [path for path, name in names.items() if uses[name] > 1]
        if not equal:
            return {name: path for path, name in names.items()}
        for path in equal:
            lengths[path] += 1


def _read(files: Any, predictor: Predictor, failures: list[Failure]) -> Iterator[_Input]:
    for name, path in files:
        try:
            image = read_image(path)
            lungs = predictor.segment(image.pixels)
            yield _Input(name, image, lungs, predictor.judge(image, lungs))
        except UnreadableImage as error:
            failures.append(Failure(Path(name), error.reason))
        except NoLungsError as error:
            failures.append(Failure(Path(name), str(error)))


def _accepted(inputs: Iterator[_Input], results: _Results, *, refuse: bool) -> Iterator[_Input]:
    """Yield what is to be predicted; list the rest."""
    for one in inputs:
        if refuse and one.gate.name == REFUSED:
            results.refused.append(Failure(Path(one.name), one.gate.reason))
        else:
            yield one


def _predict(
    batch: Sequence[_Input],
    predictor: Predictor,
    explained: str,
    outputs: Sequence[Output],
    out: Path,
    results: _Results,
) -> None:
    images, lungs = [one.image.pixels for one in batch], [one.lungs for one in batch]
    predictions = predictor.predict(images, lungs=lungs, explained=explained)
    for one, ungated in zip(batch, predictions, strict=True):
        prediction = replace(ungated, gate=one.gate)
        row: dict[str, Any] = {
            "number": len(results.predictions) + 1,
            "image_id": prediction.image_id,
        }
        results.files.append({**row, "file": one.name, "reading": "; ".join(one.image.steps)})
        for output in outputs:
            row |= {name: _cell(value) for name, value in output.columns(prediction).items()}
            output.write(prediction, out)
        results.predictions.append(row)


def _cell(value: Value) -> str:
    """Write a value for a table; no number is an empty cell."""
    if isinstance(value, str):
        return value
    return "" if math.isnan(value) else f"{value:.6g}"


def _write_rows(rows: Sequence[Mapping[str, Any]], path: Path) -> None:
    with replacing(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, fieldnames=list(rows[0]) if rows else [*NAMES])
        writer.writeheader()
        writer.writerows(rows)
