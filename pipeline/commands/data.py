"""``isnet-cxr import``: a published dataset's folder becomes a manifest."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from isnet_cxr.data.errors import InputError

if TYPE_CHECKING:
    from isnet_cxr.data.manifests.importing import Imported


Columns = Annotated[
    list[str] | None,
    typer.Option(metavar="MANIFEST=TABLE", help="csv: the table's name of a column; repeatable"),
]
Labels = Annotated[
    list[str] | None,
    typer.Option(
        metavar="PUBLISHED=CLASS",
        help="the class of a publisher's label, nothing to leave it out; repeatable",
    ),
]
Called = Annotated[
    str | None,
    typer.Option(
        help="csv, folder, dicom: what the dataset is called; where two have one name, equal "
        "patient ids are one patient  [default: the manifest's name]"
    ),
]


def import_images(
    dataset: Annotated[str | None, typer.Argument(help="its name, see --list")] = None,
    root: Annotated[Path | None, typer.Argument(help="its folder; for csv, the table")] = None,
    out: Annotated[Path | None, typer.Option(help="the manifest, .csv or .parquet")] = None,
    list_datasets: Annotated[bool, typer.Option("--list", help="list known datasets")] = False,
    column: Columns = None,
    label: Labels = None,
    name: Called = None,
    workers: Annotated[int | None, typer.Option(min=1, help="processes that read")] = None,
) -> None:
    """Read every image of a dataset once and write its manifest."""
    if list_datasets:
        _list()
        return
    if dataset is None or root is None or out is None:
        raise typer.BadParameter("expected DATASET, ROOT and --out (or --list)")
    from isnet_cxr.data.manifests.importing import LAYOUTS, import_dataset
    from isnet_cxr.data.manifests.manifest import write_manifest

    imported = import_dataset(
        dataset,
        root,
        workers=workers,
        columns=dict(_pair("--column", "MANIFEST=TABLE", entry) for entry in column or []),
        labels=dict(_pair("--label", "PUBLISHED=CLASS", entry) for entry in label or []),
        anew=out.with_name(f"{out.stem}-files"),
        called=name or (out.stem if dataset in LAYOUTS else ""),
    )
    if imported.manifest.empty:
        reason = f": {imported.failures[0].reason}" if imported.failures else ""
        raise InputError(f"{root}: no image of {dataset} could be read{reason}")
    write_manifest(imported.manifest, out)
    _tell(imported, out)


def _tell(imported: "Imported", out: Path) -> None:
    """Say what was imported, left out and failed; failures make the exit code 3."""
    from isnet_cxr.pipeline.commands.options import report_failures, tell_review_flags

    typer.echo(f"{out}: {len(imported.manifest)} images")
    for name, count in imported.manifest["label"].value_counts().items():
        typer.echo(f"  {name or 'no label'}: {count}")
    for reason, count in imported.left_out.items():
        typer.echo(f"  left out, {reason}: {count}")
    for remark, count in imported.remarks.items():
        typer.echo(f"  {remark}: {count}")
    read, failed = len(imported.manifest), len(imported.failures)
    left_out = sum(imported.left_out.values())
    typer.echo(
        f"{read + failed + left_out} found: {read} read, {failed} failed, {left_out} left out"
    )
    tell_review_flags(imported.manifest)
    _list_ignored(imported, out.with_name(f"{out.stem}-ignored.csv"))
    report_failures(imported.failures, out.with_name(f"{out.stem}-failures.csv"))


def _list_ignored(imported: "Imported", path: Path) -> None:
    """List the files that were left out, where a folder was searched; no older list stays."""
    from isnet_cxr.data.manifests.failures import write_failures

    if imported.ignored or path.exists():
        write_failures(imported.ignored, path)
    if imported.ignored:
        typer.echo(f"files left out, by name: {path}")


def _list() -> None:
    from isnet_cxr.data.datasets import ADAPTERS

    for name, adapter in ADAPTERS.items():
        typer.echo(f"{name:18} {adapter.summary}")
        typer.echo(f"{'':18} expects {adapter.layout}")
        if adapter.labels:
            classes = ", ".join(f"{label} = {of}" for label, of in adapter.labels.items())
            typer.echo(f"{'':18} labels  {classes}")


def _pair(option: str, form: str, entry: str) -> tuple[str, str]:
    name, separator, value = entry.partition("=")
    if not separator:
        raise InputError(f"{option} expects {form}, got {entry!r}")
    return name, value
