"""What an audit found, as tables for the report and for the terminal."""

from collections.abc import Mapping
from typing import Any

from isnet_cxr.pipeline.table import Table

NONE = "\N{EN DASH}"
MOST_VALUES = 8
"""Values of one column that are shown; the rest are summed up in one row."""

STRONG_TIE = 0.3
EASY_GUESS = 0.75
"""Cramér's V and macro AUC from which a figure is stressed."""

Plain = Mapping[str, Any]


def audit_tables(audit: Plain) -> dict[str, Table]:
    """Return an audit's tables by title, those with nothing in them left out.

    Args:
        audit: As ``isnet_cxr.data.audit.plain_audit`` returns it, or a part of it.
    """
    tables = {
        "Roles": roles_table(audit.get("roles", {})),
        "Copies: the same image twice": copies_table(audit.get("copies", {}).get("between", [])),
        "Leaks": leaks_table(audit.get("leaks", [])),
        "How well is the class guessed without the lungs?": shortcuts_table(
            audit.get("shortcuts", [])
        ),
        "What goes with the class?": associations_table(audit.get("associations", [])),
        "Images that cannot be read": unreadable_table(audit.get("unreadable", {})),
    }
    return {title: table for title, table in tables.items() if table.rows}


def roles_table(roles: Plain) -> Table:
    """List how many images and patients each role has."""
    rows = [[role, str(own["images"]), str(own["patients"])] for role, own in roles.items()]
    return Table(["role", "images", "patients"], rows)


def copies_table(between: list[Plain]) -> Table:
    """Count pairs of copies by their datasets."""
    rows = [
        [_both(own["datasets"]), own["kind"], str(own["pairs"]), str(own["images"])]
        for own in between
    ]
    return Table(["datasets", "kind", "pairs", "images in them"], rows)


def leaks_table(leaks: list[Plain]) -> Table:
    """List leaks by the names they are allowed by."""
    return Table(["leak", "count"], [[own["name"], str(own["count"])] for own in leaks])


def shortcuts_table(shortcuts: list[Plain]) -> Table:
    """List how well the class is guessed from each kind of evidence."""
    labels = list(shortcuts[0]["auc"]) if shortcuts else []
    rows = [
        [
            own["evidence"],
            str(own["images"]),
            f"{own['macro_auc']:.3f}",
            *(f"{own['auc'][label]:.3f}" for label in labels),
            f"{own['balanced_accuracy']:.3f}",
            f"{own['chance']:.3f}",
        ]
        for own in shortcuts
    ]
    strong = {(n, 2) for n, own in enumerate(shortcuts) if own["macro_auc"] >= EASY_GUESS}
    head = ["evidence", "images", "macro AUC", *(f"AUC {label}" for label in labels)]
    return Table([*head, "balanced accuracy", "by chance"], rows, frozenset(strong))


def associations_table(associations: list[Plain]) -> Table:
    """Count images by class and every column, with the column's Cramér's V in its first row."""
    labels = list(associations[0]["labels"]) if associations else []
    rows: list[list[str]] = []
    strong = set()
    for own in associations:
        if len(own["counts"]) <= 1:  # the same for all images
            continue
        strength = own["cramers_v"]
        if strength is not None and strength >= STRONG_TIE:
            strong.add((len(rows), 1))
        said = NONE if strength is None else f"{strength:.2f}"
        for value, counts in _shown(own["counts"]).items():
            rows.append([own["column"], said, value, *(str(n) if n else NONE for n in counts)])
            said = ""
    return Table(["column", "Cramér's V", "value", *labels], rows, frozenset(strong))


def unreadable_table(unreadable: Plain) -> Table:
    """List images that could not be read, and why."""
    return Table(["image id", "reason"], [[image, why] for image, why in unreadable.items()])


def _shown(counts: Mapping[str, list[int]]) -> dict[str, list[int]]:
    """Keep the most frequent values and sum up the others, unless that is one only."""
    values = list(counts)
    if len(values) <= MOST_VALUES + 1:
        return dict(counts)
    kept = {value: counts[value] for value in values[:MOST_VALUES]}
    others = values[MOST_VALUES:]
    sums = [sum(column) for column in zip(*(counts[value] for value in others), strict=True)]
    return {**kept, f"{len(others)} others": sums}


def _both(datasets: list[str]) -> str:
    first, second = datasets
    return f"within {first}" if first == second else f"{first} / {second}"
