"""All figures of one bench, and the promises they are held against."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch

from classification.bench.cases import (
    PREDICTION_CASES,
    TRAINING_CASES,
    BenchSettings,
    prediction_steps,
    training_step,
)
from classification.bench.memory import peak_memory
from classification.bench.timing import Step, Timing, cpu_and_wall

Say = Callable[[str], None]
MEASURED = ", clipped one by one"  # ends the names of the cases that measure both gradients
MEASURED_EVERY = 16  # as the studies of this repository do (gradients_every)


@dataclass(frozen=True)
class Figures:
    """One case's figures; the ratios are to the first case, plain.

    Attributes:
        cpu: CPU seconds of a step on one thread.
        wall: Wall seconds on all threads.
        peak_mib: Memory that steps add at their peak; None when it was not measured.
        memory_ratio: The same, by plain's.
    """

    cpu: Timing
    wall: Timing
    peak_mib: float | None
    memory_ratio: float | None


@dataclass(frozen=True)
class Target:
    """A promise and what was measured.

    Attributes:
        name: What is promised.
        value: Measured.
        limit: At most.
    """

    name: str
    value: float
    limit: float

    @property
    def met(self) -> bool:
        """Whether the promise was kept in this run."""
        return self.value <= self.limit


def choose_cases(patterns: Sequence[str]) -> list[str]:
    """Return the training cases whose names contain one of ``patterns`` (all without any).

    "plain" is always the first: the others are compared with it.

    Raises:
        ValueError: If a pattern fits no case.
    """
    for pattern in patterns:
        if not any(pattern in name for name in TRAINING_CASES):
            raise ValueError(
                f"no case contains {pattern!r}: expected one of {list(TRAINING_CASES)}"
            )
    chosen = [n for n in TRAINING_CASES if not patterns or any(p in n for p in patterns)]
    return ["plain", *(name for name in chosen if name != "plain")]


def bench_training(
    settings: BenchSettings, names: Sequence[str], *, memory: bool, say: Say
) -> dict[str, Figures]:
    """Measure the training cases ``names``, the first of which is the reference."""

    def steps() -> dict[str, Step]:
        return {name: training_step(TRAINING_CASES[name], settings) for name in names}

    return _measure(steps, settings, names, memory=memory, say=say)


def bench_heatmap(settings: BenchSettings, *, memory: bool, say: Say) -> dict[str, Figures]:
    """Measure prediction alone, and with a heatmap."""
    return _measure(
        lambda: prediction_steps(settings), settings, PREDICTION_CASES, memory=memory, say=say
    )


def _measure(
    steps: Callable[[], Mapping[str, Step]],
    settings: BenchSettings,
    names: Sequence[str],
    *,
    memory: bool,
    say: Say,
) -> dict[str, Figures]:
    """Measure memory, then time: a process that has timed all cases holds much of it for good."""
    peaks: dict[str, float] = {}
    for name in names if memory else ():
        say(f"peak memory: {name}")
        peaks[name] = peak_memory(name, settings)
    say(f"time: {len(names)} cases in turns, {settings.repeats} rounds and one before")
    cpu, wall = cpu_and_wall(steps(), repeats=settings.repeats)
    reference = peaks.get(names[0], 0.0)
    return {
        name: Figures(
            cpu[name], wall[name], peaks.get(name),
            peaks[name] / max(reference, 1e-9) if name in peaks else None,
        )
        for name in names
    }  # fmt: skip


def targets(figures: dict[str, Figures]) -> list[Target]:
    """Return the promises that the measured cases can be held against."""

    def cpu(name: str) -> float:
        return figures[name].cpu.ratio

    def trained(name: str) -> float:
        """Mean over the steps of a training: some measure both gradients, at two passes."""
        return cpu(name) + (cpu(f"{name}{MEASURED}") - cpu(name)) / MEASURED_EVERY

    known: list[tuple[str, tuple[str, ...], Callable[[], float | None], float]] = [
        ("whole batch, CPU by plain", ("random",), lambda: cpu("random"), 2.2),
        ("quarter batch, CPU by plain", ("random 1/4",), lambda: cpu("random 1/4"), 1.35),
        (f"whole batch, gradients measured at one step in {MEASURED_EVERY}, CPU by plain",
         ("random", f"random{MEASURED}"), lambda: trained("random"), 2.2),
        (f"quarter batch, gradients measured at one step in {MEASURED_EVERY}, CPU by plain",
         ("random 1/4", f"random 1/4{MEASURED}"), lambda: trained("random 1/4"), 1.35),
        ("whole batch, peak memory by plain", ("random",),
         lambda: figures["random"].memory_ratio, 2.0),
        ("stochastic, CPU with 14 classes by 2",
         ("stochastic, 2 classes", "stochastic, 14 classes"),
         lambda: cpu("stochastic, 14 classes") / cpu("stochastic, 2 classes"), 1.05),
        ("original, CPU per further class by plain", ("original", "original, 2 classes"),
         lambda: cpu("original") - cpu("original, 2 classes"), 1.2),
        ("prediction with heatmap, CPU by prediction", ("prediction with heatmap",),
         lambda: cpu("prediction with heatmap"), 2.3),
    ]  # fmt: skip
    found = []
    for name, needed, value, limit in known:
        measured = value() if all(case in figures for case in needed) else None
        if measured is not None:
            found.append(Target(name, measured, limit))
    return found


def as_content(settings: BenchSettings, figures: dict[str, Figures]) -> dict[str, Any]:
    """Return everything for a program to read."""
    return {
        "settings": asdict(settings),
        "torch": torch.__version__,
        "threads": torch.get_num_threads(),
        "cases": {name: asdict(figure) for name, figure in figures.items()},
        "targets": [{**asdict(target), "met": target.met} for target in targets(figures)],
    }
