"""Plots of a study, as matplotlib figures without a display."""

import base64
import io
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

PALETTE = ("#c8553d", "#3a7ca5", "#2f9e77", "#8a6bbf", "#d9a441", "#5c6b73")  # distinct for all
INK, FAINT = "#20303c", "#cfd8dd"
FEW_STEPS = 3
LETTER_IN, HANDLE_IN, LEGEND_ROW_IN = 0.075, 0.7, 0.2  # of legends, in inches
LINES = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)), (0, (1, 3)))
STYLE: dict[Any, Any] = {
    "font.family": "sans-serif",
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": FAINT,
    "axes.labelcolor": INK,
    "axes.titlesize": 10,
    "axes.titleweight": "bold",
    "axes.titlecolor": INK,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "xtick.major.size": 0,
    "ytick.major.size": 0,
    "ytick.minor.size": 0,
    "axes.grid": True,
    "grid.color": "#e8edf0",
    "axes.axisbelow": True,
    "legend.frameon": False,
    "svg.hashsalt": "isnet-cxr",
}

Figures = Mapping[str, Any]


def plot_generalization(
    classification: Mapping[str, Mapping[str, Figures]], figures: Mapping[str, str]
) -> Figure:
    """Show every classifier on every test: means, intervals, and each seed's own.

    More classifiers than there are colours are named beside their rows, not in a legend.

    Args:
        classification: Figures by classifier and test.
        figures: Title of each panel by the figure's key.
    """
    tests = list(next(iter(classification.values())))
    height = len(tests) * (0.32 * len(classification) + 0.35) + 1.0
    with mpl.rc_context(STYLE):
        canvas = Figure(figsize=(10.4, height), layout="constrained")
        panels = np.atleast_1d(canvas.subplots(1, len(figures), sharey=True))
        for panel, (figure, title) in zip(panels, figures.items(), strict=True):
            _draw_panel(panel, classification, tests, figure)
            panel.set_title(title)
        panels[0].set_yticks(range(len(tests)), [_wrap(test) for test in tests])
        panels[0].set_ylim(len(tests) - 0.5, -0.5)
        if len(classification) > len(PALETTE):
            _name_rows(panels[0], list(classification), len(tests))
        else:
            add_legend(canvas, panels[0])
    return canvas


def plot_curves(
    curves: Mapping[str, Sequence[Sequence[Mapping[str, float]]]], metrics: Mapping[str, str]
) -> Figure:
    """Show metrics over epochs, one panel per metric.

    Args:
        curves: Epochs of each seed by classifier.
        metrics: Title of each metric by its key; those that nobody has are left out.
    """
    held = [m for m in metrics if any(m in epoch for epoch in _epochs(curves))]
    with mpl.rc_context(STYLE):
        canvas = Figure(figsize=(3.1 * max(1, len(held)), 2.7), layout="constrained")
        panels = np.atleast_1d(canvas.subplots(1, max(1, len(held))))
        for panel, metric in zip(panels, held, strict=False):
            for place, (name, seeds) in enumerate(curves.items()):
                _draw_curves(panel, seeds, metric, name=name, place=place)
            panel.set_title(metrics[metric])
            panel.set_xlabel("epoch")
            panel.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=6))
        if held and len(curves) > 1:
            add_legend(canvas, panels[0])
    return canvas


def plot_confusion(confusion: Sequence[Sequence[float]], classes: Sequence[str]) -> Figure:
    """Show a confusion matrix: counts, shaded by the share of each true class."""
    counts = np.asarray(confusion, dtype=float)
    totals = counts.sum(axis=1, keepdims=True)
    shares = np.divide(counts, totals, out=np.zeros_like(counts), where=totals > 0)
    canvas, axes = _axes(0.72 * len(classes) + 1.1, 0.62 * len(classes) + 0.9)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1.15, aspect="auto")
    for row in range(len(classes)):
        for column in range(len(classes)):
            dark = shares[row, column] > 0.55  # noqa: PLR2004  where white text reads better
            text = f"{counts[row, column]:.0f}"
            axes.text(column, row, text, ha="center", va="center", color="w" if dark else INK)
    axes.set_xticks(range(len(classes)), list(classes), fontsize=8)
    axes.set_yticks(range(len(classes)), list(classes), fontsize=8)
    axes.set_xlabel("predicted", fontsize=8)
    axes.set_ylabel("true", fontsize=8)
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)
    return canvas


def colour_of(place: int) -> str:
    """Return the colour of the classifier at ``place`` in the study's list."""
    return PALETTE[place % len(PALETTE)]


