"""``isnet-cxr runs``: a study's MLflow runs registered, exported and imported."""

import os
from pathlib import Path
from typing import Annotated

import typer

from isnet_cxr.pipeline.commands.options import Folder

app = typer.Typer(help="MLflow runs of a study.", no_args_is_help=True, rich_markup_mode=None)
Study = Annotated[Path, typer.Argument(help="a study's folder")]


@app.command()
def register(study: Study) -> None:
    """Register a finished study's best classifier; the alias champion only if its tests pass.

    A study does so as it ends; this does it later, where the store did not answer. What is
    registered is left alone.
    """
    from isnet_cxr.pipeline.study.registering import register_study

    found = register_study(study)
    typer.echo(f"{found.uri}, version {found.version}")
    if not found.is_champion:
        typer.echo("no champion: its description in MLflow says which test it failed")


@app.command("export")
def export(study: Study, out: Folder) -> None:
    """Write a study's runs, their files and registered models into a folder, to be imported."""
    from isnet_cxr.pipeline.tracking.exporting import export_runs

    typer.echo(f"{out}: {export_runs(study, out)} runs")


@app.command("import")
def import_(
    folder: Annotated[Path, typer.Argument(help="what `runs export` wrote")],
    to: Annotated[
        str | None,
        typer.Option(help="address of the store; by default what MLFLOW_TRACKING_URI says"),
    ] = None,
) -> None:
    """Deliver exported runs to a server; what is there already is not delivered again."""
    from isnet_cxr.data.errors import InputError
    from isnet_cxr.pipeline.tracking import without_password
    from isnet_cxr.pipeline.tracking.importing import import_runs

    uri = to or os.environ.get("MLFLOW_TRACKING_URI")
    if not uri:
        raise InputError("no store: name it by --to, or by MLFLOW_TRACKING_URI")
    runs, new = import_runs(folder, uri)
    typer.echo(f"{without_password(uri)}: {runs} runs, {new} of them delivered now")
