"""Turns in rounds, A B C A B C ..., so that a machine that others use slows all alike."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median

from classification.bench.turn import Turn

Say = Callable[[str], None]
TakeTurn = Callable[[str], Turn]


@dataclass(frozen=True)
class Compared:
    """One quantity of one case, beside the reference's.

    Attributes:
        value: Median over the rounds.
        ratio: Median over the rounds of its value by the reference's in the same round.
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
    """Let the cases ``names`` take turns; the first is the reference.

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
    turns: dict[str, list[Turn]] = {name: [] for name in names}
    for number in range(repeats):
        for place, name in enumerate(names):
            done = number * len(names) + place
            say(f"turn {done + 1} of {repeats * len(names)}: {name}")
            turns[name].append(take(name))
    reference = turns[names[0]]
    return {name: _compare(taken, reference) for name, taken in turns.items()}


def _compare(turns: Sequence[Turn], reference: Sequence[Turn]) -> Figures:
    def compared(quantity: Callable[[Turn], float]) -> Compared:
        values = [quantity(turn) for turn in turns]
        others = [quantity(turn) for turn in reference]
        ratios = [a / max(b, 1e-9) for a, b in zip(values, others, strict=True)]
        return Compared(median(values), median(ratios), (min(ratios), max(ratios)))

    return Figures(
        cpu_seconds=compared(lambda turn: turn.cpu_seconds),
        wall_seconds=compared(lambda turn: turn.wall_seconds),
        peak_mib=compared(lambda turn: turn.peak_mib),
    )
