"""``isnet-cxr served-model``: a package as a model that ``mlflow models serve`` answers with."""

from pathlib import Path
from typing import Annotated

import typer


def served_model(
    package: Annotated[Path, typer.Argument(help="classifier's model package")],
    out: Annotated[Path, typer.Option(help="folder for the MLflow model, new or empty")],
) -> None:
    """Write a classifier's package as an MLflow model: code and the package, nothing pickled.

    docs/howto-serving.md says how it is served and asked.
    """
    from isnet_cxr.pipeline.serving.model import write_model

    write_model(package, out)
    typer.echo(f"mlflow models serve --env-manager local --port 5001 --model-uri {out}")
