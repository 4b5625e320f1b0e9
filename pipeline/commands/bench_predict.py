"""``isnet-cxr bench predict``: how fast a single prediction starts."""

import json
from dataclasses import asdict
from typing import Annotated

import typer

from isnet_cxr.pipeline.commands.options import AsJson


def predict(
    repeats: Annotated[int, typer.Option(min=1, help="rounds that count")] = 5,
    as_json: AsJson = False,
) -> None:
    """Compare predicting one image with importing torch and pydicom and reading the weights."""
    from isnet_cxr.pipeline.prediction.start_up import LIMIT, measure_start_up

    figures = measure_start_up(repeats=repeats, say=lambda line: typer.echo(line, err=True))
    if as_json:
        typer.echo(json.dumps({**asdict(figures), "limit": LIMIT}, indent=2))
        return
    for name, value in asdict(figures).items():
        typer.echo(f"{name:20} {value:.3f}")
    verdict = "met" if figures.cpu_ratio <= LIMIT else "MISSED"
    typer.echo(f"{verdict:6} start of a prediction: {figures.cpu_ratio:.3f}, at most {LIMIT}")
