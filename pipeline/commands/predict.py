"""``isnet-cxr predict``: a trained classifier on a folder of images."""

import os
from pathlib import Path
from typing import Annotated, Any

import typer

from isnet_cxr.pipeline.commands.options import (
    AsJson,
    Folder,
    RayAddress,
    Share,
    Strict,
    report_outcome,
    report_record,
)


def predict(  # noqa: PLR0913, PLR0917 - the command line's options
    images: Annotated[
        list[Path],
        typer.Argument(help="DICOM, PNG, NIfTI and other image files, zip archives, folders"),
    ],
    model: Annotated[Path, typer.Option(help="classifier's model package, as a study leaves it")],
    out: Folder,
    lungs: Annotated[
        Path | None,
        typer.Option(help="lung segmenter's package; by default the one in the classifier's"),
    ] = None,
    device: Annotated[str, typer.Option(help="cpu, cuda, or auto")] = "auto",
    strict: Strict = False,
    extension: Annotated[
        list[str] | None,
        typer.Option(help="module or Python file that registers outputs; repeatable"),
    ] = None,
    shard: Share = "1/1",
    ray: RayAddress = None,
    no_gate: Annotated[
        bool, typer.Option("--no-gate", help="predict what is no frontal chest, too: for research")
    ] = False,
    explained: Annotated[
        str, typer.Option("--explained", help="class that heatmaps explain, or `predicted`")
    ] = "predicted",
    no_heatmaps: Annotated[
        bool,
        typer.Option(
            "--no-heatmaps", help="explain nothing: no heatmaps, and no relevance in the tables"
        ),
    ] = False,
    no_masks: Annotated[bool, typer.Option("--no-masks", help="write no lung masks")] = False,
    workers: Annotated[
        int, typer.Option(min=0, help="images in hand at once; 0: one for each core, 8 at most")
    ] = 0,
    batch_size: Annotated[
        int, typer.Option(min=1, help="images that are kept, and done again after a kill, together")
    ] = 16,
    as_json: AsJson = False,
) -> None:
    """Predict images: probabilities, lung masks and heatmaps. Research use only.

    predictions.csv, predictions.parquet, masks and heatmaps name images by a hash of their pixels;
    files.csv says which file each one was, and what a PACS finds it by. failures.csv lists what
    could not be used, refused.csv what is no frontal chest radiograph, ignored.csv what is no
    image; the rest is done nevertheless. run.json says what ran and how it ended. The same command
    goes on where an earlier one was interrupted.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # read as torch is imported
    from isnet_cxr.data.finding import Shard
    from isnet_cxr.data.registry import load_extensions
    from isnet_cxr.pipeline.prediction.batch import Pace, predict_images

    pace = Pace(batch_size=batch_size, workers=workers)
    left_out = (["heatmap", "relevance"] if no_heatmaps else []) + (["masks"] if no_masks else [])
    load_extensions(extension or [])
    options: dict[str, Any] = {
        "model": model, "lungs": lungs, "device": device, "strict": strict, "refuse": not no_gate,
        "explained": explained, "left_out": left_out, "shard": Shard.parse(shard),
    }  # fmt: skip
    if ray is None:
        outcome = predict_images(images, out=out, pace=pace, shown=not as_json, **options)
    else:
        from isnet_cxr.pipeline.prediction.on_cluster import predict_on_cluster

        options |= {"address": ray, "extensions": extension or []}
        outcome = predict_on_cluster(images, out=out, **options)
    if as_json:
        report_record(out)
    typer.echo(f"{out / 'predictions.csv'}: {outcome.count - outcome.duplicates} images")
    report_outcome(outcome, out)
