"""A Ray cluster of two machines on this one, for tests."""

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

STORE_BYTES = 80 * 2**20
PATIENCE_S = 180


@contextmanager
def patience() -> Iterator[None]:
    """Wait for nodes longer than the half minute that Ray has, for a busy machine's sake."""
    from ray._private import services

    ask = services.get_node

    def ask_until_there(*arguments: Any) -> Any:
        end = time.monotonic() + PATIENCE_S
        while time.monotonic() < end:
            try:
                return ask(*arguments)
            except RuntimeError:
                time.sleep(0.5)
        return ask(*arguments)

    services.get_node = ask_until_there
    try:
        yield
    finally:
        services.get_node = ask


class TwoNodes:
    """A head, where the test runs, and a worker that can be lost."""

    def __init__(self, cluster: Any) -> None:
        self._cluster = cluster
        self.address: str = cluster.address
        self._worker: Any = None

    def start_worker(self) -> None:
        with patience():
            self._worker = self._cluster.add_node(num_cpus=1, object_store_memory=STORE_BYTES)

    def kill_worker(self) -> None:
        """End its processes as a power failure would."""
        if self._worker is not None:
            self._cluster.remove_node(self._worker, allow_graceful=False)
            self._worker = None


@contextmanager
def two_nodes() -> Iterator[TwoNodes]:
    pytest.importorskip("ray", reason="Ray is not installed")
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    os.environ["RAY_agent_register_timeout_ms"] = str(1000 * PATIENCE_S)  # noqa: SIM112
    before = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = os.pathsep.join(path for path in sys.path if path)
    from ray.cluster_utils import Cluster

    head = {"num_cpus": 1, "object_store_memory": STORE_BYTES, "include_dashboard": False}
    with patience():
        cluster = Cluster(initialize_head=True, head_node_args=head)
    try:
        nodes = TwoNodes(cluster)
        nodes.start_worker()
        yield nodes
    finally:
        cluster.shutdown()
        os.environ.pop("PYTHONPATH")
        if before is not None:
            os.environ["PYTHONPATH"] = before
