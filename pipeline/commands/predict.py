"""``isnet-cxr predict``: a trained classifier on a folder of images."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from isnet_cxr.pipeline.commands import predict_options as own
from isnet_cxr.pipeline.commands.archive import Archive
from isnet_cxr.pipeline.commands.imports import imports_uncollected
from isnet_cxr.pipeline.commands.options import (
    AsJson,
    Folder,
    RayAddress,
    Strict,
    report_outcome,
    report_record,
)

if TYPE_CHECKING:
    from isnet_cxr.pipeline.prediction.record import Outcome


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
    send: own.SendTo = "",
    as_json: AsJson = False,
) -> None:
    """Predict images: probabilities, lung masks and heatmaps. Research use only.

    predictions.csv, predictions.parquet, masks and heatmaps name images by a hash of their pixels;
    files.csv says which file each one was, and what a PACS finds it by. failures.csv lists what
    could not be used, refused.csv what is no frontal chest radiograph, ignored.csv what is no
    image; the rest is done nevertheless. run.json says what ran and how it ended. The same command
    goes on where an earlier one was interrupted, and sends what an archive has not taken yet.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # read as torch is imported
    with imports_uncollected():
        from isnet_cxr.data.finding import Shard
        from isnet_cxr.data.registry import load_extensions
        from isnet_cxr.pipeline.prediction.batch import Pace, predict_images

    archive = Archive(dicom, send)
    load_extensions(extension or [])
    left_out = no_heatmaps * ["heatmap", "relevance"] + no_masks * ["masks"]
    options: dict[str, Any] = {
        "model": model, "lungs": lungs, "device": device, "strict": strict, "refuse": not no_gate,
        "explained": explained, "left_out": left_out, "shard": Shard.parse(shard), "out": out,
    }  # fmt: skip
    if ray is None:
        options |= {"asked": archive.asked(model, lungs), "pace": Pace(batch_size, workers)}
        outcome = predict_images(images, shown=not as_json, **options)
    else:
        options |= {"address": ray, "extensions": extension or [], "dicom": dicom}
        outcome = _on_cluster(images, **options)
    _report(outcome, out, archive, as_json=as_json)


def _on_cluster(images: list[Path], **options: Any) -> "Outcome":
    from isnet_cxr.pipeline.prediction.on_cluster import predict_on_cluster

    return predict_on_cluster(images, **options)


def _report(outcome: "Outcome", out: Path, archive: Archive, *, as_json: bool) -> None:
    """Send what was made, say what came of everything, and exit with 3 if anything is amiss."""
    from isnet_cxr.pipeline.errors import PARTLY_FAILED

    said, all_sent = archive.send(out)
    report_record(out, asked=as_json)
    typer.echo(f"{out / 'predictions.csv'}: {outcome.count - outcome.duplicates} images")
    archive.tell(out)
    if said:
        typer.echo(said, err=not all_sent)
    report_outcome(outcome, out)
    if not all_sent:
        raise typer.Exit(PARTLY_FAILED)
