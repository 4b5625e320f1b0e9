"""``isnet-cxr gate``: how many images pass as frontal chest radiographs, and why others do not."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from isnet_cxr.pipeline.commands.options import AsJson

if TYPE_CHECKING:
    from isnet_cxr.pipeline.prediction.gate_rates import Rates

REASONS = 5  # of each folder are shown


def gate(
    folders: Annotated[list[Path], typer.Argument(help="image files, or folders of them")],
    model: Annotated[Path, typer.Option(help="classifier's model package")],
    lungs: Annotated[
        Path | None,
        typer.Option(help="lung segmenter's package; by default the one in the classifier's"),
    ] = None,
    turned: Annotated[
        bool, typer.Option("--turned", help="judge every image turned and inverted, too")
    ] = False,
    cut: Annotated[
        bool, typer.Option("--cut", help="judge halves and thirds of every image, too")
    ] = False,
    at_most: Annotated[
        int | None, typer.Option(min=1, help="so many images of each folder, evenly spaced")
    ] = None,
    device: Annotated[str, typer.Option(help="cpu, cuda, or auto")] = "auto",
    as_json: AsJson = False,
) -> None:
    """Judge images as `predict` does before it predicts, and count the verdicts by folder.

    Nothing is predicted or written. On chest radiographs nearly all should pass; on other images,
    and with --turned and --cut, nearly none.
    """
    from isnet_cxr.pipeline.prediction.device import choose_device
    from isnet_cxr.pipeline.prediction.gate_rates import count, judge_folders
    from isnet_cxr.pipeline.prediction.predictor import Predictor

    predictor = Predictor.load(model, lungs, device=choose_device(device))
    judged = judge_folders(folders, predictor, turned=turned, cut=cut, at_most=at_most)
    rates = count(judged)
    if as_json:
        typer.echo(json.dumps([_plain(row) for row in rates], indent=2))
        return
    typer.echo(f"{'':36} {'images':>7} {'passed':>8} {'doubtful':>9} {'refused':>8} {'unread':>7}")
    for row in rates:
        _show(row)


def _show(row: "Rates") -> None:
    from isnet_cxr.data.gate.verdict import DOUBTFUL, FRONTAL, REFUSED

    shares = [row.verdicts[name] / max(1, row.images) for name in (FRONTAL, DOUBTFUL, REFUSED)]
    passed, doubtful, refused = (f"{share:.1%}" for share in shares)
    name = f"{'/'.join(row.folder.parts[-2:])}, {row.shown}"
    typer.echo(f"{name:36} {row.images:7} {passed:>8} {doubtful:>9} {refused:>8} {row.unread:7}")
    for reason, images in row.reasons.most_common(REASONS):
        typer.echo(f"    {images:5}  {reason}")


def _plain(row: "Rates") -> dict[str, object]:
    return {
        "folder": str(row.folder),
        "shown": row.shown,
        "images": row.images,
        "unread": row.unread,
        "verdicts": dict(row.verdicts),
        "reasons": dict(row.reasons),
    }
