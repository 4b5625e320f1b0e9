"""Hospitals held out, for the report: a heatmap for each classifier, and what is said beside it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from isnet_cxr.pipeline.report.evidence import HARD_SPACE, share
from isnet_cxr.pipeline.report.evidence_plots import annotation, shade, shaded_table
from isnet_cxr.pipeline.report.plots import INK, STYLE, as_svg
from isnet_cxr.pipeline.report.tables import NONE, signed
from isnet_cxr.pipeline.table import Table

Across = Mapping[str, Any]
INTERNAL = "internal"
DESIGNS = {"leave_one_out": "one hospital left out", "pairs": "one hospital alone"}


@dataclass(frozen=True)
class Held:
    """One cell of a heatmap.

    Attributes:
        cell: Value, ci95 and, at a held-out hospital, what was lost.
        internal: Whether the classifier was trained at this hospital.
        marked: Whether it is not called generalization.
    """

    cell: Mapping[str, Any]
    internal: bool
    marked: bool


def across_content(across: Across) -> dict[str, Any]:
    """Return what the report's section on hospitals held out is filled with."""
    names = list(across["folds"][0]["matrix"]["cells"])
    return {
        "plots": [(name, as_svg(plot_across(across, name))) for name in names],
        "overall": overall_table(across),
        "confounded": [
            (fold["name"], "; ".join(fold["confounded"]))
            for fold in across["folds"]
            if fold["confounded"]
        ],
        "few": _few(across),
        "remarks": across["remarks"],
    }


def held_cell(fold: Mapping[str, Any], classifier: str, hospital: str) -> Held | None:
    """Find what a fold says of a hospital; None where it says nothing.

    Args:
        fold: One of the folds of ``evidence.across``.
        classifier: Its name.
        hospital: Held out, or one of those it was trained on.
    """
    alone = fold["trained_on"] == [hospital]
    for group in fold["matrix"]["groups"]:
        internal = group["test"] == INTERNAL
        here = (group["site"] or (hospital if alone else None)) if internal else group["test"]
        if here == hospital and (internal or group["site"] is None):
            cell = fold["matrix"]["cells"][classifier][group["name"]]
            return Held(cell, internal, bool(group["confounded"]))
    return None


def plot_across(across: Across, classifier: str) -> Figure:
    """Show what a classifier was trained on by where it was tested; darker is better.

    The first column is the internal test as a whole. Framed cells are internal: of hospitals that
    it was trained on.
    """
    folds, hospitals = across["folds"], across["hospitals"]
    columns = [INTERNAL, *hospitals]
    cells = {
        (row, column): held
        for row, fold in enumerate(folds)
        for column, name in enumerate(columns)
        if (held := _found(fold, classifier, name)) is not None
    }
    values = np.full((len(folds), len(columns)), np.nan)
    for place, held in cells.items():
        values[place] = shade(held.cell)
    with mpl.rc_context(STYLE):
        figure, axes = shaded_table(values, [_trained(fold) for fold in folds], columns)
        for (row, column), held in cells.items():
            _write(axes, held, row, column, small=len(columns))
    return figure


def overall_table(across: Across) -> Table:
    """List means over the hospitals held out, and the worst of them, by design and classifier."""
    rows = []
    for design, classifiers in across["overall"].items():
        for name, own in classifiers.items():
            worst = own["worst"]
            where = f"{worst['hospital']} ({worst['fold']})"
            said = share(worst["value"], worst["ci95"]).replace(" [", f"{HARD_SPACE}[")
            mean = NONE if own["mean"] is None else f"{own['mean']:.3f}"
            rows.append([DESIGNS[design], name, mean, signed(own["lost"]), where, said])
    head = ["training", "classifier", "mean AUC where held out", "lost against internal tests"]
    return Table([*head, "worst at", "AUC there"], rows)


def _found(fold: Mapping[str, Any], classifier: str, column: str) -> Held | None:
    if column != INTERNAL:
        return held_cell(fold, classifier, column)
    cell = fold["matrix"]["cells"][classifier][INTERNAL]
    return Held(cell, internal=True, marked=bool(fold["confounded"]))


def _write(axes: Axes, held: Held, row: int, column: int, *, small: int) -> None:
    """Write a cell, a frame around it where it is internal."""
    text = annotation(held.cell).replace(" [", "\n[")
    size = 8.5 if small <= 6 else 6.5  # noqa: PLR2004  many hospitals are written small
    star = " *" if held.marked else ""
    first, *rest = text.split("\n")
    said = "\n".join([first + star, *rest])
    axes.text(column, row, said, ha="center", va="center", fontsize=size, linespacing=1.1)
    if held.internal:
        place = (column - 0.47, row - 0.45)
        axes.add_patch(Rectangle(place, 0.94, 0.9, fill=False, edgecolor=INK, linewidth=0.8))


def _trained(fold: Mapping[str, Any]) -> str:
    """Name a fold, and the classes it knows."""
    return f"{fold['name']}\n{_wrapped(fold['classes'])}"


def _wrapped(classes: Sequence[str]) -> str:
    return f"({', '.join(classes)})"


def _few(across: Across) -> list[tuple[str, str]]:
    """Say where a hospital held out has few patients, once for each hospital."""
    found = {
        group["test"]: group["warning"]
        for fold in across["folds"]
        for group in fold["matrix"]["groups"]
        if group["warning"] and group["site"] is None and group["test"] != INTERNAL
    }
    return list(found.items())
