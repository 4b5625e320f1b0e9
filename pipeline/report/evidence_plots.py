"""Plots of a study's evidence: matrix, ROC curves, reliability, accuracy by coverage.

Classifiers differ by colour, line and marker, so that a grey print tells them apart.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from isnet_cxr.classification.evidence.abstention import COVERAGES
from isnet_cxr.pipeline.report.plots import FAINT, STYLE, add_legend, colour_of, line_of

MARKERS = ("o", "s", "^", "D", "v", "P")
WIDTH = 8.0
FEWEST = 3
MOST_COLUMNS = 6
REASONS = {
    "by probability": "probability",
    "by strangeness": "strangeness",
    "by the gate": "gate",
    "by the lung mask": "lung mask",
}
"""What may decide that an image gets no answer, and its key among the evidence."""
RANGE = (0.4, 2.0)
"""Of the greys: so wide that black is read on the darkest."""


def plot_matrix(matrix: Mapping[str, Any]) -> Figure:
    """Show classifiers by groups: area, interval and what was lost; darker is better.

    Classifiers are the columns, or the rows where they are more than ``MOST_COLUMNS``.
    """
    names, groups = list(matrix["cells"]), matrix["groups"]
    cells = [[matrix["cells"][name][group["name"]] for name in names] for group in groups]
    rows, columns = [_in_row(group) for group in groups], names
    if len(names) > MOST_COLUMNS:
        cells = [list(column) for column in zip(*cells, strict=True)]
        rows, columns = names, [_in_column(group) for group in groups]
    values = np.asarray([[shade(cell) for cell in row] for row in cells])
    with mpl.rc_context(STYLE):
        figure, axes = shaded_table(values, rows, columns)
        for place, cell in np.ndenumerate(np.asarray(cells, dtype=object)):
            row, column = place
            axes.text(column, row, annotation(cell), ha="center", va="center", fontsize=8.5)
    return figure


def shaded_table(
    values: NDArray[np.float64], rows: Sequence[str], columns: Sequence[str]
) -> tuple[Figure, Axes]:
    """Draw the cells of a table without texts, shaded by ``values`` (R, C); darker is better.

    NaN leaves a cell blank.
    """
    figure = Figure(figsize=(WIDTH, 0.62 * len(rows) + 0.75), layout="constrained")
    axes = figure.subplots()
    axes.imshow(values, cmap="Greys", vmin=RANGE[0], vmax=RANGE[1], aspect="auto")
    axes.set_xticks(range(len(columns)), columns)
    axes.set_yticks(range(len(rows)), rows)
    axes.xaxis.tick_top()
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)
    return figure, axes


def plot_roc(classes: Mapping[str, Any], test: str) -> Figure:
    """Show each class's ROC curve on a test with 95 % bands, one panel per class."""
    labels = list(next(iter(classes.values()))[test])
    figure, panels = _panels(labels)
    for panel, label in zip(panels, labels, strict=True):
        for place, (name, own) in enumerate(classes.items()):
            curve = own[test][label]["roc"]
            band = curve["false"], curve["low"], curve["high"]
            panel.fill_between(
                *(numbers(part) for part in band), color=colour_of(place), alpha=0.13
            )
            panel.plot(
                curve["false"], numbers(curve["true"]), color=colour_of(place),
                linestyle=line_of(place), linewidth=1.5, label=name,
            )  # fmt: skip
        _square(panel, label)
        panel.set_xlabel("1 \N{MINUS SIGN} specificity")
    panels[0].set_ylabel("sensitivity")
    return add_legend(figure, panels[0])


def plot_reliability(calibration: Mapping[str, Any]) -> Figure:
    """Show how often predictions are right by how sure they are, one panel per test."""
    tests = list(next(iter(calibration.values())))
    figure, panels = _panels(tests)
    for panel, test in zip(panels, tests, strict=True):
        for place, (name, own) in enumerate(calibration.items()):
            told = own[test]["as_predicted"]
            _draw(panel, told["sure"], told["right"], place, name)
        _square(panel, test)
        panel.set_xlabel("probability said")
    panels[0].set_ylabel("share that is right")
    return add_legend(figure, panels[0])


