"""``isnet-cxr gate``: how many images pass as frontal chest radiographs, and why others do not."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from isnet_cxr.pipeline.commands.options import AsJson

if TYPE_CHECKING:
    from isnet_cxr.pipeline.prediction.gate_rates import Judged, Rates

UNREAD = "unread"
REASONS = 5  # of each folder are shown
HEAD = f"{'':36} {'images':>7} {'passed':>8} {'doubtful':>9} {'refused':>8} {'unread':>7}"


Lungs = Annotated[
    Path | None,
    typer.Option(help="lung segmenter's package; by default the one in the classifier's"),
]
Turned = Annotated[
    bool, typer.Option("--turned", help="judge every image turned and inverted, too")
]
Cut = Annotated[bool, typer.Option("--cut", help="judge halves and thirds of every image, too")]
AtMost = Annotated[
    int | None, typer.Option(min=1, help="so many images of each folder, evenly spaced")
]
Listed = Annotated[bool, typer.Option("--list", help="name every file and its verdict, too")]


def gate(  # noqa: PLR0913, PLR0917 - the command line's options
    folders: Annotated[list[Path], typer.Argument(help="image files, or folders of them")],
    model: Annotated[Path, typer.Option(help="classifier's model package")],
    lungs: Lungs = None,
    turned: Turned = False,
    cut: Cut = False,
    at_most: AtMost = None,
    listed: Listed = False,
    device: Annotated[str, typer.Option(help="cpu, cuda, or auto")] = "auto",
    as_json: AsJson = False,
) -> None:
    """Judge images as `predict` does before it predicts, and count the verdicts by folder.

    Nothing is predicted or written. On chest radiographs nearly all should pass; on other images,
    and with --turned and --cut, nearly none. Exits with 3 when some files could not be used.
    """
    from isnet_cxr.data.gate.gate import NO_STATISTICS
    from isnet_cxr.pipeline.errors import PARTLY_FAILED
    from isnet_cxr.pipeline.prediction.device import choose_device
    from isnet_cxr.pipeline.prediction.gate_rates import count, judge_folders
    from isnet_cxr.pipeline.prediction.predictor import Predictor

    predictor = Predictor.load(model, lungs, device=choose_device(device))
    if predictor.gate.statistics is None:
        typer.echo(f"warning: {NO_STATISTICS}", err=True)
    judged = list(judge_folders(folders, predictor, turned=turned, cut=cut, at_most=at_most))
    rates = count(judged)
    files = [_file(one) for one in judged] if listed else []
    if as_json:
        plain = [_plain(row) for row in rates]
        typer.echo(json.dumps({"folders": plain, "files": files} if listed else plain, indent=2))
    else:
        for one in files:
            typer.echo("\t".join(one.values()))
        typer.echo(HEAD)
        for row in rates:
            _show(row)
    if any(row.unread for row in rates):
        raise typer.Exit(PARTLY_FAILED)


def _file(one: "Judged") -> dict[str, str]:
    """Name a file, how it was shown, its verdict, and why."""
    name, why = (one.verdict.name, one.verdict.reasons) if one.verdict else (UNREAD, (one.problem,))
    return {"file": str(one.file), "shown": one.shown, "verdict": name, "reason": "; ".join(why)}


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
