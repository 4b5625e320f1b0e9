"""A prediction job on a Ray cluster: its shards are tasks, and the whole is merged from them.

What each shard has done stays in ``shards`` of the results, so that a task whose machine is lost
goes on elsewhere, and the same command later with new inputs predicts those alone.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from isnet_cxr.data.errors import InputError
from isnet_cxr.data.finding import Findings, Shard, find_files
from isnet_cxr.data.registry import load_extensions
from isnet_cxr.data.writers.names import written_name
from isnet_cxr.pipeline.cluster import connected, run_on_cluster
from isnet_cxr.pipeline.prediction.batch import Pace, predict_images
from isnet_cxr.pipeline.prediction.merging import check_room, merge_shards
from isnet_cxr.pipeline.prediction.record import Outcome
from isnet_cxr.pipeline.study.parallel import Tell

SHARDS = "shards"
SHARDS_PER_CPU, IMAGES_PER_SHARD = 4, 16


@dataclass(frozen=True)
class _Job:
    """What a task is given: ``options`` are those of ``predict_images``."""

    inputs: Sequence[Path]
    out: Path
    shard: Shard
    options: Mapping[str, Any]
    extensions: Sequence[str] = field(default=())
    dicom: str = ""


def predict_on_cluster(
    inputs: Sequence[Path],
    *,
    out: Path,
    address: str,
    extensions: Sequence[str] = (),
    dicom: str = "",
    shard: Shard = Shard(),  # noqa: B008 - frozen
    **options: Any,
) -> Outcome:
    """Predict every image on a cluster; the results are those of ``predict_images``.

    Args:
        inputs: As of ``predict_images``; the cluster's machines see them under the same paths.
        out: Folder for the results, which they all write to; not among the inputs.
        address: Of the cluster.
        extensions: Modules that register outputs; every task imports them.
        dicom: Kinds of DICOM objects to make, as ``--dicom`` names them; every task makes its own.
        shard: All of it: the cluster has shards of its own.
        options: Further arguments of ``predict_images``.

    Raises:
        InputError: As ``predict_images``, and if no cluster answers.
        RuntimeError: If a task crashed.
    """
    inputs, out = [path.absolute() for path in inputs], out.absolute()
    check_room(out)
    if shard != Shard():
        raise InputError(f"--shard {shard}: with --ray, expected none: it makes its own shards")
    if any(out.resolve().is_relative_to(path.resolve()) for path in inputs):
        raise InputError(f"{out}: lies among the inputs; with --ray, expected another folder")
    found = find_files(inputs)
    folder, count = _shards(out, images=len(found.images), address=address)
    absolute = {
        name: value.absolute() if isinstance(value, Path) else value
        for name, value in options.items()
    }
    jobs = [
        _Job(inputs, folder / str(number), Shard(number, count), absolute, tuple(extensions), dicom)
        for number in range(1, count + 1)
    ]
    run_on_cluster(_work, jobs, address=address, cpus=1, on_message=lambda *_: None)
    return merge_shards([job.out for job in jobs], out, order=_order(found))


def _shards(out: Path, *, images: int, address: str) -> tuple[Path, int]:
    """Return the folder of the shards and how many there are: as many as when they were begun."""
    begun = sorted((out / SHARDS).glob("of-[0-9]*"))
    if begun:
        return begun[0], int(begun[0].name.removeprefix("of-"))
    with connected(address) as resources:
        cpus = max(1, int(resources.get("CPU", 1)))
    count = max(1, min(cpus * SHARDS_PER_CPU, math.ceil(images / IMAGES_PER_SHARD)))
    return out / SHARDS / f"of-{count}", count


def _order(found: Findings) -> dict[str, int]:
    """Return the places of all files, by the names that tables have."""
    lists = (found.images, found.failed, found.ignored)
    return {written_name(one.name): place for own in lists for place, one in enumerate(own)}


def _work(job: _Job, tell: Tell) -> None:
    load_extensions(job.extensions)
    asked: list[str] = []
    if job.dicom:
        from isnet_cxr.pipeline.prediction.dicom_objects import ask_for

        asked = [ask_for(job.dicom, job.options["model"], job.options.get("lungs"))]
    predict_images(
        job.inputs, out=job.out, shard=job.shard, pace=Pace(workers=1), shown=False, asked=asked,
        **job.options,
    )  # fmt: skip
    tell("done")
