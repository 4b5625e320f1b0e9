"""Times taken in turns, A B C A B C ..., so that a machine that others use slows all alike."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from statistics import median

import torch

Step = Callable[[], None]


@dataclass(frozen=True)
class Timing:
    """How long a case takes.

    Attributes:
        seconds: Median over the rounds.
        ratio: Median over the rounds of its time by the reference's in the same round.
        spread: Least and largest of these ratios.
    """

    seconds: float
    ratio: float
    spread: tuple[float, float]


def time_in_turns(
    steps: Mapping[str, Step], *, repeats: int, clock: Callable[[], float]
) -> dict[str, Timing]:
    """Time ``steps``, the first of which is the reference.

    Args:
        steps: What to run, by name.
        repeats: Rounds, after one that is not counted: the first allocates and plans.
        clock: In seconds; ``time.process_time`` for CPU seconds of this process.

    Returns:
        By name, in the same order.

    Raises:
        ValueError: If ``repeats`` is not positive.
    """
    if repeats < 1:
        raise ValueError(f"repeats must be at least 1, got {repeats}")
    rounds: list[dict[str, float]] = []
    for _ in range(repeats + 1):
        rounds.append({name: _time(step, clock) for name, step in steps.items()})
    counted = rounds[1:]
    reference = next(iter(steps))
    timings = {}
    for name in steps:
        ratios = [taken[name] / max(taken[reference], 1e-9) for taken in counted]
        seconds = median(taken[name] for taken in counted)
        timings[name] = Timing(seconds, median(ratios), (min(ratios), max(ratios)))
    return timings


@contextmanager
def threads(count: int) -> Iterator[None]:
    """Compute on ``count`` threads inside the block."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def cpu_and_wall(
    steps: Mapping[str, Step], *, repeats: int
) -> tuple[dict[str, Timing], dict[str, Timing]]:
    """CPU seconds on one thread, then wall seconds on all."""
    every = torch.get_num_threads()
    with threads(1):
        cpu = time_in_turns(steps, repeats=repeats, clock=time.process_time)
    with threads(every):
        wall = time_in_turns(steps, repeats=repeats, clock=time.perf_counter)
    return cpu, wall


def _time(step: Step, clock: Callable[[], float]) -> float:
    begun = clock()
    step()
    return clock() - begun
