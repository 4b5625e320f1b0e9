"""``isnet-cxr send``: DICOM objects that ``predict --dicom`` wrote, into a PACS."""

from pathlib import Path
from typing import Annotated

import typer


def send(
    folder: Annotated[Path, typer.Argument(help="folder of objects, as OUT/dicom of `predict`")],
    to: Annotated[
        str,
        typer.Option(
            help="AET@host:port (C-STORE), or http(s)://host/dicom-web (STOW-RS)", metavar="ADDRESS"
        ),
    ],
) -> None:
    """Send the DICOM objects of `predict --dicom` to an address. Research use only.

    Only what isnet-cxr made is sent. FOLDER/sent.csv keeps what was taken, so that the same command
    sends the rest; FOLDER/not-sent.csv lists what was not taken, and why.
    """
    from isnet_cxr.pipeline.commands.extras import require
    from isnet_cxr.pipeline.errors import PARTLY_FAILED

    require("send", ["highdicom", "pynetdicom", "dicomweb_client"], extra="dicom")
    from isnet_cxr.data.pacs.sending import send_folder
    from isnet_cxr.data.pacs.sent import NOT_SENT

    outcome = send_folder(folder, to)
    bad = bool(outcome.failures)
    typer.echo(f"{outcome}{f', see {folder / NOT_SENT}' if bad else ''}", err=bad)
    if bad:
        raise typer.Exit(PARTLY_FAILED)
