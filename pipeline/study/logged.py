"""What MLflow's runs get: figures with names that are the same for every classifier.

A training's run has its own figures as ``<test>/...``, and what only all seeds together have as
``over seeds/<test>/...``: two classifiers then stand side by side in MLflow's comparison.
"""

from collections.abc import Mapping
from typing import Any

from isnet_cxr.pipeline.study.sanity import FORGOTTEN, MEASURED, NOISE, SHIFT
from isnet_cxr.pipeline.study.trainings import Training

OVER_SEEDS = "over seeds"
POINT = ("auc", "sensitivity", "specificity", "ppv", "npv")


def evidence_figures(summary: Mapping[str, Any], training: Training) -> dict[str, Any]:
    """Return what a study found of a training beside its figures of merit.

    Args:
        summary: Of the study.
        training: One of its trainings, on images as they are.

    Returns:
        By test ``reliance``, ``pointing`` by class, and ``conflict`` and ``aligned`` groups, of
        this training alone; ``heatmaps``, their sanity; and ``over seeds``: by test ``auc``,
        ``gap``, operating points by class, calibration, abstention, what other backgrounds change
        in the two groups, and how many measures of reliance speak against the classifier.
    """
    name, seed = training.classifier, str(training.seed)
    figures: dict[str, Any] = {}
    for test in _of(summary, "classification", name):
        figures[test] = {
            "reliance": _of(summary, "reliance", name, test, "seeds", seed),
            "pointing": _pointing(_of(summary, "pointing", test), name, seed),
        }
        for group, by_name in _of(summary, "conflict", test).items():
            figures[test][group] = _of(by_name, name, "seeds", seed)
    figures["heatmaps"] = _sanity(_of(summary, "sanity", name, "seeds", seed))
    return figures | {OVER_SEEDS: _over_seeds(summary, name)}


def evidence_of(summary: Mapping[str, Any], classifier: str) -> dict[str, Any]:
    """Return all that the summary says of one classifier, by section."""
    evidence = summary.get("evidence", {})
    found = {
        section: own[classifier]
        for section, own in {**evidence, **summary}.items()
        if isinstance(own, Mapping) and classifier in own
    }
    cells = _of(evidence, "matrix", "cells", classifier)
    groups = {
        section: {
            test: {group: own.get(classifier) for group, own in by_group.items()}
            for test, by_group in summary.get(section, {}).items()
        }
        for section in ("conflict", "pointing")
    }
    groups["exchanged"] = {
        test: {group: own["classifiers"].get(classifier) for group, own in by_group.items()}
        for test, by_group in summary.get("exchanged", {}).items()
    }
    return {**found, "matrix": cells, **groups}


def study_figures(summary: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the study's own run gets besides: matrix, pointing and sanity of heatmaps."""
    return {
        "matrix": _of(summary, "evidence", "matrix", "cells"),
        "pointing": summary.get("pointing", {}),
        "heatmaps": {name: _sanity(own) for name, own in summary.get("sanity", {}).items()},
    }


def _over_seeds(summary: Mapping[str, Any], name: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for test, cell in _of(summary, "evidence", "matrix", "cells", name).items():
        found[test] = {"auc": cell["value"], "gap": cell.get("gap")}
    for test, classes in _of(summary, "evidence", "classes", name).items():
        found[test] |= {label: _point(own) for label, own in classes.items()}
    for test, own in _of(summary, "evidence", "calibration", name).items():
        found[test]["calibration"] = {
            kind: {key: told[key] for key in ("ece", "brier")} for kind, told in own.items()
        }
    for test, own in _of(summary, "evidence", "abstention", name).items():
        found[test]["abstention"] = own["reasons"]
    for test, groups in summary.get("exchanged", {}).items():
        for group, own in groups.items():
            changed = own["classifiers"][name]
            found[test][group] = {key: changed[key]["value"] for key in ("exchanged", "gained")}
    for test, own in _of(summary, "reliance", name).items():
        against = {"speak_against": len(own["caught"]), **own["measures"]}
        found.setdefault(test, {})["reliance"] = against
    return found


def _point(own: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of an operating point, without their intervals."""
    return {key: own[key]["value"] for key in POINT if own.get(key) is not None}


def _pointing(classes: Mapping[str, Any], name: str, seed: str) -> dict[str, Any]:
    return {
        label: {
            "hits": own[name]["hits"]["seeds"][seed],
            "inside": own[name]["inside"]["seeds"][seed],
            "chance_in_lungs": own[name]["chance_in_lungs"],
        }
        for label, own in classes.items()
        if name in own
    }


def _sanity(own: Mapping[str, Any]) -> dict[str, Any]:
    """Return the likeness of heatmaps once everything is forgotten, and under small changes."""
    if not own:
        return {}
    last = own[FORGOTTEN][-1]
    ends = {FORGOTTEN: {key: last[key] for key in MEASURED}}
    return ends | {kind: own[kind] for kind in (NOISE, SHIFT)}


def _of(values: Mapping[str, Any], *keys: str) -> Mapping[str, Any]:
    """Return what stands below ``keys``; nothing where one is missing."""
    for key in keys:
        values = values.get(key, {})
    return values
