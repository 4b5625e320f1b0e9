"""Where no Ray cluster is: one line, at once."""

import sys
import time

import pytest

from isnet_cxr.data.errors import InputError
from isnet_cxr.pipeline.cluster import run_on_cluster


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("address", ["127.0.0.1:1", "nowhere", "ray://127.0.0.1:1"])
def test_no_cluster_is_one_line_at_once(address):
    pytest.importorskip("ray", reason="Ray is not installed")
    begun = time.monotonic()
    with pytest.raises(InputError, match=f"no cluster answers at '{address}'") as told:
        run_on_cluster(print, [1], address=address, cpus=1, on_message=lambda *_: None)
    assert "\n" not in str(told.value)
    assert time.monotonic() - begun < 30


def test_ray_that_is_not_installed_is_one_line(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(InputError, match="Ray is not installed"):
        run_on_cluster(print, [1], address="auto", cpus=1, on_message=lambda *_: None)


def test_nothing_to_do_needs_no_cluster():
    run_on_cluster(print, [], address="nowhere", cpus=1, on_message=lambda *_: None)
