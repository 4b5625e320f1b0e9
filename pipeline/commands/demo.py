"""``isnet-cxr demo``: the whole story on generated images."""

from pathlib import Path
from typing import Annotated

import typer

from isnet_cxr.pipeline.commands.options import Folder


def demo(
    out: Folder = Path("demo-out"),
    seeds: Annotated[int, typer.Option(min=1, help="trainings of each classifier")] = 1,
    check: Annotated[
        bool, typer.Option("--check", help="exit with 1 unless the promised figures are met")
    ] = False,
) -> None:
    """Run both stages on generated chest images of made-up hospitals. Needs no data and no network.

    In the development set each class comes from one hospital, so that the background gives the
    class away; at the external hospitals it does not. The baseline falls for it, ISNet does
    not.
    """
    from isnet_cxr.pipeline.commands.study import say, show_end
    from isnet_cxr.pipeline.demo import check_figures, describe_demo
    from isnet_cxr.pipeline.study.run import run_study

    config = describe_demo(out, seeds=seeds)
    finished = run_study(config, out, say=say)
    show_end(finished, out)
    if check:
        checks = check_figures(finished.summary)
        for figure in checks:
            typer.echo(figure.line)
        if not all(figure.held for figure in checks):
            raise typer.Exit(1)
