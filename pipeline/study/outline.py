"""The figures of a study as a table for the terminal."""

from collections.abc import Mapping
from typing import Any

from rich.table import Table

from isnet_cxr.classification.figures import FIGURES


def figures_table(summary: Mapping[str, Any]) -> Table:
    """Return every classifier's figures on every test, means over seeds."""
    masks = "; ".join(
        f"{name} {scores['dice']:.3f}" for name, scores in summary["segmentation"].items()
    )
    table = Table(title=summary["study"], caption=f"lung Dice: {masks}" if masks else None)
    table.add_column("test")
    table.add_column("classifier")
    for name in ("images", *(figure.title for figure in FIGURES.values())):
        table.add_column(name, justify="right")
    _add_tests(table, summary["classification"])
    for test, groups in summary.get("conflict", {}).items():
        for group, by_classifier in groups.items():
            by_test = {name: {group: own} for name, own in by_classifier.items()}
            _add_tests(table, by_test, prefix=f"{test}, ")
    for name, by_classifier in summary.get("bias", {}).items():
        _add_tests(table, by_classifier, prefix=f"{name}, ")
    return table


def _add_tests(table: Table, by_classifier: Mapping[str, Any], prefix: str = "") -> None:
    """Add a row for every test and classifier; none where no classifier was tested."""
    for test in next(iter(by_classifier.values()), ()):
        for name, tests in by_classifier.items():
            own = tests[test]
            cells = ["–" if own[key] is None else f"{own[key]:.3f}" for key in FIGURES]  # noqa: RUF001
            table.add_row(f"{prefix}{test}", name, str(own["n"]), *cells)
        table.add_section()