def line_of(place: int) -> Any:
    """Return the line style of the classifier at ``place``; with its colour no other's for long."""
    return LINES[(place + place // len(PALETTE)) % len(LINES)]


def add_legend(figure: Figure, axes: Axes) -> Figure:
    """Say above a figure what ``axes`` shows, in as many rows as its width asks for; return it.

    The figure grows by all rows but the first.
    """
    handles, labels = axes.get_legend_handles_labels()
    entry_in = HANDLE_IN + LETTER_IN * max(map(len, labels))
    columns = min(len(labels), max(1, int(figure.get_figwidth() / entry_in)))
    more_rows = math.ceil(len(labels) / columns) - 1
    figure.set_figheight(figure.get_figheight() + LEGEND_ROW_IN * more_rows)
    with mpl.rc_context(STYLE):
        figure.legend(handles, labels, loc="outside upper center", ncols=columns)
    return figure


def as_svg(figure: Figure) -> str:
    """Return a figure as the source of an ``img``."""
    buffer = io.BytesIO()
    with mpl.rc_context(STYLE):
        figure.savefig(buffer, format="svg", metadata={"Date": None}, transparent=True)
    return data_uri(buffer.getvalue(), "image/svg+xml")


def as_png(figure: Figure) -> bytes:
    """Return a figure as the bytes of a PNG."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=110, facecolor="white")
    return buffer.getvalue()


def data_uri(content: bytes, kind: str) -> str:
    """Pack a file's bytes into an address that holds them."""
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


def _axes(width: float, height: float) -> tuple[Figure, Axes]:
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(width, height), layout="constrained")
        return figure, figure.subplots()


def _draw_panel(
    axes: Axes,
    classification: Mapping[str, Mapping[str, Figures]],
    tests: Sequence[str],
    figure: str,
) -> None:
    """Draw one figure of all classifiers, tests from top to bottom."""
    for place, (classifier, by_test) in enumerate(classification.items()):
        offset = _offset(place, len(classification))
        for row, test in enumerate(tests):
            _draw_interval(axes, by_test[test], figure, y=row + offset, colour=colour_of(place))
        axes.plot([], [], "o", color=colour_of(place), label=classifier)
    axes.set_xlim(-0.02, 1.02)
    axes.grid(axis="y", visible=False)
    for row in range(1, len(tests)):
        axes.axhline(row - 0.5, color=FAINT, linewidth=0.8)


def _offset(place: int, classifiers: int) -> float:
    """Where a classifier's row is, from the middle of its test."""
    return (place - (classifiers - 1) / 2) * 0.74 / classifiers


def _name_rows(axes: Axes, classifiers: Sequence[str], tests: int) -> None:
    """Name the classifier of every row; the tests' names go to the left of it."""
    rows = [
        (row + _offset(place, len(classifiers)), name)
        for row in range(tests)
        for place, name in enumerate(classifiers)
    ]
    axes.set_yticks([y for y, _ in rows], [name for _, name in rows], minor=True, fontsize=8)
    longest = max(map(len, classifiers))
    axes.tick_params(axis="y", which="major", pad=6 + 5 * longest)
    for label in axes.get_yticklabels(which="major"):
        label.set_fontweight("bold")


def _draw_interval(axes: Axes, figures: Figures, figure: str, *, y: float, colour: str) -> None:
    low, high = figures["ci95"].get(figure, (None, None))
    mean = figures[figure]
    if mean is None:
        return
    if low is not None:
        axes.plot([low, high], [y, y], color=colour, linewidth=2, alpha=0.55)
    seeds = [own[figure] for own in figures["seeds"].values() if own[figure] is not None]
    axes.plot(seeds, [y] * len(seeds), "|", color=colour, markersize=9)
    axes.plot([mean], [y], "o", color=colour, markersize=7)


def _draw_curves(
    axes: Axes,
    seeds: Sequence[Sequence[Mapping[str, float]]],
    metric: str,
    *,
    name: str,
    place: int,
) -> None:
    for number, epochs in enumerate(seeds):
        values = [epoch[metric] for epoch in epochs if metric in epoch]
        marker = "o" if len(values) <= FEW_STEPS else ""
        steps = range(1, len(values) + 1)
        label = name if number == 0 else None
        axes.plot(
            steps, values, color=colour_of(place), linestyle=line_of(place), linewidth=1.6,
            alpha=0.85, marker=marker, label=label,
        )  # fmt: skip


def _epochs(
    curves: Mapping[str, Sequence[Sequence[Mapping[str, float]]]],
) -> Iterable[Mapping[str, float]]:
    return (epoch for seeds in curves.values() for epochs in seeds for epoch in epochs)


def _wrap(test: str) -> str:
    return test.replace(" + ", " +\n")
