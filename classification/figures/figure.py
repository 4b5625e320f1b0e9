"""What a figure of merit is: one number from the predictions of a classifier on a test."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isnet_cxr.data.registry import Registry

Floats = NDArray[np.floating[Any]]
Ints = NDArray[np.integer[Any]]


@dataclass(frozen=True)
class Scored:
    """Predictions of N images and what is true of them.

    Attributes:
        probabilities: Of every class, (N, C).
        predicted: Index of the predicted class, (N,).
        truth: Index of the true class, (N,).
        columns: The columns that figures declare as their ``inputs``, by name, (N,) each.
    """

    probabilities: Floats
    predicted: Ints
    truth: Ints
    columns: Mapping[str, NDArray[Any]] = field(default_factory=dict)

    def at(self, rows: Ints) -> "Scored":
        """Return the images at ``rows``, as often as they stand there."""
        columns = {name: values[rows] for name, values in self.columns.items()}
        return Scored(self.probabilities[rows], self.predicted[rows], self.truth[rows], columns)


@dataclass(frozen=True)
class Figure:
    """One row of the table of figures; more is better.

    Attributes:
        title: What report and terminal call it.
        measure: The figure of some predictions; NaN where they do not have it.
        inputs: Columns of the predictions that it reads, besides classes and probabilities.
        compared: Whether pairs of classifiers are compared by it.
        stressed: Whether the report stresses the best classifier of each test.
        plotted: Whether the report plots it; it must lie in [0, 1].
        resampled: The figure of B resamples at once, (B,), from how often each of them holds each
            image, (N, B). It equals ``measure`` of every resample and is only faster; where it is
            None, that is what is called.
    """

    title: str
    measure: Callable[[Scored], float]
    inputs: tuple[str, ...] = ()
    compared: bool = False
    stressed: bool = False
    plotted: bool = False
    resampled: Callable[[Scored, Floats], Floats] | None = None


FIGURES: Registry[Figure] = Registry("figure of merit")
"""In the order in which they are shown."""


def measured(scores: Iterable[Mapping[str, Any]]) -> dict[str, Figure]:
    """Return the figures that any of ``scores`` has, each a mapping of all figures' values."""
    known = {key for own in scores for key in FIGURES if own[key] is not None}
    return {key: figure for key, figure in FIGURES.items() if key in known}
