"""Predict a folder of images with a trained classifier: the job a hospital would run.

``predictions.csv``, ``masks`` and ``heatmaps`` know images by a running number and the hash of
their pixels. File names often hold a patient's name or number: they stand in ``files.csv``,
``failures.csv``, ``refused.csv``, ``ignored.csv`` and the ``ledger`` alone, which stay where the
images are. A job that was killed goes on by the same command, batch by batch; new files among its
inputs are added.
"""

import math
import sys
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from pathlib import Path

from isnet_cxr.data.errors import InputError
from isnet_cxr.data.finding import Findings, Found, find_files, read_found
from isnet_cxr.data.finding.found import listed
from isnet_cxr.data.gate.verdict import REFUSED, Verdict
from isnet_cxr.data.manifests.failures import Failure
from isnet_cxr.data.readers import Radiograph
from isnet_cxr.data.writers.names import written_name
from isnet_cxr.pipeline.errors import DONE, PARTLY_FAILED, STOPPED, WRONG_INPUT
from isnet_cxr.pipeline.prediction.device import choose_device
from isnet_cxr.pipeline.prediction.ledger import Entry, Ledger, key_of
from isnet_cxr.pipeline.prediction.outputs import OUTPUTS, Output
from isnet_cxr.pipeline.prediction.outputs.output import Value
from isnet_cxr.pipeline.prediction.predictor import NoLungsError, Predictor
from isnet_cxr.pipeline.prediction.record import (
    IGNORED,
    Outcome,
    describe_job,
    digest_models,
    write_record,
    write_tables,
)
from isnet_cxr.pipeline.prediction.stopping import soft_end
from isnet_cxr.segmentation.segmenter import LungMask

BATCH_SIZE = 16
Keyed = tuple[str, Found]


@dataclass(frozen=True)
class _Input:
    """One file that could be read, its lungs if there is a segmenter, and the gate's verdict."""

    key: str
    source: Found
    image: Radiograph
    lungs: LungMask | None
    gate: Verdict


@dataclass(frozen=True)
class _Way:
    """How images are predicted, and what is written of them."""

    predictor: Predictor
    explained: str
    outputs: Sequence[Output]
    refuse: bool
    out: Path


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

    What came of every file is written in ``out`` however it ends, see ``record``. What an earlier
    run of the same job did is kept; SIGTERM ends the job after the batch in hand.

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
        InputError: If there is no image, a package or class is wrong, no image could be used, one
            is ignored and ``strict``, or ``out`` holds the results of another job.
        KeyboardInterrupt: If SIGTERM came.
    """
    found = find_files(inputs, results=out)
    digests = digest_models(model, lungs)
    keep = partial(write_record, out=out, digests=digests)
    early = Outcome(0, failures=listed(found.failed), ignored=listed(found.ignored))
    refusal = _refusal(found, inputs, out, strict=strict)
    if refusal:
        keep(early, exit_code=WRONG_INPUT)
        raise InputError(refusal)
    predictor = Predictor.load(model, lungs, device=choose_device(device))
    predictor.check(explained)
    names = [name for name, one in OUTPUTS.items() if one.always or name in asked]
    job = describe_job(digests, explained=explained, outputs=names, refuse=refuse)
    keyed = {key_of(one): one for one in found.images}
    way = _Way(predictor, explained, [OUTPUTS[name] for name in names], refuse, out)
    with Ledger.open(out, job, inputs=keyed) as ledger:
        was_stopped = _go_on(keyed, ledger, way, progress=progress)
        outcome = write_tables(ledger, early, out, device=predictor.device)
    if was_stopped:
        keep(outcome, exit_code=STOPPED)
        raise KeyboardInterrupt
    if not outcome.count and not outcome.refused:
        keep(outcome, exit_code=WRONG_INPUT)
        raise InputError(_none_used(outcome.failures))
    keep(outcome, exit_code=PARTLY_FAILED if outcome.failures or outcome.refused else DONE)
    return outcome


def _go_on(keyed: Mapping[str, Found], ledger: Ledger, way: _Way, *, progress: bool) -> bool:
    """Do what the ledger does not have, batch by batch; tell whether SIGTERM ended it early."""
    waiting = [(key, one) for key, one in keyed.items() if key not in ledger.keys]
    shown = _with_bar(waiting) if progress and sys.stdout.isatty() else iter(waiting)
    with soft_end() as is_asked:
        while batch := list(islice(shown, BATCH_SIZE)):
            ledger.write(_predict(batch, way, first=ledger.counts["predicted"] + 1))
            if is_asked():
                return True
    ledger.finish()
    return False


def _with_bar(waiting: Sequence[Keyed]) -> Iterator[Keyed]:
    from rich.progress import track

    return iter(track(waiting, description="predicting"))


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


def _predict(batch: Sequence[Keyed], way: _Way, *, first: int) -> list[Entry]:
    """Return what came of every file of a batch; write its masks, heatmaps and the like.

    Args:
        batch: What was found, by key.
        way: How to predict.
        first: Number of the batch's first prediction.
    """
    entries = list(_read(batch, way))
    inputs = [one for one in entries if isinstance(one, _Input)]
    predicted = iter(_outputs(inputs, way, first=first) if inputs else [])
    return [next(predicted) if isinstance(one, _Input) else one for one in entries]


def _read(batch: Sequence[Keyed], way: _Way) -> Iterator[_Input | Entry]:
    """Yield, for every file, an image to predict or why it is not."""
    keys = [key for key, _ in batch]
    read = read_found(one for _, one in batch)
    for key, (one, image) in zip(keys, read, strict=True):
        if isinstance(image, str):
            yield Entry(key, one.name, "failed", image)
            continue
        try:
            lungs = way.predictor.segment(image.pixels)
        except NoLungsError as error:
            yield Entry(key, one.name, "failed", str(error))
            continue
        gate = way.predictor.judge(image, lungs)
        if way.refuse and gate.name == REFUSED:
            yield Entry(key, one.name, "refused", gate.reason)
        else:
            yield _Input(key, one, image, lungs, gate)


def _outputs(inputs: Sequence[_Input], way: _Way, *, first: int) -> Iterator[Entry]:
    images, lungs = [one.image.pixels for one in inputs], [one.lungs for one in inputs]
    predictions = way.predictor.predict(images, lungs=lungs, explained=way.explained)
    for number, (one, ungated) in enumerate(zip(inputs, predictions, strict=True), first):
        prediction = replace(ungated, gate=one.gate, source=one.source)
        row = {"number": str(number), "image_id": prediction.image_id}
        for output in way.outputs:
            row |= {name: _cell(value) for name, value in output.columns(prediction).items()}
            output.write(prediction, way.out)
        reading = "; ".join(one.image.steps)
        yield Entry(one.key, one.source.name, "predicted", row=row, reading=reading)


def _cell(value: Value) -> str:
    """Write a value for a table; no number is an empty cell."""
    if isinstance(value, str):
        return value
    return "" if math.isnan(value) else f"{value:.6g}"
