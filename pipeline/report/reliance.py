"""The report's table of reliance on the background: five measures, and how each can be fooled."""

from collections.abc import Mapping, Sequence
from typing import Any

from isnet_cxr.pipeline.report.tables import NONE, number
from isnet_cxr.pipeline.study.measures import MEASURES
from isnet_cxr.pipeline.table import Table


def reliance_table(reliance: Mapping[str, Mapping[str, Any]]) -> Table:
    """List every classifier's measures by test; what speaks against it is stressed in bold."""
    rows: list[list[str]] = []
    strong: set[tuple[int, int]] = set()
    first = next(iter(reliance.values()), {})
    for test in first:
        for name, tests in reliance.items():
            own = tests[test]
            strong |= {
                (len(rows), 2 + place) for place, key in enumerate(MEASURES) if key in own["caught"]
            }
            known = sum(value is not None for value in own["measures"].values())
            said = [number(own["measures"][key]) for key in MEASURES]
            caught = f"{len(own['caught'])} of {known}" if known else NONE
            rows.append([test, name, *said, caught])
    titles = [measure.title for measure in MEASURES.values()]
    return Table(["test", "classifier", *titles, "against it"], rows, frozenset(strong))


def seam_of(reliance: Mapping[str, Mapping[str, Any]]) -> str:
    """Say how much of its own background an image keeps at most, on any test, in percent."""
    kept = [own["seam"] for tests in reliance.values() for own in tests.values()]
    known = [value for value in kept if value is not None]
    return f"{100 * max(known):.1f} %" if known else NONE


def measures_table(doubts: Mapping[str, Sequence[str]]) -> Table:
    """List what speaks against a classifier, how each measure can be fooled, and if it was here."""
    rows = [
        [
            *(own.title, f"{'more' if own.highest else 'less'} than {own.limit:g}", own.fooled),
            " ".join(doubts.get(key, ())) or "No sign of it.",
        ]
        for key, own in MEASURES.items()
    ]
    head = ["measure", "speaks against a classifier", "can be fooled", "was it, in this study?"]
    return Table(head, rows)
