"""The evidence of a study for its report: plots, tables, and what is said beside them."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from isnet_cxr.pipeline.config import CONTROL
from isnet_cxr.pipeline.report import evidence_plots, plots
from isnet_cxr.pipeline.report.ceilings import ceiling_sentences, ceilings_table
from isnet_cxr.pipeline.report.tables import NONE, number, p_value, signed
from isnet_cxr.pipeline.table import Table

Evidence = Mapping[str, Any]
SIGNIFICANT = 0.05
HARD_SPACE = "\N{NO-BREAK SPACE}"


def evidence_content(evidence: Evidence) -> dict[str, Any]:
    """Return what the report's sections on evidence are filled with."""
    matrix = evidence["matrix"]
    return {
        "matrix": plots.as_svg(evidence_plots.plot_matrix(matrix)),
        "worst": worst_table(matrix),
        "refused": [
            (group["name"], "; ".join(group["confounded"]))
            for group in matrix["groups"]
            if group["confounded"] and group["test"] != "internal"
        ],
        "development": evidence["confounded"],
        "ceilings": ceilings_table(evidence["ceilings"]),
        "ceiling_sentences": ceiling_sentences(evidence["ceilings"]),
        "few": [
            (group["name"], group["warning"]) for group in matrix["groups"] if group["warning"]
        ],
        "curves": [
            (test, plots.as_svg(evidence_plots.plot_roc(evidence["classes"], test)))
            for test in _tests(evidence["classes"])
            if any(own[test] for own in evidence["classes"].values())
        ],
        "points": points_table(evidence["classes"]),
        "prevalence": prevalence_table(evidence["classes"]),
        "tests": tests_table(evidence["tests"]),
        "count": len(evidence["tests"]),
        "reliability": plots.as_svg(evidence_plots.plot_reliability(evidence["calibration"])),
        "calibration": calibration_table(evidence),
        "coverage": plots.as_svg(evidence_plots.plot_coverage(evidence["abstention"])),
        "reasons": reasons_table(evidence["abstention"]),
        "local": local_table(evidence["local_normals"]),
    }


def worst_table(matrix: Mapping[str, Any]) -> Table:
    """List where each classifier does worst, and what it lost on the way from home."""
    rows = []
    for name, group in matrix["worst"].items():
        if group is not None:
            cell = matrix["cells"][name][group]
            rows.append([name, group, share(cell["value"], cell["ci95"]), _lost(cell["gap"], cell)])
    return Table(["classifier", "worst at", "AUC there", "lost against home"], rows)


def points_table(classes: Mapping[str, Any]) -> Table:
    """List area and operating point of every class, by test and classifier."""
    rows = [
        [f"{test}, {label}", name, _triple(own["auc"])]
        + [_triple(own.get(key)) for key in ("sensitivity", "specificity", "ppv", "npv")]
        for test, label, name, own in _of_classes(classes)
    ]
    head = ["test, class", "classifier", "AUC", "sensitivity", "specificity", "PPV", "NPV"]
    return Table(head, rows)


def prevalence_table(classes: Mapping[str, Any]) -> Table:
    """List predictive values where fewer images are cases than in the tests."""
    found = [entry for entry in _of_classes(classes) if "at_prevalence" in entry[3]]
    shares = list(found[0][3]["at_prevalence"]) if found else []
    rows = [
        [f"{test}, {label}", name]
        + [
            f"{_at_least(adjusted['ppv'])} / {_at_least(adjusted['npv'])}"
            for adjusted in own["at_prevalence"].values()
        ]
        for test, label, name, own in found
    ]
    return Table(
        ["test, class", "classifier", *(f"{float(s):.0%} are cases" for s in shares)], rows
    )


