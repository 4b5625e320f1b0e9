"""``isnet-cxr bench data``: decoding, the cache, MONAI's PersistentDataset, a large manifest."""

import json
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from isnet_cxr.pipeline.commands.options import AsJson

if TYPE_CHECKING:
    from isnet_cxr.pipeline.table import Table

GIB, MIB = 2**30, 2**20


def data(
    images: Annotated[int, typer.Option(min=2, help="images of each format")] = 64,
    height_px: Annotated[int, typer.Option("--height", min=64, help="of the images, in px")] = 2048,
    size_px: Annotated[int, typer.Option("--size", min=16, help="of the squares, in px")] = 224,
    repeats: Annotated[int, typer.Option(min=1, help="later epochs; the fastest counts")] = 3,
    rows: Annotated[int, typer.Option(min=0, help="of the manifest; 0 leaves it out")] = 1_000_000,
    as_json: AsJson = False,
) -> None:
    """Time images as DICOM and PNG, decoded and from the cache, beside MONAI, and a large manifest.

    Images are generated. One process reads; images per second are by the clock on the wall.
    """
    found = _measure(images, height_px, size_px, repeats, rows)
    if as_json:
        typer.echo(json.dumps(found, indent=2))
        return
    from rich.console import Console

    Console().print(
        _images_table(found["images"]).for_terminal("PreparedImages: images per second")
    )
    if found["manifest"]:
        Console().print(_manifest_table(found["manifest"]).for_terminal("Manifest"))


def _measure(images: int, height_px: int, size_px: int, repeats: int, rows: int) -> dict[str, Any]:
    import torch

    from isnet_cxr.data.bench.images import measure_cache, write_images
    from isnet_cxr.data.bench.manifests import measure_manifests
    from isnet_cxr.data.bench.persistent import measure_persistent

    manifest = asdict(measure_manifests(rows)) if rows else None
    results: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        for suffix in ("dicom", "png"):
            place = Path(folder) / suffix
            written = write_images(place, images=images, height_px=height_px, suffix=suffix)
            sizes = {"size_px": size_px, "repeats": repeats}
            own = measure_cache(written, place / "cache", **sizes)
            monai = measure_persistent(written, place / "monai", **sizes)
            results[suffix] = {
                "isnet_cxr": asdict(own),
                "monai": asdict(monai),
                "later_over_first": own.later_per_s / own.first_per_s,
                "later_over_monai": own.later_per_s / monai.later_per_s,
                "disk_over_monai": own.disk_bytes / monai.disk_bytes,
            }
    settings = {"images": images, "height_px": height_px, "size_px": size_px, "repeats": repeats}
    settings["threads"] = torch.get_num_threads()
    return {"settings": settings, "images": results, "manifest": manifest}


def _images_table(results: dict[str, Any]) -> "Table":
    from isnet_cxr.pipeline.table import Table

    rows = []
    for suffix, found in results.items():
        for name in ("isnet_cxr", "monai"):
            own = found[name]
            speeds = (f"{own['first_per_s']:.1f}", f"{own['later_per_s']:.1f}")
            rows.append([suffix, name, *speeds, f"{own['disk_bytes'] / MIB:.1f}"])
        rows.append(
            [
                suffix,
                "ratio",
                "",
                f"{found['later_over_first']:.1f} x decoding, "
                f"{found['later_over_monai']:.1f} x MONAI",
                f"{found['disk_over_monai']:.3f} of MONAI",
            ]
        )
    return Table(["files", "who", "first epoch", "later epochs", "kept, MiB"], rows)


def _manifest_table(found: dict[str, Any]) -> "Table":
    from isnet_cxr.pipeline.table import Table

    rows = [
        [step, f"{found['seconds'][step]:.1f}", f"{found['cpu_seconds'][step]:.1f}"]
        for step in found["seconds"]
    ]
    totals = (sum(found[kind].values()) for kind in ("seconds", "cpu_seconds"))
    rows.append(["all", *(f"{total:.1f}" for total in totals)])
    rows.append(["most memory, GiB", f"{found['peak_bytes'] / GIB:.2f}", ""])
    return Table([f"{found['rows']:,} images", "seconds", "of the processor"], rows)
