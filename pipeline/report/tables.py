"""The report's tables as rows of text: numbers are rounded here and nowhere else."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from isnet_cxr.classification.figures import FIGURES, measured
from isnet_cxr.classification.methods import attribution_of
from isnet_cxr.classification.settings import ClassifierSettings
from isnet_cxr.data.bias import BiasTest
from isnet_cxr.pipeline.config import CONTROL
from isnet_cxr.pipeline.report.material import ReportMaterial
from isnet_cxr.pipeline.study.images import StudyImages
from isnet_cxr.pipeline.table import Table
from isnet_cxr.segmentation.quality import POOR, SOUND

NONE = "–"  # noqa: RUF001  an en dash marks an empty cell
SMALL_P = 0.001


def images_table(images: StudyImages, classes: Sequence[str]) -> Table:
    """Count images by dataset, role and class."""
    parts = {f"development, {split}": images.development[images.development["split"] == split]
             for split in ("train", "val", "test")}  # fmt: skip
    parts |= {f"external, {test}": rows for test, rows in images.external.items()}
    rows = []
    for role, part in parts.items():
        for dataset, own in part.groupby("dataset"):
            counts = [int((own["label"] == label).sum()) for label in classes]
            patients = own["patient_id"].nunique()
            rows.append([str(dataset), role, *map(_count, counts), str(len(own)), str(patients)])
    return Table(["dataset", "role", *classes, "images", "patients"], rows)


def left_out_table(images: StudyImages) -> Table:
    """List what the study did not use."""
    rows = [[e.dataset, e.role or NONE, e.reason, str(e.count)] for e in images.left_out]
    return Table(["dataset", "role", "reason", "images"], rows)


def flagged_table(summary: Mapping[str, Any]) -> Table:
    """List the images that a person should look at."""
    rows = [[e["dataset"], e["role"], e["reason"], str(e["count"])] for e in summary["flagged"]]
    return Table(["dataset", "role", "reason", "images"], rows)


def segmentation_table(scores: Mapping[str, Mapping[str, Any]], trained: Sequence[str]) -> Table:
    """List the lung masks' scores by dataset."""
    rows = [
        [
            f"{name} (internal test)" if name in trained else name,
            str(own["n"]),
            number(own["dice"]),
            number(own.get("dice_p5")),
            number(own.get("hd95_mm"), digits=1),
            number(own.get("hd95_px"), digits=1),
            _flagged(own, "poor"),
            _flagged(own, "sound"),
        ]
        for name, own in scores.items()
    ]
    head = ["dataset", "images", "Dice", "Dice, 5th pct.", "HD95 mm", "HD95 px"]
    return Table([*head, f"flagged, Dice < {POOR}", f"flagged, Dice > {SOUND}"], rows)


def _flagged(scores: Mapping[str, Any], kind: str) -> str:
    """Say how many masks of a kind were flagged, of how many."""
    count, share = scores.get(f"n_{kind}"), scores.get(f"{kind}_flagged")
    return NONE if not count or share is None else f"{round(share * count)} of {count}"


