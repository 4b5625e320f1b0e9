"""Work shared by threads, its results in the order of the items, and never far ahead of them."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def in_order(
    function: Callable[[Item], Result],
    items: Iterable[Item],
    *,
    workers: int,
    ahead: int,
    start: Callable[[], None],
) -> Iterator[Result]:
    """Map items in threads.

    Items are taken as they are needed, in the thread of whoever asks for results: when they end,
    what is in hand is finished. An error of ``function`` ends the iteration.

    Args:
        function: Called in the threads; with one worker, where the results are asked for.
        items: What to do.
        workers: Number of threads.
        ahead: How many results may wait for an earlier one.
        start: Called first in every thread.

    Yields:
        Results, in order.
    """
    if workers == 1:
        start()
        yield from map(function, items)
        return
    waiting: deque[Future[Result]] = deque()
    with ThreadPoolExecutor(workers, initializer=start) as threads:
        try:
            for item in items:
                waiting.append(threads.submit(function, item))
                if len(waiting) >= workers + ahead:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for one in waiting:
                one.cancel()
