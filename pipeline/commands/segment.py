"""``isnet-cxr segment``: train a lung segmenter, predict masks, score and align them."""

import json
from pathlib import Path
from typing import Annotated

import typer

from isnet_cxr.pipeline.commands.options import (
    AsJson,
    Assignments,
    Folder,
    Manifests,
    Seed,
    SettingsFile,
    read_manifests,
    read_settings,
    report_failures,
    tell_review_flags,
)

app = typer.Typer(help="Lung segmentation.", no_args_is_help=True, rich_markup_mode=None)


@app.command()
def train(
    manifests: Manifests,
    out: Folder,
    settings: SettingsFile = None,
    assignments: Assignments = None,
    seed: Seed = 0,
) -> None:
    """Train a lung segmenter on images with lung masks; goes on where it was interrupted."""
    from isnet_cxr.data.manifests.splits import assign_splits
    from isnet_cxr.segmentation.settings import SegmentationSettings
    from isnet_cxr.segmentation.training import train_segmenter

    chosen = read_settings(SegmentationSettings, settings, assignments)
    images = assign_splits(read_manifests(manifests), seed=seed, keep=True)
    package = train_segmenter(images, chosen, out, cache=out / "cache", seed=seed)
    typer.echo(f"model package: {package}")


@app.command()
def predict(
    manifests: Manifests,
    model: Annotated[Path, typer.Option(help="model package, from `segment train`")],
    out: Folder,
) -> None:
    """Write a lung mask for every image, and a manifest that names them."""
    from isnet_cxr.data.manifests.manifest import write_manifest
    from isnet_cxr.segmentation.predict import predict_masks

    masked, failures = predict_masks(read_manifests(manifests), model, out)
    if masked.empty:
        raise ValueError(f"no image could be read: {failures[0].path}: {failures[0].reason}")
    write_manifest(masked, out / "manifest.parquet")
    typer.echo(f"{out / 'manifest.parquet'}: {len(masked)} images")
    for quality, count in masked["mask_quality"].value_counts().items():
        typer.echo(f"  {quality}: {count}")
    tell_review_flags(masked)
    report_failures(failures, out / "failures.csv")


@app.command()
def score(
    predicted: Annotated[Path, typer.Argument(help="manifest with predicted masks")],
    reference: Annotated[Path, typer.Argument(help="manifest with reference masks")],
    out: Annotated[Path | None, typer.Option(help="CSV file for the score of every image")] = None,
    move_reference: Annotated[
        tuple[float, float],
        typer.Option(metavar="DOWN RIGHT", help="px of 200, as `segment align` measures"),
    ] = (0.0, 0.0),
    as_json: AsJson = False,
) -> None:
    """Compare predicted lung masks with reference masks: Dice and HD95."""
    from isnet_cxr.segmentation.score import score_masks, summarise_scores

    images = read_manifests([predicted]), read_manifests([reference])
    scores = score_masks(*images, offset=move_reference)
    if out is not None:
        out.parent.mkdir(parents=True, exist_ok=True)
        scores.to_csv(out, index=False)
    summary = summarise_scores(scores)
    if as_json:
        typer.echo(json.dumps(summary))
        return
    for name, value in summary.items():
        shown = "unknown" if value is None else f"{value:.4g}"
        typer.echo(f"{name:8} {shown}")


@app.command()
def align(manifests: Manifests, as_json: AsJson = False) -> None:
    """Say by how much masks stand beside their images' edges, by dataset, without a network.

    Compare datasets: ribs and diaphragm move every dataset's figure alike.
    """
    from isnet_cxr.segmentation.alignment import SIDE_PX, measure_offset

    images = read_manifests(manifests)
    offsets = {str(name): measure_offset(rows) for name, rows in images.groupby("dataset")}
    if as_json:
        typer.echo(json.dumps(offsets))
        return
    typer.echo(f"offset to the images' edges, px of {SIDE_PX} on the longest side, 95 % interval")
    for name, found in offsets.items():
        parts = [
            f"{axis} {found[f'{axis}_px']:+.2f} [{low:+.2f}, {high:+.2f}]"
            for axis, (low, high) in ((a, found[f"{a}_ci95"]) for a in ("row", "column"))
        ]
        typer.echo(f"{name:12} {found['n']:5} images  {'  '.join(parts)}")
