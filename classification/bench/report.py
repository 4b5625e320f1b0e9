"""All figures of one bench, and the promises they are held against."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from typing import Any

import torch

from isnet_cxr.classification.bench.cases import TRAINING_CASES, BenchSettings
from isnet_cxr.classification.bench.process import CaseProcess
from isnet_cxr.classification.bench.rounds import Figures, Say, Steps, run_rounds
from isnet_cxr.data.errors import InputError

MEASURED = ", clipped one by one"  # ends the names of the cases that measure both gradients
MEASURED_EVERY = 16  # as the studies of this repository do (gradients_every)
GetReady = Callable[[str, BenchSettings], AbstractContextManager[Steps]]


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

    "baseline" is always the first: the others are compared with it.

    Raises:
        InputError: If a pattern fits no case.
    """
    for pattern in patterns:
        if not any(pattern in name for name in TRAINING_CASES):
            raise InputError(
                f"no case contains {pattern!r}: expected one of {list(TRAINING_CASES)}"
            )
    chosen = [n for n in TRAINING_CASES if not patterns or any(p in n for p in patterns)]
    return ["baseline", *(name for name in chosen if name != "baseline")]


def run_bench(
    settings: BenchSettings, names: Sequence[str], *, say: Say, get_ready: GetReady = CaseProcess
) -> dict[str, Figures]:
    """Measure the cases ``names``, the first of which is the reference.

    Args:
        settings: What all cases share.
        names: Of ``choose_cases``, or ``PREDICTION_CASES``.
        say: Told which turn begins.
        get_ready: For the steps of one case; by default in a process of its own.

    Returns:
        Figures by case.
    """
    return run_rounds(
        names, lambda name: get_ready(name, settings), repeats=settings.repeats, say=say
    )


def targets(figures: dict[str, Figures]) -> list[Target]:
    """Return the promises that the measured cases can be held against."""

    def time(name: str) -> float:
        return figures[name].cpu_seconds.ratio

    def trained(name: str) -> float:
        """Mean over the steps of a training: some measure both gradients, at two passes."""
        return time(name) + (time(f"{name}{MEASURED}") - time(name)) / MEASURED_EVERY

    known: list[tuple[str, tuple[str, ...], Callable[[], float], float]] = [
        ("whole batch, time by baseline", ("random",), lambda: time("random"), 2.2),
        ("quarter batch, time by baseline", ("random 1/4",), lambda: time("random 1/4"), 1.35),
        (f"whole batch, gradients measured at one step in {MEASURED_EVERY}, time by baseline",
         ("random", f"random{MEASURED}"), lambda: trained("random"), 2.2),
        (f"quarter batch, gradients measured at one step in {MEASURED_EVERY}, time by baseline",
         ("random 1/4", f"random 1/4{MEASURED}"), lambda: trained("random 1/4"), 1.35),
        ("whole batch, peak memory by baseline", ("random",),
         lambda: figures["random"].peak_mib.ratio, 2.0),
        ("stochastic, time with 14 classes by 2",
         ("stochastic, 2 classes", "stochastic, 14 classes"),
         lambda: time("stochastic, 14 classes") / time("stochastic, 2 classes"), 1.05),
        ("original, time per further class by baseline",
         ("original, 3 classes", "original, 7 classes"),
         lambda: (time("original, 7 classes") - time("original, 3 classes")) / 4, 1.2),
        ("prediction with heatmap, time by prediction", ("prediction with heatmap",),
         lambda: time("prediction with heatmap"), 2.3),
    ]  # fmt: skip
    return [
        Target(name, value(), limit)
        for name, needed, value, limit in known
        if all(case in figures for case in needed)
    ]


def as_content(settings: BenchSettings, figures: dict[str, Figures]) -> dict[str, Any]:
    """Return everything for a program to read."""
    return {
        "settings": asdict(settings),
        "torch": torch.__version__,
        "threads": torch.get_num_threads(),
        "cases": {name: asdict(figure) for name, figure in figures.items()},
        "targets": [{**asdict(target), "met": target.met} for target in targets(figures)],
    }
