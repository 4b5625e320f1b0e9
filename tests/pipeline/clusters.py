"""A Ray cluster of two machines on this one, for tests."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

STORE_BYTES = 80 * 2**20


def patiently(start: Callable[[], Any], tries: int = 3) -> Any:
    """Start something again that gives up after half a minute, as Ray does on a busy machine."""
    for _ in range(tries - 1):
        try:
            return start()
        except Exception as error:  # Ray has no type for it
            if "timed out during startup" not in str(error):
                raise
    return start()


class TwoNodes:
    """A head, where the test runs, and a worker that can be lost."""

    def __init__(self, cluster: Any) -> None:
        self._cluster = cluster
        self.address: str = cluster.address
        self._worker: Any = None

    def start_worker(self) -> None:
        add = self._cluster.add_node
        self._worker = patiently(lambda: add(num_cpus=1, object_store_memory=STORE_BYTES))

    def kill_worker(self) -> None:
        """End its processes as a power failure would."""
        if self._worker is not None:
            self._cluster.remove_node(self._worker, allow_graceful=False)
            self._worker = None


@contextmanager
def two_nodes() -> Iterator[TwoNodes]:
    pytest.importorskip("ray", reason="Ray is not installed")
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    before = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = os.pathsep.join(path for path in sys.path if path)
    from ray.cluster_utils import Cluster

    head = {"num_cpus": 1, "object_store_memory": STORE_BYTES, "include_dashboard": False}
    cluster = patiently(lambda: Cluster(initialize_head=True, head_node_args=head))
    try:
        nodes = TwoNodes(cluster)
        nodes.start_worker()
        yield nodes
    finally:
        cluster.shutdown()
        os.environ.pop("PYTHONPATH")
        if before is not None:
            os.environ["PYTHONPATH"] = before
