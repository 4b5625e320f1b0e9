"""``isnet-cxr predict``: a trained classifier on a folder of films."""

from pathlib import Path
from typing import Annotated

import typer

from pipeline.commands.options import Folder, report_failures


def predict(
    films: Annotated[Path, typer.Argument(help="a DICOM, PNG or NIfTI file, or a folder of them")],
    model: Annotated[Path, typer.Option(help="classifier's model package, as a study leaves it")],
    out: Folder,
    lungs: Annotated[
        Path | None,
        typer.Option(help="lung segmenter's package; by default the one in the classifier's"),
    ] = None,
    device: Annotated[str, typer.Option(help="cpu, cuda, or auto")] = "auto",
) -> None:
    """Predict films: probabilities, lung masks and heatmaps. Research use only.

    predictions.csv, masks and heatmaps name films by a hash of their pixels; files.csv says which
    file each one was. failures.csv lists what could not be used; the rest is done nevertheless.
    """
    from pipeline.batch import predict_films

    outcome = predict_films([films], model=model, out=out, lungs=lungs, device=device)
    typer.echo(f"{out / 'predictions.csv'}: {outcome.count} films")
    report_failures(outcome.failures, out / "failures.csv")
