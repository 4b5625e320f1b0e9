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
        from isnet_cxr.pipeline.errors import PARTLY_FAILED
        from isnet_cxr.pipeline.prediction.batch import Pace, predict_images

    if send:
        _check_sending(send, dicom)
    load_extensions(extension or [])
    left_out = no_heatmaps * ["heatmap", "relevance"] + no_masks * ["masks"]
    options: dict[str, Any] = {
        "model": model, "lungs": lungs, "device": device, "strict": strict, "refuse": not no_gate,
        "explained": explained, "left_out": left_out, "shard": Shard.parse(shard), "out": out,
    }  # fmt: skip
    _require_dicom(dicom)
    if ray is None:
        pace = Pace(batch_size, workers)
        asked = _ask_for_dicom(dicom, model, lungs)
        outcome = predict_images(images, pace=pace, shown=not as_json, asked=asked, **options)
    else:
        from isnet_cxr.pipeline.prediction.on_cluster import predict_on_cluster

        options |= {"address": ray, "extensions": extension or [], "dicom": dicom}
        outcome = predict_on_cluster(images, **options)
    said, all_sent = _send(out, send)
    report_record(out, asked=as_json)
    typer.echo(f"{out / 'predictions.csv'}: {outcome.count - outcome.duplicates} images")
    _tell_of_dicom(dicom, out)
    if said:
        typer.echo(said, err=not all_sent)
    report_outcome(outcome, out)
    if not all_sent:
        raise typer.Exit(PARTLY_FAILED)


def _require_dicom(kinds: str) -> None:
    if kinds:
        from isnet_cxr.pipeline.commands.extras import require

        require("--dicom", ["highdicom"], extra="dicom")


def _check_sending(to: str, kinds: str) -> None:
    """Refuse, before anything is predicted, what could not be sent."""
    from isnet_cxr.pipeline.commands.extras import require

    require("--send", ["highdicom", "pynetdicom", "dicomweb_client"], extra="dicom")
    from isnet_cxr.pipeline.prediction.sending import check_address

    check_address(to, kinds=kinds)


def _send(out: Path, to: str) -> tuple[str, bool]:
    """Send the objects, if asked to; return what to say of it, and whether all were taken."""
    if not to:
        return "", True
    from isnet_cxr.pipeline.prediction.sending import send_results

    return send_results(out, to)


def _ask_for_dicom(kinds: str, model: Path, lungs: Path | None) -> list[str]:
    """Return the name of the output that ``--dicom`` asks for; highdicom is imported here."""
    if not kinds:
        return []
    from isnet_cxr.pipeline.prediction.dicom_objects import ask_for

    return [ask_for(kinds, model, lungs)]


def _tell_of_dicom(kinds: str, out: Path) -> None:
    """Say which objects there are, and of which images there are none."""
    if not kinds:
        return
    from isnet_cxr.pipeline.prediction.dicom_objects import describe_objects

    typer.echo(describe_objects(out))
