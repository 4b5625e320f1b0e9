"""``isnet-cxr merge``: the results of all shards of a job, put together."""

from pathlib import Path
from typing import Annotated

import typer

from isnet_cxr.pipeline.commands.options import Folder, report_outcome


def merge(
    shards: Annotated[list[Path], typer.Argument(help="folders that `predict --shard` wrote")],
    out: Folder,
) -> None:
    """Put the results of `predict --shard 1/n` to `n/n` together, as if one job had made them.

    Refuses shards that are missing, not finished, or of another model. Masks and heatmaps are
    links to the shards' own where the file system can. Exits with 3 if any file failed or was
    refused.
    """
    from isnet_cxr.pipeline.prediction.merging import merge_shards

    report_outcome(merge_shards(shards, out), out)