def tests_table(tests: Sequence[Mapping[str, Any]]) -> Table:
    """List tests of differences; what remains after Holm's adjustment is stressed."""
    rows, strong = [], set()
    for place, row in enumerate(tests):
        kind = {"McNemar": "McNemar, accuracy", "permutation": "permutation, macro F1"}.get(
            row["kind"], f"{row['kind']}, AUC of {row['class']}"
        )
        pair = f"{row['first']} \N{MINUS SIGN} {row['second']}"
        values = [_p(row["p"]), _p(row["holm"])]
        rows.append([f"{pair}, {row['test']}", kind, signed(row["difference"]), *values])
        if row["holm"] is not None and row["holm"] < SIGNIFICANT:
            strong.add((place, 4))
    return Table(["difference, test", "by", "difference", "p", "p, Holm"], rows, frozenset(strong))


def calibration_table(evidence: Evidence) -> Table:
    """List calibration errors as predicted and with the temperature of validation images."""
    rows = []
    for test in _tests(evidence["calibration"]):
        for name, own in evidence["calibration"].items():
            before, after = own[test]["as_predicted"], own[test]["calibrated"]
            heat = evidence["temperatures"][name]
            rows.append(
                [test, name, number(sum(heat) / len(heat), digits=2)]
                + [number(part[key]) for key in ("ece", "brier") for part in (before, after)]
            )
    head = ["test", "classifier", "temperature", "ECE", "calibrated", "Brier", "calibrated"]
    return Table(head, rows)


def reasons_table(abstention: Mapping[str, Any]) -> Table:
    """List what is gained where images are left to a person, by the reasons that occur."""
    rows = [
        [
            *(f"{test}, {reason}", name, _percent(told["coverage"])),
            *(number(told["accuracy"]), number(told["abstained"])),
        ]
        for test in _tests(abstention)
        for reason, asked in next(iter(abstention.values()))[test]["reasons"].items()
        if asked["coverage"] < 1
        for name, own in abstention.items()
        for told in [own[test]["reasons"][reason]]
    ]
    head = ["test, no answer where", "classifier", "answered", "accuracy on these", "on the rest"]
    return Table(head, rows)


def local_table(local: Mapping[str, Any]) -> Table:
    """List what local normal images mend."""
    rows = [
        [
            *(test, name, number(told["before"])),
            share(told["after"], [told["low"], told["high"]]),
            " → ".join(number(value) for value in told["accuracy"]),
        ]
        for test in _tests(local)
        for name, own in local.items()
        if (told := own[test]) is not None and name != CONTROL
    ]
    head = ["test", "classifier", "mean recall", "with local normals", "accuracy"]
    return Table(head, rows)


def share(value: float | None, bounds: Sequence[float | None]) -> str:
    """Write a share and its interval, which may break between the two."""
    if value is None or None in bounds:
        return number(value)
    low, high = bounds
    return f"{value:.3f} [{low:.2f},{HARD_SPACE}{high:.2f}]"


def _lost(gap: float | None, cell: Mapping[str, Any]) -> str:
    low, high = (signed(bound, digits=2) for bound in cell["gap_ci95"])
    return f"{signed(gap)} [{low},{HARD_SPACE}{high}]"


def _triple(own: Mapping[str, Any] | None) -> str:
    return NONE if own is None else share(own["value"], [own["low"], own["high"]])


def _p(value: float | None) -> str:
    return NONE if value is None else p_value(value).removeprefix("p=").removeprefix("p")


def _at_least(own: Mapping[str, float | None]) -> str:
    """Write a share, and in brackets what it is at the least."""
    return f"{_percent(own['value'])} ({_percent(own['low'])})"


def _percent(value: float | None) -> str:
    return NONE if value is None else f"{value:.0%}"


def _tests(by_classifier: Mapping[str, Any]) -> list[str]:
    return list(next(iter(by_classifier.values()), {}))


def _of_classes(classes: Mapping[str, Any]) -> Iterator[tuple[str, str, str, Mapping[str, Any]]]:
    """Yield test, class, classifier and what is known of it."""
    for test in _tests(classes):
        for label in next(iter(classes.values()))[test]:
            for name, own in classes.items():
                yield test, label, name, own[test][label]
