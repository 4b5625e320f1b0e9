"""``isnet-cxr bench``: how fast things are on this machine, side by side."""

import typer

app = typer.Typer(
    help="Speed and memory, side by side with plain training and prediction.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
