"""``isnet-cxr predict``: a trained classifier on a folder of images."""

import os
from pathlib import Path
from typing import Any

import typer

from isnet_cxr.pipeline.commands import predict_options as own
from isnet_cxr.pipeline.commands.imports import imports_uncollected
from isnet_cxr.pipeline.commands.options import (
    AsJson,
    Folder,
    RayAddress,
    Strict,
    report_outcome,
    report_record,
)


def predict(  # noqa: PLR0913, PLR0917 - the command line's options
    images: own.Images,
    model: own.Model,
    out: Folder,
    lungs: own.Lungs = None,
    device: own.Device = "auto",
    strict: Strict = False,
    extension: own.Extensions = None,
    no_gate: own.NoGate = False,
    explained: own.Explained = "predicted",
    no_heatmaps: own.NoHeatmaps = False,
    no_masks: own.NoMasks = False,
    workers: own.Workers = 0,
    batch_size: own.BatchSize = 16,
    shard: own.Share = "1/1",
    ray: RayAddress = None,
    dicom: own.DicomKinds = "",
    as_json: AsJson = False,
) -> None:
    """Predict images: probabilities, lung masks and heatmaps. Research use only.

    predictions.csv, predictions.parquet, masks and heatmaps name images by a hash of their pixels;
    files.csv says which file each one was, and what a PACS finds it by. failures.csv lists what
    could not be used, refused.csv what is no frontal chest radiograph, ignored.csv what is no
    image; the rest is done nevertheless. run.json says what ran and how it ended. The same command
    goes on where an earlier one was interrupted.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # read as torch is imported
    with imports_uncollected():
        from isnet_cxr.data.finding import Shard
        from isnet_cxr.data.registry import load_extensions
        from isnet_cxr.pipeline.prediction.batch import Pace, predict_images

    load_extensions(extension or [])
    left_out = no_heatmaps * ["heatmap", "relevance"] + no_masks * ["masks"]
    options: dict[str, Any] = {
        "model": model, "lungs": lungs, "device": device, "strict": strict, "refuse": not no_gate,
        "explained": explained, "left_out": left_out, "shard": Shard.parse(shard), "out": out,
        "asked": _ask_for_dicom(dicom, model, lungs),
    }  # fmt: skip
    if ray is None:
        pace = Pace(batch_size, workers)
        outcome = predict_images(images, pace=pace, shown=not as_json, **options)
    else:
        outcome = _on_cluster(images, ray, extension or [], **options)
    report_record(out, asked=as_json)
    typer.echo(f"{out / 'predictions.csv'}: {outcome.count - outcome.duplicates} images")
    _tell_of_dicom(dicom, out)
    report_outcome(outcome, out)


def _on_cluster(images: list[Path], address: str, extensions: list[str], **options: Any) -> Any:
    """Predict on a Ray cluster, whose tasks know no output that was asked for here.

    Raises:
        InputError: If ``--dicom`` was asked for, too.
    """
    from isnet_cxr.data.errors import InputError
    from isnet_cxr.pipeline.prediction.on_cluster import predict_on_cluster

    if options.pop("asked"):
        raise InputError("--dicom: expected without --ray; predict the images here for objects")
    return predict_on_cluster(images, address=address, extensions=extensions, **options)


def _ask_for_dicom(kinds: str, model: Path, lungs: Path | None) -> list[str]:
    """Return the name of the output that ``--dicom`` asks for; what it needs is imported here."""
    if not kinds:
        return []
    from isnet_cxr.pipeline.commands.extras import require

    require("--dicom", ["highdicom"], extra="dicom")
    from isnet_cxr.pipeline.prediction.dicom_objects import ask_for

    return [ask_for(kinds, model, lungs)]


def _tell_of_dicom(kinds: str, out: Path) -> None:
    """Say which objects there are, and of which images there are none."""
    if not kinds:
        return
    from isnet_cxr.pipeline.prediction.dicom_objects import describe_objects

    typer.echo(describe_objects(out))
