"""``isnet-cxr predict``: a trained classifier on a folder of images."""

import os
from pathlib import Path
from typing import Annotated

import typer

from isnet_cxr.pipeline.commands.imports import imports_uncollected
from isnet_cxr.pipeline.commands.options import Folder, Strict, report_outcome


def predict(  # noqa: PLR0913, PLR0917 - the command line's options
    images: Annotated[
        list[Path],
        typer.Argument(help="DICOM, PNG, NIfTI and other image files, zip archives, folders"),
    ],
    model: Annotated[Path, typer.Option(help="classifier's model package, as a study leaves it")],
    out: Folder,
    lungs: Annotated[
        Path | None,
        typer.Option(help="lung segmenter's package; by default the one in the classifier's"),
    ] = None,
    device: Annotated[str, typer.Option(help="cpu, cuda, or auto")] = "auto",
    strict: Strict = False,
    extension: Annotated[
        list[str] | None,
        typer.Option(help="module or Python file that registers outputs; repeatable"),
    ] = None,
    no_gate: Annotated[
        bool, typer.Option("--no-gate", help="predict what is no frontal chest, too: for research")
    ] = False,
    dicom: Annotated[
        str,
        typer.Option(
            metavar="KINDS",
            help="DICOM objects into OUT/dicom: some of seg,sc,sr (lungs, picture, report)",
        ),
    ] = "",
) -> None:
    """Predict images: probabilities, lung masks and heatmaps. Research use only.

    predictions.csv, masks and heatmaps name images by a hash of their pixels; files.csv says which
    file each one was. failures.csv lists what could not be used, refused.csv what is no frontal
    chest radiograph, ignored.csv what is no image; the rest is done nevertheless. run.json says
    what ran and how it ended.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # read as torch is imported
    with imports_uncollected():
        from isnet_cxr.data.registry import load_extensions
        from isnet_cxr.pipeline.prediction.batch import predict_images

    load_extensions(extension or [])
    asked = [_ask_for_dicom(dicom, model, lungs)] if dicom else []
    outcome = predict_images(
        images,
        model=model,
        out=out,
        lungs=lungs,
        device=device,
        strict=strict,
        refuse=not no_gate,
        asked=asked,
    )
    typer.echo(f"{out / 'predictions.csv'}: {outcome.count} images")
    if dicom:
        _tell_of_dicom(out)
    report_outcome(outcome, out)


def _ask_for_dicom(kinds: str, model: Path, lungs: Path | None) -> str:
    """Return the name of the output that ``--dicom`` asks for; what it needs is imported here."""
    from isnet_cxr.pipeline.commands.extras import require

    require("--dicom", ["highdicom"], extra="dicom")
    from isnet_cxr.pipeline.prediction.dicom_objects import ask_for

    return ask_for(kinds, model, lungs)


def _tell_of_dicom(out: Path) -> None:
    from isnet_cxr.pipeline.prediction.dicom_objects import describe_objects

    typer.echo(describe_objects(out))
