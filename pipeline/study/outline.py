"""The figures of a study as a table for the terminal."""

from collections.abc import Mapping
from typing import Any

from rich import box
from rich.table import Table

from isnet_cxr.classification.figures import Figure, measured

LONGEST_WORD = 20
"""Of a test's or classifier's name: longer ones may be cut in a narrow terminal."""
LONGEST_NUMBER = len("0.123")


def figures_table(summary: Mapping[str, Any]) -> Table:
    """Return every classifier's figures on every test, means over seeds."""
    masks = "; ".join(
        f"{name} {scores['dice']:.3f}" for name, scores in summary["segmentation"].items()
    )
    caption = f"lung Dice: {masks}" if masks else None
    table = Table(
        title=summary["study"],
        caption=caption,
        box=box.HORIZONTALS,
        pad_edge=False,
        padding=(0, 1, 0, 0),
    )
    table.add_column("test")
    table.add_column("classifier")
    sections = _sections(summary)
    every = [own for by_name in sections.values() for tests in by_name.values()
             for own in tests.values()]  # fmt: skip
    shown = measured(every)
    for name in ("images", *(figure.title for figure in shown.values())):
        head = name.replace(" ", "\n")  # numbers are narrow, and a narrow terminal shows them all
        table.add_column(head, justify="right", min_width=LONGEST_NUMBER)
    for prefix, by_classifier in sections.items():
        _add_tests(table, by_classifier, shown, prefix=prefix)
    for names in table.columns[:2]:  # in a narrow terminal a name is wrapped, and never cut
        words = [word for cell in names.cells for word in str(cell).split()]
        names.min_width = min(LONGEST_WORD, max(map(len, words), default=0))
    return table


def _sections(summary: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """Return figures by classifier and test, by what stands before the test's name."""
    sections: dict[str, Mapping[str, Any]] = {"": summary["classification"]}
    for test, groups in summary.get("conflict", {}).items():
        by_classifier: dict[str, dict[str, Any]] = {}
        for group, scores in groups.items():
            for name, own in scores.items():
                by_classifier.setdefault(name, {})[group] = own
        sections[f"{test}, "] = by_classifier
    sections |= {f"{name}, ": own for name, own in summary.get("bias", {}).items()}
    folds = summary.get("across", {}).get("folds", [])
    return sections | {f"{fold['name']}, ": fold["scores"] for fold in folds}


def _add_tests(
    table: Table, by_classifier: Mapping[str, Any], shown: Mapping[str, Figure], *, prefix: str
) -> None:
    """Add a row for every test and classifier; none where no classifier was tested."""
    for test in next(iter(by_classifier.values()), ()):
        for name, tests in by_classifier.items():
            own = tests[test]
            cells = ["–" if own[key] is None else f"{own[key]:.3f}" for key in shown]  # noqa: RUF001
            table.add_row(f"{prefix}{test}", name, str(own["n"]), *cells)
        table.add_section()
