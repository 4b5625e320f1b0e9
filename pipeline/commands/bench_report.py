"""``isnet-cxr bench report``: the end of a large study, on made predictions."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from isnet_cxr.pipeline.commands.options import AsJson

MIB = 2**20


def report(
    runs: Annotated[int, typer.Option(min=4, help="trainings, of four classifiers")] = 20,
    images: Annotated[int, typer.Option(min=100, help="of all tests together")] = 5000,
    out: Annotated[
        Path | None, typer.Option(help="folder to keep the made study and its report in")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Time figures, report and documents of a study whose predictions were made up.

    Nothing is trained. A process of its own writes them; its processor seconds and its memory are
    told, imports included.
    """
    from isnet_cxr.pipeline.study.bench.made import Size
    from isnet_cxr.pipeline.study.bench.report import CPU_LIMIT_S, PEAK_LIMIT_MB, measure_report

    cost = measure_report(Size(runs, images), out)
    if as_json:
        typer.echo(json.dumps({"runs": runs, "images": images, **asdict(cost)}, indent=2))
        return
    for what, value, limit in (
        ("processor seconds", cost.cpu_s, CPU_LIMIT_S),
        ("most memory, MB", cost.peak_mb, PEAK_LIMIT_MB),
    ):
        verdict = "met" if value <= limit else "MISSED"
        typer.echo(f"{verdict:6} {what}: {value:.1f}, at most {limit:g}")
    typer.echo(f"       seconds on the wall: {cost.wall_s:.1f}")
    typer.echo(f"       report: {cost.page_bytes / MIB:.1f} MiB")
