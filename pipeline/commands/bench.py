"""``isnet-cxr bench``: what ISNet costs on this machine, side by side with baseline training."""

import json
from typing import TYPE_CHECKING, Annotated

import typer

from isnet_cxr.pipeline.commands.options import AsJson

if TYPE_CHECKING:
    from isnet_cxr.classification.bench.cases import BenchSettings
    from isnet_cxr.classification.bench.rounds import Figures

app = typer.Typer(
    help="Speed and memory, side by side with baseline training and prediction.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
Network = Annotated[str, typer.Option(help="architecture")]
Size = Annotated[int, typer.Option("--size", help="side of the images in px")]
Batch = Annotated[int, typer.Option("--batch", help="images per step")]
Classes = Annotated[int, typer.Option(help="outputs of the network")]
Repeats = Annotated[int, typer.Option(help="rounds over all cases")]
Device = Annotated[str, typer.Option(help="cpu, cuda, or auto")]


@app.command()
def training(
    network: Network = "densenet121",
    size_px: Size = 224,
    batch: Batch = 8,
    classes: Classes = 3,
    repeats: Repeats = 5,
    device: Device = "auto",
    only: Annotated[
        list[str] | None, typer.Option(help="cases whose names contain this; repeatable")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Compare training steps: baseline, every variant, fractions of the batch, bf16.

    Every case has a process of its own, as a training has, and takes its steps in turns with
    baseline training. Ratios are medians over the rounds: CPU seconds on one thread, wall time on
    all threads, peak memory. On a GPU both times are the clock's, and memory is the GPU's.
    """
    from isnet_cxr.classification.bench.report import choose_cases, run_bench

    settings = _settings(network, size_px, batch, classes, repeats, device)
    figures = run_bench(settings, choose_cases(only or []), say=_say)
    _show(settings, figures, as_json=as_json)


@app.command()
def heatmap(
    network: Network = "densenet121",
    size_px: Size = 224,
    batch: Batch = 8,
    classes: Classes = 3,
    repeats: Repeats = 5,
    device: Device = "auto",
    as_json: AsJson = False,
) -> None:
    """Compare prediction alone with prediction and a heatmap of the predicted class."""
    from isnet_cxr.classification.bench.cases import PREDICTION_CASES
    from isnet_cxr.classification.bench.report import run_bench

    settings = _settings(network, size_px, batch, classes, repeats, device)
    _show(settings, run_bench(settings, PREDICTION_CASES, say=_say), as_json=as_json)


def _settings(
    network: str, size_px: int, batch: int, classes: int, repeats: int, device: str
) -> "BenchSettings":
    from isnet_cxr.classification.bench.cases import BenchSettings
    from isnet_cxr.data.settings import build_settings
    from isnet_cxr.pipeline.prediction.device import choose_device

    values = {
        "network": network, "size_px": size_px, "batch_size": batch, "classes": classes,
        "repeats": repeats, "device": str(choose_device(device)),
    }  # fmt: skip
    return build_settings(BenchSettings, values, where="bench")


def _say(line: str) -> None:
    typer.echo(line, err=True)


def _show(settings: "BenchSettings", figures: "dict[str, Figures]", *, as_json: bool) -> None:
    from isnet_cxr.classification.bench.report import as_content, targets

    if as_json:
        typer.echo(json.dumps(as_content(settings, figures), indent=2))
        return
    columns = ("CPU s" if settings.device == "cpu" else "GPU s", "wall s", "MiB")
    typer.echo(" " * 32 + "".join(f" {column:>8} {'ratio':>6}" for column in columns))
    for name, figure in figures.items():
        compared = (figure.cpu_seconds, figure.wall_seconds, figure.peak_mib)
        shown = (f" {each.value:8.4g} {each.ratio:6.2f}" for each in compared)
        typer.echo(f"{name:32}{''.join(shown)}")
    for target in targets(figures):
        verdict = "met" if target.met else "MISSED"
        typer.echo(f"{verdict:6} {target.name}: {target.value:.3f}, at most {target.limit}")
