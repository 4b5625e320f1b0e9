"""Every case beside the reference, step by step, so that a busy machine slows both alike.

On a shared machine the same step may take twice as long a minute later: only steps that follow
each other can be compared.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from statistics import mean, median
from typing import Protocol

from isnet_cxr.classification.bench.steps import Sample
from isnet_cxr.data.errors import InputError

WARMING = 2  # steps: the first allocates the optimizer's state, the second finds its places taken
TIMED = 3  # steps on one thread
WARMING_ON_ALL = 1  # steps: the threads start
TIMED_ON_ALL = 2  # steps on all threads
Say = Callable[[str], None]


class Steps(Protocol):
    """One case, ready to take steps."""

    def take(self, *, one_thread: bool) -> Sample:
        """Take a step and measure it."""


Start = Callable[[str], AbstractContextManager[Steps]]


@dataclass(frozen=True)
class Turn:
    """What one case measured beside the reference: means over the steps.

    Attributes:
        cpu_seconds: Of a step on one thread.
        wall_seconds: Of a step on all threads.
        peak_mib: Memory of the steps on one thread, at their peak.
    """

    cpu_seconds: float
    wall_seconds: float
    peak_mib: float


@dataclass(frozen=True)
class Compared:
    """One quantity of one case, beside the reference's.

    Attributes:
        value: Median over the rounds.
        ratio: Median over the rounds of its value by the reference's beside it.
        spread: Least and largest of these ratios.
    """

    value: float
    ratio: float
    spread: tuple[float, float]


@dataclass(frozen=True)
class Figures:
    """What the rounds say of one case (``Turn`` has the units)."""

    cpu_seconds: Compared
    wall_seconds: Compared
    peak_mib: Compared


Pair = tuple[Turn, Turn]


def run_rounds(names: Sequence[str], start: Start, *, repeats: int, say: Say) -> dict[str, Figures]:
    """Compare the cases ``names`` with the first of them.

    Args:
        names: Of the cases, at least two.
        start: Gets a case ready; closed when it is done.
        repeats: Rounds over all cases. The reference stays the same process during a round.
        say: Told which case begins.

    Returns:
        By name, in the same order.

    Raises:
        InputError: If ``repeats`` is not positive, or there is nothing to compare.
    """
    reference, *others = names
    if repeats < 1:
        raise InputError(f"repeats must be at least 1, got {repeats}")
    if not others:
        raise InputError(f"nothing to compare with {reference!r}")
    pairs: dict[str, list[Pair]] = {name: [] for name in others}
    for number in range(repeats):
        with start(reference) as beside:
            peak_mib = _take(beside, WARMING + TIMED, one_thread=True)[-1].peak_mib
            for place, name in enumerate(others):
                turn = number * len(others) + place + 1
                say(f"turn {turn} of {repeats * len(others)}: {name}, beside {reference}")
                with start(name) as case:
                    known, measured = _side_by_side(beside, case)
                # On all threads it may have grown since it took as many steps as the case.
                pairs[name].append((replace(known, peak_mib=peak_mib), measured))
    figures = {name: _compare(of_name) for name, of_name in pairs.items()}
    return {reference: _alone([beside for each in pairs.values() for beside, _ in each]), **figures}


def _side_by_side(reference: Steps, case: Steps) -> Pair:
    """Let both take steps in turns; the reference has warmed up on one thread."""
    _take(case, WARMING, one_thread=True)
    narrow = _alternate(reference, case, TIMED, one_thread=True)
    for steps in (reference, case):
        _take(steps, WARMING_ON_ALL, one_thread=False)
    wide = _alternate(reference, case, TIMED_ON_ALL, one_thread=False)
    return _turn(narrow[0], wide[0]), _turn(narrow[1], wide[1])


def _alternate(
    reference: Steps, case: Steps, count: int, *, one_thread: bool
) -> tuple[list[Sample], list[Sample]]:
    taken = [
        (reference.take(one_thread=one_thread), case.take(one_thread=one_thread))
        for _ in range(count)
    ]
    return [beside for beside, _ in taken], [measured for _, measured in taken]


def _take(steps: Steps, count: int, *, one_thread: bool) -> list[Sample]:
    return [steps.take(one_thread=one_thread) for _ in range(count)]


def _turn(narrow: Sequence[Sample], wide: Sequence[Sample]) -> Turn:
    return Turn(
        cpu_seconds=mean(sample.cpu_seconds for sample in narrow),
        wall_seconds=mean(sample.wall_seconds for sample in wide),
        peak_mib=narrow[-1].peak_mib,
    )


def _compare(pairs: Sequence[Pair]) -> Figures:
    def compared(quantity: Callable[[Turn], float]) -> Compared:
        ratios = [quantity(case) / max(quantity(beside), 1e-9) for beside, case in pairs]
        value = median(quantity(case) for _, case in pairs)
        return Compared(value, median(ratios), (min(ratios), max(ratios)))

    return _figures(compared)


def _alone(turns: Sequence[Turn]) -> Figures:
    return _figures(lambda quantity: Compared(median(map(quantity, turns)), 1.0, (1.0, 1.0)))


def _figures(compared: Callable[[Callable[[Turn], float]], Compared]) -> Figures:
    return Figures(
        cpu_seconds=compared(lambda turn: turn.cpu_seconds),
        wall_seconds=compared(lambda turn: turn.wall_seconds),
        peak_mib=compared(lambda turn: turn.peak_mib),
    )
