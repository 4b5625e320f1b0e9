"""``isnet-cxr audit``: what is wrong with images before anything is trained on them."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from isnet_cxr.data.errors import InputError
from isnet_cxr.pipeline.commands.options import AsJson, Manifests, read_manifests

if TYPE_CHECKING:
    import pandas as pd


def audit(
    manifests: Manifests,
    external: Annotated[
        list[Path] | None,
        typer.Option(help="manifest of an external test; repeatable"),
    ] = None,
    read_pixels: Annotated[
        bool,
        typer.Option("--pixels/--no-pixels", help="read the images, or use the manifests alone"),
    ] = True,
    check: Annotated[bool, typer.Option("--check", help="exit with 1 if there is a leak")] = False,
    workers: Annotated[int, typer.Option(min=1, help="processes that read")] = 1,
    as_json: AsJson = False,
) -> None:
    """Look for copies, leaks, contradictions, and what gives the class away without the lungs.

    The manifests together are the images to train on; their splits are roles where they have any.
    Images are named by a hash of their pixels. Exits with 3 when some could not be read.
    """
    from rich.console import Console

    from isnet_cxr.data.audit import audit_images, plain_audit
    from isnet_cxr.pipeline.audit import audit_tables
    from isnet_cxr.pipeline.errors import PARTLY_FAILED

    images = read_manifests(manifests)
    tests = _named(external or [])
    found = audit_images(images, tests, read_pixels=read_pixels, workers=workers)
    plain = plain_audit(found)
    if as_json:
        typer.echo(json.dumps(plain, indent=2))
    else:
        for title, table in audit_tables(plain).items():
            Console().print(table.for_terminal(title))
        for contradiction in found.contradictions:
            typer.echo(contradiction.sentence)
        if not found.leaks:
            typer.echo("no leak")
    if found.unreadable:
        typer.echo(f"{len(found.unreadable)} images could not be read", err=True)
        raise typer.Exit(PARTLY_FAILED)
    if check and found.leaks:
        raise typer.Exit(1)


def _named(external: list[Path]) -> "dict[str, pd.DataFrame]":
    """Read the manifests of external tests; a test is called by its datasets."""
    tests: dict[str, pd.DataFrame] = {}
    for path in external:
        images = read_manifests([path])
        name = " + ".join(dict.fromkeys(images["dataset"]))
        if name in tests:
            raise InputError(f"{path}: --external has a test of {name} already")
        tests[name] = images
    return tests
