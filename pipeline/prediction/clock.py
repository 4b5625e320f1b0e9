"""How many seconds a job's steps take, whoever does them."""

import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock


class Clock:
    """Adds up seconds by step, over all threads.

    Attributes:
        seconds: Of each step.
    """

    def __init__(self) -> None:
        """Begin at zero."""
        self.seconds: defaultdict[str, float] = defaultdict(float)
        self._lock = Lock()

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Count the block as part of a step."""
        began = time.perf_counter()
        try:
            yield
        finally:
            took = time.perf_counter() - began
            with self._lock:
                self.seconds[name] += took
