"""The options of ``isnet-cxr predict``, each a type with its help."""

from pathlib import Path
from typing import Annotated

import typer

Images = Annotated[
    list[Path],
    typer.Argument(help="DICOM, PNG, NIfTI and other image files, zip archives, folders"),
]
Model = Annotated[Path, typer.Option(help="classifier's model package, as a study leaves it")]
Lungs = Annotated[
    Path | None,
    typer.Option(help="lung segmenter's package; by default the one in the classifier's"),
]
Device = Annotated[str, typer.Option(help="cpu, cuda, or auto")]
Extensions = Annotated[
    list[str] | None,
    typer.Option("--extension", help="module or Python file that registers outputs; repeatable"),
]
NoGate = Annotated[
    bool, typer.Option("--no-gate", help="predict what is no frontal chest, too: for research")
]
Explained = Annotated[
    str, typer.Option("--explained", help="class that heatmaps explain, or `predicted`")
]
NoHeatmaps = Annotated[
    bool,
    typer.Option(
        "--no-heatmaps", help="explain nothing: no heatmaps, and no relevance in the tables"
    ),
]
NoMasks = Annotated[bool, typer.Option("--no-masks", help="write no lung masks")]
Workers = Annotated[
    int, typer.Option(min=0, help="images in hand at once; 0: one for each core, 8 at most")
]
BatchSize = Annotated[
    int, typer.Option(min=1, help="images that are kept, and done again after a kill, together")
]
Share = Annotated[
    str,
    typer.Option(
        "--shard",
        metavar="I/N",
        help="only this share of the files, as 2/8; put together by `merge`",
    ),
]
DicomKinds = Annotated[
    str,
    typer.Option(
        "--dicom",
        metavar="KINDS",
        help="DICOM objects into OUT/dicom: some of seg,sc,sr (lungs, picture, report)",
    ),
]
SendTo = Annotated[
    str,
    typer.Option(
        "--send",
        metavar="ADDRESS",
        help="send these objects at the end, as `send` does: AET@host:port, or http(s)://...",
    ),
]
