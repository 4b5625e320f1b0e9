"""Cases take turns, and are compared with the reference of the same round."""

from classification.bench.rounds import Compared, run_rounds
from classification.bench.turn import Turn


def test_cases_take_turns_and_ratios_are_medians_within_a_round():
    order: list[str] = []
    cpu = iter([1.0, 3.0, 2.0, 8.0, 1.0, 2.0])

    def take(name: str) -> Turn:
        order.append(name)
        return Turn(next(cpu), wall_seconds=1.0, peak_mib=2.0 if name == "plain" else 3.0)

    figures = run_rounds(["plain", "other"], take, repeats=3, say=lambda _: None)
    assert order == ["plain", "other"] * 3
    assert figures["plain"].cpu_seconds.ratio == 1
    assert figures["other"].cpu_seconds == Compared(value=3, ratio=3, spread=(2, 4))
    assert figures["other"].peak_mib.ratio == 1.5


def test_the_reference_takes_a_turn_before_every_few_others():
    order: list[str] = []

    def take(name: str) -> Turn:
        order.append(name)
        seconds = {0: 1.0, 4: 9.0, 8: 2.0}.get(len(order) - 1, 4.0)  # the reference's three turns
        return Turn(seconds, wall_seconds=1.0, peak_mib=1.0)

    figures = run_rounds(["plain", *"abcdefg"], take, repeats=1, say=lambda _: None)
    assert order == ["plain", *"abc", "plain", *"def", "plain", "g"]
    assert figures["g"].cpu_seconds.ratio == 2  # by the median of 1, 9 and 2