def cross_table(classification: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> Table:
    """List every classifier's figures on every test, the best of those to be stressed in bold.

    Figures that no test has are left out; the background control competes with nobody.
    """
    shown = measured(own for tests in classification.values() for own in tests.values())
    head = ["test", "classifier", "images", *(figure.title for figure in shown.values())]
    rows: list[list[str]] = []
    strong: set[tuple[int, int]] = set()
    for test in next(iter(classification.values())):
        for place, (key, figure) in enumerate(shown.items()):
            if figure.stressed and len(classification) > 1:
                values = {
                    name: None if name == CONTROL else tests[test][key]
                    for name, tests in classification.items()
                }
                strong.update((len(rows) + row, 3 + place) for row in _best(values))
        for name, by_test in classification.items():
            own = by_test[test]
            cells = [with_interval(own[key], own["ci95"].get(key)) for key in shown]
            rows.append([test, name, str(own["n"]), *cells])
    return Table(head, rows, frozenset(strong))


def outputs_table(summary: Mapping[str, Any]) -> Table:
    """List the means of what the predictor puts out besides, by test and classifier."""
    scores = {"": summary["classification"], **summary.get("bias", {})}
    found = [
        (f"{bias}, {test}" if bias else test, name, own["outputs"])
        for bias, classifiers in scores.items()
        for name, tests in classifiers.items()
        for test, own in tests.items()
    ]
    columns = list(dict.fromkeys(column for _, _, outputs in found for column in outputs))
    rows = [
        [test, name, *(number(outputs.get(column)) for column in columns)]
        for test, name, outputs in found
        if columns
    ]
    return Table(["test", "classifier", *columns], rows)


def recall_table(
    classification: Mapping[str, Mapping[str, Mapping[str, Any]]], classes: Sequence[str]
) -> Table:
    """List the recall of every class."""
    rows = [
        [test, name, *(number(own["recall"].get(label)) for label in classes)]
        for test in next(iter(classification.values()))
        for name, own in ((name, tests[test]) for name, tests in classification.items())
    ]
    return Table(["test", "classifier", *classes], rows)


def comparison_table(material: ReportMaterial) -> Table:
    """List paired differences between classifiers; their tests are among the evidence."""
    rows = []
    for comparison in material.summary.get("comparisons", []):
        pair = f"{comparison['first']} \N{MINUS SIGN} {comparison['second']}"
        for test, figures in comparison["tests"].items():
            cells = [
                f"{signed(own['difference'])} {interval(own['ci95'], sign=True)}"
                for own in figures.values()
            ]
            rows.append([pair, test, *cells])
    first = next(iter(material.summary.get("comparisons", [])), None)
    names = list(next(iter(first["tests"].values()))) if first else []
    return Table(["difference", "test", *(FIGURES[name].title for name in names)], rows)


def bias_table(scores: Mapping[str, Mapping[str, Mapping[str, Any]]], bias: BiasTest) -> Table:
    """List accuracy on every test of a bias test, and what the last of them costs."""
    first, last = bias.development, bias.tests[-1]
    rows = [
        [
            name,
            *(
                with_interval(own[test]["accuracy"], own[test]["ci95"].get("accuracy"))
                for test in bias.tests
            ),
            signed(_difference(own[last]["accuracy"], own[first]["accuracy"])),
            number(own[last]["relevance_inside_lungs"]),
        ]
        for name, own in scores.items()
    ]
    difference = f"{last} \N{MINUS SIGN} {first}"
    head = ["classifier", *bias.tests, difference, f"relevance inside the lungs, {last}"]
    return Table(head, rows)


def manifest_views(images: pd.DataFrame) -> str:
    """Say how many images have which view."""
    counts = images["view"].replace("", "unknown").value_counts()
    return ", ".join(f"{view} {count}" for view, count in counts.items())


def number(value: float | None, *, digits: int = 3) -> str:
    """Write a number, or a dash where there is none."""
    return NONE if value is None else f"{value:.{digits}f}"


def signed(value: float | None, *, digits: int = 3) -> str:
    """Write a difference with its sign."""
    return NONE if value is None else f"{value:+.{digits}f}".replace("-", "\N{MINUS SIGN}")


def interval(bounds: Sequence[float | None] | None, *, sign: bool = False) -> str:
    """Write an interval in brackets, or nothing where there is none."""
    if not bounds or None in bounds:
        return ""
    low, high = (signed(bound, digits=2) if sign else f"{bound:.2f}" for bound in bounds)
    return f"[{low}, {high}]"


def with_interval(value: float | None, bounds: Sequence[float | None] | None) -> str:
    """Write a number and its interval."""
    return f"{number(value)} {interval(bounds)}".strip()


def p_value(value: float) -> str:
    """Write a p-value."""
    return f"p<{SMALL_P}" if value < SMALL_P else f"p={value:.3f}"


def _best(values: Mapping[str, float | None]) -> list[int]:
    """Places of the greatest value; none where there is no value."""
    known = [value for value in values.values() if value is not None]
    return [n for n, value in enumerate(values.values()) if known and value == max(known)][:1]


def _count(count: int) -> str:
    return str(count) if count else NONE


def _difference(first: float | None, second: float | None) -> float | None:
    return None if first is None or second is None else first - second


def explained_by_gradient(settings: Mapping[str, ClassifierSettings]) -> list[str]:
    """Name the classifiers whose heatmaps are no relevance, but input x gradient."""
    return [name for name, own in settings.items() if attribution_of(own).kind == "gradient"]
