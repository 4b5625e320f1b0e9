"""The figures of a study as a table for the terminal."""

from collections.abc import Mapping
from typing import Any

from rich.table import Table


def figures_table(summary: Mapping[str, Any]) -> Table:
    """Return every classifier's figures on every test, means over seeds."""
    masks = "; ".join(
        f"{name} {scores['dice']:.3f}" for name, scores in summary["segmentation"].items()
    )
    table = Table(title=summary["study"], caption=f"lung Dice: {masks}" if masks else None)
    table.add_column("test")
    table.add_column("classifier")
    for name in ("films", "macro F1", "macro AUC", "accuracy", "in lungs"):
        table.add_column(name, justify="right")
    by_classifier = summary["classification"]
    for test in next(iter(by_classifier.values())):
        for name, tests in by_classifier.items():
            own = tests[test]
            figures = ("macro_f1", "macro_auc", "accuracy", "relevance_in_lungs")
            cells = ["–" if own[key] is None else f"{own[key]:.3f}" for key in figures]  # noqa: RUF001
            table.add_row(test, name, str(own["n"]), *cells)
        table.add_section()
    return table
