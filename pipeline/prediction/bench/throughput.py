"""How fast the job is, beside what it cannot do without, on the same cores and in turns.

The networks are those of the published method in size: DenseNet-121 at 224 px after a U-Net at
256 px that sees each image and its mirror image; images have 1024 px, half of them DICOM.

Without heatmaps the job is compared with the slower of two loops: one that decodes, and one that
passes the networks, as their builders make them, and does nothing else. What the job does to pass
them faster (its layout of weights, folded norms, layers called as functions) is in the job alone;
beside its own passes it is measured as well. With heatmaps, it is compared with a loop that
decodes, passes, explains and writes pictures by the job's own means. Each loop has as many threads
as the job, and all cores to itself. Images pass the networks one by one, as in the job, whose
results must not depend on their company; by how much a batch would be faster is measured as well.

On a machine that is busy, ratios of CPU seconds say more than those of rates: both are told.
"""

import itertools
import json
import math
import os
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from isnet_cxr.data.readers import read_image
from isnet_cxr.pipeline.prediction.batch import Pace, predict_images
from isnet_cxr.pipeline.prediction.bench.images import write_chests
from isnet_cxr.pipeline.prediction.bench.untrained import bare_networks, write_untrained
from isnet_cxr.pipeline.prediction.in_order import in_order
from isnet_cxr.pipeline.prediction.outputs import OUTPUTS
from isnet_cxr.pipeline.prediction.predictor import Prediction, Predictor
from isnet_cxr.pipeline.prediction.record import RUN

GOALS = {"without_heatmaps": 0.85, "with_heatmaps": 0.75}
CORES = 2
SIZE_PX = 1024
NETWORK, NETWORK_PX = "densenet121", 224
LUNGS_PX = 256
WITHOUT_HEATMAPS = ("heatmap", "relevance")
SHORTEST_S = 1.0
"""A loop is repeated until it ran so long."""
IN_A_BATCH = 8


@dataclass(frozen=True)
class Throughput:
    """Medians over the rounds.

    Attributes:
        per_second: Images a second of every loop and of both jobs.
        cpu_seconds: CPU seconds of an image; of the jobs without loading the networks.
        without_heatmaps: Median of the rounds' ratios: the job's rate over that of the slower of
            decoding and passes.
        beside_own_passes: The same, with passes as the job has them.
        with_heatmaps: The job's rate over that of the loop of all four.
        cpu_without_heatmaps: The ratio of CPU seconds of an image.
        cpu_beside_own_passes: Likewise.
        cpu_with_heatmaps: Likewise.
        cores: How many cores all of them had.
    """

    per_second: Mapping[str, float]
    cpu_seconds: Mapping[str, float]
    without_heatmaps: float
    beside_own_passes: float
    with_heatmaps: float
    cpu_without_heatmaps: float
    cpu_beside_own_passes: float
    cpu_with_heatmaps: float
    cores: int


def measure_throughput(
    *, repeats: int, images: int, say: Callable[[str], None], network: str = NETWORK
) -> Throughput:
    """Measure, in turns, all loops and both jobs.

    Args:
        repeats: Rounds.
        images: Images of a job.
        say: Is told of every round.
        network: The classifier's.
    """
    before = os.sched_getaffinity(0)
    cores = set(sorted(before)[:CORES])
    os.sched_setaffinity(0, cores)
    try:
        with tempfile.TemporaryDirectory() as name:
            loops = _Loops(Path(name), images, network, workers=len(cores))
            rounds: list[dict[str, float]] = []
            cpu: list[dict[str, float]] = []
            for number in range(repeats):
                one = {case: _with_cpu(run) for case, run in loops.cases.items()}
                rounds.append({case: timed.rate for case, timed in one.items()})
                cpu.append({case: timed.cpu_s for case, timed in one.items()})
                rates = ", ".join(f"{case} {rate:.1f}" for case, rate in rounds[-1].items())
                say(f"round {number + 1}, images a second: {rates}")
    finally:
        os.sched_setaffinity(0, before)
    seconds = [{case: 1 / rate for case, rate in one.items()} for one in rounds]
    return Throughput(
        per_second=_medians(rounds),
        cpu_seconds=_medians(cpu),
        **_ratios(seconds),
        **{f"cpu_{name}": ratio for name, ratio in _ratios(cpu).items()},
        cores=len(cores),
    )


