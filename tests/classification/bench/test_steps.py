"""A step is measured, and leaves the process as it was."""

from dataclasses import replace

import pytest
import torch

from isnet_cxr.classification.bench import steps
from isnet_cxr.classification.bench.cases import BenchSettings
from isnet_cxr.classification.bench.steps import CaseSteps

TINY = BenchSettings("convnet-small", size_px=32, batch_size=4, classes=3, repeats=1)


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
    assert sample.cpu_seconds == pytest.approx(sample.wall_seconds, rel=0.1)
    assert sample.cpu_seconds > 0
    assert sample.peak_mib > 0
