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
    for name in ("images", "macro F1", "macro AUC", "accuracy", "in lungs"):
        table.add_column(name, justify="right")
    _add_tests(table, summary["classification"])
    _add_tests(table, summary.get("marks", {}), prefix="marks, ")
    return table


def _add_tests(table: Table, by_classifier: Mapping[str, Any], prefix: str = "") -> None:
    """Add a row for every test and classifier; none where no classifier was tested."""
    for test in next(iter(by_classifier.values()), ()):
        for name, tests in by_classifier.items():
            own = tests[test]
            figures = ("macro_f1", "macro_auc", "accuracy", "relevance_inside_lungs")
            cells = ["–" if own[key] is None else f"{own[key]:.3f}" for key in figures]  # noqa: RUF001
            table.add_row(f"{prefix}{test}", name, str(own["n"]), *cells)
        table.add_section()
