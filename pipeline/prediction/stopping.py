"""The end of a job that is asked for by a signal: the batch in hand is finished first."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def soft_end() -> Iterator[Callable[[], bool]]:
    """Take SIGTERM, in the block, as a wish that is granted between two batches.

    Yields:
        Whether the signal came. Outside the main thread, where signals cannot be taken, never.
    """
    came = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield came.is_set
        return

    def take(_number: int, _frame: FrameType | None) -> None:
        came.set()

    before = signal.signal(signal.SIGTERM, take)
    try:
        yield came.is_set
    finally:
        signal.signal(signal.SIGTERM, before)
