"""The figures of a study, ``summary.json``: the same seeds and images give the same file."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from isnet_cxr.classification.statistics import compare_paired, intervals, summarise
from isnet_cxr.data.bias import BIAS_TESTS
from isnet_cxr.pipeline.config import StudyConfig
from isnet_cxr.pipeline.study.steps import write_json
from isnet_cxr.pipeline.study.trainings import Training

SUMMARY = "summary.json"


def summarise_study(
    config: StudyConfig,
    trainings: Sequence[Training],
    *,
    tests: Sequence[str],
    segmentation: Mapping[str, Any],
    left_out: Sequence[Mapping[str, Any]],
    flagged: Sequence[Mapping[str, Any]],
) -> dict[str, Any]:
    """Score every classifier on every test.

    Args:
        config: The study.
        trainings: All of its trainings, finished.
        tests: Names of the tests.
        segmentation: Scores of the lung masks by dataset.
        left_out: Images the study did not use, counted.
        flagged: Images that it used and a person should look at, counted.

    Returns:
        ``segmentation``, ``classification`` (classifier, test: means over seeds and ``seeds`` with
        each seed's own), and where they were asked for ``bias`` (bias test, classifier, test) and
        ``comparisons``.
    """
    plain = [training for training in trainings if training.bias is None]
    summary: dict[str, Any] = {
        "study": config.name,
        "classes": config.classes,
        "segmentation": dict(segmentation),
        "classification": _score(config, config.unbiased, plain, tests),
        "left_out": list(left_out),
        "flagged": list(flagged),
    }
    if config.bias_tests:
        summary["bias"] = {
            name: _score(
                config,
                section.classifiers,
                [training for training in trainings if training.bias == name],
                BIAS_TESTS[name].tests,
            )
            for name, section in config.bias_tests.items()
        }
    if config.compare:
        summary["comparisons"] = [
            _compare(config, first, second, plain, tests) for first, second in config.compare
        ]
    return {name: _plain(value) for name, value in summary.items()}


def write_summary(summary: Mapping[str, Any], out: Path) -> Path:
    """Write ``summary.json`` into ``out``."""
    write_json(summary, out / SUMMARY)
    return out / SUMMARY


def average(figures: Sequence[Any]) -> Any:
    """Average figures over seeds: numbers, and mappings and lists of them, place by place.

    A figure that a seed does not have is left out of the mean; equal whole numbers stay whole.
    """
    known = [value for value in figures if not (isinstance(value, float) and math.isnan(value))]
    if not known:
        return math.nan
    first = known[0]
    if isinstance(first, Mapping):
        return {key: average([value[key] for value in known if key in value]) for key in first}
    if isinstance(first, list):
        return [average(list(values)) for values in zip(*known, strict=True)]
    if all(value == first for value in known):
        return first
    return math.fsum(known) / len(known)


def _score(
    config: StudyConfig,
    classifiers: Sequence[str],
    trainings: Sequence[Training],
    tests: Sequence[str],
) -> dict[str, Any]:
    scores: dict[str, Any] = {}
    for name in classifiers:
        own = [training for training in trainings if training.classifier == name]
        scores[name] = {test: _score_test(config, own, test) for test in tests}
    return scores


def _score_test(config: StudyConfig, trainings: Sequence[Training], test: str) -> dict[str, Any]:
    frames = {str(training.seed): training.predictions(test) for training in trainings}
    by_seed = {seed: summarise(rows, config.classes) for seed, rows in frames.items()}
    ci95 = intervals(list(frames.values()), config.classes)
    return {**average(list(by_seed.values())), "ci95": ci95, "seeds": by_seed}


def _compare(
    config: StudyConfig,
    first: str,
    second: str,
    trainings: Sequence[Training],
    tests: Sequence[str],
) -> dict[str, Any]:
    results = {}
    for test in tests:
        one, other = (
            [training.predictions(test) for training in trainings if training.classifier == name]
            for name in (first, second)
        )
        results[test] = compare_paired(one, other, config.classes)
    return {"first": first, "second": second, "tests": results}


def _plain(value: Any) -> Any:
    """Turn NaN into None, which JSON has, all the way down."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return None if isinstance(value, float) and math.isnan(value) else value
