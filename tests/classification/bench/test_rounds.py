"""Every case takes its steps beside the reference, and is compared with those beside it."""

from collections.abc import Callable
from typing import Self

import pytest

from isnet_cxr.classification.bench.rounds import Compared, run_rounds
from isnet_cxr.classification.bench.steps import Sample


class Machine:
    """Cases whose steps cost as much as ``seconds`` says of the case at that step of the run."""

    def __init__(self, seconds: Callable[[str, int], float]) -> None:
        self.steps: list[tuple[str, bool]] = []
        self.running: list[str] = []
        self._seconds = seconds

    def start(self, name: str) -> "Case":
        return Case(self, name)

    def measure(self, name: str, one_thread: bool) -> Sample:
        assert name in self.running
        self.steps.append((name, one_thread))
        seconds = self._seconds(name, len(self.steps))
        taken = sum(step[0] == name for step in self.steps)
        return Sample(seconds, seconds / 2, peak_mib=min(taken, 5) * (3.0 if name == "a" else 2.0))


class Case:
    def __init__(self, machine: Machine, name: str) -> None:
        self._machine, self._name = machine, name

    def __enter__(self) -> Self:
        self._machine.running.append(self._name)
        return self

    def __exit__(self, *_: object) -> None:
        self._machine.running.remove(self._name)

    def take(self, *, one_thread: bool) -> Sample:
        return self._machine.measure(self._name, one_thread)


def test_ratios_are_exact_on_a_machine_that_slows_down_from_case_to_case():
    def seconds(name: str, step: int) -> float:
        speed = 1.0 if step < 15 else 4.0  # between the cases a and b
        return speed * {"baseline": 1.0, "a": 2.0, "b": 3.0}[name]

    machine = Machine(seconds)
    figures = run_rounds(["baseline", "a", "b"], machine.start, repeats=1, say=lambda _: None)
    assert figures["baseline"].cpu_seconds == Compared(2.5, 1, (1, 1))
    assert figures["a"].cpu_seconds.ratio == 2
    assert figures["b"].cpu_seconds == Compared(12, 3, (3, 3))
    assert figures["b"].wall_seconds.ratio == 3
    assert figures["a"].peak_mib.ratio == 1.5


def test_both_take_their_steps_in_turns():
    machine = Machine(lambda *_: 1.0)
    run_rounds(["baseline", "a"], machine.start, repeats=2, say=lambda _: None)
    assert not machine.running
    narrow = [name for name, one_thread in machine.steps if one_thread]
    assert narrow == 2 * (["baseline"] * 5 + ["a"] * 2 + ["baseline", "a"] * 3)
    wide = [name for name, one_thread in machine.steps if not one_thread]
    assert wide == 2 * (["baseline", "a"] * 3)


def test_a_ratio_is_the_median_of_the_rounds():
    costs = {1: 2.0, 2: 8.0, 3: 3.0}
    machine = Machine(lambda name, step: 1.0 if name == "baseline" else costs[1 + (step - 1) // 19])
    figures = run_rounds(["baseline", "a"], machine.start, repeats=3, say=lambda _: None)
    assert figures["a"].cpu_seconds == Compared(3, 3, (2, 8))


def test_there_must_be_something_to_compare():
    with pytest.raises(ValueError, match="nothing to compare with 'baseline'"):
        run_rounds(["baseline"], Machine(lambda *_: 1.0).start, repeats=1, say=lambda _: None)
    with pytest.raises(ValueError, match="repeats must be at least 1, got 0"):
        run_rounds(["baseline", "a"], Machine(lambda *_: 1.0).start, repeats=0, say=lambda _: None)