def _ratios(seconds: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Return medians of how much of what the jobs take their references take."""
    compared = {
        "without_heatmaps": (("decoding", "passes"), "job_without_heatmaps"),
        "beside_own_passes": (("decoding", "own_passes"), "job_without_heatmaps"),
        "with_heatmaps": (("all_four",), "job"),
    }
    return {
        name: statistics.median(max(one[case] for case in cases) / one[job] for one in seconds)
        for name, (cases, job) in compared.items()
    }


class _Timed(NamedTuple):
    rate: float
    cpu_s: float


class _Done(NamedTuple):
    """How many images took how many seconds, and CPU seconds that do not count."""

    images: int
    seconds: float
    cpu_beside_s: float = 0.0


def _with_cpu(run: Callable[[], _Done]) -> _Timed:
    before = time.process_time()
    done = run()
    cpu = time.process_time() - before - done.cpu_beside_s
    return _Timed(done.images / done.seconds, cpu / done.images)


def _medians(rounds: Sequence[Mapping[str, float]]) -> dict[str, float]:
    return {case: statistics.median(one[case] for one in rounds) for case in rounds[0]}


class _Loops:
    """What is measured, ready to run; each case returns how many images took how many seconds."""

    def __init__(self, folder: Path, images: int, network: str, *, workers: int) -> None:
        self._folder, self._workers = folder, workers
        self._files = write_chests(folder / "images", images, size_px=SIZE_PX)
        self._model = write_untrained(
            folder / "model", network=network, size_px=NETWORK_PX, mirror=True
        )
        self._predictor, self._bare = Predictor.load(self._model), bare_networks(network)
        self._hastened = Predictor.load(self._model)
        self._hastened.only_predict()
        self._own = threading.local()
        pixels = read_image(self._files[0]).pixels
        (self._sample,) = self._predictor.predict([pixels])
        self._jobs, self._least_loading_s = itertools.count(), math.inf  # a busy machine: more
        self.cases: dict[str, Callable[[], _Done]] = {
            "decoding": lambda: self._loop(read_image),
            "passes": lambda: self._loop(self._pass_bare),
            "job_without_heatmaps": lambda: self._job(WITHOUT_HEATMAPS),
            "own_passes": lambda: self._loop(self._pass),
            "explanation": lambda: self._loop(self._explain),
            "explanation_in_batches": lambda: self._loop(self._explain_batch, IN_A_BATCH),
            "pictures": lambda: self._loop(self._draw),
            "all_four": lambda: self._loop(self._all_four),
            "job": self._job,
        }

    def _begin(self) -> None:
        torch.set_num_threads(1)
        self._own.predictor = self._predictor.copy()

    def _loop(self, step: Callable[[Path], object], at_once: int = 1) -> _Done:
        files = self._files[::at_once]

        def timed(files: Iterable[Path]) -> int:
            done = in_order(
                step, files, workers=self._workers, ahead=self._workers, start=self._begin
            )
            return sum(1 for _ in done)

        end = time.perf_counter() + SHORTEST_S
        started = time.perf_counter()
        count = timed(files)
        while time.perf_counter() < end:
            count += timed(files)
        return _Done(count * at_once, time.perf_counter() - started)

    def _find_lungs(self) -> None:
        segmenter = self._own.predictor.segmenter
        size = segmenter.preprocessing.size_px
        segmenter.probabilities(np.zeros((1, 1, size, size), np.float32))

    @torch.inference_mode()
    def _pass_bare(self, _: Path) -> None:
        self._bare.segmenter(torch.zeros(2, 1, LUNGS_PX, LUNGS_PX))  # with the mirror image
        self._bare.classifier(torch.zeros(1, 1, NETWORK_PX, NETWORK_PX))

    def _pass(self, _: Path) -> None:
        self._find_lungs()
        self._hastened.classifier.predict(self._sample.image[np.newaxis])

    def _explain(self, _: Path) -> None:
        self._own.predictor.classifier.explain(self._sample.image[np.newaxis])

    def _explain_batch(self, _: Path) -> None:
        batch = np.repeat(self._sample.image[np.newaxis], IN_A_BATCH, axis=0)
        self._own.predictor.classifier.explain(batch)

    def _draw(self, file: Path) -> None:
        OUTPUTS["heatmap"].write(self._named(file), self._folder / "drawn")

    def _all_four(self, file: Path) -> None:
        read_image(file)
        self._find_lungs()
        self._explain(file)
        self._draw(file)

    def _named(self, file: Path) -> Prediction:
        return replace(self._sample, image_id=file.stem)

    def _job(self, left_out: tuple[str, ...] = ()) -> _Done:
        began = time.process_time()
        Predictor.load(self._model)
        loading = time.process_time() - began
        self._least_loading_s = min(self._least_loading_s, loading)
        out = self._folder / f"out-{next(self._jobs)}"
        predict_images(
            [self._folder / "images"], model=self._model, out=out, left_out=left_out,
            device="cpu", refuse=False, pace=Pace(workers=self._workers), shown=False,
        )  # fmt: skip
        seconds = json.loads((out / RUN).read_text())["seconds"]
        needed = sum(seconds[step] for step in ("find", "job", "tables"))
        return _Done(len(self._files), needed, cpu_beside_s=loading + self._least_loading_s)
