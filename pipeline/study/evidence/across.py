"""What became of trainings with hospitals held out: one matrix for each fold.

A figure is called generalization only where it may be. A hospital that brings one class alone is
held out nowhere (``folds``), so that every figure at a held-out hospital tells diseases apart and
not hospitals. The internal test of a fold has no such protection: where a class of its training
comes from one hospital only, it is marked, and so is what is lost against it.
"""

from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any

from isnet_cxr.pipeline.config import StudyConfig
from isnet_cxr.pipeline.study.evidence.matrix import INTERNAL, build_matrix, name_confounded
from isnet_cxr.pipeline.study.evidence.tested import by_classifier, fix, read_tested
from isnet_cxr.pipeline.study.folds import Fold, Folds
from isnet_cxr.pipeline.study.scoring import compare_pairs, score_tests
from isnet_cxr.pipeline.study.trainings import Training


def score_across(
    config: StudyConfig, folds: Folds, trainings: Sequence[Training]
) -> dict[str, Any]:
    """Score every fold's classifiers at home and at the hospitals held out.

    Args:
        config: The study.
        folds: Its folds.
        trainings: All of its trainings, finished.

    Returns:
        ``hospitals``; ``folds``: of each name, design, trained_on, classes, ``confounded`` (what
        its training cannot tell from the source), ``matrix`` (as of ``build_matrix``), ``scores``
        by classifier and test, and ``comparisons`` at the hospitals held out; ``overall`` by
        design and classifier: ``mean`` and ``lost`` (means over folds and hospitals held out),
        ``worst`` (fold, hospital, value, ci95); and ``remarks``: what was left out, and why.
    """
    scored = [
        _score(config, fold, [one for one in trainings if one.fold == fold.name])
        for fold in folds.folds
    ]
    designs = dict.fromkeys(fold.design for fold in folds.folds)
    return {
        "hospitals": list(folds.hospitals),
        "folds": scored,
        "overall": {
            design: {
                name: _overall([one for one in scored if one["design"] == design], name)
                for name in config.held_out
            }
            for design in designs
        },
        "remarks": list(folds.remarks),
    }


def away_from_home(fold: Mapping[str, Any], classifier: str) -> dict[str, Mapping[str, Any]]:
    """Return a fold's cells of the matrix by held-out hospital.

    Args:
        fold: One of the entries of ``folds``.
        classifier: Its name.
    """
    groups = [group for group in fold["matrix"]["groups"] if group["site"] is None]
    cells = fold["matrix"]["cells"][classifier]
    return {one["test"]: cells[one["name"]] for one in groups if one["test"] != INTERNAL}


def across_metrics(across: Mapping[str, Any]) -> dict[str, Any]:
    """Return area, interval and loss at every hospital, nested as MLflow's metrics are named."""
    metrics: dict[str, Any] = {}
    for fold in across["folds"]:
        for name, cells in fold["matrix"]["cells"].items():
            by_hospital = metrics.setdefault(name, {}).setdefault(fold["name"], {})
            found = {INTERNAL: cells[INTERNAL], **away_from_home(fold, name)}
            for hospital, cell in found.items():
                by_hospital[hospital] = {"auc": cell["value"], "lost": cell.get("gap")}
    for design, classifiers in across["overall"].items():
        for name, own in classifiers.items():
            metrics[name][design] = {"mean_auc": own["mean"], "mean_lost": own["lost"]}
            metrics[name][design]["worst_auc"] = own["worst"]["value"]
    return metrics


def _score(config: StudyConfig, fold: Fold, trainings: Sequence[Training]) -> dict[str, Any]:
    """The hospital stands for the site here, so that the matrix has a row for each."""
    classes = fold.classes
    development = fold.development.assign(site=fold.hospital)
    home = development[development["split"] == "test"].reset_index(drop=True)
    tests = {INTERNAL: home} | {
        name: rows.assign(site=name) for name, rows in fold.held_out.items()
    }
    tested = {}
    for name, own in by_classifier(trainings).items():
        fixed = fix(own, classes)
        tested[name] = {
            test: read_tested(own, classes, test, rows, fixed) for test, rows in tests.items()
        }
    trained = development[development["split"].isin(["train", "val"])]
    pairs = [pair for pair in config.compare if set(pair) <= set(config.held_out)]
    return {
        "name": fold.name,
        "design": fold.design,
        "trained_on": list(fold.trained_on),
        "classes": list(classes),
        "confounded": name_confounded(trained),
        "matrix": build_matrix(tested, tests, classes),
        "scores": score_tests(classes, config.held_out, trainings, list(tests)),
        "comparisons": compare_pairs(classes, pairs, trainings, list(fold.held_out)),
    }


def _overall(folds: Sequence[Mapping[str, Any]], classifier: str) -> dict[str, Any]:
    found = [
        (fold["name"], hospital, cell)
        for fold in folds
        for hospital, cell in away_from_home(fold, classifier).items()
    ]
    name, hospital, worst = min(found, key=lambda one: float(one[2]["value"]))
    return {
        "mean": fmean(cell["value"] for _, _, cell in found),
        "lost": fmean(cell["gap"] for _, _, cell in found),
        "worst": {
            "fold": name, "hospital": hospital, "value": worst["value"], "ci95": worst["ci95"],
        },
    }  # fmt: skip
