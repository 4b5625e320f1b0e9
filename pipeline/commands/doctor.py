"""``isnet-cxr doctor``: what this installation has and can do."""

import json
from typing import Annotated

import typer

from isnet_cxr.pipeline.commands.options import AsJson


def doctor(
    as_json: AsJson = False,
    quick: Annotated[
        bool,
        typer.Option("--quick", help="only what a prediction needs: no network, no waiting"),
    ] = False,
) -> None:
    """Show versions, devices, DICOM decoders, the MLflow store and shared memory.

    Exits with 3 when something is missing that the pipeline needs.
    """
    from isnet_cxr.pipeline.doctor import examine
    from isnet_cxr.pipeline.errors import PARTLY_FAILED

    findings = examine(quick=quick)
    if as_json:
        content = {
            section: {f.name: {"value": f.value, "ok": f.ok} for f in found}
            for section, found in findings.items()
        }
        typer.echo(json.dumps(content, indent=2))
    else:
        for section, found in findings.items():
            typer.echo(section)
            for finding in found:
                typer.echo(f"  {'ok ' if finding.ok else 'NO '} {finding.name:32} {finding.value}")
    if not all(finding.ok for found in findings.values() for finding in found):
        raise typer.Exit(PARTLY_FAILED)
