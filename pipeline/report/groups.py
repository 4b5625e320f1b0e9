"""The report's tables of aligned and conflict groups: who follows the background, and why."""

from collections.abc import Iterator, Mapping
from typing import Any

from isnet_cxr.classification.figures import FIGURES, measured
from isnet_cxr.pipeline.report.tables import NONE, interval, signed, with_interval
from isnet_cxr.pipeline.table import Table

Measured = Mapping[str, Any]
CEILING = "trained there: the ceiling"
EXCHANGED_HEAD = (
    "test, group", "classifier", "images", "figure", "own backgrounds", "others' backgrounds",
    "difference",
)  # fmt: skip


def groups_content(summary: Measured) -> dict[str, Table]:
    """Return what the report shows: ``conflict`` and ``exchanged``, without rows if not known."""
    return {
        "conflict": conflict_table(summary.get("conflict", {})),
        "exchanged": exchanged_table(summary.get("exchanged", {})),
    }


def conflict_table(conflict: Mapping[str, Mapping[str, Any]]) -> Table:
    """List every classifier where the background helps and where it misleads, by test."""
    every = [
        own for groups in conflict.values() for by_name in groups.values()
        for own in by_name.values()
    ]  # fmt: skip
    shown = {key: figure for key, figure in measured(every).items() if figure.compared}
    rows = [
        [f"{test}, {group}", name, str(own["n"])]
        + [with_interval(own[key], own["ci95"].get(key)) for key in shown]
        for test, groups in conflict.items()
        for group, classifiers in groups.items()
        for name, own in classifiers.items()
    ]
    titles = [figure.title for figure in shown.values()]
    return Table(["test, group", "classifier", "images", *titles], rows)


def exchanged_table(exchanged: Mapping[str, Mapping[str, Measured]]) -> Table:
    """List what other backgrounds change in each group; what the background did is stressed."""
    rows: list[list[str]] = []
    strong: set[tuple[int, int]] = set()
    for test, groups in exchanged.items():
        for group, own in groups.items():
            head = f"{test}, {group}"
            figure = FIGURES[own["figure"]].title
            for name, its, differs in _rows(own):
                if differs:
                    strong.add((len(rows), len(EXCHANGED_HEAD) - 1))
                rows.append([head, name, str(own["images"]), figure, *its])
    return Table(EXCHANGED_HEAD, rows, frozenset(strong))


def _rows(own: Measured) -> Iterator[tuple[str, list[str], bool]]:
    """Yield name, cells, and whether the interval of the difference leaves out 0."""
    for name, one in own["classifiers"].items():
        low, high = one["gained"]["ci95"]
        known = low is not None and high is not None
        change = f"{signed(one['gained']['value'])} {interval(one['gained']['ci95'], sign=True)}"
        cells = [_value(one["own"]), _value(one["exchanged"]), change.strip()]
        yield name, cells, known and (low > 0 or high < 0)
    if "ceiling" in own:
        yield CEILING, [_value(own["ceiling"]), NONE, NONE], False


def _value(one: Measured) -> str:
    return with_interval(one["value"], one["ci95"])
