"""A step is measured, and its process's peak memory is its own."""

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch

from isnet_cxr.classification.bench import steps
from isnet_cxr.classification.bench.cases import BenchSettings
from isnet_cxr.classification.bench.steps import CaseSteps

TINY = BenchSettings("convnet-small", size_px=32, batch_size=4, classes=3, repeats=1)
PRINT_PEAK = "from isnet_cxr.classification.bench.steps import _peak_mib; print(_peak_mib())"


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere getrusage has to do")
def test_peak_memory_is_not_inherited_from_the_process_that_starts_the_measurement():
    def measured() -> float:
        ended = subprocess.run(
            [sys.executable, "-c", PRINT_PEAK], capture_output=True, text=True, check=True
        )
        return float(ended.stdout)

    alone = measured()
    held = np.ones(int(alone + 500) * 2**17)  # more than that, by half a GB
    assert measured() < 1.2 * alone
    assert held[-1] == 1


def test_threads_are_given_back(monkeypatch):
    before = torch.get_num_threads()
    CaseSteps("baseline", TINY).take(one_thread=True)
    assert torch.get_num_threads() == before
    monkeypatch.setattr(steps, "case_step", lambda *_: fail)
    with pytest.raises(ArithmeticError):
        CaseSteps("baseline", TINY).take(one_thread=True)
    assert torch.get_num_threads() == before


def fail() -> None:
    raise ArithmeticError


def test_steps_on_a_gpu_are_timed_by_the_clock_and_fill_its_memory(gpu):
    sample = CaseSteps("random", replace(TINY, device=gpu)).take(one_thread=True)
    assert sample.cpu_seconds == sample.wall_seconds > 0
    assert sample.peak_mib > 0
