"""One table of a study of many methods: who is where on each test, by how much, and at what cost.

Order is by the AUC that the test allows: of the two classes of the study that it has, or the mean
over all. Where the study compares a pair, the second's row has the difference and its p-value,
adjusted by Holm's procedure over the whole table. The control has no place.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from isnet_cxr.classification.evidence.multiplicity import holm
from isnet_cxr.classification.figures import AREAS, FIGURES
from isnet_cxr.pipeline.config import CONTROL
from isnet_cxr.pipeline.report.costs import Cost
from isnet_cxr.pipeline.report.tables import NONE, number, signed, with_interval
from isnet_cxr.pipeline.table import Table

Summary = Mapping[str, Any]
LEAST = 3
"""As many classifiers, beside the control, make a ranking."""
INSIDE = "relevance_inside_lungs"
SIGNIFICANT = 0.05
RANKING_HEAD = (
    "test", "place", "classifier", "AUC", "its conflict group", "inside the lungs", "compared",
    "p, Holm", "training, minutes", "prediction, CPU ms",
)  # fmt: skip
P_COLUMN = RANKING_HEAD.index("p, Holm")


def ranking_table(summary: Summary, costs: Mapping[str, Cost]) -> Table:
    """Rank the classifiers on every test.

    Args:
        summary: The study's figures.
        costs: By classifier; those of the control may be missing.

    Returns:
        The table, without rows where there are fewer than ``LEAST`` to rank; significant
        differences are stressed.
    """
    classification = summary["classification"]
    if len(set(classification) - {CONTROL}) < LEAST:
        return Table(RANKING_HEAD, [])
    tests = {test: _figure(classification, test) for test in next(iter(classification.values()))}
    said = _said(summary.get("comparisons", []), tests)
    spent = {name: (cost.minutes, cost.prediction_ms) for name, cost in costs.items()}
    rows: list[list[str]] = []
    strong: set[tuple[int, int]] = set()
    for test, key in tests.items():
        for place, name in _ordered(classification, test, key):
            pair, p = said.get((test, name), (NONE, math.nan))
            own = classification[name][test]
            if p < SIGNIFICANT:
                strong.add((len(rows), P_COLUMN))
            rows.append([
                test, place, name,
                with_interval(own[key], own["ci95"].get(key)),
                number(_in_conflict(summary, test, name, key)),
                number(own.get(INSIDE)),
                pair, NONE if math.isnan(p) else f"{p:.3f}",
                *spent.get(name, (NONE, NONE)),
            ])  # fmt: skip
    return Table(RANKING_HEAD, rows, frozenset(strong))


def ranked_by(summary: Summary) -> str:
    """Say by which figure each test is ranked."""
    classification = summary["classification"]
    tests = next(iter(classification.values()))
    return "; ".join(f"{test}: {FIGURES[_figure(classification, test)].title}" for test in tests)


def ranking_content(summary: Summary, costs: Mapping[str, Cost]) -> dict[str, Any]:
    """Return what the report shows: ``table``, and ``by`` which figures its tests are ranked."""
    return {"table": ranking_table(summary, costs), "by": ranked_by(summary)}


def _said(
    comparisons: Sequence[Summary], tests: Mapping[str, str]
) -> dict[tuple[str, str], tuple[str, float]]:
    """Return what is said of a test's second classifiers, and the adjusted p-values."""
    compared = list(_compared(comparisons, tests))
    adjusted = holm([one["p"] for *_, one in compared])
    return {
        (test, second): (f"{first} {_difference(one)}", p)
        for (test, first, second, one), p in zip(compared, adjusted, strict=True)
    }


def _figure(classification: Summary, test: str) -> str:
    """Return the first of ``AREAS`` that every classifier has there."""
    every = [own[test] for own in classification.values()]
    return next((key for key in AREAS if all(own.get(key) is not None for own in every)), AREAS[-1])


def _ordered(classification: Summary, test: str, key: str) -> Iterator[tuple[str, str]]:
    """Yield place and name, the best first, the control last."""
    names = sorted(
        set(classification) - {CONTROL},
        key=lambda name: (-(classification[name][test][key] or 0.0), name),
    )
    yield from ((str(place), name) for place, name in enumerate(names, 1))
    if CONTROL in classification:
        yield NONE, CONTROL


def _compared(
    comparisons: Sequence[Summary], tests: Mapping[str, str]
) -> Iterator[tuple[str, str, str, Summary]]:
    """Yield test, first and second of a pair, and how they differ in the test's figure."""
    for pair in comparisons:
        for test, key in tests.items():
            if key in pair["tests"].get(test, {}):
                yield test, pair["first"], pair["second"], pair["tests"][test][key]


def _in_conflict(summary: Summary, test: str, name: str, key: str) -> float | None:
    group = summary.get("conflict", {}).get(test, {}).get("conflict", {})
    value: float | None = group.get(name, {}).get(key)
    return value


def _difference(one: Summary) -> str:
    low, high = (signed(bound, digits=2) for bound in one["ci95"])
    return f"{signed(one['difference'])} [{low}, {high}]"
