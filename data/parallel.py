"""The same work on many files: in order, in several processes, with a progress bar."""

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeVar

from joblib import Parallel, delayed
from rich.console import Console
from rich.progress import track

from isnet_cxr.data.errors import InputError

Item = TypeVar("Item")
Result = TypeVar("Result")

ITEMS_PER_CHUNK = 8


def map_items(
    function: Callable[[Item], Result],
    items: Sequence[Item],
    *,
    workers: int,
    title: str,
    progress: bool,
) -> Iterator[Result]:
    """Yield ``function(item)`` for every item, in order.

    Args:
        function: Defined at the top of a module, so that another process finds it; it returns
            failures as values, since an error of one item would end the work on all.
        items: What to work on; small and picklable.
        workers: Number of processes; 1 works in this one.
        title: What the progress bar says.
        progress: Show a bar on standard error, if that is a terminal.

    Raises:
        InputError: If ``workers`` is less than 1.
    """
    if workers < 1:
        raise InputError(f"workers must be at least 1, got {workers}")
    if workers == 1 or len(items) <= ITEMS_PER_CHUNK:
        yield from _tracked(map(function, items), len(items), title=title, progress=progress)
        return
    # joblib's processes start clean (a fork of a process that runs torch's threads may hang) and do
    # not import the caller's main module (multiprocessing's "spawn" does, so that it fails in
    # notebooks and in scripts without a main guard).
    processes = Parallel(n_jobs=workers, return_as="generator", batch_size=ITEMS_PER_CHUNK)
    results = processes(delayed(function)(item) for item in items)
    yield from _tracked(results, len(items), title=title, progress=progress)


def _tracked(
    results: Iterable[Result], total: int, *, title: str, progress: bool
) -> Iterable[Result]:
    if not progress or not sys.stderr.isatty():
        return results
    return track(results, total=total, description=title, console=Console(stderr=True))
