"""Predict a folder of images with a trained classifier: the job a hospital would run.

The tables of predictions, ``masks`` and ``heatmaps`` know images by a running number and the hash
of their pixels. File names often hold a patient's name or number: they stand in ``files.csv``,
``failures.csv``, ``refused.csv``, ``ignored.csv`` and the ``ledger`` alone, which stay where the
images are. A job that was killed goes on by the same command, batch by batch; new files among its
inputs are added.
"""

import os
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import islice, takewhile
from pathlib import Path

import torch

from isnet_cxr.data.errors import InputError
from isnet_cxr.data.finding import Findings, Found, Shard, find_files
from isnet_cxr.data.finding.found import listed
from isnet_cxr.data.manifests.failures import Failure
from isnet_cxr.data.ranges import require
from isnet_cxr.data.writers.names import written_name
from isnet_cxr.pipeline.errors import DONE, PARTLY_FAILED, STOPPED, WRONG_INPUT
from isnet_cxr.pipeline.prediction.claims import Claims
from isnet_cxr.pipeline.prediction.clock import Clock
from isnet_cxr.pipeline.prediction.device import choose_device
from isnet_cxr.pipeline.prediction.in_order import in_order
from isnet_cxr.pipeline.prediction.ledger import Ledger, key_of
from isnet_cxr.pipeline.prediction.outputs import OUTPUTS
from isnet_cxr.pipeline.prediction.predictor import Predictor
from isnet_cxr.pipeline.prediction.progress import progress
from isnet_cxr.pipeline.prediction.record import (
    IGNORED,
    Outcome,
    describe_job,
    digest_models,
    write_record,
)
from isnet_cxr.pipeline.prediction.stages import Item, Way
from isnet_cxr.pipeline.prediction.stopping import soft_end
from isnet_cxr.pipeline.prediction.tables import write_tables

BATCH_SIZE = 16
MOST_WORKERS = 8
"""Without being asked for more: each holds an image and, where images are explained, a network."""


@dataclass(frozen=True)
class Pace:
    """How fast a job runs and what it costs; nothing of this changes a result.

    Attributes:
        batch_size: Images that are kept together: at most so many, and those in hand, are done
            again after a job was killed.
        workers: Images in hand at once, each on one core; 0 takes one for each core.
    """

    batch_size: int = BATCH_SIZE
    workers: int = 0

    def __post_init__(self) -> None:
        """Check the ranges.

        Raises:
            InputError: If a number is out of its range; names it.
        """
        require("batch-size", self.batch_size, at_least=1)
        require("workers", self.workers, at_least=0)

    def workers_for(self, count: int) -> int:
        """Return how many work on ``count`` images."""
        asked = self.workers or min(_usable_cores(), MOST_WORKERS)
        return max(1, min(asked, count))


def _usable_cores() -> int:
    affinity = getattr(os, "sched_getaffinity", None)  # what a container or scheduler allows
    return len(affinity(0)) if affinity else os.cpu_count() or 1


