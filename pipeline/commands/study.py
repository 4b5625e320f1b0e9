"""``isnet-cxr study``: both stages, all classifiers and seeds, and their report."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from isnet_cxr.pipeline.commands.options import Folder, RayAddress

if TYPE_CHECKING:
    from isnet_cxr.pipeline.study.run import Finished


def study(
    file: Annotated[Path, typer.Argument(metavar="STUDY.yaml", help="the study")],
    out: Folder,
    check: Annotated[
        bool,
        typer.Option(
            "--check-only", help="check the study file and its datasets' tables, and run nothing"
        ),
    ] = False,
    ray: RayAddress = None,
) -> None:
    """Run a study; the same command goes on with an interrupted one and repeats nothing."""
    from isnet_cxr.pipeline.config import load_study

    config = load_study(file)
    if check:
        from isnet_cxr.pipeline.study.tables import check_tables

        for line in check_tables(config):
            typer.echo(line)
        typer.echo(f"{file}: fine")
        return
    from isnet_cxr.pipeline.study.run import run_study

    show_end(run_study(config, out, say=say, ray=ray), out)


def say(line: str) -> None:
    """Print a line about what happens, with the time."""
    from datetime import datetime

    typer.echo(f"{datetime.now().astimezone():%H:%M:%S}  {line}")


def show_end(finished: "Finished", out: Path) -> None:
    """Print the figures as a table, and where everything is.

    Images that could not be read, and runs that MLflow did not take, make the exit code 3.
    """
    from rich.console import Console

    from isnet_cxr.pipeline.errors import PARTLY_FAILED
    from isnet_cxr.pipeline.study.outline import figures_table
    from isnet_cxr.pipeline.tracking import how_to_look

    Console().print(figures_table(finished.summary))
    typer.echo(f"report        {finished.report}")
    typer.echo(f"figures       {out / 'summary.json'}")
    typer.echo(f"MLflow runs   {how_to_look(finished.tracking_uri)}")
    if finished.undelivered:
        typer.echo(
            f"MLflow stopped answering ({finished.undelivered}): the study is complete, the same "
            "command delivers the missing runs",
            err=True,
        )
    unreadable = [entry for entry in finished.left_out if entry.reason == "unreadable"]
    if unreadable:
        names = ", ".join(f"{entry.dataset} {entry.count}" for entry in unreadable)
        folder = out / "manifests"
        typer.echo(f"images that could not be read: {names}; see {folder}/*/failures.csv", err=True)
    if unreadable or finished.undelivered:
        raise typer.Exit(PARTLY_FAILED)
