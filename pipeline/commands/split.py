"""``isnet-cxr split``: who is trained on and who is tested on, by patient or by site."""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from isnet_cxr.pipeline.commands.options import Folder, Manifests, Seed, read_manifests

if TYPE_CHECKING:
    import pandas as pd

WHOLE = "images"


def split(
    manifests: Manifests,
    out: Folder,
    sites: Annotated[
        bool,
        typer.Option(
            "--leave-one-site-out", help="a manifest for each site, whose images are its test"
        ),
    ] = False,
    copies: Annotated[
        bool,
        typer.Option(
            "--copies/--no-copies", help="read all images, to keep copies of one on one side"
        ),
    ] = True,
    seed: Seed = 0,
    workers: Annotated[int, typer.Option(min=1, help="processes that read")] = 1,
) -> None:
    """Divide images into train, val and test, so that no patient and no image is on two sides.

    The manifests written are for a study, which keeps their splits. With --leave-one-site-out,
    what a held-out site's patients or images share with other sites is in no split and left out.
    """
    from isnet_cxr.data.copies.duplicates import find_duplicates
    from isnet_cxr.data.manifests.splits import assign_splits, leave_one_site_out

    images = read_manifests(manifests)
    found = find_duplicates(images, workers=workers) if copies else None
    if sites:
        _write(leave_one_site_out(images, seed=seed, copies=found), out)
    else:
        _write([(WHOLE, assign_splits(images, seed=seed, copies=found))], out)


def _write(named: "Iterable[tuple[str, pd.DataFrame]]", out: Path) -> None:
    from isnet_cxr.data.manifests.manifest import write_manifest

    taken: set[str] = set()
    for name, images in named:
        path = out / f"{_file_name(name, taken)}.parquet"
        used = images[images["split"] != ""]
        write_manifest(used, path)
        counts = used["split"].value_counts()
        said = ", ".join(f"{split} {counts.get(split, 0)}" for split in ("train", "val", "test"))
        shared = len(images) - len(used)
        typer.echo(f"{path}: {said}" + (f"; {shared} left out, shared with it" if shared else ""))


def _file_name(site: str, taken: set[str]) -> str:
    """Make a file name of a site's, and unlike those that are taken."""
    plain = re.sub(r"[^\w.-]+", "-", site).strip("-.") or "site"
    number, name = 1, plain
    while name.casefold() in taken:
        number += 1
        name = f"{plain}-{number}"
    taken.add(name.casefold())
    return name
