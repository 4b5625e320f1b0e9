"""``isnet-cxr predict``: a trained classifier on a folder of images."""

import os
from pathlib import Path
from typing import Annotated

import typer

from isnet_cxr.pipeline.commands.options import Folder, Share, Strict, report_outcome


def predict(  # noqa: PLR0913, PLR0917 - what the command offers
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
    shard: Share = "1/1",
    no_gate: Annotated[
        bool, typer.Option("--no-gate", help="predict what is no frontal chest, too: for research")
    ] = False,
) -> None:
    """Predict images: probabilities, lung masks and heatmaps. Research use only.

    predictions.csv, masks and heatmaps name images by a hash of their pixels; files.csv says which
    file each one was. failures.csv lists what could not be used, refused.csv what is no frontal
    chest radiograph, ignored.csv what is no image; the rest is done nevertheless. run.json says
    what ran and how it ended.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # read as torch is imported
    from isnet_cxr.data.finding import Shard
    from isnet_cxr.data.registry import load_extensions
    from isnet_cxr.pipeline.prediction.batch import predict_images

    load_extensions(extension or [])
    outcome = predict_images(
        images,
        model=model,
        out=out,
        lungs=lungs,
        device=device,
        strict=strict,
        refuse=not no_gate,
        shard=Shard.parse(shard),
    )
    typer.echo(f"{out / 'predictions.csv'}: {outcome.count} images")
    report_outcome(outcome, out)
