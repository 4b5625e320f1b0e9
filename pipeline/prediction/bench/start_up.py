"""How long ``isnet-cxr predict`` takes on one image, beside what it cannot do without.

The reference imports torch and pydicom and reads both networks' weights. Both are processes of
their own, in turns, so that a busy machine slows both.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from isnet_cxr.data.learning.package import LUNGS, WEIGHTS
from isnet_cxr.data.writers import write_png
from isnet_cxr.pipeline.prediction.bench.untrained import write_untrained

LIMIT = 1.5
SIZE_PX = 512
_PREDICT = "from isnet_cxr.pipeline.cli import main; main()"
_REFERENCE = (
    "import sys, torch, pydicom; from safetensors.torch import load_file; "
    "[load_file(path) for path in sys.argv[1:]]"
)


@dataclass(frozen=True)
class StartUp:
    """Medians over the rounds.

    Attributes:
        predict_cpu_s: User and system seconds of a prediction.
        reference_cpu_s: Those of the reference.
        predict_wall_s: Wall seconds of a prediction.
        reference_wall_s: Those of the reference.
        cpu_ratio: Median of the rounds' ratios of CPU seconds; at most ``LIMIT`` is the goal.
        wall_ratio: The same of wall seconds.
    """

    predict_cpu_s: float
    reference_cpu_s: float
    predict_wall_s: float
    reference_wall_s: float
    cpu_ratio: float
    wall_ratio: float


def measure_start_up(*, repeats: int, say: Callable[[str], None]) -> StartUp:
    """Predict one generated image with untrained networks, and run the reference, in turns.

    Args:
        repeats: Rounds that count; one before them warms the disk's cache.
        say: Is told of every round.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        package, image = write_untrained(folder / "model"), folder / "image.png"
        noise = np.random.default_rng(0).integers(0, 256, (SIZE_PX, SIZE_PX), dtype=np.uint8)
        write_png(noise, image)
        weights = [str(package / WEIGHTS), str(package / LUNGS / WEIGHTS)]
        rounds = []
        for number in range(repeats + 1):
            out = str(folder / f"out-{number}")
            options = ["--model", str(package), "--out", out, "--device", "cpu", "--no-gate"]
            predicted = _run([_PREDICT, "predict", str(image), *options])
            reference = _run([_REFERENCE, *weights])
            say(f"round {number}: {predicted[0]:.2f} and {reference[0]:.2f} CPU s")
            rounds.append((*predicted, *reference))
    cpu, wall, least_cpu, least_wall = zip(*rounds[1:], strict=True)
    return StartUp(
        predict_cpu_s=statistics.median(cpu),
        reference_cpu_s=statistics.median(least_cpu),
        predict_wall_s=statistics.median(wall),
        reference_wall_s=statistics.median(least_wall),
        cpu_ratio=statistics.median(a / b for a, b in zip(cpu, least_cpu, strict=True)),
        wall_ratio=statistics.median(a / b for a, b in zip(wall, least_wall, strict=True)),
    )


def _run(arguments: Sequence[str]) -> tuple[float, float]:
    """Run Python code in a process; return its CPU seconds and wall seconds."""
    before, began = os.times(), time.perf_counter()
    subprocess.run([sys.executable, "-c", *arguments], check=True, capture_output=True)
    wall, after = time.perf_counter() - began, os.times()
    user = after.children_user - before.children_user
    return user + after.children_system - before.children_system, wall
