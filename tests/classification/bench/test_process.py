"""A case in a process of its own answers every step, says why it failed, and ends."""

import pytest

from isnet_cxr.classification.bench.cases import BenchSettings
from isnet_cxr.classification.bench.process import CaseProcess

pytestmark = pytest.mark.slow
TINY = BenchSettings("convnet-small", size_px=32, batch_size=4, classes=3, repeats=1)


def test_every_step_has_times_and_memory():
    with CaseProcess("baseline", TINY) as case:
        samples = [case.take(one_thread=one) for one in (True, True, False)]
    for sample in samples:
        assert min(sample.cpu_seconds, sample.wall_seconds, sample.peak_mib) > 0
    assert samples[0].peak_mib <= samples[1].peak_mib <= samples[2].peak_mib
    assert case._process.poll() is not None


def test_a_failing_case_says_why():
    with (
        CaseProcess("none", TINY) as case,
        pytest.raises(RuntimeError, match=r"(?s)measuring 'none' failed: .*KeyError: 'none'"),
    ):
        case.take(one_thread=True)
