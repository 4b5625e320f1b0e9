"""Predict a folder of images with a trained classifier: the job a hospital would run.

``predictions.csv``, ``masks`` and ``heatmaps`` know images by a running number and the hash of
their pixels. File names often hold a patient's name or number: they stand in ``files.csv``,
``failures.csv``, ``refused.csv`` and ``ignored.csv`` alone, which stay where the images are.
"""

import csv
import math
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

from rich.progress import track

from isnet_cxr.data.errors import InputError
from isnet_cxr.data.finding import Findings, Found, find_files, read_found
from isnet_cxr.data.finding.found import listed
from isnet_cxr.data.gate.verdict import REFUSED, Verdict
from isnet_cxr.data.manifests.failures import Failure
from isnet_cxr.data.readers import Radiograph
from isnet_cxr.data.writers.atomic import replacing
from isnet_cxr.data.writers.names import written_name
from isnet_cxr.pipeline.errors import DONE, PARTLY_FAILED, WRONG_INPUT
from isnet_cxr.pipeline.prediction.device import choose_device
from isnet_cxr.pipeline.prediction.outputs import OUTPUTS, Output
from isnet_cxr.pipeline.prediction.outputs.output import Value
from isnet_cxr.pipeline.prediction.predictor import NoLungsError, Predictor
from isnet_cxr.pipeline.prediction.record import IGNORED, Outcome, write_record
from isnet_cxr.segmentation.segmenter import LungMask

BATCH_SIZE = 16
NAMES = ("number", "image_id")  # first columns of both tables, and all of empty ones


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

    def outcome(self, early: Outcome, *, device: str) -> Outcome:
        """Return what came of the batch, beside what was known before it began."""
        return replace(
            early, count=len(self.files), failures=self.failures, refused=self.refused,
            device=device,
        )  # fmt: skip


def predict_images(  # noqa: PLR0913 - what the commands offer, by name
    inputs: Sequence[Path],
    *,
    model: Path,
    out: Path,
    lungs: Path | None = None,
    explained: str = "predicted",
    asked: Collection[str] = (),
    device: str = "auto",
    strict: bool = False,
    refuse: bool = True,
    progress: bool = True,
) -> Outcome:
    """Predict and explain every image; what cannot be read or is refused is listed and skipped.

    What came of every file is written in ``out`` however it ends, see ``record``.

    Args:
        inputs: Image files, zip archives, and folders that are searched for them.
        model: The classifier's package.
        out: Folder for the results, made if missing.
        lungs: The lung segmenter's package; None takes the one in ``model``, if there is one. Masks
            are for masked classifiers and for the share of relevance inside the lungs; no other
            prediction depends on them.
        explained: A class, or "predicted".
        asked: Names of outputs to write besides those that always are, as "arrays".
        device: "cpu", "cuda", ..., or "auto".
        strict: Refuse inputs among which is any that would be ignored.
        refuse: Predict frontal chest radiographs alone; False predicts what the gate refuses too,
            and its verdict stands beside the prediction.
        progress: Show a bar.

    Raises:
        FileNotFoundError: If an input or package is missing.
        InputError: If there is no image, a package or class is wrong, no image could be used, or
            one is ignored and ``strict``.
    """
    found = find_files(inputs, results=out)
    keep = partial(write_record, out=out, model=model, lungs=lungs)
    early = Outcome(0, failures=listed(found.failed), ignored=listed(found.ignored))
    refusal = _refusal(found, inputs, out, strict=strict)
    if refusal:
        keep(early, exit_code=WRONG_INPUT)
        raise InputError(refusal)
    chosen = choose_device(device)
    predictor = Predictor.load(model, lungs, device=chosen)
    predictor.check(explained)
    outputs = [one for name, one in OUTPUTS.items() if one.always or name in asked]
    results = _Results(failures=listed(found.failed))
    shown = track(found.images, description="predicting", disable=not progress)
    accepted = _accepted(_read(shown, predictor, results.failures), results, refuse=refuse)
    while batch := list(islice(accepted, BATCH_SIZE)):
        _predict(batch, predictor, explained, outputs, out, results)
    outcome = results.outcome(early, device=str(chosen))
    if not results.predictions and not results.refused:
        keep(outcome, exit_code=WRONG_INPUT)
        raise InputError(_none_used(results.failures))
    _write_rows(results.predictions, out / "predictions.csv")
    _write_rows(results.files, out / "files.csv")
    bad = results.failures or results.refused
    keep(outcome, exit_code=PARTLY_FAILED if bad else DONE)
    return outcome


def _refusal(found: Findings, inputs: Sequence[Path], out: Path, *, strict: bool) -> str:
    """Say why there is nothing to predict."""
    if strict and found.ignored:
        first, count = found.ignored[0], len(found.ignored)
        return (
            f"{written_name(first.name)}: {first.verdict.reason}; with --strict no input may be "
            f"ignored, and {count} would be, see {out / IGNORED}"
        )
    if found.images:
        return ""
    if found.failed:
        return _none_used(listed(found.failed))
    return f"{inputs[0]}: no DICOM, PNG, JPEG, TIFF or NIfTI image in this folder"


def _none_used(failures: Sequence[Failure]) -> str:
    first = failures[0]
    return f"no image could be used: {written_name(str(first.path))}: {first.reason}"


def _read(
    files: Iterable[Found], predictor: Predictor, failures: list[Failure]
) -> Iterator[_Input]:
    for one, image in read_found(files):
        if isinstance(image, str):
            failures.append(Failure(Path(one.name), image))
            continue
        try:
            lungs = predictor.segment(image.pixels)
            gate = predictor.judge(image, lungs)
            yield _Input(written_name(one.name), image, lungs, gate)
        except NoLungsError as error:
            failures.append(Failure(Path(one.name), str(error)))


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
