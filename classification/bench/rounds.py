"""Turns in rounds, so that a machine that others use slows all alike: R A B C R D E, R A B C ..."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median

from classification.bench.turn import Turn

Say = Callable[[str], None]
TakeTurn = Callable[[str], Turn]
REFERENCE_EVERY = 3  # turns of the others: every ratio depends on it, and turns differ by 5 %


@dataclass(frozen=True)
class Compared:
    """One quantity of one case, beside the reference's.

    Attributes:
        value: Median over the rounds.
        ratio: Median over the rounds of its value by the reference's median in the same round.
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


def run_rounds(
    names: Sequence[str], take: TakeTurn, *, repeats: int, say: Say
) -> dict[str, Figures]:
    """Let the cases ``names`` take turns; the first is the reference, and takes more of them.

    Args:
        names: Of the cases.
        take: Measures one case.
        repeats: Rounds.
        say: Told which turn begins.

    Returns:
        By name, in the same order.

    Raises:
        ValueError: If ``repeats`` is not positive.
    """
    if repeats < 1:
        raise ValueError(f"repeats must be at least 1, got {repeats}")
    order = _order(names)
    rounds: list[dict[str, list[Turn]]] = []
    for number in range(repeats):
        rounds.append({name: [] for name in names})
        for place, name in enumerate(order):
            say(f"turn {number * len(order) + place + 1} of {repeats * len(order)}: {name}")
            rounds[-1][name].append(take(name))
    return {name: _compare(rounds, name, names[0]) for name in names}


def _order(names: Sequence[str]) -> list[str]:
    """Return one round's turns: the reference, some others, the reference, some others, ..."""
    reference, *others = names
    order = [reference]
    for place, name in enumerate(others):
        if place and place % REFERENCE_EVERY == 0:
            order.append(reference)
        order.append(name)
    return order


def _compare(rounds: Sequence[dict[str, list[Turn]]], name: str, reference: str) -> Figures:
    def compared(quantity: Callable[[Turn], float]) -> Compared:
        values = [median(map(quantity, turns[name])) for turns in rounds]
        others = [median(map(quantity, turns[reference])) for turns in rounds]
        ratios = [a / max(b, 1e-9) for a, b in zip(values, others, strict=True)]
        return Compared(median(values), median(ratios), (min(ratios), max(ratios)))

    return Figures(
        cpu_seconds=compared(lambda turn: turn.cpu_seconds),
        wall_seconds=compared(lambda turn: turn.wall_seconds),
        peak_mib=compared(lambda turn: turn.peak_mib),
    )
