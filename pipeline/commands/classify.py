"""``isnet-cxr classify``: train a classifier, predict and explain images."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from isnet_cxr.data.errors import InputError
from isnet_cxr.pipeline.commands.options import (
    Assignments,
    Folder,
    Manifests,
    Seed,
    SettingsFile,
    Strict,
    read_manifests,
    read_values,
    report_failures,
    report_outcome,
)

if TYPE_CHECKING:
    import pandas as pd

    from isnet_cxr.classification.settings import ClassifierSettings
    from isnet_cxr.data.manifests.failures import Failure

app = typer.Typer(help="Classification of images.", no_args_is_help=True, rich_markup_mode=None)
Model = Annotated[Path, typer.Option(help="model package, from `classify train` or a study")]


@app.command()
def train(
    manifests: Manifests,
    out: Folder,
    classes: Annotated[str, typer.Option(help="class names, separated by commas")],
    settings: SettingsFile = None,
    assignments: Assignments = None,
    seed: Seed = 0,
    together: Annotated[
        int, typer.Option("--processes", min=1, help="processes that share every batch")
    ] = 1,
) -> None:
    """Train a classifier (`--set method=isnet`); resumes an interrupted one.

    With --processes several processes of this machine train it together, each on a GPU of its own
    where there are some; over several machines, start this command by torchrun.
    """
    from isnet_cxr.classification.reading import check_classifier, read_classifier
    from isnet_cxr.data.learning import processes
    from isnet_cxr.data.manifests.splits import assign_splits

    names = [name.strip() for name in classes.split(",") if name.strip()]
    values = read_values(settings, assignments)
    chosen = read_classifier(values, where="settings")
    check_classifier(chosen, classes=len(names), where="settings")
    images = assign_splits(read_manifests(manifests), seed=seed, keep=True)
    processes.join()
    if together > 1 and processes.count() > 1:
        raise InputError("--processes: has no use under torchrun, which starts the processes")
    package = _train(images, chosen, out, classes=names, seed=seed, together=together)
    if processes.is_first():
        typer.echo(f"model package: {package}")


def _train(
    images: "pd.DataFrame",
    settings: "ClassifierSettings",
    out: Path,
    *,
    classes: list[str],
    seed: int,
    together: int,
) -> Path:
    """Train, each of several processes with its part of the CPU's threads."""
    import torch

    from isnet_cxr.pipeline.study.learning import Learning, learn

    threads = max(1, torch.get_num_threads() // together)
    learning = Learning(images, settings, out, classes, seed, out / "cache", threads)
    return learn(learning, lambda _kind, _content=None: None, processes=together)


@app.command()
def predict(
    manifests: Manifests,
    model: Model,
    out: Annotated[Path, typer.Option(help="CSV file: one row per image")],
) -> None:
    """Predict the labelled images of manifests, and score the predictions."""
    from isnet_cxr.classification.classifier import Classifier
    from isnet_cxr.classification.figures import FIGURES
    from isnet_cxr.classification.statistics import summarise
    from isnet_cxr.pipeline.prediction.evaluation import evaluate_classifier

    images = read_manifests(manifests)
    predictions = evaluate_classifier(model, images, cache=None)
    if predictions.empty:
        raise InputError("no image of the manifests could be read")
    out.parent.mkdir(parents=True, exist_ok=True)
    predictions.to_csv(out, index=False)
    figures = summarise(predictions, Classifier.load(model).classes)
    for name in ("n", *FIGURES):
        typer.echo(f"{name:20} {figures[name]:.4g}")
    report_failures(
        _unread(images, set(predictions["image_id"])), out.with_name(f"{out.stem}-failures.csv")
    )


@app.command()
def explain(
    images: Annotated[list[Path], typer.Argument(help="image files, zip archives, folders")],
    model: Model,
    out: Folder,
    explained: Annotated[
        str, typer.Option("--class", help="class to explain, or `predicted`")
    ] = "predicted",
    lungs: Annotated[Path | None, typer.Option(help="lung segmenter's model package")] = None,
    strict: Strict = False,
    no_gate: Annotated[
        bool, typer.Option("--no-gate", help="explain what is no frontal chest, too")
    ] = False,
) -> None:
    """Show what a classifier looks at: heatmaps as pictures and as arrays.

    heatmaps has the images with relevance drawn over them, red for the explained class and blue
    against it; arrays the numbers; predictions.csv the share of relevance inside the lungs (where a
    lung segmenter is known) and the relevance that is drawn in full colour.
    """
    from isnet_cxr.pipeline.prediction.batch import predict_images

    outcome = predict_images(
        images, model=model, out=out, lungs=lungs, explained=explained, asked=("arrays",),
        strict=strict,
        refuse=not no_gate,
    )  # fmt: skip
    typer.echo(f"{out / 'heatmaps'}, {out / 'arrays'}: {outcome.count} heatmaps")
    report_outcome(outcome, out)


def _unread(images: "pd.DataFrame", predicted: set[str]) -> "list[Failure]":
    """Say why images have no prediction."""
    from isnet_cxr.data.manifests.failures import Failure
    from isnet_cxr.data.readers import UnreadableImage, read_image

    failures = []
    for path in images.loc[~images["image_id"].isin(predicted), "path"]:
        try:
            read_image(Path(path))
            failures.append(Failure(Path(path), "its lung mask cannot be read or does not fit"))
        except UnreadableImage as error:
            failures.append(Failure(Path(path), error.reason))
    return failures