def plot_coverage(abstention: Mapping[str, Any]) -> Figure:
    """Show accuracy on the images answered by what decides that: a row each, a column per test.

    The network's own probability and the image's strangeness rank all images; the gate and the lung
    mask only sort out some. What sorts out none on any test has no row.
    """
    tests = list(next(iter(abstention.values())))
    reasons = [title for title in REASONS if _has(abstention, title)]
    across = max(FEWEST, len(tests))
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(WIDTH, 1.75 * len(reasons) + 0.7), layout="constrained")
        grid = figure.subplots(len(reasons), across, sharex=True, sharey=True, squeeze=False)
    for row, title in zip(grid, reasons, strict=True):
        for panel, test in zip(row, tests, strict=False):
            for place, (name, own) in enumerate(abstention.items()):
                _draw(panel, *_curve(own[test], title), place, name)
            panel.set_xlim(0, 1.03)
            panel.set_ylim(0, 1.03)
        for panel in row[len(tests) :]:
            panel.set_visible(False)
        row[0].set_ylabel(title)
    for panel, test in zip(grid[0], tests, strict=False):
        panel.set_title(test)
    for panel in grid[-1][: len(tests)]:
        panel.set_xlabel("share of images answered")
    return add_legend(figure, grid[0][0])


def _has(abstention: Mapping[str, Any], title: str) -> bool:
    shares = [_curve(own, title)[0] for tests in abstention.values() for own in tests.values()]
    return any(share < 1 for own in shares for share in own)


def _curve(own: Mapping[str, Any], title: str) -> tuple[list[float], list[Any]]:
    """Return shares answered and the accuracy on them; nothing where a test does not know it."""
    key = REASONS[title]
    if key in own["by_coverage"]:
        return list(COVERAGES), list(own["by_coverage"][key])
    told = [one for name, one in own["reasons"].items() if name.startswith(key)]
    points = sorted((one["coverage"], one["accuracy"]) for one in told if one["coverage"])
    if not points:
        return [], []
    shares, right = zip(*points, (1.0, own["by_coverage"]["probability"][-1]), strict=True)
    return list(shares), list(right)


def _panels(titles: Sequence[str]) -> tuple[Figure, list[Axes]]:
    """Return panels side by side, all of a size however few there are."""
    count = max(FEWEST, len(titles))
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(WIDTH, WIDTH / count + 0.6), layout="constrained")
        panels = np.atleast_1d(figure.subplots(1, count, sharey=True))
    for panel in panels[len(titles) :]:
        panel.set_visible(False)
    return figure, list(panels[: len(titles)])


def _draw(axes: Axes, across: Any, up: Any, place: int, name: str) -> None:
    axes.plot(
        numbers(across), numbers(up), color=colour_of(place), label=name, linewidth=1.5,
        linestyle=line_of(place), marker=MARKERS[place % len(MARKERS)], markersize=4,
    )  # fmt: skip


def _square(axes: Axes, title: str) -> None:
    """Frame a panel from 0 to 1 both ways, with its diagonal."""
    axes.plot([0, 1], [0, 1], color=FAINT, linewidth=1, zorder=0)
    axes.set_xlim(-0.01, 1.01)
    axes.set_ylim(-0.01, 1.01)
    axes.set_title(title)


def _in_row(group: Mapping[str, Any]) -> str:
    """Name a test, or a site below its test."""
    name = group["test"] if group["site"] is None else f"   at {group['site']}"
    return f"{name}{_mark(group)}"


def _in_column(group: Mapping[str, Any]) -> str:
    """Name a test, or a site with its test above it."""
    name = group["test"] if group["site"] is None else f"{group['test']}\nat {group['site']}"
    return f"{name}{_mark(group)}"


def _mark(group: Mapping[str, Any]) -> str:
    return " *" if group["confounded"] else ""


def annotation(cell: Mapping[str, Any]) -> str:
    """Write a cell of a matrix: its area, the interval, and what was lost where that is known."""
    if cell["value"] is None:
        return "\N{EN DASH}"
    low, high = cell["ci95"]
    text = f"{cell['value']:.2f} [{low:.2f}, {high:.2f}]"
    if cell.get("gap") is None:
        return text
    return f"{text}\nlost {cell['gap']:+.2f}".replace("-", "\N{MINUS SIGN}")


def shade(cell: Mapping[str, Any]) -> float:
    """Return a cell's area, NaN where there is none."""
    return np.nan if cell["value"] is None else float(cell["value"])


def numbers(values: Any) -> Any:
    """Return values as floats, NaN where there is none."""
    return np.asarray([np.nan if value is None else value for value in values], dtype=float)