def predict_images(  # noqa: PLR0913 - what the commands offer, by name
    inputs: Sequence[Path],
    *,
    model: Path,
    out: Path,
    lungs: Path | None = None,
    explained: str = "predicted",
    asked: Collection[str] = (),
    left_out: Collection[str] = (),
    device: str = "auto",
    strict: bool = False,
    refuse: bool = True,
    shard: Shard = Shard(),  # noqa: B008 - frozen
    pace: Pace | None = None,
    shown: bool = True,
) -> Outcome:
    """Predict and explain every image; what cannot be read or is refused is listed and skipped.

    What came of every file is written in ``out`` however it ends, see ``record``. What an earlier
    run of the same job did is kept; SIGTERM ends the job after the images in hand.

    Args:
        inputs: Image files, zip archives, and folders that are searched for them.
        model: The classifier's package.
        out: Folder for the results, made if missing.
        lungs: The lung segmenter's package; None takes the one in ``model``, if there is one. Masks
            are for masked classifiers and for the share of relevance inside the lungs; no other
            prediction depends on them.
        explained: A class, or "predicted".
        asked: Names of outputs to write besides those that always are, as "arrays".
        left_out: Names of outputs not to write, as "heatmap".
        device: "cpu", "cuda", ..., or "auto".
        strict: Refuse inputs among which is any that would be ignored.
        refuse: Predict frontal chest radiographs alone; False predicts what the gate refuses too,
            and its verdict stands beside the prediction.
        shard: Which share of what is found is this job's; all of it by default.
        pace: How many at once.
        shown: Show how far it is.

    Raises:
        FileNotFoundError: If an input or package is missing.
        InputError: If there is no image, a package or class is wrong, no image could be used, one
            is ignored and ``strict``, or ``out`` holds the results of another job.
        KeyboardInterrupt: If SIGTERM came.
    """
    clock, pace = Clock(), pace or Pace()
    with clock.step("find"):
        found = find_files(inputs, results=out)
    digests = digest_models(model, lungs)
    keep = partial(write_record, out=out, digests=digests, shard=shard, seconds=clock.seconds)
    refusal = _refusal(found, inputs, out, strict=strict)
    found = shard.share(found)
    early = Outcome(0, failures=listed(found.failed), ignored=listed(found.ignored))
    _refuse(refusal, early, keep)
    with clock.step("load"):
        predictor = Predictor.load(model, lungs, device=choose_device(device))
    predictor.check(explained)
    names = [n for n, one in OUTPUTS.items() if (one.always or n in asked) and n not in left_out]
    job = describe_job(digests, explained=explained, outputs=names, refuse=refuse, shard=shard)
    keyed = {key_of(one): one for one in found.images}
    with Ledger.open(out, job, inputs=keyed) as ledger:
        claims, outputs = Claims(ledger.number_of), [OUTPUTS[name] for name in names]
        way = Way(predictor, explained, outputs, refuse, out, claims, clock)
        with clock.step("job"):
            was_stopped = _go_on(keyed, ledger, way, pace, shown=shown)
        with clock.step("tables"):
            outcome = write_tables(ledger, early, out, device=predictor.device)
    return _end(outcome, keep, was_stopped=was_stopped, may_be_empty=shard.of > 1)


def _refuse(refusal: str, early: Outcome, keep: Callable[..., None]) -> None:
    """Keep what is known and end the job, if there is a reason not to begin it."""
    if refusal:
        keep(early, exit_code=WRONG_INPUT)
        raise InputError(refusal)


def _end(
    outcome: Outcome, keep: Callable[..., None], *, was_stopped: bool, may_be_empty: bool
) -> Outcome:
    """Keep what came of the job, and say how it ended."""
    if was_stopped:
        keep(outcome, exit_code=STOPPED)
        raise KeyboardInterrupt
    if not may_be_empty and not outcome.count and not outcome.refused:
        keep(outcome, exit_code=WRONG_INPUT)
        raise InputError(_none_used(outcome.failures))
    keep(outcome, exit_code=PARTLY_FAILED if outcome.failures or outcome.refused else DONE)
    return outcome


def _go_on(
    keyed: Mapping[str, Found], ledger: Ledger, way: Way, pace: Pace, *, shown: bool
) -> bool:
    """Do what the ledger does not have, batch by batch; tell whether SIGTERM ended it early."""
    waiting = [(key, one) for key, one in keyed.items() if not ledger.has(key)]
    workers = pace.workers_for(len(waiting))
    with (
        soft_end() as is_asked,
        _one_thread_each(),
        progress(len(waiting), way.out, shown=shown) as told,
    ):
        items = (Item(order, key, one) for order, (key, one) in enumerate(waiting, 1))
        going = takewhile(lambda _: not is_asked(), items)
        entries = in_order(way.go, going, workers=workers, ahead=workers, start=way.begin)
        while batch := list(islice(told.of(entries), pace.batch_size)):
            with way.clock.step("keep"):
                ledger.write(batch)
            way.claims.forget(entry.image_id for entry in batch)
        if is_asked():
            told.tell("stopped by SIGTERM")
            return True
        told.tell("done")
    ledger.finish()
    return False


@contextmanager
def _one_thread_each() -> Iterator[None]:
    """Leave torch's number of threads as it was: here, each worker has one."""
    before = torch.get_num_threads()
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _refusal(found: Findings, inputs: Sequence[Path], out: Path, *, strict: bool) -> str:
    """Say why there is nothing to predict."""
    if strict and found.ignored:
        first, count = found.ignored[0], len(found.ignored)
        return (
            f"{written_name(first.name)}: {first.verdict.reason}; with --strict no input may be "
            f"ignored, and {count} would be, see {out / IGNORED}"
        )
    if found.images:
        return ""
    if found.failed:
        return _none_used(listed(found.failed))
    return f"{inputs[0]}: no DICOM, PNG, JPEG, TIFF or NIfTI image in this folder"


def _none_used(failures: Sequence[Failure]) -> str:
    first = failures[0]
    return f"no image could be used: {written_name(str(first.path))}: {first.reason}"
